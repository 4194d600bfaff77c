"""What most tests stand on: an environment of their own, and a real PostgreSQL.

One embedded server serves the whole session; a test that asks for ``warehouse`` gets a database of
its own on it, copied from one that was migrated once.
"""

import atexit
import contextlib
import itertools
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import hypothesis
import psycopg
import pytest
from hypothesis.database import DirectoryBasedExampleDatabase
from psycopg import sql
from psycopg.conninfo import make_conninfo

from crypto_pipeline.config import redaction, secret_references
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.lakehouse.delta import Lake
from crypto_pipeline.landing.first_hour import expect_hour
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.embedded import embedded_socket_folder
from crypto_pipeline.warehouse.migrations import migrate
from crypto_pipeline.warehouse.postgres import Warehouse, connect
from crypto_pipeline_tests.former_version import WRONG_RULES, FormerVersion
from crypto_pipeline_tests.jobs import Jobs
from crypto_pipeline_tests.s3_server import Bucket, S3Server, point_at

# A deadline would measure the machine; the examples' folder must not follow a test's chdir.
hypothesis.settings.register_profile(
    "crypto_pipeline",
    deadline=None,
    database=DirectoryBasedExampleDatabase(Path(__file__).parents[1] / ".hypothesis" / "examples"),
)
hypothesis.settings.load_profile("crypto_pipeline")

# In a shell's background it is ignored; Dagster would ignore SIGTERM too, and so would the programs
# that the tests start, and their helpers.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The graph is made once for all tests, with hours of their own and with a lake.
expect_hour(datetime(2022, 1, 1, tzinfo=timezone.utc))
_DATA_OF_THE_GRAPH = tempfile.mkdtemp(prefix="cp-graph-")
atexit.register(shutil.rmtree, _DATA_OF_THE_GRAPH, ignore_errors=True)
os.environ["DATA_DIR"] = _DATA_OF_THE_GRAPH
Path(_DATA_OF_THE_GRAPH, "lake", "crypto_warehouse").mkdir(parents=True)

_TEMPLATE = "migrated_template"

