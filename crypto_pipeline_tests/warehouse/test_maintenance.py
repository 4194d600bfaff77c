"""Maintenance: partitions before they are needed, and retention that drops monthly partitions and
nothing else."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import dagster as dg
import psycopg
import pytest
import time_machine

from crypto_pipeline.automation import AUDIT_JOB
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.definitions import defs
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse import maintenance
from crypto_pipeline.warehouse.bulk_load import files_to_load
from crypto_pipeline.warehouse.maintenance import (
    MAINTENANCE_JOB,
    create_partitions_ahead,
    drop_old_months,
    purge_batch_details,
)
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline.warehouse.staging import load_to_silver
from crypto_pipeline_tests.conftest import Filled
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import Contents, batches, contents, load_landing_zone, rows

SERIES = (
    "public.price_snapshots",
    "public.market_metrics",
    "analytics.fact_crypto_price_metrics",
)
FIRST_KEPT = datetime(2025, 3, 1, tzinfo=timezone.utc)
"""With two months kept before the newest, in May."""

_PARTITIONS = """
SELECT p.relid::regclass::text
FROM unnest(ARRAY['price_snapshots', 'market_metrics',
    'analytics.fact_crypto_price_metrics']::regclass[]) AS parent,
    pg_partition_tree(parent) AS p
