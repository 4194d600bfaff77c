"""The script for cron, in the environment that cron gives it."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.pipeline import another_warehouse, batches, contents, load_landing_zone
from crypto_pipeline_tests.waiting import wait_until

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
START = datetime(2024, 3, 5, 5, 0, 10, tzinfo=timezone.utc)


def start(home: Path, **variables: str) -> "subprocess.Popen[str]":
    """Start the script in a session of its own, with next to no environment."""
    environment = {
        "PIPELINE_HOME": str(home),
        "PIPELINE_VENV": sys.prefix,
        # Where this copy is not the one that is installed.
        "PYTHONPATH": str(ROOT),
        **variables,
    }
    return subprocess.Popen(
        [
            *("/usr/bin/env", "-i"),
            *(f"{name}={value}" for name, value in environment.items()),
            str(ROOT / "automation" / "run_pipeline.sh"),
        ],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(home: Path, **variables: str) -> tuple[int, str, str]:
    """Status, output and errors of the script."""
    process = start(home, **variables)
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors


def write_env(home: Path, names: tuple[str, ...]) -> None:
    (home / ".env").write_text("".join(f"{name}={os.environ[name]}\n" for name in names))


def test_two_at_once_one_works_and_a_killed_one_is_made_good(
    warehouse: Warehouse, zone: LandingZone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SandboxServer(Market(100), clock=SimulatedClock(START, speed=0)) as server:
        monkeypatch.setenv("COINGECKO_PLAN", "sandbox")
        monkeypatch.setenv("COINGECKO_BASE_URL", server.base_url)
        write_env(
            tmp_path,
            ("DATA_DIR", "DB_NAME", "LANDING_ZONE_URI", "COINGECKO_PLAN", "COINGECKO_BASE_URL"),
        )
        log = tmp_path / ".data" / "log" / "run_pipeline.log"
        first = start(tmp_path)
        deadline = time.monotonic() + 60
        assert wait_until(log.exists, 60, 0.01)
        assert run(tmp_path) == (
            75,
            "",
            "crypto-pipeline: another run is under way, this one did nothing\n",
        )
        assert wait_until(lambda: bool(list(zone.files())), deadline - time.monotonic(), 0.005), (
            log.read_text()
        )
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
        # The pipeline's own process was killed too, and takes a moment to go.
        with log.with_name("run_pipeline.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
        assert batches(warehouse) == {}

        # The next hour: what the killed run landed is of another one.
        server.clock.set(START.replace(hour=6))
        status, output, errors = run(tmp_path, PIPELINE_LOG_BYTES="1")

    assert (status, errors) == (0, ""), log.read_text()
    assert len(output.splitlines()) == 1
    assert "crypto-pipeline: done in" in output
    assert "98 loaded, 0 duplicate, 2 rejected" in output
    assert log.read_text().endswith(output)
    # The hour of the killed run, loaded first, and the hour itself.
    words = [line for line in log.read_text().splitlines() if re.match("Batch|Data quality", line)]
    assert len(words) == 2 * 3
    for batch, *failures in (words[:3], words[3:]):
        assert re.fullmatch(
            r"Batch \d+ completed: 98 loaded, 0 skipped \(duplicates\), 2 failed quality checks",
            batch,
        )
        for failure in failures:
            assert re.fullmatch(
                r"Data quality failure for crypto_id=sandbox-coin-\d+:"
                r" current_price has invalid value (null|0)",
                failure,
            )
    # It was turned; the first run's is the older one.
    assert "crypto-pipeline run" in log.with_name("run_pipeline.log.1").read_text()
    assert not log.with_name("run_pipeline.unfinished").exists()

    assert [batch["status"] for batch in batches(warehouse).values()] == ["completed"] * 2
    after_the_kill = contents(warehouse)
    undisturbed = another_warehouse(monkeypatch)
    load_landing_zone()
    assert contents(undisturbed) == after_the_kill


def test_a_run_that_fails_says_so_in_one_line_and_ends_as_it_did(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("COINGECKO_PLAN=demo\n")
    status, output, errors = run(tmp_path)
    assert (status, output) == (1, "")
    assert len(errors.splitlines()) == 1
    assert "failed with status 1" in errors
    assert "needs COINGECKO_API_KEY" in errors
    assert (tmp_path / ".data" / "log" / "run_pipeline.unfinished").exists()
