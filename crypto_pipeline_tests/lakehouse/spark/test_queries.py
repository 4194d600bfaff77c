"""The example queries say the same on PostgreSQL, on the lake of delta-rs and on Spark's tables."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pyspark.sql import SparkSession

from crypto_pipeline.cli import main
from crypto_pipeline.lakehouse import delta
from crypto_pipeline.lakehouse.load import load_lake
from crypto_pipeline.lakehouse.marts import load_marts
from crypto_pipeline.lakehouse.queries import lake_queries
from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.cli.test_documentation import EXAMPLE_QUERIES, queries
from crypto_pipeline_tests.lakehouse.spark.parity import load_zone
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import load_landing_zone, rows

pytestmark = pytest.mark.long

# On weekdays and a weekend, at every part of the day.
START = datetime(2026, 11, 20, 1, tzinfo=timezone.utc)
ON_GOLD = [query for query in queries(EXAMPLE_QUERIES) if "analytics." in query]
(REJECTED,) = (query for query in queries(EXAMPLE_QUERIES) if "rejected_records" in query)


LATEST = "SELECT * FROM v_latest_prices;"
HISTORY = (
    "SELECT symbol, snapshot_time, current_price, price_change_pct_24h FROM v_price_history"
    " WHERE symbol = 'btc' ORDER BY snapshot_time DESC LIMIT 10;"
)
AVERAGES = (
    "SELECT d.symbol, dd.full_date, AVG(f.current_price) AS avg_price"
    " FROM analytics.fact_crypto_price_metrics f"
    " JOIN analytics.dim_cryptocurrency d ON f.crypto_key = d.crypto_key"
    " JOIN analytics.dim_date dd ON f.date_key = dd.date_key"
    " GROUP BY d.symbol, dd.full_date ORDER BY dd.full_date DESC;"
)
"""As the warehouse was first described: people come with these, word for word."""


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Iterator[Lake]:
    """The queries name the schema; their tables without one are silver's."""
    yield Lake(spark, "analytics", str(tmp_path / "lake"))
    spark.catalog.setCurrentDatabase("default")
    spark.sql("DROP SCHEMA analytics CASCADE")


def comparable(table: Iterable[Iterable[Any]], query: str) -> list[tuple[Any, ...]]:
    """Rows, in an order of their own where the query has none; numbers as their digits, whatever
    type an engine gives them, those of a mart to nine, and times in UTC."""

    def value(of: Any) -> Any:
        if isinstance(of, datetime):
            return of.astimezone(timezone.utc)
        if isinstance(of, bool) or not isinstance(of, (int, float, Decimal)):
            return of
        if isinstance(of, float) and "mart_" in query:
            # A statistic is the same to nine digits: sums come in another order.
            return Decimal(f"{of:.9g}").normalize()
        return Decimal(str(of)).normalize()

    answer = [tuple(map(value, row)) for row in table]
    return answer if "ORDER BY" in query.rpartition(")")[2] else sorted(answer)


def spark_rows(lake: Lake, query: str) -> list[tuple[Any, ...]]:
    """Not by collect(), whose times are the client's local ones."""
    return [tuple(row.values()) for row in lake.spark.sql(query).toArrow().to_pylist()]


