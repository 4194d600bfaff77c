"""Do Spark's tables say what PostgreSQL says? One digit is enough to be told that they do not."""

from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from click.testing import CliRunner

from crypto_pipeline.cli import main
from crypto_pipeline.lakehouse.differences import Parity
from crypto_pipeline.lakehouse.schema import FACT
from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.lakehouse.spark.parity import compare
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.lakehouse.spark.parity import load_zone
from crypto_pipeline_tests.market_records import coin, drop, landing_json
from crypto_pipeline_tests.pipeline import load_landing_zone

pytestmark = pytest.mark.long

START = datetime(2026, 10, 31, 21, 0, 31, tzinfo=timezone.utc)
FACTS = "analytics.fact_crypto_price_metrics"


def hour(number: int, **overrides: object) -> bytes:
    """Three coins of an hour: a value has no room, one is null, sums are too large for the type."""
    at = START + number * timedelta(hours=1)
    records = [coin(n, last_updated=at.isoformat(), **overrides) for n in range(3)]
    records[0] |= {
        "max_supply": msgspec.Raw(b"1e30"),
        "price_change_24h": msgspec.Raw(b"-999999999999.99999999999999999999999999"),
        "total_supply": msgspec.Raw(b"999999999999999999999999999999.99999999"),
    }
    records[1] |= {
        "atl": msgspec.Raw(b"1e-26"),
        "price_change_24h": msgspec.Raw(b"-999999999999.00000000000000000000000001"),
        "total_supply": msgspec.Raw(b"999999999999999999999999999999.00000001"),
        "high_24h": None,
    }
    return landing_json(records, at)


@pytest.fixture
def both(warehouse: Warehouse, zone: LandingZone, lake: Lake) -> Lake:
    """Five hours, over the end of a month, on both sides; a coin has a name of its own in one."""
    for number in range(5):
        drop(zone, f"{number}.json", hour(number, name="Renamed" if number == 2 else "Coin"))
    load_landing_zone()
    load_zone(lake, zone)
    return lake


def batch_of(warehouse: Warehouse, file: str) -> int:
    with warehouse.connection() as connection:
        row = connection.execute(
            "SELECT batch_id FROM ingestion_batches WHERE landing_file LIKE %s", [f"%/{file}.json"]
        ).fetchone()
    assert row is not None
    return int(row[0])


def run(warehouse: Warehouse, statement: str, role: str = "replica") -> None:
    """By hand, around the triggers."""
    with warehouse.connection() as connection:
        connection.execute(f"SET session_replication_role = {role}")
        connection.execute(statement)


def all_ways(warehouse: Warehouse, lake: Lake, file: str) -> list[Parity]:
    """By sums and by rows, of all batches and of that file's only."""
    return [
        compare(warehouse, lake, batches, rows=rows)
        for batches in (None, [batch_of(warehouse, file)])
        for rows in (False, True)
    ]


def test_what_is_the_same_has_no_difference(warehouse: Warehouse, both: Lake) -> None:
    for parity in all_ways(warehouse, both, "1"):
        assert (parity.differences, parity.other_order, parity.pending) == ([], [], 0)
        assert (parity.facts, parity.months) in ((15, 2), (3, 1))
    nothing = compare(warehouse, both, [])
    assert (nothing.facts, nothing.differences) == (0, [])


def test_one_digit_in_spark_is_found(warehouse: Warehouse, both: Lake) -> None:
    """The last one that the column's type has."""
    columns = {"price_change_24h", "atl_change_pct", "market_cap", "total_supply"}
    for column in columns:
        of = FACT.decimals[column]
        digit = f"CAST('0.{'0' * (of.scale - 1)}1' AS DECIMAL({of.precision}, {of.scale}))"
        both.spark.sql(
            f"UPDATE {both.quoted}.fact_crypto_price_metrics"
            f" SET {column} = CAST({column} + {digit} AS DECIMAL({of.precision}, {of.scale}))"
            " WHERE crypto_id = 'coin-0002' AND snapshot_time = TIMESTAMP '2026-10-31 22:00:00+00'"
        )
    for parity in all_ways(warehouse, both, "1"):
        assert sorted(found.what for found in parity.differences) == sorted(columns)
        assert parity.other_order == []
        for found in parity.differences:
            assert found.where.endswith("coin-0002 usd 2026-10-31 22:00:00+00:00")
            assert found.postgres != found.lake
    assert compare(warehouse, both, [batch_of(warehouse, "0")]).differences == []