WHERE p.isleaf AND p.level = 1
ORDER BY 1
"""
_VIEWS = (
    "SELECT * FROM v_price_history WHERE snapshot_time >= '2025-03-01' ORDER BY 1, 4, 5",
    "SELECT * FROM v_latest_prices WHERE snapshot_time >= '2025-03-01' ORDER BY 1, 4",
    "SELECT * FROM v_deduplication_stats ORDER BY 1, 2, 3",
    "SELECT crypto_key, crypto_id, symbol, name, valid_from, valid_to, is_current"
    " FROM analytics.dim_cryptocurrency ORDER BY 1",
)


def coin(name: str, at: datetime, **overrides: object) -> dict[str, object]:
    return market_record(
        **{
            "id": name,
            "symbol": name[:3],
            "name": name.title(),
            "last_updated": at.isoformat(),
            **overrides,
        }
    )


def drop_history(zone: LandingZone) -> None:
    """A file at the start, in the middle and at the end of each month from December to May.

    Of its four records one is a good coin's, one of a coin that is renamed in February, one of a
    coin that the source stopped updating in January, and one is for the quarantine. The first file
    of a month is fetched in its first seconds, with prices of the month before.
    """
    for month in range(-1, 5):
        first = datetime(2024 + (month + 12) // 12, (month + 12) % 12 + 1, 1, tzinfo=timezone.utc)
        for number, at in enumerate(
            (first + timedelta(seconds=20), first + timedelta(days=14), first + timedelta(days=27))
        ):
            updated = at - timedelta(minutes=4)
            renamed = {"symbol": "new"} if at >= datetime(2025, 2, 10, tzinfo=timezone.utc) else {}
            stale = min(updated, datetime(2025, 1, 20, tzinfo=timezone.utc))
            records = [
                coin("bitcoin", updated, current_price=1000 + month * 10 + number),
                coin("renamed", updated, **renamed),
                coin("stale", stale),
                coin("worthless", updated, current_price=None),
            ]
            drop(zone, f"{first:%Y-%m}-{number}.json", landing_json(records, at))


def partitions(warehouse: Warehouse) -> set[str]:
    return {row[0] for row in rows(warehouse, _PARTITIONS)}


def months(names: set[str]) -> set[str]:
    return {name[-7:] for name in names}


def failed_checks() -> set[str]:
    """The checks of severity ERROR that do not pass, of an audit that ran to its end."""
    result = defs.resolve_job_def(AUDIT_JOB).execute_in_process(raise_on_error=False)
    checks = result.get_asset_check_evaluations()
    assert len(checks) > 30
    return {
        check.check_name
        for check in checks
        if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR
    }


def maintain() -> dict[str, Any]:
    """Run the job; the metadata of its op."""
    result = defs.resolve_job_def(MAINTENANCE_JOB).execute_in_process()
    (event,) = (e for e in result.all_events if e.is_successful_output)
    metadata = event.step_output_data.metadata
    return {name: value.value for name, value in metadata.items()}


def kept(held: Contents) -> Contents:
    """What should be left of the series: the rows from FIRST_KEPT on."""
    return {
        table: [row for row in held[table] if row["snapshot_time"] >= FIRST_KEPT]
        for table in SERIES
    }


def only(held: Contents, *tables: str) -> Contents:
    return {table: held[table] for table in tables}


def load_history(warehouse: Warehouse, zone: LandingZone) -> None:
    drop_history(zone)
    load_landing_zone()


@pytest.fixture
def history(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """A warehouse with the six months loaded, of which retention keeps three."""
    warehouse = filled(load_history)
    monkeypatch.setenv("RETENTION_MONTHS", "2")
    return warehouse


@contextmanager
def reading(warehouse: Warehouse) -> Iterator[psycopg.Connection]:
    """A transaction that has read prices and is still open."""
    with warehouse.connection() as connection, connection.transaction():
        connection.execute("SELECT count(*) FROM v_price_history")
        yield connection


# --------------------------------------------------------------------------------------------
# Partitions ahead
# --------------------------------------------------------------------------------------------


def test_this_month_and_two_more_have_partitions_and_a_load_makes_none(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    metadata = maintain()

    made = partitions(warehouse)
    now = datetime.now(timezone.utc)
    first = [(now.year * 12 + now.month - 1 + ahead) for ahead in range(3)]
    assert months(made) == {f"{month // 12:04d}_{month % 12 + 1:02d}" for month in first}
    assert len(made) == 9
    assert set(metadata["partitions_created"]) == made
    assert metadata["months_ahead"] == 2

    for number, month in enumerate(first):
        at = datetime(month // 12, month % 12 + 1, 28, tzinfo=timezone.utc)
        drop(zone, f"{number}.json", landing_json([coin("bitcoin", at)], at))
    with time_machine.travel(at):
        load_landing_zone()
    assert len(rows(warehouse, "SELECT FROM analytics.fact_crypto_price_metrics")) == 3
    assert partitions(warehouse) == made

    assert maintain()["partitions_created"] == []
    assert partitions(warehouse) == made


# --------------------------------------------------------------------------------------------
# Retention of months
# --------------------------------------------------------------------------------------------


def test_retention_drops_the_old_months_and_nothing_else(
    history: Warehouse, zone: LandingZone
) -> None:
    assert failed_checks() == set()
    before = contents(history)
    counted = batches(history)
    views = [rows(history, view) for view in _VIEWS]
    old = {name for name in partitions(history) if name[-7:] < "2025_03"}
    # The first file of December has prices of November.
    assert months(old) == {"2024_11", "2024_12", "2025_01", "2025_02"}
    assert len(old) == 12

    metadata = maintain()

    assert set(metadata["partitions_dropped"]) == old
    assert metadata["retention_months"] == 2
    assert partitions(history) == {
        f"{table.removeprefix('public.')}_{month}"
        for table in SERIES
        for month in ("2025_03", "2025_04", "2025_05")
    } | set(metadata["partitions_created"])
    # The detached tables are gone too, not only from their parents.
    gone = "relname ~ '_202(4_..|5_0[12])$' AND relname !~ '_hourly_'"
    assert rows(history, f"SELECT relname FROM pg_class WHERE {gone}") == []

    after = contents(history)
    assert only(after, *SERIES) == kept(before)
    assert all(after[table] for table in SERIES)
    assert all(len(after[table]) < len(before[table]) for table in SERIES)
    others = set(before) - {*SERIES, "public.ingestion_batches"}
    assert only(after, *others) == only(before, *others)
    assert [rows(history, view) for view in _VIEWS] == views

    # A batch that straddles the limit says what it lost; a stale coin is in every file.
    changed = batches(history)
    for name, batch in changed.items():
        left = batch["records_loaded"] - batch["records_retired"]
        assert counted[name] | {"records_retired": batch["records_retired"]} == batch
        assert left == len(
            [row for row in after[SERIES[0]] if row["batch_id"].rpartition("/")[2] == name]
        )
    assert changed["2025-03-0.json"]["records_retired"] == 2
    assert changed["2025-03-1.json"]["records_retired"] == 0
    assert failed_checks() == set()
    assert files_to_load(history, zone) == []


@pytest.mark.long
def test_the_stale_coins_month_is_dropped_from_a_batch_that_is_kept(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    at = datetime(2025, 5, 5, tzinfo=timezone.utc)
    stale = coin("stale", datetime(2025, 1, 20, tzinfo=timezone.utc))
    drop(zone, "a.json", landing_json([coin("bitcoin", at), stale], at))
    load_landing_zone()

    assert len(drop_old_months(warehouse, 2)) == 3

    batch = batches(warehouse)["a.json"]
    assert (batch["records_loaded"], batch["records_retired"]) == (2, 1)
    assert failed_checks() == set()
    # It has no latest price any more; the coin and its version are known.
    assert rows(warehouse, "SELECT crypto_id FROM v_latest_prices") == [("bitcoin",)]
    assert len(rows(warehouse, "SELECT FROM cryptocurrencies")) == 2

    # The next file brings it again, under the version of its time, until the next retention.
    drop(zone, "b.json", landing_json([stale], at + timedelta(hours=1)))
    load_landing_zone()
    assert failed_checks() == set()
    assert len(rows(warehouse, "SELECT FROM v_latest_prices")) == 2
    assert len(drop_old_months(warehouse, 2)) == 3
    assert batches(warehouse)["b.json"]["records_retired"] == 1
    assert failed_checks() == set()
    versions = "SELECT crypto_id FROM analytics.dim_cryptocurrency WHERE crypto_key > 0"
    assert sorted(rows(warehouse, versions)) == [("bitcoin",), ("stale",)]


def test_a_second_retention_has_nothing_to_do(history: Warehouse) -> None:
    maintain()
    once = contents(history), partitions(history), batches(history)
    again = maintain()
    assert again["partitions_created"] == again["partitions_dropped"] == []
    assert again["batches_emptied"] == 0
    assert (contents(history), partitions(history), batches(history)) == once
    load_landing_zone()
    assert (contents(history), partitions(history), batches(history)) == once


def test_without_retention_months_everything_is_kept(
    history: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RETENTION_MONTHS")
    before = contents(history), partitions(history)
    metadata = maintain()
    assert metadata["partitions_dropped"] == []
    assert metadata["retention_months"] is None
    held = contents(history), partitions(history) - set(metadata["partitions_created"])
    assert only(held[0], *SERIES) == only(before[0], *SERIES)
    assert held[1] == before[1]


@pytest.mark.long
def test_versions_outlive_their_months_and_a_later_rename_is_right(
    history: Warehouse, zone: LandingZone
) -> None:
    query = (
        "SELECT symbol, valid_from, valid_to, crypto_key FROM analytics.dim_cryptocurrency"
        " WHERE crypto_id = 'renamed' ORDER BY valid_from"
    )
    before = rows(history, query)
    assert [row[0] for row in before] == ["ren", "new"]
    drop_old_months(history, 2)

    at = datetime(2025, 5, 29, tzinfo=timezone.utc)
    drop(zone, "rename.json", landing_json([coin("renamed", at, symbol="newest")], at))
    # A late file, from a month that is dropped, says what the dimension knows.
    late = datetime(2025, 1, 5, tzinfo=timezone.utc)
    drop(zone, "late.json", landing_json([coin("renamed", late)], late))
    load_landing_zone()

    (old, new, newest) = rows(history, query)
    assert old == before[0]
    assert new == (*before[1][:2], at, before[1][3])
    assert newest[:3] == ("newest", at, datetime(9999, 12, 31, tzinfo=timezone.utc))
    assert failed_checks() == set()
    # What the late file brought goes again; the bucket of its month is nobody's.
    assert len(drop_old_months(history, 2)) == 3
    assert batches(history)["late.json"]["records_retired"] == 1
    assert rows(history, query) == [old, new, newest]
    assert failed_checks() == set()


def test_a_month_that_waits_for_gold_is_kept_until_it_is_there(
    history: Warehouse, zone: LandingZone
) -> None:
    at = datetime(2025, 1, 5, tzinfo=timezone.utc)
    drop(zone, "late.json", landing_json([coin("late", at)], at))
    zone.file_unfiled()
    list(load_to_silver(history, files_to_load(history, zone), 0))

    assert months(set(drop_old_months(history, 2))) == {"2024_11", "2024_12"}

    load_landing_zone()
    assert failed_checks() == set()
    assert months(set(drop_old_months(history, 2))) == {"2025_01", "2025_02"}
    versions = "SELECT valid_from FROM analytics.dim_cryptocurrency WHERE crypto_id = 'late'"
    assert rows(history, versions) == [(at,)]
    assert failed_checks() == set()


def test_the_current_month_is_that_of_the_data_but_never_one_to_come(
    history: Warehouse, zone: LandingZone
) -> None:
    """The newest data is of May 2025, which is past: all of it would be old by the clock."""
    assert months(partitions(history)) >= {"2025_03", "2025_05"}
    at = datetime(2150, 1, 1, tzinfo=timezone.utc)
    drop(zone, "wrong-clock.json", landing_json([coin("x", at)], at))
    with time_machine.travel(at):
        load_landing_zone()
    now = datetime.now(timezone.utc)
    drop(zone, "now.json", landing_json([coin("x", now)], now))
    load_landing_zone()
    drop_old_months(history, 2)
    assert months(partitions(history)) == {f"{now:%Y_%m}", "2150_01"}


def test_other_partitions_and_tables_are_left_alone(history: Warehouse) -> None:
    """A month that has not ended before the limit, a default partition, another table's."""
    with history.connection() as connection:
        connection.execute("CREATE TABLE fact_rest PARTITION OF price_snapshots DEFAULT")
        connection.execute("CREATE TABLE other (a integer) PARTITION BY RANGE (a)")
        connection.execute("CREATE TABLE other_1 PARTITION OF other FOR VALUES FROM (1) TO (2)")
        dropped = connection.execute(
            "SELECT drop_months_before('2025-01-31 23:59:59.999999+00')"
        ).fetchall()
    assert months({row[0] for row in dropped}) == {"2024_11", "2024_12"}
    assert rows(history, "SELECT to_regclass('other_1')::text, to_regclass('fact_rest')::text") == [
        ("other_1", "fact_rest")
    ]


