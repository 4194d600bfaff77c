"""Replays of the quarantine: in the end all is as if the rule had been right from the start."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

import pytest

from crypto_pipeline.alerts import one_line
from crypto_pipeline.automation import AUDIT_JOB
from crypto_pipeline.definitions import defs
from crypto_pipeline.history.quarantine import replay_points
from crypto_pipeline.lakehouse.comparison import compare_rows
from crypto_pipeline.lakehouse.delta import Lake
from crypto_pipeline.lakehouse.load import load_lake
from crypto_pipeline.landing.price_history import keep_import
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.quality import ALL_RULES
from crypto_pipeline.warehouse.candles import load_candles_of_snapshots
from crypto_pipeline.warehouse.marts import load_marts
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline.warehouse.quarantine import Replayed, Selection, replay_records
from crypto_pipeline_tests.former_version import FormerVersion
from crypto_pipeline_tests.histories import crowded, history, land_charts, load_all
from crypto_pipeline_tests.market_records import coin, drop, landing_json
from crypto_pipeline_tests.pipeline import Contents, another_warehouse, batches, contents, rows
from crypto_pipeline_tests.seeds import seeds

RULE_NAMES = {rule.name for rule in ALL_RULES}
_OF_THE_DATA = {"batches_completed", "history_batches_completed", "expected_coins_present"}

ALL: Selection = {"rules": None, "since": None}


def replay(
    warehouse: Warehouse, zone: LandingZone, selection: Selection = ALL, share: float = 0.5
) -> list[Replayed]:
    done = list(replay_records(warehouse, zone, selection, share))
    load_candles_of_snapshots(warehouse)
    load_marts(warehouse)
    return done


def without_resolved(held: Contents) -> Contents:
    """But for the marks of what has left the quarantine, and what a file holds that fails: there a
    reason stays until it loads."""
    for quarantine, of, batch in (
        ("public.rejected_records", "public.ingestion_batches", "batch_id"),
        ("public.rejected_points", "public.history_batches", "history_batch_id"),
    ):
        loaded = {row["landing_file"] for row in held[of] if row["status"] == "completed"}
        held[quarantine] = [
            row for row in held[quarantine] if row["resolved_at"] is None and row[batch] in loaded
        ]
    return held


@pytest.mark.long
@pytest.mark.parametrize("seed", seeds(range(4)))
@pytest.mark.parametrize("made", [history, crowded])
def test_a_replay_gives_what_the_right_rule_would_have(
    made: Callable[[int], Iterator[tuple[str, bytes]]],
    seed: int,
    former_version: FormerVersion,
    warehouse: Warehouse,
    zone: LandingZone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Files of three months in two loads, the later ones in part of the time of the earlier ones:
    records that share a bucket, names that change, files that failed as a whole."""
    replayed = os.environ["DB_NAME"]
    right = another_warehouse(monkeypatch)
    as_if = os.environ["DB_NAME"]
    files = list(made(seed))
    for some in (files[seed % 2 :: 2], files[1 - seed % 2 :: 2]):
        for name, body in some:
            drop(zone, name, body)
        monkeypatch.setenv("DB_NAME", replayed)
        former_version.load()
        monkeypatch.setenv("DB_NAME", as_if)
        load_all()
    expected = contents(right)
    monkeypatch.setenv("DB_NAME", replayed)
    before = contents(warehouse)
    assert without_resolved(contents(warehouse)) != expected

    done = replay(warehouse, zone)

    assert without_resolved(contents(warehouse)) == expected
    assert [line for one in done for line in one.left] == []
    # Nothing is deleted.
    there = {(r["batch_id"], r["record_index"]) for r in before["public.rejected_records"]}
    kept = {
        (r["batch_id"], r["record_index"]) for r in contents(warehouse)["public.rejected_records"]
    }
    assert there == kept
    # A second replay finds nothing to do.
    assert not [file for one in replay(warehouse, zone) for file in one.files if file.loaded]
    assert without_resolved(contents(warehouse)) == expected