def test_one_digit_in_postgresql_is_found(warehouse: Warehouse, both: Lake) -> None:
    columns = {"current_price", "max_supply"}
    for column in columns:
        run(
            warehouse,
            f"UPDATE {FACTS} SET {column} = {column} + 1e-{FACT.decimals[column].scale}"
            " WHERE crypto_id = 'coin-0002' AND snapshot_time = '2026-10-31 22:00:00+00'",
        )
    for parity in all_ways(warehouse, both, "1"):
        assert sorted(found.what for found in parity.differences) == sorted(columns)
        assert parity.other_order == []
    assert compare(warehouse, both, [batch_of(warehouse, "0")]).differences == []


_COIN = "WHERE crypto_id = 'coin-0001' AND snapshot_time = TIMESTAMP '2026-10-31 22:00:00+00'"
_FACT = "{lake}.fact_crypto_price_metrics"
_VALUES = {
    "current_price = NULL": {"current_price"},
    "high_24h = 1": {"high_24h"},
    "market_cap_rank = 7": {"market_cap_rank"},
    "last_updated = TIMESTAMP '2026-10-31 22:00:32+00'": {"last_updated"},
    "date_key = 20261030": {"date_key"},
    "crypto_key = -1": {"symbol", "name", "version_of"},
    "source_key = -1": {"source"},
}
_DAMAGE = {
    "values": (f"UPDATE {_FACT} SET {', '.join(_VALUES)} {_COIN}", set().union(*_VALUES.values())),
    "fact that is gone": (f"DELETE FROM {_FACT} {_COIN}", {"only in PostgreSQL"}),
    "fact of another coin": (
        f"UPDATE {_FACT} SET crypto_id = 'coin-0009' {_COIN}",
        {"only in PostgreSQL", "only in the lake"},
    ),
    "fact that is there twice": (
        f"INSERT INTO {_FACT} SELECT * FROM {_FACT} {_COIN}",
        {"rows of one key"},
    ),
    "unrepresentable value": (
        "UPDATE {lake}.unrepresentable_values SET exact_value = '1' WHERE batch_id = {batch}",
        set(),
    ),
    "unrepresentable value that is gone": (
        "DELETE FROM {lake}.unrepresentable_values WHERE batch_id = {batch}",
        {"only in PostgreSQL"},
    ),
}


@pytest.mark.parametrize(("damage", "found"), _DAMAGE.values(), ids=list(_DAMAGE))
def test_what_else_is_wrong_is_found(
    warehouse: Warehouse, both: Lake, damage: str, found: set[str]
) -> None:
    row = both.table("ingestion_batches").where("landing_file LIKE '%/1.json'").first()
    assert row is not None
    both.spark.sql(damage.format(lake=both.quoted, batch=row["batch_id"]))
    by_sums = compare(warehouse, both, [batch_of(warehouse, "1")])
    assert {one.what for one in by_sums.differences} == found
    by_rows = compare(warehouse, both, rows=True)
    assert {one.what for one in by_rows.differences} == (found or {"exact_value"})
    assert not by_sums.other_order


