"""Dagster's home: its folder, and its tables beside the warehouse's in the same database."""

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

from crypto_pipeline.config.settings import Settings
from crypto_pipeline.landing.first_hour import remember_first_start
from crypto_pipeline.warehouse.advisory_locks import AdvisoryLock, exclusive
from crypto_pipeline.warehouse.postgres import connect, warehouse_conninfo

if TYPE_CHECKING:
    import dagster as dg

_TEMPLATE = Path(__file__).parent / "dagster.yaml"
_SCHEMA = "dagster"
CODE_LOCATION = "crypto_pipeline.definitions"
"""Name of the code location, as every workspace.yaml has it."""
PID_TAG = "crypto_pipeline/pid"
"""Tag of a run in the command line's own process: that process."""


class DagsterStorageError(RuntimeError):
    """Dagster's tables cannot be where they belong; the message says what to do."""


def open_dagster_home(settings: Settings) -> "dg.DagsterInstance":
    """Start what Dagster needs and point this process and its children at it.

    ``DAGSTER_HOME`` is respected where it is set; its ``dagster.yaml`` is made when missing. Runs
    and events are kept in schema ``dagster`` of the warehouse database.

    Raises:
        EmbeddedPostgresError: the embedded server cannot run.
        DagsterStorageError: there is no place for Dagster's tables, and this role may not make
            one, or a pooler is in the way of it.
        psycopg.Error: the database does not let us in.
    """
    import dagster as dg

    from crypto_pipeline.dagster_internals import keep_connections

    conninfo = warehouse_conninfo(settings)
    with connect(conninfo) as connection:
        connection.autocommit = True
        _ensure_schema(connection)
        _refuse_without_tables(connection)
    _refuse_lost_search_path(conninfo)
    home = Path(
        os.environ.get("DAGSTER_HOME")
        or settings.data_dir.absolute() / "dagster" / settings.database_name
    )
    home.mkdir(parents=True, exist_ok=True)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    remember_first_start(settings)
    config = home / "dagster.yaml"
    if not config.exists():
        config.write_text(_TEMPLATE.read_text(encoding="utf-8"), encoding="utf-8")
    # Children may start in another folder: what is relative to this one is made absolute.
    os.environ["DATA_DIR"] = str(settings.data_dir.absolute())
    os.environ["DAGSTER_HOME"] = str(home.absolute())
    os.environ["DAGSTER_POSTGRES_URL"] = storage_url(conninfo)
    # The first process makes Dagster's tables; several may start at once.
    with connect(conninfo) as connection, exclusive(connection, AdvisoryLock.DAGSTER_TABLES):
        instance = dg.DagsterInstance.get()
    keep_connections(instance)
    if settings.embedded:
        _fail_dead_runs(instance)
    return instance


def _fail_dead_runs(instance: "dg.DagsterInstance") -> None:
    """End the runs whose process was killed: they would hold their place in the pool. Only with the
    embedded server, where every run's process is on this machine."""
    import dagster as dg
    import psutil

    begun = (
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
    )
    for run in instance.get_runs(dg.RunsFilter(statuses=list(begun))):
        # The UI makes runs that it starts later.
        if run.status is not dg.DagsterRunStatus.STARTED and (
            PID_TAG not in run.tags or run.parent_run_id is not None
        ):
            continue
        records = instance.get_records_for_run(
            run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT
        ).records
        pids = [
            int(str(entry.value))
            for record in records
            if (event := record.event_log_entry.dagster_event) is not None
            for name, entry in event.engine_event_data.metadata.items()
            if name == "pid"
        ]
        # A run of the command line may have been killed before it said its process in an event. The
        # tag says it too, but a run re-executed in the UI has that of the first one.
        if not pids and PID_TAG in run.tags:
            pids = [int(run.tags[PID_TAG])]
        if pids and not any(psutil.pid_exists(pid) for pid in pids):
            instance.report_run_failed(run, "The run's process was killed.")