@pytest.mark.parametrize("seed", seeds(range(5)))
def test_a_replay_of_points_gives_what_the_right_rule_would_have(
    seed: int,
    former_version: FormerVersion,
    warehouse: Warehouse,
    zone: LandingZone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replayed = os.environ["DB_NAME"]
    right = another_warehouse(monkeypatch)
    as_if = os.environ["DB_NAME"]
    for part in (seed % 2, 1 - seed % 2):
        land_charts(zone, seed, part)
        monkeypatch.setenv("DB_NAME", replayed)
        former_version.load()
        monkeypatch.setenv("DB_NAME", as_if)
        load_all()
    # What a later file has good is resolved by a replay, whatever the rule was.
    list(replay_points(right, zone, ALL, 0.5))
    load_marts(right)
    expected = contents(right)
    monkeypatch.setenv("DB_NAME", replayed)
    before = contents(warehouse)["public.rejected_points"]
    assert without_resolved(contents(warehouse)) != without_resolved(expected)

    done = list(replay_points(warehouse, zone, ALL, 0.5))
    load_marts(warehouse)

    assert without_resolved(contents(warehouse)) == without_resolved(expected)
    assert [line for one in done for line in one.left] == []
    assert len(contents(warehouse)["public.rejected_points"]) == len(before)


# --- A thousand rejects, by the job, with a lake beside -----------------------------------------


@pytest.mark.long
def test_a_thousand_rejects_of_a_wrong_rule_are_as_if_it_had_been_right(
    former_version: FormerVersion,
    warehouse: Warehouse,
    zone: LandingZone,
    lake: Lake,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every file has some; each bucket is in two files, so that the second one took it."""
    start = datetime(2026, 11, 23, 22, 1, tzinfo=timezone.utc)
    for number in range(20):
        at = start + timedelta(minutes=13 * (number // 2) + number % 2)
        records = [
            coin(one, current_price=100 + number, last_updated=(at - _ago(one)).isoformat())
            for one in range(200)
        ]
        drop(zone, f"{number:02d}.json", landing_json(records, at))
    former_version.load()
    load_lake(warehouse, lake)
    ((rejects,),) = rows(warehouse, "SELECT count(*) FROM rejected_records")
    assert rejects > 1_000

    result = defs.resolve_job_def("replay_quarantine").execute_in_process()

    assert result.success
    assert rows(
        warehouse,
        "SELECT count(*), count(*) FILTER (WHERE resolved_batch_id = batch_id)"
        " FROM rejected_records",
    ) == [(rejects, rejects)]
    load_lake(warehouse, lake)
    assert compare_rows(warehouse, lake).differences == []
    assert wrong_rows(warehouse) == {}
    held = without_resolved(contents(warehouse))
    another = another_warehouse(monkeypatch)
    load_all()
    assert held == without_resolved(contents(another))


def _ago(one: int) -> timedelta:
    return timedelta(seconds=20 + one % 50)


# --- What is replayed, and what is left ---------------------------------------------------------


def quarantine(warehouse: Warehouse) -> list[tuple[object, ...]]:
    """Which records of which files wait, and from where the others came."""
    return rows(
        warehouse,
        "SELECT split_part(b.landing_file, '/', 4), r.record_index, r.rules,"
        " split_part(c.landing_file, '/', 4) FROM rejected_records AS r"
        " JOIN ingestion_batches AS b USING (batch_id)"
        " LEFT JOIN ingestion_batches AS c ON c.batch_id = r.resolved_batch_id ORDER BY 1, 2",
    )


def test_a_corrected_file_resolves_what_it_has_good(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    bad = [coin(0), coin(1, current_price=None), coin(2, id=""), coin(3, name=None)]
    drop(zone, "bad.json", landing_json(bad))
    # Another file of that moment, with other coins: it corrects nothing.
    drop(zone, "other.json", landing_json([coin(number) for number in range(10, 14)]))
    load_all()
    assert [row[1:] for row in quarantine(warehouse)] == [
        (1, ["price_present"], None),
        (2, ["id_present"], None),
        (3, ["name_present"], None),
    ]
    replay(warehouse, zone)
    assert {row[3] for row in quarantine(warehouse)} == {None}

    good = [coin(0), coin(1, current_price=7), coin(2), coin(3, name=None)]
    drop(zone, "good.json", landing_json(good))
    load_all()
    (done,) = replay(warehouse, zone)

    assert quarantine(warehouse) == [
        ("bad.json", 1, ["price_present"], "good.json"),
        ("bad.json", 2, ["id_present"], "good.json"),
        ("bad.json", 3, ["name_present"], None),
        ("good.json", 3, ["name_present"], None),
    ]
    assert (done.files[0].corrected, done.files[0].waiting, done.files[0].loaded) == (2, 1, 0)
    assert batches(warehouse)["bad.json"]["records_rejected"] == 3
    assert wrong_rows(warehouse) == {}


def test_a_point_is_resolved_by_a_later_file_that_has_its_bucket(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    header = "snapped_at,price,market_cap,total_volume\n"
    keep_import(zone, "a.csv", (header + "2026-01-01,,,\n2026-01-02,5,,").encode(), "one", "usd")
    load_all()
    assert rows(warehouse, "SELECT point_index FROM rejected_points") == [(0,)]
    list(replay_points(warehouse, zone, ALL, 0.5))
    keep_import(zone, "b.csv", (header + "2026-01-01,4,,\n2026-01-02,5,,").encode(), "one", "usd")
    load_all()
    list(replay_points(warehouse, zone, ALL, 0.5))
    assert rows(
        warehouse,
        "SELECT history_batch_id, resolved_history_batch_id, rules FROM rejected_points",
    ) == [(1, 2, ["price_present"])]


def test_only_what_is_asked_for_is_replayed(
    former_version: FormerVersion, warehouse: Warehouse, zone: LandingZone
) -> None:
    for number, (name, body) in enumerate(history(3)):
        if number < 9:
            drop(zone, name, body)
    former_version.load()
    waits = "SELECT count(*) FROM rejected_records WHERE resolved_at IS NULL"
    before = rows(warehouse, waits)
    replay(warehouse, zone, {"rules": ["name_present"], "since": None})
    assert rows(warehouse, waits) == before
    # April begins with the fourth file.
    april = datetime(2026, 4, 1, tzinfo=timezone.utc)
    replay(warehouse, zone, {"rules": ["price_positive"], "since": april})
    left = rows(
        warehouse,
        "SELECT ingested_at < '2026-04-01', rules FROM rejected_records"
        " JOIN ingestion_batches USING (batch_id)"
        " WHERE resolved_at IS NULL AND status = 'completed' AND 'price_positive' = ANY (rules)",
    )
    assert left
    assert {row[0] for row in left} == {True}
    assert wrong_rows(warehouse) == {}


def test_a_file_that_is_gone_or_another_is_left_and_named(
    former_version: FormerVersion, warehouse: Warehouse, zone: LandingZone
) -> None:
    for name, body in history(1):
        drop(zone, name, body)
    former_version.load()
    gone, changed = rows(
        warehouse,
        "SELECT DISTINCT landing_file FROM ingestion_batches JOIN rejected_records USING (batch_id)"
        " ORDER BY 1 LIMIT 2",
    )
    zone.file(gone[0]).uri.unlink()
    zone.file(changed[0]).uri.write_bytes(landing_json([coin(0)]))

    job = defs.resolve_job_def("replay_quarantine").execute_in_process(raise_on_error=False)

    (failure,) = [event for event in job.all_events if event.is_step_failure]
    told = one_line(failure)
    assert f"{gone[0]} cannot be read: put it back" in told
    assert f"{changed[0]} is not the file that was loaded" in told
    left = {path for (path, waits) in rows(warehouse, _WAITING) if waits}
    assert {gone[0], changed[0]} <= left
    assert len(left) < len(rows(warehouse, _WAITING))


_WAITING = """
SELECT landing_file, count(*) FILTER (WHERE resolved_at IS NULL AND rules = '{price_positive}')
FROM ingestion_batches JOIN rejected_records USING (batch_id) GROUP BY landing_file
"""


def test_a_failed_file_that_loads_later_resolves_what_is_good(
    former_version: FormerVersion, warehouse: Warehouse, zone: LandingZone
) -> None:
    """By a load as well, which tries failed files again."""
    drop(zone, "failed.json", landing_json([coin(n, current_price=4) for n in range(9)]))
    former_version.load()
    assert batches(warehouse)["failed.json"]["status"] == "failed"
    load_all()
    assert batches(warehouse)["failed.json"]["records_loaded"] == 9
    assert {row[3] for row in quarantine(warehouse)} == {"failed.json"}
    assert wrong_rows(warehouse) == {}


def test_what_a_replay_of_points_would_lose_is_left(
    former_version: FormerVersion, warehouse: Warehouse, zone: LandingZone
) -> None:
    """A file that is loaded and would fail by the rules as they are now."""
    land_charts(zone, 1, 0)
    former_version.load()
    points = "SELECT * FROM price_points WHERE crypto_id = 'one' ORDER BY 1, 2, 3, 4"
    before = rows(warehouse, points)
    done = list(replay_points(warehouse, zone, ALL, 0))
    left = [line for one in done for line in one.left]
    assert any("the points of one stay" in line and "would fail now" in line for line in left)
    assert before
    assert rows(warehouse, points) == before


def wrong_rows(warehouse: Warehouse) -> dict[str, str]:
    """What the audit finds wrong with the tables, by check."""
    audit = defs.resolve_job_def(AUDIT_JOB).execute_in_process()
    return {
        check.check_name: str(check.metadata)
        for check in audit.get_asset_check_evaluations()
        if not check.passed
        and check.check_name not in RULE_NAMES
        and check.check_name not in _OF_THE_DATA
        and check.severity.value == "ERROR"
    }