# --------------------------------------------------------------------------------------------
# Interruptions and company
# --------------------------------------------------------------------------------------------


def test_a_killed_retention_leaves_everything(history: Warehouse) -> None:
    before = contents(history), partitions(history)
    with pytest.raises(psycopg.OperationalError), history.load() as connection:
        connection.execute("SELECT drop_months_before('2025-03-01')")
        connection.execute("SELECT purge_batch_details('2200-01-01')")
        connection.execute("SELECT create_month_partitions_ahead(2)")
        connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert (contents(history), partitions(history)) == before


@pytest.mark.long
def test_two_at_once_are_as_one(history: Warehouse) -> None:
    start = threading.Barrier(2)

    def both() -> tuple[list[str], list[str], int]:
        start.wait()
        return (
            create_partitions_ahead(history),
            drop_old_months(history, 2),
            purge_batch_details(history, 1),
        )

    before = contents(history)
    with ThreadPoolExecutor(2) as pool:
        first, second = (future.result() for future in [pool.submit(both) for _ in range(2)])
    assert sorted((len(first[0]), len(second[0]))) == [0, 9]
    assert sorted((len(first[1]), len(second[1]))) == [0, 12]
    assert only(contents(history), *SERIES) == kept(before)
    assert failed_checks() == set()