def _ensure_schema(connection: psycopg.Connection) -> None:
    # Not CREATE SCHEMA IF NOT EXISTS alone: that asks for the right to create even if it exists.
    if connection.execute("SELECT to_regnamespace(%s)", [_SCHEMA]).fetchone() == (None,):
        try:
            # One at a time: of two that find it missing, the second would fail.
            with exclusive(connection, AdvisoryLock.DAGSTER_TABLES):
                connection.execute("CREATE SCHEMA IF NOT EXISTS dagster")
        except psycopg.errors.InsufficientPrivilege:
            raise DagsterStorageError(
                f"database {connection.info.dbname} has no schema {_SCHEMA}, and role"
                f" {connection.info.user} may not make it: run sql/roles.sql, or have the owner"
                f" run CREATE SCHEMA {_SCHEMA} AUTHORIZATION {connection.info.user}"
            ) from None


def _refuse_without_tables(connection: psycopg.Connection) -> None:
    """Dagster makes its tables at the first start, by the role that will own them; the owner of the
    warehouse uses them for a replay."""
    usable = connection.execute(
        "SELECT has_schema_privilege(n.oid, 'CREATE') OR has_schema_privilege(n.oid, 'USAGE')"
        " AND EXISTS (SELECT FROM pg_class AS c WHERE c.relnamespace = n.oid"
        " AND c.relname = 'runs' AND has_table_privilege(c.oid, 'INSERT')),"
        " pg_get_userbyid(n.nspowner) FROM pg_namespace AS n WHERE n.nspname = %s",
        [_SCHEMA],
    ).fetchone()
    assert usable is not None
    may, owner = usable
    if not may:
        raise DagsterStorageError(
            f"role {connection.info.user} may not use Dagster's tables in schema {_SCHEMA}, or they"
            f" are not there yet: start the pipeline as {owner} once, and run sql/roles.sql"
        )


def _refuse_lost_search_path(conninfo: str) -> None:
    """Dagster's statements name no schema: a pooler that drops or refuses the search path would
    have its tables made wherever the role's own path points."""
    try:
        with psycopg.connect(conninfo, options=f"-csearch_path={_SCHEMA}") as connection:
            database, user = connection.info.dbname, connection.info.user
            path = connection.execute("SHOW search_path").fetchone()
    except psycopg.OperationalError as error:
        if "startup parameter" not in str(error):
            raise
        raise DagsterStorageError(
            "the connection pooler refuses the startup parameter `options`: set"
            " ignore_startup_parameters = extra_float_digits,options in pgbouncer.ini"
        ) from None
    if path != (_SCHEMA,):
        raise DagsterStorageError(
            f"the connection pooler drops the search path that Dagster's tables need: run"
            f" sql/roles.sql, or ALTER ROLE {user} IN DATABASE {database}"
            f" SET search_path = {_SCHEMA} (the pipeline's own connections do not use it), and"
            " then RECONNECT in pgbouncer's console"
        )


def storage_url(conninfo: str) -> str:
    """The same database for SQLAlchemy and psycopg2, with schema ``dagster`` as search path.

    Every parameter goes into the query part, which psycopg2 hands to libpq as it is: nothing has to
    be known about hosts, sockets or certificates.
    """
    parameters = {key: str(value) for key, value in conninfo_to_dict(conninfo).items()}
    database = parameters.pop("dbname", "")
    user, password = parameters.pop("user", ""), parameters.pop("password", "")
    # A run writes hundreds of events, each in a transaction of its own: they need not wait for the
    # disk. What a crash of the server loses of them, the next load reports again.
    parameters["options"] = f"-csearch_path={_SCHEMA} -csynchronous_commit=off"
    query = urlencode(parameters)
    # Not as in a query: here SQLAlchemy reads a plus as a plus, not as a space.
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    return f"postgresql+psycopg2://{login}@/{database}?{query}"
