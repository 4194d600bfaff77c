"""Loads that are killed, and loads at the same time: in the end the warehouse is as after one load
that nothing disturbed."""

import random
import time
from datetime import timedelta
from pathlib import Path

import pytest

from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.former_version import FormerVersion
from crypto_pipeline_tests.histories import history
from crypto_pipeline_tests.jobs import START, Jobs, drop_files
from crypto_pipeline_tests.market_records import drop
from crypto_pipeline_tests.pipeline import (
    another_warehouse,
    batches,
    contents,
    load_landing_zone,
    open_months,
    rows,
)
from crypto_pipeline_tests.waiting import wait_until

pytestmark = pytest.mark.long

LOAD = "load_landing_zone"
REPLAY = "replay_landing_zone"
QUARANTINE = "replay_quarantine"


def new_landing_zone(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LandingZone:
    """A landing zone with the files; from here on the settings name it."""
    monkeypatch.setenv("LANDING_ZONE_URI", str(tmp_path / name))
    zone = LandingZone(str(tmp_path / name))
    drop_files(zone)
    return zone


def test_a_killed_load_is_finished_by_the_next(
    jobs: Jobs, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever it is killed: while it makes the database, files what was dropped, loads silver,
    loads gold."""
    durations = []
    for name in ("cold", "warm"):
        new_landing_zone(name, tmp_path, monkeypatch)
        undisturbed = another_warehouse(monkeypatch)
        began = time.perf_counter()
        jobs.end(jobs.start(LOAD))
        durations.append(time.perf_counter() - began)
    duration = min(durations)
    expected = contents(undisturbed)
    assert {batch["status"] for batch in expected["public.ingestion_batches"]} == {
        "completed",
        "failed",
    }
    assert len(expected["public.rejected_records"]) == 4

    seeded = random.Random(20241124)
    alive = 0
    for seventh in range(7):
        moment = duration * (seventh + seeded.random()) / 7
        new_landing_zone(f"killed-{seventh}", tmp_path, monkeypatch)
        disturbed = another_warehouse(monkeypatch)
        # Alternately, months are built as detached tables and merged into file by file.
        if seventh % 2:
            open_months(disturbed, [START + number * timedelta(days=30) for number in range(3)])
        process = jobs.start(LOAD)
        time.sleep(moment)
        alive += jobs.kill(process)

        jobs.end(jobs.start(LOAD))

        assert contents(disturbed) == expected, f"killed after {moment:.3f} of {duration:.3f} s"
    # The later moments may come after the end, where the machine was slower before.
    assert alive >= 3


def test_a_killed_replay_is_finished_by_the_next(
    jobs: Jobs, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_landing_zone("zone", tmp_path, monkeypatch)
    jobs.end(jobs.start(LOAD))
    expected = contents(warehouse)
    began = time.perf_counter()
    jobs.end(jobs.start(REPLAY))
    duration = time.perf_counter() - began
    assert contents(warehouse) == expected

    seeded = random.Random(20241125)
    alive = 0
    for fifth in range(5):
        process = jobs.start(REPLAY)
        time.sleep(duration * (fifth + seeded.random()) / 5)
        alive += jobs.kill(process)
    jobs.end(jobs.start(REPLAY))

    assert contents(warehouse) == expected
    assert alive >= 2


def test_a_killed_replay_of_the_quarantine_is_finished_by_the_next(
    former_version: FormerVersion,
    jobs: Jobs,
    warehouse: Warehouse,
    zone: LandingZone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, body in history(11):
        drop(zone, name, body)
    former_version.load()
    waits = "SELECT count(*) FROM rejected_records WHERE resolved_at IS NULL"
    before, seen = rows(warehouse, waits), set()
    seeded = random.Random(20261127)
    for _ in range(12):
        process = jobs.start(QUARANTINE)
        time.sleep(seeded.random())
        jobs.kill(process)
        seen.add(rows(warehouse, waits)[0][0])
    # Some were killed in the middle.
    assert len(seen - {before[0][0], 0}) >= 1
    jobs.end(jobs.start(QUARANTINE))
    held = contents(warehouse)

    another = another_warehouse(monkeypatch)
    jobs.end(jobs.start(LOAD))
    expected = contents(another)
    for one in (held, expected):
        one["public.rejected_records"] = [
            row for row in one["public.rejected_records"] if row["resolved_at"] is None
        ]
    assert held == expected


def test_two_replays_at_the_same_time_are_as_one(
    jobs: Jobs, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_landing_zone("zone", tmp_path, monkeypatch)
    jobs.end(jobs.start(LOAD))
    expected = contents(warehouse)
    jobs.end_together(REPLAY, 2)
    assert contents(warehouse) == expected


@pytest.mark.parametrize("filed", [True, False], ids=["filed files", "dropped files"])
def test_two_loads_at_the_same_time_are_as_one(
    filed: bool, jobs: Jobs, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_landing_zone("one", tmp_path, monkeypatch)
    jobs.end(jobs.start(LOAD))
    expected = contents(warehouse)

    zone = new_landing_zone("two", tmp_path, monkeypatch)
    if filed:
        zone.file_unfiled()
    loaded_twice = another_warehouse(monkeypatch)
    jobs.end_together(LOAD, 2)

    assert contents(loaded_twice) == expected


def test_a_file_landed_before_the_kill_is_loaded_later(
    jobs: Jobs, warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SandboxServer(Market(100), clock=SimulatedClock(START, speed=0)) as server:
        monkeypatch.setenv("COINGECKO_PLAN", "sandbox")
        monkeypatch.setenv("COINGECKO_BASE_URL", server.base_url)
        alive = 0
        # Seconds after the file's appearance; the rest of the run takes about a second.
        moments = [seventh**2 / 50 for seventh in range(7)]
        for number, seconds in enumerate(moments):
            hour = START + number * timedelta(hours=1)
            server.clock.set(hour)
            process = jobs.start("hourly_market_data", hour)
            assert wait_until(lambda before=number: len(list(zone.files())) != before, 30, 0.002), (
                "the run landed no file"
            )
            time.sleep(seconds)
            alive += jobs.kill(process)
        assert alive >= 3
        assert len(list(zone.files())) == len(moments)

        jobs.end(jobs.start(LOAD))

    assert [batch["status"] for batch in batches(warehouse).values()] == ["completed"] * 7
    assert rows(
        warehouse,
        "SELECT count(*), count(DISTINCT batch_id) FROM analytics.fact_crypto_price_metrics",
    ) == [(7 * 98, 7)]
    after_kills = contents(warehouse)
    undisturbed = another_warehouse(monkeypatch)
    load_landing_zone()
    assert after_kills == contents(undisturbed)
