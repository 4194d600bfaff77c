"""Maintenance: monthly partitions made ahead, and retention.

Each function is one transaction in which the warehouse changes as a whole or not at all, and
changes nothing when run again. The statements are functions of the database, in
``sql/migrations/0003_maintenance.sql``.
"""

import dagster as dg
import psycopg

from crypto_pipeline.settings import Settings
from crypto_pipeline.storage.postgres import Warehouse

MONTHS_AHEAD = 2
"""Months after the current one that have partitions before anything is loaded into them."""

_TRIES = 20
_SECONDS_BETWEEN_TRIES = 30

# The current month is that of the newest data: a warehouse that got nothing for a year, or that
# holds data of another time, loses nothing for that. The clock is the limit, so that a file with a
# wrong time cannot take all the rest away. The session is in UTC.
_FIRST_KEPT = """
SELECT date_trunc('month', least(now(), max(ingested_at))) - make_interval(months => %s)
FROM ingestion_batches
WHERE status = 'completed'
"""


def create_partitions_ahead(warehouse: Warehouse) -> list[str]:
    """Make the partitions of this month and of MONTHS_AHEAD more, so that no load has to.

    Returns:
        The partitions that were missing.

    Raises:
        psycopg.errors.LockNotAvailable: a query is in the way; nothing is done.
    """
    return _names(warehouse, "SELECT create_month_partitions_ahead(%s)", MONTHS_AHEAD)


def drop_old_months(warehouse: Warehouse, retention_months: int | None) -> list[str]:
    """Drop the whole months that lie more than ``retention_months`` before the current one.

    Args:
        warehouse: The warehouse.
        retention_months: None keeps everything.

    Returns:
        The partitions that were dropped.

    Raises:
        psycopg.errors.LockNotAvailable: a query is in the way; nothing is done.
    """
    if retention_months is None:
        return []
    return _names(warehouse, f"SELECT drop_months_before(({_FIRST_KEPT}))", retention_months)


def forget_batch_details(warehouse: Warehouse, retention_days: int) -> int:
    """Empty the details of the batches that were loaded more than ``retention_days`` ago.

    Returns:
        How many batches had any.
    """
    query = "SELECT forget_batch_details(now() - make_interval(days => %s))"
    with warehouse.load() as connection:
        row = connection.execute(query, [retention_days]).fetchone()
    assert row is not None
    return int(row[0])


def _names(warehouse: Warehouse, query: str, argument: int) -> list[str]:
    with warehouse.load() as connection:
        return [row[0] for row in connection.execute(query, [argument])]


@dg.op
def maintain_warehouse(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """Make the coming months' partitions, drop those past RETENTION_MONTHS, and empty the details
    of batches past BATCH_RETENTION_DAYS."""
    settings = Settings()
    try:
        created = create_partitions_ahead(warehouse)
        if created:
            context.log.info("created %s", ", ".join(created))
        dropped = drop_old_months(warehouse, settings.retention_months)
    except psycopg.errors.LockNotAvailable as error:
        context.log.warning("a query holds a table that must change: %s", error)
        raise dg.RetryRequested(_TRIES, _SECONDS_BETWEEN_TRIES) from error
    forgotten = forget_batch_details(warehouse, settings.batch_retention_days)
    context.add_output_metadata(
        {
            "months_ahead": MONTHS_AHEAD,
            "retention_months": settings.retention_months,
            "partitions_created": dg.JsonMetadataValue(created),
            "partitions_dropped": dg.JsonMetadataValue(dropped),
            "batch_retention_days": settings.batch_retention_days,
            "batches_emptied": forgotten,
        }
    )


MAINTENANCE_JOB = "maintenance"


@dg.job(
    name=MAINTENANCE_JOB,
    executor_def=dg.in_process_executor,
    description="Make the partitions of the coming months; drop what retention lets go.",
)
def maintenance() -> None:
    """Partitions ahead, and retention."""
    maintain_warehouse()
