"""Keys of PostgreSQL's advisory locks in a warehouse's database: who waits for whom.

Two locks of one key are one lock, so all keys are here.
"""

import enum


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
    LAKE_LOAD = 7_233_006
    """A load of the lake by delta-rs."""
