"""Schema migrations: forward only, applied at start, safe for any number of processes at once.

Alembic keeps the order and the record of what ran; what runs are the files in ``sql/migrations``.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine

_LOCK = 7_233_001
"""Key of the advisory lock that makes other processes wait while one migrates."""


@cache
def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    config.set_main_option("path_separator", "os")
    return config


@cache
def newest_revision() -> str:
    """Revision that a database has when it is up to date."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def migrate(connect: Callable[[], psycopg.Connection]) -> bool:
    """Bring the database to the newest revision, in one transaction.

    Args:
        connect: Opens a connection to the database.

    Returns:
        Whether there was anything to do.
    """
    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)
    with engine.begin() as connection:
        if _revision(connection) == newest_revision():
            return False
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        if _revision(connection) == newest_revision():
            return False
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True


def _revision(connection: Connection) -> str | None:
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
