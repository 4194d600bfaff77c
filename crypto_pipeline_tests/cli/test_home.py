"""Dagster's home: beside the warehouse, and clean after a kill."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from sqlalchemy import make_url

from crypto_pipeline.cli.dagster_storage import is_the_warehouse
from crypto_pipeline.cli.home import PID_TAG, open_dagster_home, storage_url
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.warehouse.advisory_locks import AdvisoryLock, exclusive
from crypto_pipeline.warehouse.postgres import Warehouse, connect, warehouse_conninfo
from crypto_pipeline_tests.waiting import wait_until


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


def test_no_verb_waits_for_a_load_to_open_dagster(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load of the landing zone or of the lake takes minutes where there is much to do."""
    monkeypatch.setenv("PGOPTIONS", "-c lock_timeout=1s")
    with connect(warehouse_conninfo(Settings())) as holder:
        for lock in set(AdvisoryLock) - {AdvisoryLock.MIGRATION, AdvisoryLock.DAGSTER_TABLES}:
            holder.execute("SELECT pg_advisory_xact_lock(%s)", [lock])
        open_dagster_home(Settings()).dispose()
        holder.execute("SELECT pg_advisory_xact_lock(%s)", [AdvisoryLock.DAGSTER_TABLES])
        with pytest.raises(psycopg.errors.LockNotAvailable):
            open_dagster_home(Settings())


def test_two_first_starts_at_once_both_succeed(warehouse: Warehouse) -> None:
    """The second waits for the schema that the first one is making."""
    settings = Settings()
    with (
        connect(warehouse_conninfo(settings)) as first,
        ThreadPoolExecutor(1) as pool,
        connect(warehouse_conninfo(settings)) as watch,
    ):
        watch.autocommit = True
        with exclusive(first, AdvisoryLock.DAGSTER_TABLES):
            first.execute("CREATE SCHEMA dagster")
            second = pool.submit(lambda: open_dagster_home(settings).dispose())
            waiting = (
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN"
                " (SELECT pid FROM pg_stat_activity WHERE datname = current_database())"
            )
            assert wait_until(lambda: watch.execute(waiting).fetchone() == (1,), 10, 0.02)
        second.result(timeout=30)


@pytest.mark.long
def test_the_run_of_a_killed_process_holds_no_place(warehouse: Warehouse) -> None:
    with open_dagster_home(Settings()) as instance:
        demo = subprocess.Popen(
            [sys.executable, "-m", "crypto_pipeline.cli", "demo", "--days", "0", "--hours", "1000"],
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        started = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
        assert wait_until(lambda: bool(instance.get_runs(started)), 60, 0.02)
        os.killpg(demo.pid, signal.SIGKILL)
        demo.wait()
        assert instance.get_runs_count(started) == 1
    with open_dagster_home(Settings()) as instance:
        assert instance.get_runs_count(started) == 0
        assert instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE])) == 1


def test_a_run_whose_process_was_killed_before_it_began_is_over(warehouse: Warehouse) -> None:
    with open_dagster_home(Settings()) as instance:
        for name, tags in (
            ("dead", {PID_TAG: str(2**22 - 3)}),
            ("alive", {PID_TAG: str(os.getpid())}),
            ("of the UI", {}),
        ):
            run_id = str(uuid.uuid4())
            instance.add_run(dg.DagsterRun(job_name=name, run_id=run_id, tags=tags))
    with open_dagster_home(Settings()) as instance:
        status = {run.job_name: run.status.value for run in instance.get_runs()}
    assert status == {"dead": "FAILURE", "alive": "NOT_STARTED", "of the UI": "NOT_STARTED"}


@pytest.mark.parametrize("password", ["plain", "with space", "a+b", "p@ss:w/rd?%", "ü"])
def test_a_password_reaches_dagsters_storage_as_it_is(password: str) -> None:
    url = make_url(storage_url(make_conninfo(user="u s+r", password=password, host="h")))
    assert (url.username, url.password) == ("u s+r", password)


@pytest.fixture
def login(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection]:
    """A role that must give its password, and owns the test's database; the settings name it."""
    with psycopg.connect(warehouse_conninfo(Settings()), autocommit=True) as superuser:
        folder, database = superuser.info.host, superuser.info.dbname
        hba = Path((superuser.execute("SHOW hba_file").fetchone() or ("",))[0])
        before = hba.read_text()
        hba.write_text(f"local all rotating scram-sha-256\n{before}")
        superuser.execute("SELECT pg_reload_conf()")
        superuser.execute("CREATE ROLE rotating SUPERUSER LOGIN PASSWORD 'before'")
        monkeypatch.setenv("DB_HOST", folder)
        monkeypatch.setenv("DB_USER", "rotating")
        monkeypatch.setenv("DB_NAME", database)
        yield superuser
        hba.write_text(before)
        superuser.execute("SELECT pg_reload_conf()")
        superuser.execute("REASSIGN OWNED BY rotating TO postgres")
        superuser.execute("DROP ROLE rotating")


def test_a_rotated_password_reaches_dagsters_storage_without_a_restart(
    login: psycopg.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "password"
    secret.write_text("before")
    monkeypatch.setenv("DB_PASSWORD_FILE", str(secret))
    with open_dagster_home(Settings()) as instance:
        assert instance.get_runs_count() == 0
        login.execute("ALTER ROLE rotating PASSWORD 'after'")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect(warehouse_conninfo(Settings()))
        secret.write_text("after")
        assert instance.get_runs_count() == 0
        with Warehouse().connection() as connection:
            assert connection.info.user == "rotating"


@pytest.mark.usefixtures("login")
def test_only_the_warehouses_database_gets_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "before")
    ours = storage_url(warehouse_conninfo(Settings()))
    assert is_the_warehouse(ours)
    assert is_the_warehouse(ours.replace("before", "older"))
    assert not is_the_warehouse(ours.replace("/test_", "/another_test_"))
    # With a setting that is wrong, Dagster's storage is that of the URL.
    monkeypatch.setenv("COINGECKO_PLAN", "pro")
    assert not is_the_warehouse(ours)