Fill = Callable[[Warehouse, LandingZone], object]
Filled = Callable[[Fill], Warehouse]
NewWarehouse = Callable[[], contextlib.AbstractContextManager[tuple[Warehouse, LandingZone]]]
_numbers = itertools.count(1)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: many tests wait for a process that they have started."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable and no ``.env`` of the developer reaches a test; what it writes stays in its own
    folder."""
    ours = {name.upper() for name in Settings.model_fields} | {"DAGSTER_HOME"}
    for name in list(os.environ):
        # PGHOST and the like are read by libpq, past the settings.
        if name.upper().removesuffix("_FILE") in ours or name.startswith("PG"):
            monkeypatch.delenv(name)
    # Nor does a secret that another test has read.
    monkeypatch.setattr(redaction, "_known", set())
    redaction._pattern.cache_clear()
    monkeypatch.setattr(secret_references, "_cached", {})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LANDING_ZONE_URI", str(tmp_path / "landing"))


@pytest.fixture(scope="session")
def postgres_folder() -> Path:
    """The ``DATA_DIR`` in which the session's embedded server runs.

    It lies in memory where there is room, because a new database is some 350 new files. Its path is
    short, as a Unix socket's must be. The server stops with this process, as in production, and the
    folder goes after it.
    """
    short = [Path("/dev/shm"), Path("/tmp"), Path(tempfile.gettempdir())]
    folder = Path(tempfile.mkdtemp(prefix="cp-", dir=next(filter(_has_room, short), None)))
    # Functions registered first run last: the server registers its end when it starts.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@pytest.fixture(scope="session")
def server_conninfo(postgres_folder: Path) -> str:
    """The session's server as its superuser, with the migrated template database in place."""
    socket_folder = embedded_socket_folder(postgres_folder / "postgres")
    server = make_conninfo(host=str(socket_folder), user="postgres", dbname="postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        # The data does not outlive the session: nothing to be durable for.
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
        connection.execute(f"CREATE DATABASE {_TEMPLATE} ENCODING 'UTF8' TEMPLATE template0")
    assert migrate(lambda: connect(make_conninfo(server, dbname=_TEMPLATE)))
    return server


@pytest.fixture
def empty_database(server_conninfo: str) -> Iterator[str]:
    """Connection string of a database without any table."""
    yield from _database(server_conninfo, "template0")


@pytest.fixture
def warehouse(
    postgres_folder: Path, server_conninfo: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Warehouse]:
    """A migrated, empty warehouse; the settings name it too."""
    monkeypatch.setenv("DATA_DIR", str(postgres_folder))
    for conninfo in _database(server_conninfo, _TEMPLATE):
        monkeypatch.setenv("DB_NAME", psycopg.conninfo.conninfo_to_dict(conninfo)["dbname"])
        yield Warehouse()


@pytest.fixture
def new_warehouse(
    postgres_folder: Path, server_conninfo: str, monkeypatch: pytest.MonkeyPatch
) -> NewWarehouse:
    """Makes empty warehouses with their landing zones; the settings name the newest."""
    monkeypatch.setenv("DATA_DIR", str(postgres_folder))

    @contextlib.contextmanager
    def make() -> Iterator[tuple[Warehouse, LandingZone]]:
        database = contextlib.contextmanager(_database)(server_conninfo, _TEMPLATE)
        with database as conninfo, tempfile.TemporaryDirectory() as landing:
            monkeypatch.setenv("DB_NAME", psycopg.conninfo.conninfo_to_dict(conninfo)["dbname"])
            monkeypatch.setenv("LANDING_ZONE_URI", landing)
            yield Warehouse(), LandingZone(landing)

    return make


@pytest.fixture(scope="session")
def fillings() -> dict[Fill, tuple[str, Path]]:
    """What ``filled`` has made: a template database and a copy of its landing zone."""
    return {}


@pytest.fixture
def filled(
    warehouse: Warehouse,
    zone: LandingZone,
    fillings: dict[Fill, tuple[str, Path]],
    server_conninfo: str,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Filled]:
    """The test's warehouse and zone as a function fills them, which is called once in a session:
    what it made is copied for every test that asks for the same.

    A function that does not depend on what the test has set is asked for, before all else.
    """
    with contextlib.ExitStack() as databases:

        def fill(how: Fill) -> Warehouse:
            landing = Path(Settings().landing_uri)
            if how not in fillings:
                how(warehouse, zone)
                landing.mkdir(exist_ok=True)
                template, kept = f"filled_{len(fillings)}", tmp_path_factory.mktemp("filled")
                shutil.copytree(landing, kept, dirs_exist_ok=True)
                _copy_database(server_conninfo, Settings().db_name, template)
                fillings[how] = template, kept
                return warehouse
            template, kept = fillings[how]
            shutil.copytree(kept, landing, dirs_exist_ok=True)
            database = contextlib.contextmanager(_database)(server_conninfo, template)
            name = psycopg.conninfo.conninfo_to_dict(databases.enter_context(database))["dbname"]
            monkeypatch.setenv("DB_NAME", str(name))
            return Warehouse()

        yield fill


@pytest.fixture
def zone(environment: None) -> LandingZone:
    """The landing zone that the settings name, empty."""
    return LandingZone(Settings().landing_uri)


@pytest.fixture
def command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the command line sets in its process goes with the test that runs it in this one."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", "")
    yield
    logging.getLogger("crypto_pipeline").setLevel(logging.NOTSET)


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake that is not there yet; the settings name it."""
    monkeypatch.setenv("LAKE_URI", str(tmp_path / "lake"))
    return Lake(str(tmp_path / "lake"))


@pytest.fixture(scope="session")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jobs]:
    """The session's server of jobs."""
    running = Jobs(tmp_path_factory.mktemp("jobs") / "log")
    yield running
    running.close()


@pytest.fixture(scope="session")
def former_version(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FormerVersion]:
    """The pipeline with wrong rules, which loads what waits where the settings say."""
    version = FormerVersion(tmp_path_factory.mktemp("former"), WRONG_RULES)
    yield version
    version.close()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """The session's S3 server."""
    server = S3Server()
    yield server
    server.stop()


@pytest.fixture
def bucket(
    environment: None, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bucket]:
    """An empty bucket on the S3 server, which the environment names."""
    point_at(s3_server, monkeypatch)
    s3_server.clear()
    yield Bucket(s3_server)
    s3_server.clear()


def _has_room(folder: Path) -> bool:
    return (
        folder.is_dir()
        and os.access(folder, os.W_OK | os.X_OK)
        and shutil.disk_usage(folder).free > 1_000_000_000
    )


def _database(server: str, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    _copy_database(server, template, name)
    yield make_conninfo(server, dbname=name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )


def _copy_database(server: str, template: str, name: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        # Four times as fast as the default strategy when nothing waits for the disk.
        connection.execute(
            sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
