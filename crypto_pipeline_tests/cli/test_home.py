"""Dagster's home: beside the warehouse, and clean after a kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest
from psycopg.conninfo import make_conninfo
from sqlalchemy import make_url

from crypto_pipeline.cli.home import _storage_url, open_dagster_home
from crypto_pipeline.settings import Settings
from crypto_pipeline.storage.postgres import Warehouse


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # What open_dagster_home sets goes with the test.
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", "")


def test_runs_and_events_live_in_a_schema_of_the_warehouse(warehouse: Warehouse) -> None:
    with open_dagster_home(Settings()) as instance:
        assert instance.get_runs_count() == 0
    with warehouse.connection() as connection:
        assert connection.execute("SELECT to_regclass('dagster.event_logs')").fetchone() != (None,)
        assert connection.execute("SELECT to_regclass('public.event_logs')").fetchone() == (None,)


def test_a_dagster_yaml_of_the_users_own_is_left_alone(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with open_dagster_home(Settings()):
        pass
    assert (tmp_path / "home" / "dagster.yaml").read_text() == "telemetry:\n  enabled: false\n"


def test_the_run_of_a_killed_process_holds_no_place(warehouse: Warehouse) -> None:
    with open_dagster_home(Settings()) as instance:
        demo = subprocess.Popen(
            [sys.executable, "-m", "crypto_pipeline.cli", "demo", "--hours", "1000"],
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
        deadline = time.monotonic() + 60
        while not instance.get_runs(started):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(demo.pid, signal.SIGKILL)
        demo.wait()
        assert instance.get_runs_count(started) == 1
    with open_dagster_home(Settings()) as instance:
        assert instance.get_runs_count(started) == 0
        assert instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE])) == 1


@pytest.mark.parametrize("password", ["plain", "with space", "a+b", "p@ss:w/rd?%", "ü"])
def test_a_password_reaches_dagsters_storage_as_it_is(password: str) -> None:
    url = make_url(_storage_url(make_conninfo(user="u s+r", password=password, host="h")))
    assert (url.username, url.password) == ("u s+r", password)
