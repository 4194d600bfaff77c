"""Keys of PostgreSQL's advisory locks in a warehouse's database: who waits for whom.

Two locks of one key are one lock, so all keys are here.
"""

import enum
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg


@enum.unique
class AdvisoryLock(enum.IntEnum):
    """What is done by one process at a time."""

    MIGRATION = 7_233_001
    """Bringing the schema up to date."""
    WAREHOUSE = 7_233_002
    """Writing silver and gold; the SQL function ``lock_warehouse()`` has it as a literal."""
    BULK_LOAD = 7_233_003
    """A load or replay of the landing zone, from its first file to its last."""
    SPARK_LOAD = 7_233_004
    """A load by Spark."""
    DAGSTER_TABLES = 7_233_005
    """Making Dagster's tables."""
    REQUESTS = 7_233_008
    """Taking a slot of a minute; the SQL function ``reserve_request`` has it as a literal."""
    LAKE_LOAD = 7_233_006
    """A load of the lake by delta-rs."""
    BACKUP = 7_233_009
    """A backup or a restore; in the server's database ``postgres``."""


@contextmanager
def exclusive(
    connection: psycopg.Connection, lock: AdvisoryLock, on_wait: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold a lock until the end of the block, on a connection that does nothing else meanwhile.

    It is a lock of a transaction, not of the session: behind a pooler in transaction mode the next
    transaction may have another session, and whoever has this one would keep the lock.

    Args:
        connection: In no transaction.
        lock: What to hold.
        on_wait: Called once if another one holds it.
    """
    with connection.transaction():
        # Idle while others work: a server may be set to end such a transaction.
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        free = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock]).fetchone()
        if free != (True,):
            on_wait()
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [lock])
        yield
