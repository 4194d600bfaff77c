"""Maintenance: monthly partitions made ahead, and retention.

Each function is one transaction in which the warehouse changes as a whole or not at all, and
changes nothing when run again. The statements are functions of the database, in
``sql/migrations/0003_maintenance.sql``.
"""

import time
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg

from crypto_pipeline.config.settings import Settings
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline.warehouse.resource import WarehouseResource

MONTHS_AHEAD = 2
"""Months after the current one that have partitions before anything is loaded into them."""

_TRIES = 20
_SECONDS_BETWEEN_TRIES = 30
_RUNS_AT_ONCE = 200
_RESULTS_AT_ONCE = 10_000

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
    """Drop the months that lie more than ``retention_months`` before the current one.

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


def purge_batch_details(warehouse: Warehouse, retention_days: int) -> int:
    """Empty the details of the batches that were loaded more than ``retention_days`` ago.

    Returns:
        How many batches had any.
    """
    query = "SELECT purge_batch_details(now() - make_interval(days => %s))"
    with warehouse.load() as connection:
        row = connection.execute(query, [retention_days]).fetchone()
    assert row is not None
    return int(row[0])


def drop_old_runs(
    warehouse: Warehouse, instance: dg.DagsterInstance, retention_days: int
) -> tuple[int, int]:
    """Delete Dagster's finished runs that were made more than ``retention_days`` ago, with their
    events and their output, and the results of checks of before. The newest materialization of each
    asset and partition and the newest result of each check stay.

    A transaction each few hundred runs: what was deleted when it dies stays so, and the next time
    goes on. Dagster has no interface for it: ``delete_run`` takes the materializations too.

    Returns:
        How many runs, and how many results. None, where Dagster's tables are in another database.
    """
    with warehouse.connection() as connection:
        if connection.execute("SELECT to_regclass('dagster.event_logs')").fetchone() == (None,):
            return 0, 0
    runs = results = 0
    while forgotten := _forget(warehouse, "runs", retention_days, _RUNS_AT_ONCE):
        for run_id in forgotten:
            instance.compute_log_manager.delete_logs(prefix=[run_id])
        runs += len(forgotten)
    while forgotten := _forget(warehouse, "check_executions", retention_days, _RESULTS_AT_ONCE):
        results += len(forgotten)
    return runs, results


def _forget(warehouse: Warehouse, what: str, days: int, at_once: int) -> list[Any]:
    with warehouse.connection() as connection:
        return [
            row[0]
            for row in connection.execute(
                read_sql(f"maintenance/forget_{what}.sql"), {"days": days, "at_once": at_once}
            )
        ]


def drop_old_logs(instance: dg.DagsterInstance, retention_days: int) -> int:
    """Delete the output of the runs whose last line is more than ``retention_days`` old, from the
    folder in which Dagster keeps it by default.

    Returns:
        Of how many runs.
    """
    oldest = time.time() - retention_days * 86400
    storage = Path(instance.storage_directory())
    folders = storage.glob("*/compute_logs") if storage.is_dir() else ()
    old = [
        folder.parent.name
        for folder in folders
        if max(path.stat().st_mtime for path in (folder, *folder.rglob("*"))) < oldest
    ]
    for run_id in old:
        instance.compute_log_manager.delete_logs(prefix=[run_id])
    return len(old)


def _names(warehouse: Warehouse, query: str, argument: int) -> list[str]:
    with warehouse.load() as connection:
        return [row[0] for row in connection.execute(query, [argument])]


@dg.op
def maintain_warehouse(context: dg.OpExecutionContext, warehouse: WarehouseResource) -> None:
    """Make the coming months' partitions, drop those past RETENTION_MONTHS, empty the details of
    batches past BATCH_RETENTION_DAYS, and delete Dagster's runs and results of checks past
    RUN_RETENTION_DAYS and the output of runs past LOG_RETENTION_DAYS."""
    settings = Settings()
    try:
        created = create_partitions_ahead(warehouse)
        if created:
            context.log.info("created %s", ", ".join(created))
        dropped = drop_old_months(warehouse, settings.retention_months)
    except psycopg.errors.LockNotAvailable as error:
        context.log.warning("a query holds a table that must change: %s", error)
        raise dg.RetryRequested(_TRIES, _SECONDS_BETWEEN_TRIES) from error
    purged = purge_batch_details(warehouse, settings.batch_retention_days)
    runs, results = drop_old_runs(warehouse, context.instance, settings.run_retention_days)
    context.add_output_metadata(
        {
            "months_ahead": MONTHS_AHEAD,
            "retention_months": settings.retention_months,
            "partitions_created": dg.JsonMetadataValue(created),
            "partitions_dropped": dg.JsonMetadataValue(dropped),
            "batch_retention_days": settings.batch_retention_days,
            "batches_emptied": purged,
            "run_retention_days": settings.run_retention_days,
            "runs_deleted": runs,
            "check_results_deleted": results,
            "outputs_deleted": drop_old_logs(context.instance, settings.log_retention_days),
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
