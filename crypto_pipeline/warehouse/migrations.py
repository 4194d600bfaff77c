"""Schema migrations: forward only, applied at start, safe for any number of processes at once.

Alembic keeps the order and the record of what ran; what runs are the files in ``sql/migrations``.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from crypto_pipeline.model.sql import SQL_FOLDER
from crypto_pipeline.warehouse.advisory_locks import AdvisoryLock

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, Engine


class SchemaBehindError(RuntimeError):
    """The schema is not the newest one, and this role may not change it; the message says who."""


@cache
def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    config.set_main_option("path_separator", "os")
    return config


@cache
def newest_revision() -> str:
    """Revision that a database has when it is up to date."""
    return max(path.stem for path in (SQL_FOLDER / "migrations").glob("*.sql"))


def migrate(connect: Callable[[], psycopg.Connection]) -> bool:
    """Bring the database to the newest revision, in one transaction.

    Args:
        connect: Opens a connection to the database.

    Returns:
        Whether there was anything to do.

    Raises:
        SchemaBehindError: there is, and the role may not do it.
        psycopg.Error: the database does not let us in, or a migration failed.
    """
    with connect() as connection:
        if visible_revision(connection) == newest_revision():
            return False
    # What follows takes half a second to import, and is seldom needed.
    from sqlalchemy import NullPool, create_engine
    from sqlalchemy.exc import DBAPIError

    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)
    try:
        return _migrate(engine)
    except (DBAPIError, psycopg.errors.InsufficientPrivilege) as error:
        # Statements reach the driver directly or through SQLAlchemy, which wraps its errors.
        cause = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(cause, psycopg.errors.InsufficientPrivilege):
            raise cause or error from None
        with connect() as connection:
            raise SchemaBehindError(_behind(connection)) from None


def visible_revision(connection: psycopg.Connection) -> str | None:
    """Revision of a database, ``none`` before its first; None if this role sees no tables of ours
    in it."""
    readable = connection.execute(
        "SELECT to_regclass('public.alembic_version') IS NOT NULL"
        " AND has_table_privilege('public.alembic_version', 'SELECT')"
    ).fetchone()
    if readable != (True,):
        return None
    row = connection.execute("SELECT version_num FROM public.alembic_version").fetchone()
    return "none" if row is None else str(row[0])


def _behind(connection: psycopg.Connection) -> str:
    info = connection.info
    revision = visible_revision(connection)
    has = "no tables of ours that this role can see" if revision is None else f"revision {revision}"
    return (
        f"database {info.dbname} has {has}, this version of the pipeline needs"
        f" {newest_revision()}, and role {info.user} may not change the schema:"
        " run `crypto-pipeline migrate` as the owner (docs/SECURITY.md)"
    )


def _migrate(engine: "Engine") -> bool:
    with engine.begin() as connection:
        if _revision(connection) == newest_revision():
            return False
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({AdvisoryLock.MIGRATION})")
        if _revision(connection) == newest_revision():
            return False
        from alembic import command

        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True


def _revision(connection: "Connection") -> str | None:
    # Not to_regclass(): it may answer from before the wait for the lock.
    known = connection.exec_driver_sql(
        "SELECT FROM pg_tables WHERE schemaname = 'public' AND tablename = 'alembic_version'"
    )
    if known.first() is None:
        return None
    revision: str | None = connection.exec_driver_sql(
        "SELECT version_num FROM public.alembic_version"
    ).scalar()
    return revision