@pytest.mark.long
def test_a_retention_waits_for_a_load_and_a_load_for_a_retention(
    history: Warehouse, zone: LandingZone
) -> None:
    at = datetime(2025, 5, 29, tzinfo=timezone.utc)
    drop(zone, "more.json", landing_json([coin("bitcoin", at)], at))
    start = threading.Barrier(2)

    def load() -> None:
        start.wait()
        load_landing_zone()

    def retain() -> int:
        start.wait()
        return len(drop_old_months(history, 2))

    with ThreadPoolExecutor(2) as pool:
        loaded, retained = pool.submit(load), pool.submit(retain)
        loaded.result()
        assert retained.result() == 12
    assert batches(history)["more.json"]["records_loaded"] == 1
    assert failed_checks() == set()


@pytest.mark.long
def test_a_reader_is_not_disturbed_and_the_retention_comes_later(
    history: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(history), partitions(history), batches(history)
    with reading(history) as connection:
        with pytest.raises(psycopg.errors.LockNotAvailable):
            drop_old_months(history, 2)
        connection.execute("SELECT count(*) FROM v_latest_prices")
    assert (contents(history), partitions(history), batches(history)) == before

    monkeypatch.setattr(maintenance, "_SECONDS_BETWEEN_TRIES", 0)
    finished = threading.Event()

    def read() -> None:
        with reading(history):
            started.set()
            finished.wait(2)

    started = threading.Event()
    reader = threading.Thread(target=read)
    reader.start()
    started.wait()
    assert len(maintain()["partitions_dropped"]) == 12
    finished.set()
    reader.join()
    assert failed_checks() == set()


# --------------------------------------------------------------------------------------------
# Details of batches
# --------------------------------------------------------------------------------------------


def test_details_are_emptied_when_old_and_the_rest_stays(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    at = datetime(2025, 5, 5, tzinfo=timezone.utc)
    records = [coin("bitcoin", at, invented=1), coin("bad", at, current_price=0)]
    for name in ("old.json", "young.json"):
        drop(zone, name, landing_json(records, at, request={"vs_currency": "usd"}))
    drop(zone, "failed.json", landing_json([coin("bad", at, current_price=0)], at))
    load_landing_zone()
    with warehouse.connection() as connection:
        connection.execute(
            "UPDATE ingestion_batches SET loaded_at = now() - CASE landing_file ~ 'young'"
            " WHEN true THEN interval '89 days' ELSE interval '91 days' END"
        )
    before, quarantine = batches(warehouse), contents(warehouse)["public.rejected_records"]
    assert before["old.json"]["warnings"] and before["old.json"]["schema_drift"]
    assert before["failed.json"]["status"] == "failed"

    assert maintain()["batches_emptied"] == 1

    after = batches(warehouse)
    assert after["young.json"] == before["young.json"]
    # It is tried again at the next load: it is no history yet.
    assert after["failed.json"] == before["failed.json"]
    forgotten_at = after["old.json"]["details_purged_at"]
    assert forgotten_at is not None
    assert after["old.json"] == before["old.json"] | {
        "request": {},
        "warnings": {},
        "schema_drift": {},
        "details_purged_at": forgotten_at,
    }
    assert contents(warehouse)["public.rejected_records"] == [
        row | {"record": ""} if row["batch_id"].endswith("old.json") else row for row in quarantine
    ]
    # The landing file keeps the record.
    (path,) = (file for file in zone.files() if file.path.endswith("old.json"))
    assert b'"bad"' in bytes(path.capture().records[1])

    assert maintain()["batches_emptied"] == 0
    assert batches(warehouse) == after
    assert [file.path.rpartition("/")[2] for file in files_to_load(warehouse, zone)] == [
        "failed.json"
    ]
    assert failed_checks() == {"batches_completed"}


@pytest.mark.parametrize("name", ["RETENTION_MONTHS", "BATCH_RETENTION_DAYS"])
def test_a_retention_of_nothing_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (Settings().retention_months, Settings().batch_retention_days) == (None, 90)
    monkeypatch.setenv(name, "0")
    with pytest.raises(ValueError, match=name.lower()):
        Settings()