def test_what_a_batch_says_and_the_dimensions_are_compared(
    warehouse: Warehouse, both: Lake
) -> None:
    both.spark.sql(
        f"UPDATE {both.quoted}.ingestion_batches SET records_fetched = 9"
        " WHERE landing_file LIKE '%/1.json'"
    )
    both.spark.sql(f"UPDATE {both.quoted}.dim_time SET part_of_day = 'x' WHERE time_key = 5")
    run(
        warehouse,
        "UPDATE ingestion_batches SET status = 'failed', error = 'x'"
        f" WHERE batch_id = {batch_of(warehouse, '0')}",
    )
    found = compare(warehouse, both).differences
    assert [(one.where.rpartition("/")[2], one.what) for one in found] == [
        ("0.json", "status"),
        ("1.json", "records_fetched"),
        ("dim_time 5", "part_of_day"),
    ]


def test_what_one_side_has_not_loaded_waits(
    warehouse: Warehouse, zone: LandingZone, both: Lake
) -> None:
    drop(zone, "5.json", hour(5))
    load_landing_zone()
    assert compare(warehouse, both).pending == 1
    assert compare(warehouse, both, [batch_of(warehouse, "5")]).pending == 1
    load_zone(both, zone)
    assert compare(warehouse, both).pending == 0


def test_another_order_of_the_files_is_told_apart(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    """A late file was first in the one, and was not in the other."""
    drop(zone, "late.json", hour(0, current_price=2, name="Late"))
    load_landing_zone()
    drop(zone, "early.json", hour(0, current_price=1))
    load_landing_zone()
    load_zone(lake, zone)

    for file in ("late", "early"):
        for parity in all_ways(warehouse, lake, file):
            assert parity.differences == []
            facts = [one for one in parity.other_order if one.where.startswith(FACT.name)]
            assert len(facts) == 3
            assert facts[0].what == "first of its bucket"
            assert facts[0].postgres.endswith("/late.json")
            assert facts[0].lake.endswith("/early.json")

    # What is not of the order is a difference still.
    lake.spark.sql(
        f"UPDATE {lake.quoted}.ingestion_batches SET records_loaded = 2, records_duplicate = 1"
        " WHERE landing_file LIKE '%/early.json'"
    )
    (found,) = (one for one in compare(warehouse, lake).differences if one.what == "records_loaded")
    assert (found.postgres, found.lake) == ("0", "2")


def test_months_that_retention_dropped_stay_in_the_lake(warehouse: Warehouse, both: Lake) -> None:
    with warehouse.connection() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(f"DELETE FROM {FACTS} WHERE snapshot_time < '2026-11-01'")
        connection.execute(
            "UPDATE ingestion_batches SET records_retired = records_loaded"
            " WHERE partition_hour < '2026-11-01'"
        )
    assert [parity.differences for parity in all_ways(warehouse, both, "1")] == [[], [], [], []]
    run(warehouse, "UPDATE ingestion_batches SET records_retired = 2 WHERE records_retired > 0")
    assert len(compare(warehouse, both).differences) == 9


def test_the_verb_compares_with_what_spark_loaded(
    warehouse: Warehouse,
    both: Lake,
    spark_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert both.location is not None
    monkeypatch.setenv("SPARK_REMOTE", spark_url)
    monkeypatch.setenv("SPARK_SCHEMA", "of_the_verb")
    monkeypatch.setenv("LAKE_URI", both.location)
    runner = CliRunner(env={"COLUMNS": "200"})
    for arguments in (["parity"], ["parity", "--full"]):
        done = runner.invoke(main, arguments)
        assert (done.exit_code, "15 facts of 2 months" in done.output) == (0, True), done.output
    run(warehouse, f"UPDATE {FACTS} SET ath = ath + 1 WHERE crypto_id = 'coin-0001'")
    for arguments in (["parity"], ["parity", "--full"]):
        done = runner.invoke(main, arguments)
        assert done.exit_code == 1
        assert "5 differences" in done.output
    monkeypatch.setenv("SPARK_REMOTE", "databricks-job:42")
    done = runner.invoke(main, ["parity"])
    assert (done.exit_code, "cannot be read from here" in done.output) == (1, True)
