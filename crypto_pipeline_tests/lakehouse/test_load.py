"""The lake and the warehouse it is loaded from: loads, and loads made anew."""

import itertools
import os
import shutil
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from crypto_pipeline.definitions import defs
from crypto_pipeline.lakehouse import load as lake_module
from crypto_pipeline.lakehouse.comparison import compare_rows, compare_sums
from crypto_pipeline.lakehouse.delta import KEEP_UNREFERENCED, Lake, Step, add_facts
from crypto_pipeline.lakehouse.load import load_lake
from crypto_pipeline.lakehouse.schema import (
    DIM_CRYPTOCURRENCY,
    FACT,
    UNREPRESENTABLE_VALUES,
    LakeError,
)
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.maintenance import drop_old_months
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.lakes import HOUR, assert_equal, column, land, load
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import another_warehouse, load_landing_zone, rows
from crypto_pipeline_tests.real_captures import CAPTURES, land_body, needs_captures

pytestmark = pytest.mark.long


def test_a_load_takes_what_is_new_and_a_second_one_nothing(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    load(zone, HOUR, {}, {"id": "x", "symbol": "x", "name": 'A "name",\nof two lines'})
    first = load_lake(warehouse, lake)
    assert first[FACT.name].rows_inserted == 2
    assert first[DIM_CRYPTOCURRENCY.name].rows_inserted == 3
    load(zone, HOUR + timedelta(hours=1))
    second = load_lake(warehouse, lake)
    assert (second[FACT.name].rows_inserted, second[FACT.name].batch_ids) == (1, [2])
    assert {loaded.commits for loaded in load_lake(warehouse, lake).values()} == {0}
    assert_equal(warehouse, lake)

    commit = DeltaTable(lake.location(FACT)).history(1)[0]
    assert commit["batch_ids"] == "[2]"
    newest = rows(warehouse, "SELECT max(change_id) FROM lake.changes")[0][0]
    assert commit["last_change"] == str(newest)
    assert lake.loaded_change() == newest


def test_months_are_partitions(warehouse: Warehouse, zone: LandingZone, lake: Lake) -> None:
    for days in (-30, 0):
        land(zone, HOUR + timedelta(days=days))
    load_landing_zone()
    load_lake(warehouse, lake)
    delta = DeltaTable(lake.location(FACT))
    assert delta.metadata().partition_columns == ["snapshot_month"]
    assert sorted(part["snapshot_month"] for part in delta.partitions()) == ["2026-10", "2026-11"]


def test_batches_that_complete_out_of_order_all_come(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    """A failed batch keeps its number when it is tried again, after later ones were loaded."""
    path = drop(zone, "failed.json", landing_json([market_record()], HOUR)[:-50])
    load(zone, HOUR + timedelta(hours=1))
    load_lake(warehouse, lake)
    failed = rows(warehouse, "SELECT landing_file FROM ingestion_batches WHERE status = 'failed'")
    assert len(failed) == 1
    assert not path.exists()
    mended = market_record(last_updated=HOUR.isoformat())
    (zone.root / failed[0][0]).write_bytes(landing_json([mended], HOUR))
    load_landing_zone()
    assert load_lake(warehouse, lake)[FACT.name].rows_inserted == 1
    assert_equal(warehouse, lake)


def test_versions_that_are_revised_and_facts_that_move_between_them_follow(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    """A late file splits a version: facts that the lake has point at another one then."""
    for hour, name in enumerate(["Old", None, "Old", "Old"]):
        if name is not None:
            land(zone, HOUR + timedelta(hours=hour), {"name": name})
    load_landing_zone()
    load_lake(warehouse, lake)
    keys = column(lake, "crypto_key")
    assert len(set(keys)) == 1
    load(zone, HOUR + timedelta(hours=1), {"name": "New"})
    loaded = load_lake(warehouse, lake)
    assert (loaded[FACT.name].rows_inserted, loaded[FACT.name].rows_updated) == (1, 2)
    assert len(set(column(lake, "crypto_key"))) == 3
    assert_equal(warehouse, lake)


def test_a_version_that_starts_earlier_leaves_no_second_row(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    load(zone, HOUR)
    load_lake(warehouse, lake)
    load(zone, HOUR - timedelta(hours=1))
    loaded = load_lake(warehouse, lake)[DIM_CRYPTOCURRENCY.name]
    # The start of a version is a part of its key.
    assert (loaded.rows_inserted, loaded.rows_deleted) == (1, 1)
    assert_equal(warehouse, lake)


def test_a_replay_is_a_start_for_the_lake(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    """A file was corrected: a fact that it no longer has is gone, which no batch tells."""
    first = HOUR - timedelta(days=40)
    for number in range(3):
        land(zone, first + timedelta(days=20 * number), {}, {"id": "x", "symbol": "x", "name": "X"})
    load_landing_zone()
    load_lake(warehouse, lake)
    file = next(iter(zone.files()))
    records = [market_record(last_updated=first.isoformat(), current_price=7)]
    file.uri.write_bytes(landing_json(records, first))
    defs.resolve_job_def("replay_landing_zone").execute_in_process()
    assert rows(warehouse, "SELECT kind FROM lake.changes ORDER BY change_id") == [
        ("start",),
        *[("batch",)] * 3,
    ]

    loaded = load_lake(warehouse, lake)[FACT.name]

    assert (loaded.commits, loaded.rows_inserted) == (1, 5)
    assert Decimal(7) in column(lake, "current_price")
    assert_equal(warehouse, lake)


@pytest.mark.parametrize("statement", ["TRUNCATE", "DELETE FROM"])
def test_gold_that_is_made_anew_replaces_what_the_lake_has(
    statement: str, warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    for hour in range(3):
        land(zone, HOUR + timedelta(hours=hour), {"max_supply": Decimal("1e30")})
    load_landing_zone()
    load_lake(warehouse, lake)
    with warehouse.load() as connection:
        connection.execute(f"{statement} analytics.fact_crypto_price_metrics")
        connection.execute("DELETE FROM analytics.dim_cryptocurrency WHERE crypto_key > 0")
        connection.execute("UPDATE ingestion_batches SET gold_loaded_at = NULL")
    load_landing_zone()
    assert set(column(lake, "crypto_key")).isdisjoint(
        key
        for (key,) in rows(warehouse, "SELECT crypto_key FROM analytics.fact_crypto_price_metrics")
    )
    load_lake(warehouse, lake)
    assert_equal(warehouse, lake)
    assert {loaded.commits for loaded in load_lake(warehouse, lake).values()} == {0}


def test_a_warehouse_made_anew_replaces_what_the_lake_has(
    warehouse: Warehouse, zone: LandingZone, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(zone, HOUR)
    land(zone, HOUR + timedelta(hours=1), {"id": "x", "symbol": "x"})
    load_landing_zone()
    load_lake(warehouse, lake)
    old_database = os.environ["DB_NAME"]
    anew = another_warehouse(monkeypatch)
    # Nothing is there yet that could replace it.
    assert {loaded.commits for loaded in load_lake(anew, lake).values()} == {0}
    assert len(column(lake, "batch_id")) == 2
    load_landing_zone()
    load_lake(anew, lake)
    assert_equal(anew, lake)
    # The old one is refused: it would take the new one's facts away.
    monkeypatch.setenv("DB_NAME", old_database)
    with pytest.raises(LakeError, match="start_over"):
        load_lake(warehouse, lake)
    rows(warehouse, "SELECT lake.start_over()")
    load_lake(warehouse, lake)
    assert_equal(warehouse, lake)


def test_a_lake_takes_one_kind_of_data(
    warehouse: Warehouse, zone: LandingZone, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(zone, HOUR)
    load_lake(warehouse, lake)
    monkeypatch.setenv("LANDING_ZONE_URI", lake.uri + "-other")
    sandbox = another_warehouse(monkeypatch)
    other = LandingZone(lake.uri + "-other")
    drop(other, "a.json", landing_json([market_record()], source="CoinGecko sandbox"))
    load_landing_zone()
    with pytest.raises(LakeError, match="holds live data, this warehouse sandbox data"):
        load_lake(sandbox, lake)


def test_months_that_retention_drops_stay_in_the_lake(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    old = HOUR - timedelta(days=90)
    land(zone, old, {}, {"id": "x", "symbol": "x"})
    land(zone, HOUR)
    load_landing_zone()
    load_lake(warehouse, lake)
    assert len(drop_old_months(warehouse, 1)) == 3
    # A coin that is not updated any more comes again, in a month that is gone from PostgreSQL.
    load(
        zone,
        HOUR + timedelta(hours=1),
        {},
        {"id": "x", "symbol": "x", "last_updated": old.isoformat()},
    )
    loaded = load_lake(warehouse, lake)[FACT.name]
    assert (loaded.rows_inserted, loaded.rows_updated) == (1, 1)
    assert rows(warehouse, "SELECT count(*) FROM analytics.fact_crypto_price_metrics") == [(3,)]
    assert len(column(lake, "batch_id")) == 4
    assert_equal(warehouse, lake)
    # What retention did not take is not forgiven.
    DeltaTable(lake.location(FACT)).delete("snapshot_month = '2026-11'")
    assert compare_sums(warehouse, lake).differences
    assert compare_rows(warehouse, lake).differences


def test_a_column_that_is_new_is_added_and_one_of_another_type_refused(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    load(zone, HOUR)
    load_lake(warehouse, lake)
    whole = lake.dataset(FACT).to_table()
    older = whole.drop_columns(["max_supply"])
    write_deltalake(
        lake.location(FACT),
        older,
        mode="overwrite",
        schema_mode="overwrite",
        partition_by="snapshot_month",
    )
    load(zone, HOUR + timedelta(hours=1))
    # The commit by hand above has lost no number: identifiers outlive what is overwritten.
    assert load_lake(warehouse, lake)[FACT.name].rows_inserted == 1
    assert column(lake, "max_supply") == [None, 21_000_000]

    extra = lake.dataset(FACT).to_table().append_column("note", pa.array(["a", "b"]))
    write_deltalake(
        lake.location(FACT),
        extra,
        mode="overwrite",
        schema_mode="overwrite",
        partition_by="snapshot_month",
    )
    load(zone, HOUR + timedelta(hours=2))
    load_lake(warehouse, lake)
    # Someone else's column stays.
    assert sorted(column(lake, "note"), key=str) == [None, "a", "b"]

    wrong = whole.set_column(
        whole.schema.get_field_index("ath"), "ath", whole.column("ath").cast(pa.float64())
    )
    write_deltalake(
        lake.location(FACT),
        wrong,
        mode="overwrite",
        schema_mode="overwrite",
        partition_by="snapshot_month",
    )
    load(zone, HOUR + timedelta(hours=3))
    with pytest.raises(LakeError, match="column ath"):
        load_lake(warehouse, lake)


def test_a_step_takes_as_many_batches_as_fit(
    warehouse: Warehouse, zone: LandingZone, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    coins = [{"id": f"coin-{number}", "symbol": "c"} for number in range(3)]
    for hour in range(4):
        land(zone, HOUR + timedelta(hours=hour), *coins[: 3 if hour else 1])
    load_landing_zone()
    monkeypatch.setattr(lake_module, "FACTS_A_COMMIT", 4)
    told: list[str] = []
    load_lake(warehouse, lake, told.append)
    # 1 + 3 facts, then 3, then 3: a start and its first batches are one step.
    assert len(told) == 3
    monkeypatch.setattr(lake_module, "FACTS_A_COMMIT", 1)
    rows(warehouse, "SELECT lake.start_over()")
    load_lake(warehouse, lake, told.append)
    assert len(told) == 3 + 4
    assert_equal(warehouse, lake)


def test_a_commit_that_conflicts_is_tried_again_from_the_newest_version(
    warehouse: Warehouse, zone: LandingZone, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another loader, that no lock holds back, commits the same batch between look and commit."""
    load(zone, HOUR)
    load_lake(warehouse, lake)
    load(zone, HOUR + timedelta(hours=1))
    tries = itertools.count()

    def interrupted(delta: DeltaTable, facts: pa.Table, step: Step) -> Any:
        if next(tries) == 0:
            add_facts(lake.table(FACT), facts, step)
        return add_facts(delta, facts, step)

    monkeypatch.setattr(lake_module, "add_facts", interrupted)
    loaded = load_lake(warehouse, lake)
    assert next(tries) >= 1
    # The other's commit stands, and nothing was left to do.
    assert loaded[FACT.name].commits == 0
    assert_equal(warehouse, lake)


def test_optimize_and_vacuum_change_no_row(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    for hour in range(4):
        load(zone, HOUR + timedelta(hours=hour))
        load_lake(warehouse, lake)
    assert lake.state(FACT).files == 4
    folder = Path(lake.location(FACT))
    written = next(folder.rglob("*.parquet"))
    # What a load left that was killed before it committed, and what one is about to commit.
    dead, alive = (written.with_name(f"part-{name}.parquet") for name in ("dead", "alive"))
    for path in (dead, alive):
        shutil.copy(written, path)
    long_ago = (datetime.now(timezone.utc) - KEEP_UNREFERENCED - timedelta(hours=1)).timestamp()
    os.utime(dead, (long_ago, long_ago))
    done = defs.resolve_job_def("maintain_lake").execute_in_process()
    assert done.success
    state = lake.state(FACT)
    assert (state.files, state.rows) == (1, 4)
    assert (dead.exists(), alive.exists()) == (False, True)
    assert_equal(warehouse, lake)
    # The checkpoint keeps the number of the last change.
    load(zone, HOUR + timedelta(hours=4))
    assert load_lake(warehouse, lake)[FACT.name].rows_inserted == 1
    assert_equal(warehouse, lake)


def test_the_job_loads_describes_and_compares(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    load(zone, HOUR)
    job = defs.resolve_job_def("load_lake")
    done = job.execute_in_process()
    metadata = {
        event.asset_key.path[-1]: event.metadata
        for event in done.asset_materializations_for_node("lakehouse")
    }
    assert len(metadata) == 7
    facts = metadata[FACT.name]
    assert facts["rows_inserted"].value == 1
    assert facts["files"].value == facts["dagster/row_count"].value == 1
    assert facts["size (bytes)"].value > 0
    assert facts["version"].value >= 1
    assert facts["batch_ids"].value == [1]
    checks = {check.check_name: check for check in done.get_asset_check_evaluations()}
    assert {name: check.passed for name, check in checks.items()} == {
        "delta_equals_postgres": True,
        "lake_candles_equal_postgres": True,
        "lake_marts_equal_postgres": True,
    }
    assert checks["delta_equals_postgres"].metadata["facts"].value == 1

    DeltaTable(lake.location(FACT)).delete()
    (check,) = (
        check
        for check in job.execute_in_process().get_asset_check_evaluations()
        if check.check_name == "delta_equals_postgres"
    )
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert check.metadata["wrong_rows"].value == 1


@needs_captures
def test_real_responses_arrive_exactly(warehouse: Warehouse, zone: LandingZone, lake: Lake) -> None:
    for name, ingested_at in (
        ("markets_2022-01-06.json", "2022-01-06T21:00:00Z"),
        ("markets_2025-02-19.json", "2025-02-19T12:00:00Z"),
    ):
        land_body(zone, name, (CAPTURES / name).read_bytes(), ingested_at)
    load_landing_zone()
    load_lake(warehouse, lake)
    assert len(column(lake, "batch_id")) == 157
    assert lake.dataset(UNREPRESENTABLE_VALUES).count_rows() == 0
    assert_equal(warehouse, lake)
