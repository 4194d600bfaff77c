"""Loads that are killed, and loads at the same time: in the end the warehouse is as after one load
that nothing disturbed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from crypto_pipeline.partitions import partition_key
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline.storage.landing import LandingZone
from crypto_pipeline.storage.postgres import Warehouse
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import (
    another_warehouse,
    batches,
    contents,
    load_landing_zone,
    open_months,
    rows,
)
from crypto_pipeline_tests.waiting import wait_until

START = datetime(2024, 3, 5, 5, 0, 10, tzinfo=timezone.utc)
FILES = 30
LOAD = "load_landing_zone"
REPLAY = "replay_landing_zone"


class Jobs:
    """Jobs in processes of their own, see ``job_server``.

    Args:
        log: File for what they write.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        with log.open("wb") as stream:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "crypto_pipeline_tests.job_server"],
                cwd=Path(__file__).parents[1],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
            )

    def start(self, job: str, hour: datetime | None = None) -> int:
        """Start a job in the environment of this test; its process."""
        return self._answer(
            job=job,
            partition_key=None if hour is None else partition_key(hour),
            environment=dict(os.environ),
        )

    def end(self, process: int) -> None:
        """Wait for a job's process, which must end well."""
        code = self._answer(wait=process)
        # Dagster reports every event; what went wrong is between these lines.
        lines = self._log.read_text().splitlines()
        assert code == 0, "\n".join(line for line in lines if " - dagster - " not in line)

    def end_together(self, job: str, times: int) -> None:
        """Run a job several times at once; each must end well."""
        for process in [self.start(job) for _ in range(times)]:
            self.end(process)

    def kill(self, process: int) -> bool:
        """Kill a job's process; whether it had not ended before."""
        os.kill(process, signal.SIGKILL)
        return self._answer(wait=process) == -signal.SIGKILL

    def close(self) -> None:
        """End the server."""
        self._server.communicate()

    def _answer(self, **order: object) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    running = Jobs(tmp_path_factory.mktemp("jobs") / "log")
    yield running
    running.close()


def drop_files(zone: LandingZone) -> None:
    """Files of all sorts: duplicates between them, rejects, a coin renamed, one file cut off."""
    for number in range(FILES):
        # Less than a bucket apart, so that some records are for a bucket that is taken; in three
        # months, of which two are loaded at a time.
        at = START + number * timedelta(minutes=3) + number // 10 * timedelta(days=30)
        records = [
            market_record(
                id=f"coin-{coin}",
                symbol="old" if number < FILES // 2 else "new",
                name=f"Coin {coin}",
                current_price=number if coin == 3 else number + 1,
                last_updated=at.isoformat(),
            )
            for coin in range(5)
        ]
        # A price of 0 in the first file, and a name missing in every tenth.
        if number % 10 == 9:
            records[4]["name"] = None
        body = landing_json(records, at)
        path = drop(zone, f"{number:02d}.json", body[:-50] if number == FILES // 3 else body)
        # A file that cannot be read is filed under the time of its last change.
        os.utime(path.path, (at.timestamp(), at.timestamp()))


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
    for tenth in range(10):
        moment = duration * (tenth + seeded.random()) / 10
        new_landing_zone(f"killed-{tenth}", tmp_path, monkeypatch)
        disturbed = another_warehouse(monkeypatch)
        # By turns, months are built apart and merged into file by file.
        if tenth % 2:
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
        zone.file_loose()
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
        moments = [tenth**2 / 100 for tenth in range(10)]
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
        assert len(list(zone.files())) == 10

        jobs.end(jobs.start(LOAD))

    assert [batch["status"] for batch in batches(warehouse).values()] == ["completed"] * 10
    assert rows(
        warehouse,
        "SELECT count(*), count(DISTINCT batch_id) FROM analytics.fact_crypto_price_metrics",
    ) == [(10 * 98, 10)]
    after_kills = contents(warehouse)
    undisturbed = another_warehouse(monkeypatch)
    load_landing_zone()
    assert after_kills == contents(undisturbed)
