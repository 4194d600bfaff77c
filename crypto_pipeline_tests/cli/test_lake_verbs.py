"""The verbs of the lake, and what SQL on it answers."""

import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars
import pytest
from click.testing import CliRunner, Result
from deltalake import DeltaTable

from crypto_pipeline.cli import main
from crypto_pipeline.lakehouse.delta import Lake
from crypto_pipeline.lakehouse.load import load_lake
from crypto_pipeline.lakehouse.marts import load_marts
from crypto_pipeline.lakehouse.queries import lake_queries
from crypto_pipeline.lakehouse.schema import FACT
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.cli.test_documentation import EXAMPLE_QUERIES, queries
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import load_landing_zone, rows

START = datetime(2026, 11, 20, 1, tzinfo=timezone.utc)
SILVER = ("v_deduplication_stats", "rejected_records")


@pytest.fixture
def lake(warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake with a few days of three coins, one of which has no cap and is renamed."""
    for number in range(12):
        at = START + number * timedelta(hours=11)
        records = [
            market_record(
                id=coin,
                symbol=coin if number < 6 else coin[:2],
                last_updated=at.isoformat(),
                current_price=Decimal(f"{number * 7}.{place}234567890123"),
                price_change_percentage_24h=Decimal(number - 5) / 8 if place > 1 else None,
                market_cap=None if coin == "ethereum" else 10**12 + number,
                total_volume=10**9 + Decimal(number) / 8,
                market_cap_rank=place,
            )
            for place, coin in enumerate(("bitcoin", "ethereum", "x"), start=1)
        ]
        drop(zone, f"{number}.json", landing_json(records, at))
    load_landing_zone()
    lake = Lake(str(zone.root) + "-lake")
    monkeypatch.setenv("LAKE_URI", lake.uri)
    load_lake(warehouse, lake)
    load_marts(warehouse, lake)
    return lake


def answer(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(main, arguments)


def comparable(value: Any) -> Any:
    """A number as its digits, whatever the type that an engine gives it."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return value
    return Decimal(str(value)).normalize()


def test_the_example_queries_say_the_same_on_the_lake(warehouse: Warehouse, lake: Lake) -> None:
    examples = [
        query
        for query in queries(EXAMPLE_QUERIES)
        if not any(relation in query for relation in SILVER)
    ]
    assert len(examples) == 13
    with lake_queries(lake) as connection:
        for query in examples:
            expected = [tuple(map(comparable, row)) for row in rows(warehouse, query)]
            found = [tuple(map(comparable, row)) for row in connection.execute(query).fetchall()]
            assert expected, query
            if "ORDER BY" not in query.rpartition(")")[2]:
                expected, found = sorted(expected), sorted(found)
            assert found == expected, query


def test_sql_answers_with_all_digits_and_no_more(lake: Lake) -> None:
    done = answer(
        "sql", "SELECT current_price, 'a[b]' FROM analytics.fact_crypto_price_metrics ORDER BY 1"
    )
    assert done.exit_code == 0
    assert "7.1234567890123 " in done.output
    assert "a[b]" in done.output


def test_a_wrong_query_is_one_clear_message(lake: Lake) -> None:
    done = answer("sql", "SELECT x FROM analytics.dim_time")
    assert done.exit_code == 1
    assert '"x" not found' in done.output


@pytest.mark.usefixtures("warehouse")
def test_before_a_load_there_is_no_lake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LAKE_URI", str(tmp_path / "nothing"))
    for arguments in (["sql", "SELECT 1"], ["parity"]):
        done = answer(*arguments)
        assert done.exit_code == 1
        assert "load the lake" in done.output


def test_parity_ends_with_1_if_they_differ(lake: Lake) -> None:
    for arguments in (["parity"], ["parity", "--full"]):
        done = answer(*arguments)
        assert (done.exit_code, done.output.count("36 facts of 1 months")) == (0, 1), done.output
    DeltaTable(lake.location(FACT)).update({"ath": "1"}, predicate="crypto_id = 'bitcoin'")
    for arguments in (["parity"], ["parity", "--full"]):
        done = answer(*arguments)
        assert done.exit_code == 1
        assert "12 differences" in done.output


def test_polars_reads_the_same(warehouse: Warehouse, lake: Lake) -> None:
    facts = polars.scan_delta(lake.location(FACT)).filter(polars.col("crypto_id") == "x")
    (expected,) = rows(
        warehouse,
        "SELECT sum(current_price) FROM analytics.fact_crypto_price_metrics WHERE crypto_id = 'x'",
    )
    assert facts.select(polars.col("current_price").sum()).collect().item() == expected[0]


def test_the_verb_loads_and_compares(lake: Lake, zone: LandingZone) -> None:
    drop(zone, "new.json", landing_json([market_record()]))
    load_landing_zone()
    done = answer("lake")
    assert done.exit_code == 0, done.output
    assert "delta_equals_postgres" in done.output
    assert lake.uri in done.output.replace("\n", "")
    assert lake.dataset(FACT).count_rows() == 37


def test_without_its_packages_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "deltalake", None)
    for module in ("delta", "queries", "comparison"):
        monkeypatch.delitem(sys.modules, f"crypto_pipeline.lakehouse.{module}")
    for arguments in (["sql", "SELECT 1"], ["parity"]):
        done = answer(*arguments)
        assert done.exit_code == 1
        assert "needs deltalake" in done.output
        assert "pip install 'crypto-pipeline[lake]'" in done.output


@pytest.mark.usefixtures("warehouse", "command_line")
@pytest.mark.parametrize("verb", [["lake"], ["parity"], ["sql", "SELECT 1"]])
def test_a_verb_of_the_lake_says_what_to_install(
    verb: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("load", "comparison", "delta", "queries"):
        monkeypatch.delitem(sys.modules, f"crypto_pipeline.lakehouse.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    done = answer(*verb)
    assert done.exit_code == 1
    assert done.output == (
        "the lake needs duckdb, which is not installed: pip install 'crypto-pipeline[lake]'\n"
    )
