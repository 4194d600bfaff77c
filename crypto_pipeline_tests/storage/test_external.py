"""A PostgreSQL that is not ours: any version that Debian installed here, with settings unlike ours,
no superuser, and a connection pooler in transaction mode before it.

``TEST_POSTGRES_BIN`` names the folder of another server's programs.
"""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from crypto_pipeline.cli.home import DagsterStorageError, open_dagster_home
from crypto_pipeline.maintenance import create_partitions_ahead
from crypto_pipeline.settings import Settings
from crypto_pipeline.storage.landing import LandingZone
from crypto_pipeline.storage.postgres import Warehouse
from crypto_pipeline.storage.sql import SQL_FOLDER
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import contents, load_landing_zone, rows

_PASSWORD = "p'ss:w/rd &%"
_BOUNCER = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
_FOLDERS = [Path(os.environ["TEST_POSTGRES_BIN"])] if "TEST_POSTGRES_BIN" in os.environ else []
_SERVERS = _FOLDERS or sorted(
    folder
    for folder in Path("/usr/lib/postgresql").glob("*/bin")
    if int(folder.parent.name) >= 15 and (folder / "initdb").exists()
)

pytestmark = pytest.mark.skipif(
    not _SERVERS,
    reason="no PostgreSQL 15 or newer in /usr/lib/postgresql; TEST_POSTGRES_BIN names another",
)

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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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


@pytest.fixture(
    scope="module", params=_SERVERS, ids=lambda folder: f"PostgreSQL {folder.parent.name}"
)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server whose defaults are not ours, with a database of ``dba``, who is no superuser."""
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
    found = Server(folder, _free_port())
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
    port = _free_port()
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
default_pool_size = 2
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


def crypto_pipeline(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "crypto_pipeline.cli", *arguments],
        env={**os.environ, "COLUMNS": "120", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_load_by_roles_without_a_superuser_is_as_on_the_embedded_server(
    server: Server, warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = market_record(name="Bitcoin II", last_updated="2026-11-24T05:55:00Z")
    drop(zone, "a.json", landing_json([market_record(), market_record(id="x", symbol="x")]))
    drop(zone, "b.json", landing_json([later], "2026-11-24T06:00:00Z"))
    load_landing_zone()
    expected = contents(warehouse)

    behind = crypto_pipeline("status", DATABASE_URL=server.url("etl_role"))
    assert behind.returncode == 1
    assert len(behind.stderr.strip().splitlines()) == 1
    assert "run `crypto-pipeline migrate` as the owner" in behind.stderr
    monkeypatch.setenv("DATABASE_URL", server.url("crypto_owner"))
    with Warehouse().connection():
        pass

    monkeypatch.setenv("DATABASE_URL", server.url("etl_role"))
    load_landing_zone()
    external = Warehouse()
    assert contents(external) == expected
    assert create_partitions_ahead(external)
    assert rows(external, "SHOW search_path") == [("public",)]
    assert rows(external, "SHOW transaction_isolation") == [("read committed",)]
    assert rows(external, "SHOW DateStyle") == [("ISO, DMY",)]


def test_an_hour_through_a_pooler_in_transaction_mode(
    server: Server, pooler_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command as for the embedded server; Dagster's tables are where they belong."""
    with psycopg.connect(
        server.conninfo("root_of_all", "postgres"), autocommit=True
    ) as administrator:
        administrator.execute("CREATE DATABASE one_role OWNER etl_role TEMPLATE template0")
        url = server.url("etl_role", "one_role", pooler_port)
        monkeypatch.setenv("DATABASE_URL", url)
        # As the README has it, with one role: nothing has told the server of Dagster's schema yet.
        with pytest.raises(
            DagsterStorageError, match="ALTER ROLE etl_role IN DATABASE one_role SET"
        ):
            open_dagster_home(Settings())
        administrator.execute("ALTER ROLE etl_role IN DATABASE one_role SET search_path = dagster")
    with psycopg.connect(
        server.conninfo("crypto_owner", "pgbouncer", pooler_port), autocommit=True
    ) as console:
        console.execute("RECONNECT")

    done = crypto_pipeline("demo", "--hours", "1", DATABASE_URL=url)

    assert done.returncode == 0, done.stdout + done.stderr
    assert rows(
        Warehouse(), "SELECT to_regclass('dagster.runs')::text, to_regclass('public.runs')"
    ) == [("dagster.runs", None)]


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
