"""Replays of the quarantine: in the end the warehouse is as if the rule had been right from the start."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crypto_pipeline.history.quarantine import replay_points
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.candles import load_candles_of_snapshots
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline.warehouse.quarantine import Replayed, Selection, replay_records
from crypto_pipeline_tests.former_version import FormerVersion
from crypto_pipeline_tests.histories import crowded, history, land_charts, load_all
from crypto_pipeline_tests.market_records import coin, drop, landing_json
from crypto_pipeline_tests.pipeline import Contents, another_warehouse, batches, contents, rows

ALL: Selection = {"rules": None, "since": None}

# A third of all records, and of the files with a price of 4, 7, 8 or 12 most records: too many.
WRONG = {
    '("current_price",), "current_price > 0", "price is not above 0"),': '("current_price",),'
    ' "current_price > 0 AND current_price NOT IN (4, 7, 8, 12, 77)'
    " AND mod(hashtext(concat(crypto_id, last_updated)), 3) <> 0"
    '", "price is not above 0"),',
    # The same of points.
    '("price",), "price > 0", "price is not above 0"),': '("price",), "price > 0 AND'
    ' mod(hashtext(concat(observed_at, price, ingested_at)), 3) <> 0", "price is not above 0"),',
}


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FormerVersion]:
    version = FormerVersion(tmp_path_factory.mktemp("former"), WRONG)
    yield version
    version.close()


def replay(
    warehouse: Warehouse, zone: LandingZone, selection: Selection = ALL, share: float = 0.5
) -> list[Replayed]:
    done = list(replay_records(warehouse, zone, selection, share))
    load_candles_of_snapshots(warehouse)
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


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("made", [history, crowded])
def test_a_replay_gives_what_the_right_rule_would_have(
    made: Callable[[int], Iterator[tuple[str, bytes]]],
    seed: int,
    wrong: FormerVersion,
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
        wrong.load()
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


@pytest.mark.parametrize("seed", range(5))
def test_a_replay_of_points_gives_what_the_right_rule_would_have(
    seed: int,
    wrong: FormerVersion,
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
        wrong.load()
        monkeypatch.setenv("DB_NAME", as_if)
        load_all()
    # What a later file has good is resolved by a replay, whatever the rule was.
    list(replay_points(right, zone, ALL, 0.5))
    expected = contents(right)
    monkeypatch.setenv("DB_NAME", replayed)
    before = contents(warehouse)["public.rejected_points"]
    assert without_resolved(contents(warehouse)) != without_resolved(expected)

    done = list(replay_points(warehouse, zone, ALL, 0.5))

    assert without_resolved(contents(warehouse)) == without_resolved(expected)
    assert [line for one in done for line in one.left] == []
    assert len(contents(warehouse)["public.rejected_points"]) == len(before)
