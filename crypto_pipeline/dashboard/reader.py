"""The dashboard's connection: as ``analytics_role``, read-only, for seconds at most."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import BoundedSemaphore

import psycopg
from psycopg.conninfo import make_conninfo

from crypto_pipeline.config.redaction import redacted
from crypto_pipeline.config.settings import SANDBOX_DATABASE, Settings
from crypto_pipeline.dashboard.queries import find_query
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse, connect, warehouse_conninfo

ROLE = "analytics_role"

_TIMEOUT = "10s"
_CONNECTIONS = 4
"""At a time: a page asks for several plots at once, and a server has only so many connections."""


class ReaderError(RuntimeError):
    """The database does not let us read as ``analytics_role``; the message says what to do."""


@dataclass(frozen=True)
class Reader:
    """Reads one database.

    Attributes:
        conninfo: Where it is.
        database: Its name.
    """

    conninfo: str
    database: str

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection]:
        """A transaction that reads, and ends by itself when a query takes too long.

        Raises:
            psycopg.Error: the database does not let us in.
        """
        with redacted(), _free, connect(self.conninfo) as connection:
            connection.read_only = True
            # In the transaction, not the session: a pooler may give each another one.
            connection.execute(
                "SELECT set_config('role', %s, true), set_config('statement_timeout', %s, true),"
                " set_config('default_transaction_read_only', 'on', true),"
                # Compiling costs more than it saves on what is this small.
                " set_config('jit', 'off', true)",
                [ROLE, _TIMEOUT],
            )
            yield connection

    def has_data(self) -> bool:
        """Whether there is anything to show."""
        with self.transaction() as connection:
            return bool(find_query("currencies_held").run(connection, {}).rows)


_free = BoundedSemaphore(_CONNECTIONS)


def open_reader(*, sandbox: bool) -> Reader:
    """Find the database to read, and see to it that it can be read.

    Args:
        sandbox: Whether the sandbox's is wanted. On the embedded server it is taken too where there
            is nothing else to show, as after the demo.

    Raises:
        ReaderError: it cannot be read as ``analytics_role``.
        EmbeddedPostgresError: the embedded server cannot run.
        SchemaBehindError: the schema is not the newest, and this role may not change it.
        psycopg.Error: the database does not let us in.
        SecretError: a secret cannot be read.
        ValidationError: a setting is wrong.
    """
    settings = Settings()
    if settings.embedded and settings.db_name is None:
        if sandbox:
            os.environ["DB_NAME"] = SANDBOX_DATABASE
        else:
            reader = _embedded_reader()
            if reader.has_data() or not _has_database(reader, SANDBOX_DATABASE):
                return reader
            os.environ["DB_NAME"] = SANDBOX_DATABASE
    return _embedded_reader() if settings.embedded else _reader_of_a_server(settings)


def _embedded_reader() -> Reader:
    """On the embedded server the role is made, which is a person's business elsewhere."""
    with Warehouse().connection() as connection:
        exists = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone()
        if exists is None:
            connection.execute("CREATE ROLE analytics_role LOGIN")
        may = connection.execute(
            "SELECT has_table_privilege(%s, 'v_pipeline_requests', 'SELECT')", [ROLE]
        ).fetchone()
        if may != (True,):
            connection.execute(read_sql("grants.sql").encode())
        database = connection.info.dbname
    return Reader(make_conninfo(warehouse_conninfo(Settings()), user=ROLE), database)


def _has_database(reader: Reader, name: str) -> bool:
    with reader.transaction() as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        return found.fetchone() is not None


def _reader_of_a_server(settings: Settings) -> Reader:
    conninfo = warehouse_conninfo(settings)
    with redacted(), connect(conninfo) as connection:
        user, database = connection.info.user, connection.info.dbname
        exists = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone()
        if exists is None:
            raise ReaderError(f"the server has no role {ROLE}: sql/roles.sql makes it")
        may = connection.execute("SELECT pg_has_role(%s, 'MEMBER')", [ROLE]).fetchone()
    if may != (True,):
        raise ReaderError(
            f"the dashboard reads as {ROLE}, which {user} may not be: set DATABASE_URL to"
            f" {ROLE}'s, or GRANT {ROLE} TO {user} (docs/DASHBOARD.md)"
        )
    reader = Reader(conninfo, database)
    with reader.transaction() as connection:
        there = connection.execute(
            "SELECT to_regclass('public.v_pipeline_requests') IS NOT NULL"
        ).fetchone()
    if there != (True,):
        raise ReaderError(
            f"database {database} is behind this version: run `crypto-pipeline migrate` as the"
            " owner of its tables (docs/SECURITY.md)"
        )
    return reader