def test_the_example_queries_say_the_same_on_all_engines(
    warehouse: Warehouse, zone: LandingZone, lake: Lake, tmp_path: Path
) -> None:
    for number in range(12):
        at = START + number * timedelta(hours=11)
        records = [
            market_record(
                id=coin,
                symbol=coin if number < 6 else coin[:2],
                last_updated=at.isoformat(),
                # One that is rejected.
                current_price=None
                if (number, place) == (7, 3)
                else Decimal(f"{number * 7 + 1}.{place}234567890123"),
                price_change_percentage_24h=Decimal(number - 5) / 8 if place > 1 else None,
                market_cap=None if coin == "ethereum" else 10**12 + number,
                total_volume=10**9 + Decimal(number) / 8,
            )
            for place, coin in enumerate(("bitcoin", "ethereum", "x"), start=1)
        ]
        drop(zone, f"{number}.json", landing_json(records, at))
    load_landing_zone()
    load_zone(lake, zone)
    delta_rs = delta.Lake(str(tmp_path / "delta-rs"))
    load_lake(warehouse, delta_rs)
    load_marts(warehouse, delta_rs)

    assert len(ON_GOLD) == 11
    lake.spark.catalog.setCurrentDatabase("analytics")
    with lake_queries(delta_rs) as connection:
        for query in ON_GOLD:
            expected = comparable(rows(warehouse, query), query)
            assert expected, query
            assert comparable(connection.execute(query).fetchall(), query) == expected, query
            assert comparable(spark_rows(lake, query), query) == expected, query
    expected = comparable(rows(warehouse, REJECTED), REJECTED)
    assert len(expected) == 1
    assert comparable(spark_rows(lake, REJECTED), REJECTED) == expected


def test_the_queries_of_the_first_description_answer_word_for_word(
    warehouse: Warehouse,
    zone: LandingZone,
    lake: Lake,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On PostgreSQL, on the lake, and on Spark as far as it has what they name."""
    for number in range(12):
        at = START + number * timedelta(hours=11)
        records = [
            market_record(
                id=name,
                symbol=symbol,
                last_updated=at.isoformat(),
                current_price=Decimal(f"{number + 1}.{place}234567890123"),
                price_change_percentage_24h=Decimal(number - 5) / 8,
            )
            # A coin that the source stops updating is stale in the end.
            for place, (name, symbol) in enumerate((("bitcoin", "btc"), ("old", "old")), start=1)
            if name == "bitcoin" or number < 3
        ]
        drop(zone, f"{number}.json", landing_json(records, at))
    load_landing_zone()
    load_zone(lake, zone)
    delta_rs = delta.Lake(str(tmp_path / "delta-rs"))
    load_lake(warehouse, delta_rs)
    load_marts(warehouse, delta_rs)

    latest = comparable(rows(warehouse, LATEST), LATEST)
    assert [(row[1], row[-1]) for row in latest] == [("btc", False), ("old", True)]
    history = comparable(rows(warehouse, HISTORY), HISTORY)
    assert [row[0] for row in history] == ["btc"] * 10
    assert [row[3] for row in history] == [Decimal(n - 5) / 8 for n in range(11, 1, -1)]
    averages = rounded(rows(warehouse, AVERAGES))
    # At 1:00, 12:00 and 23:00 of the first day.
    assert averages["btc", START.date()] == 2.123456789
    assert averages["old", START.date()] == 2.223456789
    with lake_queries(delta_rs) as connection:
        assert comparable(connection.execute(LATEST).fetchall(), LATEST) == latest
        assert comparable(connection.execute(HISTORY).fetchall(), HISTORY) == history
        assert rounded(connection.execute(AVERAGES).fetchall()) == averages
    monkeypatch.setenv("LAKE_URI", delta_rs.uri)
    for query, in_answer in (
        # Its columns are too many for a line, and are folded.
        (LATEST, ("btc", "old", "True")),
        (HISTORY, ("btc", "12.1234567890123", "3.1234567890123")),
        (AVERAGES, ("btc", "old", "2026-11-20", "2026-11-25")),
    ):
        done = CliRunner().invoke(main, ["sql", query])
        assert done.exit_code == 0, done.output
        assert set(in_answer) <= set(done.output.split()), done.output
    lake.spark.catalog.setCurrentDatabase("analytics")
    assert rounded(spark_rows(lake, AVERAGES.rstrip(";"))) == averages


def rounded(table: Iterable[tuple[Any, ...]]) -> dict[tuple[Any, ...], float]:
    """Averages by symbol and day: DuckDB's of a decimal is a double."""
    return {(symbol, day): round(float(average), 9) for symbol, day, average in table}
