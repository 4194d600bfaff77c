"""Months built as detached tables hold what the same files give when merged one by one."""

import itertools
import re
from collections.abc import Sequence
from datetime import datetime, timezone

import psycopg
import pytest

from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.bulk_load import files_to_load, load_files, load_to_gold
from crypto_pipeline.warehouse.candles import load_candles_of_snapshots
from crypto_pipeline.warehouse.marts import load_marts
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline.warehouse.staging import DecodedFile, load_to_silver
from crypto_pipeline_tests.histories import history, load
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import (
    another_warehouse,
    batches,
    contents,
    open_months,
    refuse_file,
    rows,
)
from crypto_pipeline_tests.seeds import seeds

_MONTHS = [datetime(2026, month, 1, tzinfo=timezone.utc) for month in range(1, 12)]


def in_chunks_only(monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """A warehouse whose months have their partitions, so that none is built detached."""
    return open_months(another_warehouse(monkeypatch), _MONTHS)


@pytest.mark.long
@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize("seed", seeds(range(6)))
def test_a_month_built_apart_holds_what_merging_its_files_gives(
    seed: int, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, body in history(seed):
        drop(zone, name, body)
    zone.file_unfiled()
    merged = in_chunks_only(monkeypatch)
    for _, hour in itertools.groupby(files_to_load(merged, zone), lambda file: file.hour):
        list(load_to_silver(merged, list(hour), 0.5))
        load_to_gold(merged)
    load_candles_of_snapshots(merged)
    load_marts(merged)
    expected = contents(merged)
    apart = another_warehouse(monkeypatch)
    assert load(apart, zone) == 3

    assert contents(apart) == expected
    assert rows(apart, "SELECT FROM pg_tables WHERE schemaname = 'loading'") == [()]
    assert len(expected["public.price_snapshots"]) > 50
    assert {row["status"] for row in expected["public.ingestion_batches"]} == {
        "completed",
        "failed",
    }


def test_files_for_a_month_that_is_there_are_merged_into_it(
    warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = list(history(1))
    for name, body in files[::2]:
        drop(zone, name, body)
    load(warehouse, zone)
    for name, body in files[1::2]:
        drop(zone, name, body)
    load(warehouse, zone)
    in_two_loads = contents(warehouse)

    merged = in_chunks_only(monkeypatch)
    for some in (files[::2], files[1::2]):
        names = {name for name, _ in some}
        list(
            load_to_silver(
                merged,
                [file for file in zone.files() if file.path.rpartition("/")[2] in names],
                0.5,
            )
        )
        load_to_gold(merged)
        load_candles_of_snapshots(merged)
        load_marts(merged)
    assert in_two_loads == contents(merged)


@pytest.mark.usefixtures("warehouse")
def test_a_partition_that_was_built_apart_is_like_any_other(
    zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same columns, constraints and indexes, whichever way a partition came to be."""
    described = []
    drop(zone, "a.json", landing_json([market_record()]))
    for make in (another_warehouse, in_chunks_only):
        each = make(monkeypatch)
        load(each, zone)
        described.append(
            rows(
                each,
                "SELECT conrelid::regclass::text, contype::text, pg_get_constraintdef(c.oid),"
                " convalidated, conparentid <> 0 FROM pg_constraint AS c"
                " JOIN pg_class AS t ON t.oid = c.conrelid"
                " WHERE t.relispartition AND t.relname LIKE '%2026\\_11'"
                " UNION ALL"
                " SELECT indrelid::regclass::text, 'index',"
                " regexp_replace(pg_get_indexdef(indexrelid), 'INDEX \\S+', 'INDEX'),"
                " indisvalid, i.relispartition FROM pg_index"
                " JOIN pg_class AS i ON i.oid = indexrelid"
                " JOIN pg_class AS t ON t.oid = indrelid"
                " WHERE t.relispartition AND t.relname LIKE '%2026\\_11'"
                " ORDER BY 1, 2, 3",
            )
        )
    assert described[0] == described[1]
    # Of these, 18 alone also counts what is NOT NULL.
    assert len(described[0]) >= 30


def test_a_month_that_another_load_was_faster_with_is_merged(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    drop(zone, "a.json", landing_json([market_record()], "2026-11-24T05:01:00Z"))
    drop(
        zone,
        "b.json",
        landing_json(
            [market_record(current_price=1, last_updated="2026-11-24T06:00:31Z")],
            "2026-11-24T06:01:00Z",
        ),
    )
    first, second = zone.file_unfiled()

    def hourly_run(_decoded: Sequence[DecodedFile]) -> None:
        if not batches(warehouse):
            list(load_to_silver(warehouse, [first], 0.5))

    (loaded,) = load_files(warehouse, [first, second], 0.5, hourly_run)

    assert loaded.files == [first, second]
    assert {name: batch["status"] for name, batch in batches(warehouse).items()} == {
        "a.json": "completed",
        "b.json": "completed",
    }
    assert rows(warehouse, "SELECT count(*) FROM price_snapshots") == [(2,)]
    assert rows(warehouse, "SELECT count(*) FROM analytics.fact_crypto_price_metrics") == [(2,)]


def test_months_side_by_side_do_not_mix_two_kinds_of_data(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    for month, source in ((3, "CoinGecko"), (4, "CoinGecko sandbox")):
        time = f"2026-{month:02d}-05T05:00:00Z"
        drop(
            zone,
            f"{month}.json",
            landing_json([market_record(last_updated=time)], time, source=source),
        )
    load(warehouse, zone)

    assert {name: batch["status"] for name, batch in batches(warehouse).items()} == {
        "3.json": "completed",
        "4.json": "failed",
    }
    assert rows(warehouse, "SELECT kind FROM data_origin") == [("live",)]


def _three_months(zone: LandingZone) -> None:
    for month in (3, 4, 5):
        time = f"2026-{month:02d}-05T05:00:00Z"
        drop(zone, f"{month}.json", landing_json([market_record(last_updated=time)], time))
    zone.file_unfiled()


@pytest.mark.parametrize("months_apart", [True, False])
def test_a_file_whose_data_postgresql_refuses_is_a_failed_batch_and_the_others_load(
    warehouse: Warehouse, zone: LandingZone, months_apart: bool
) -> None:
    _three_months(zone)
    if not months_apart:
        open_months(
            warehouse, [datetime(2026, month, 1, tzinfo=timezone.utc) for month in (3, 4, 5)]
        )
    with warehouse.connection() as connection:
        # What no rule refuses, a constraint of the table does.
        connection.execute(
            "ALTER TABLE price_snapshots ADD CONSTRAINT not_in_april CHECK"
            " (snapshot_time < '2026-04-01' OR snapshot_time >= '2026-05-01')"
        )
    load(warehouse, zone)

    loaded = batches(warehouse)
    assert {name: batch["status"] for name, batch in loaded.items()} == {
        "3.json": "completed",
        "4.json": "failed",
        "5.json": "completed",
    }
    assert re.fullmatch(
        'PostgreSQL refuses its data: new row for relation "price_snapshots.*" violates check'
        r' constraint "not_in_april" \(SQLSTATE 23514\)',
        loaded["4.json"]["error"],
    )
    with warehouse.connection() as connection:
        connection.execute("ALTER TABLE price_snapshots DROP CONSTRAINT not_in_april")
    load(warehouse, zone)
    assert {batch["status"] for batch in batches(warehouse).values()} == {"completed"}


def test_an_error_in_a_month_stops_the_load_and_keeps_the_months_before(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    _three_months(zone)
    refuse_file(warehouse, "%/4.json")
    files = files_to_load(warehouse, zone)
    with pytest.raises(psycopg.errors.RaiseException, match="as told"):
        list(load_files(warehouse, files, 0.5))

    assert set(batches(warehouse)) == {"3.json"}
    with warehouse.connection() as connection:
        connection.execute("DROP TRIGGER refuse_file ON ingestion_batches")
    load(warehouse, zone)
    assert set(batches(warehouse)) == {"3.json", "4.json", "5.json"}
