"""The warehouse database: connections, the one transaction of a load, and the merge.

A transformation says which rows a table should hold; how they get there is known here alone: the
relation ``incoming_<table>`` is merged into the table, set-wise and idempotently (see ``merge``).
"""

import ipaddress
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import pq, sql
from psycopg.abc import PQGen, QueryNoTemplate
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq.abc import PGresult
from psycopg.rows import TupleRow, dict_row

from crypto_pipeline.config.redaction import redacted, remember
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.model.registry import Table
from crypto_pipeline.model.sql import SQL_FOLDER, read_sql
from crypto_pipeline.warehouse.embedded import embedded_socket_folder
from crypto_pipeline.warehouse.migrations import migrate

_logger = logging.getLogger(__name__)
# The command line silences the rest of the package.
_logger.setLevel(logging.WARNING)

_open_load: ContextVar[psycopg.Connection | None] = ContextVar("open_load", default=None)


def warehouse_conninfo(settings: Settings) -> str:
    """Connection string of the warehouse; starts the embedded server where that is the one.

    Raises:
        EmbeddedPostgresError: the embedded server cannot run.
        psycopg.OperationalError: the embedded server does not answer.
        psycopg.ProgrammingError: DATABASE_URL is no connection string.
        SecretError: a secret cannot be read.
    """
    if settings.database_url is not None:
        conninfo = settings.database_url.get_secret_value()
        if not _is_readable(conninfo):
            # None of it is shown: any part may be one of a password that was not escaped.
            raise psycopg.ProgrammingError(
                f"{settings.database_url.variable} is not a URL"
                " postgresql://USER:PASSWORD@HOST:PORT/DATABASE with a port from 1 to 65535: in the"
                " user and the password, write @ : / ? # % as %40 %3A %2F %3F %23 %25"
            )
        # As libpq understands it, without the escapes of a URL.
        remember(str(conninfo_to_dict(conninfo).get("password", "")))
        return make_conninfo(conninfo)
    if settings.db_host is not None:
        password = settings.db_password
        return make_conninfo(
            host=settings.db_host,
            port=settings.db_port,
            dbname=settings.database_name,
            user=settings.db_user,
            password=None if password is None else password.get_secret_value(),
            sslmode=settings.db_sslmode,
            sslrootcert=_text(settings.db_sslrootcert),
            sslcert=_text(settings.db_sslcert),
            sslkey=_text(settings.db_sslkey),
        )
    return _embedded_conninfo(settings.data_dir.absolute() / "postgres", settings.database_name)


def _is_readable(conninfo: str) -> bool:
    """Whether libpq reads a URL, or keywords and values, as they were meant."""
    try:
        parts = conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:
        return False
    ports = str(parts.get("port", "")).split(",")
    if not all(not port or (port.isdecimal() and 1 <= int(port) <= 65_535) for port in ports):
        return False
    # libpq ends the password at the first @, or before it at the first /. A host that begins with
    # an @ is an abstract socket.
    if any("@" in host[1:] for host in str(parts.get("host", "")).split(",")):
        return False
    if not conninfo.startswith(("postgresql://", "postgres://")):
        return True
    path = conninfo.partition("://")[2].partition("?")[0].partition("/")[2]
    return "@" not in path


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


@cache
def _embedded_conninfo(folder: Any, database: str) -> str:
    socket_folder = str(embedded_socket_folder(folder))
    server = make_conninfo(host=socket_folder, user="postgres", dbname="postgres")
    with psycopg.connect(server, autocommit=True) as connection:
        # Two processes may both find it missing; the second gets an error that it exists.
        exists = connection.execute("SELECT FROM pg_database WHERE datname = %s", [database])
        if exists.fetchone() is None:
            with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                create_database(connection, database)
    return make_conninfo(server, dbname=database)


def create_database(connection: psycopg.Connection, name: str) -> None:
    """Make an empty database on the embedded server, in which texts sort by their code points,
    whatever the locale in which the server was made.

    Raises:
        psycopg.errors.DuplicateDatabase: there is one.
    """
    # PostgreSQL has this locale of its own from version 17 on; before, the system's does for that.
    has_builtin = connection.info.server_version >= 170_000
    locale = (
        "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'" if has_builtin else "LOCALE 'C.UTF-8'"
    )
    connection.execute(
        sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' {} TEMPLATE template0").format(
            sql.Identifier(name), sql.SQL(locale)
        )
    )


# One statement: psycopg takes no answer of several.
_TRANSACTION_SETTINGS = b"""DO $$ BEGIN
    PERFORM set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO', true),
        set_config('search_path', 'public', true);
END $$"""


