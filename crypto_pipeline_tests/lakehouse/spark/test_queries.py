"""The example queries say the same on PostgreSQL, on the lake of delta-rs and on Spark's tables."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from crypto_pipeline.lakehouse import delta
from crypto_pipeline.lakehouse.load import load_lake
from crypto_pipeline.lakehouse.queries import lake_queries
from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.cli.test_documentation import EXAMPLE_QUERIES, queries
from crypto_pipeline_tests.lakehouse.spark.parity import load_zone
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import load_landing_zone, rows

# On weekdays and a weekend, at every part of the day.
START = datetime(2026, 11, 20, 1, tzinfo=timezone.utc)
ON_GOLD = [query for query in queries(EXAMPLE_QUERIES) if "analytics." in query]
(REJECTED,) = (query for query in queries(EXAMPLE_QUERIES) if "rejected_records" in query)


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Iterator[Lake]:
    """The queries name the schema; their tables without one are silver's."""
    yield Lake(spark, "analytics", str(tmp_path / "lake"))
    spark.catalog.setCurrentDatabase("default")
    spark.sql("DROP SCHEMA analytics CASCADE")


def comparable(table: Iterable[Iterable[Any]], query: str) -> list[tuple[Any, ...]]:
    """Rows, in an order of their own where the query has none; numbers as their digits, whatever
    type an engine gives them, and times in UTC."""

    def value(of: Any) -> Any:
        if isinstance(of, datetime):
            return of.astimezone(timezone.utc)
        if isinstance(of, bool) or not isinstance(of, (int, float, Decimal)):
            return of
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

    assert len(ON_GOLD) == 6
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