class _Connection(psycopg.Connection[TupleRow]):
    """A connection each transaction of which begins with our settings.

    Not the session: behind a pooler in transaction mode each transaction may have another session,
    and what it sets there would be another client's.
    """

    # psycopg has no place of its own for what goes with every BEGIN, explicit or not.
    def _exec_command(
        self, command: QueryNoTemplate, result_format: pq.Format = pq.Format.TEXT
    ) -> PQGen[PGresult | None]:
        result = yield from super()._exec_command(command, result_format)
        if isinstance(command, bytes) and command.startswith(b"BEGIN"):
            yield from super()._exec_command(_TRANSACTION_SETTINGS)
        return result


def connect(conninfo: str) -> psycopg.Connection:
    """Open a connection whose transactions are in UTC and see schema ``public``, whatever the
    server's or the role's defaults are. Outside a transaction (autocommit) those are in force."""
    with redacted():
        connection = _Connection.connect(
            conninfo,
            application_name="crypto-pipeline",
            # A prepared statement belongs to a session, see above.
            prepare_threshold=None,
        )
    if not connection.pgconn.ssl_in_use and _is_remote(connection.info.hostaddr):
        _warn_of_no_tls(connection.info.host)
    # A load that waited for the lock must see what the one before it wrote.
    connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    return connection


def _is_remote(address: str) -> bool:
    """Whether an IP address is that of another machine; a Unix socket has none."""
    return address != "" and not ipaddress.ip_address(address.partition("%")[0]).is_loopback


@cache
def _warn_of_no_tls(host: str) -> None:
    """Once a process."""
    _logger.warning(
        "the connection to PostgreSQL at %s is not encrypted: set DB_SSLMODE, or sslmode in"
        " DATABASE_URL, to verify-full",
        host,
    )


@cache
def _migrated(conninfo: str) -> None:
    migrate(lambda: connect(conninfo))


# Of the process, not of a thread: a bulk load works in several.
_of_run: str | None = None


def work_for_run(run_id: str) -> None:
    """Let the batches that this process writes from now on name a Dagster run."""
    global _of_run  # noqa: PLW0603
    _of_run = run_id


class Warehouse:
    """The PostgreSQL database that holds silver and gold.

    Where it is comes from the environment (see ``Settings``). The schema is brought up to date
    before the first connection.
    """

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """A connection for reading; what it changes is committed at the end."""
        with redacted():
            conninfo = warehouse_conninfo(Settings())
            _migrated(conninfo)
            with connect(conninfo) as connection:
                yield connection

    @contextmanager
    def work(self) -> Iterator[psycopg.Connection]:
        """A transaction set up for work on many rows."""
        with self.connection() as connection, connection.transaction():
            # Sorts and joins of many rows with many expressions: more memory than the default, and
            # no compiling, which costs more than it saves here.
            connection.execute("SET LOCAL work_mem = '64MB'")
            connection.execute("SET LOCAL jit = off")
            connection.execute(
                "SELECT set_config('crypto_pipeline.run_id', %s, true)", [_of_run or ""]
            )
            yield connection
            # A pooler keeps the session: a temporary view left in it would be in the way of the
            # next load, and of whoever drops or changes a table that it names.
            connection.execute("DISCARD TEMP")

    @contextmanager
    def load(self) -> Iterator[psycopg.Connection]:
        """The transaction of a load: all that is written inside becomes visible at once at the end,
        or never. A lock serialises loads. A load inside a load joins the outer one.
        """
        joined = _open_load.get()
        if joined is not None:
            yield joined
            return
        with self.work() as connection:
            connection.execute("SELECT lock_warehouse()")
            token = _open_load.set(connection)
            try:
                yield connection
            finally:
                _open_load.reset(token)


def copy_rows(
    connection: psycopg.Connection,
    table: str,
    columns: Sequence[str],
    rows: Iterator[Sequence[object]],
) -> None:
    """Send rows to a table by COPY."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor().copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def merge(connection: psycopg.Connection, table: Table) -> dict[str, int]:
    """Merge ``incoming_<table>`` into its table: by ``sql/merge/<table>.sql`` where it has a way of
    its own, else by its primary key (``merge_incoming`` in ``sql/migrations``).

    Returns:
        What happened, in rows: the one row that the file's last statement answers with.
    """
    own = f"merge/{table.name}.sql"
    with connection.cursor(row_factory=dict_row) as cursor:
        if (SQL_FOLDER / own).is_file():
            cursor.execute(read_sql(own))
        else:
            cursor.execute(
                "SELECT * FROM merge_incoming(%s::regclass, %s)", [table.qualified, table.upsert]
            )
        while cursor.nextset():
            pass
        row = cursor.fetchone()
    return {} if row is None else dict(row)
