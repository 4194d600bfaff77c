"""What a load has brought since some time, and what no audit has checked yet."""

from datetime import datetime, timezone
from typing import cast

import dagster as dg

from crypto_pipeline.automation import AUDIT_JOB
from crypto_pipeline.model.partitions import partition_key
from crypto_pipeline.warehouse.postgres import Warehouse


def last_audit(instance: dg.DagsterInstance) -> datetime | None:
    """When the last audit began that ended: what was loaded before, it has checked."""
    audits = instance.get_run_records(
        dg.RunsFilter(job_name=AUDIT_JOB, statuses=[dg.DagsterRunStatus.SUCCESS]), limit=1
    )
    if not audits or audits[0].start_time is None:
        return None
    return datetime.fromtimestamp(audits[0].start_time, timezone.utc)


def database_time() -> datetime:
    """The database's clock, by which a batch says when it was loaded."""
    with Warehouse().connection() as connection:
        row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    return cast(datetime, row[0])


def newest_batch() -> datetime | None:
    """When the batch that was written last was."""
    with Warehouse().connection() as connection:
        row = connection.execute("SELECT max(loaded_at) FROM ingestion_batches").fetchone()
    assert row is not None
    return cast(datetime | None, row[0])


def hours_loaded_since(time: datetime | None) -> str | None:
    """The hours of the batches written after a time, as the checks' tag."""
    with Warehouse().connection() as connection:
        row = connection.execute(
            "SELECT min(partition_hour), max(partition_hour) FROM ingestion_batches"
            " WHERE loaded_at > %(time)s OR %(time)s::timestamptz IS NULL",
            {"time": time},
        ).fetchone()
    assert row is not None
    return None if row[0] is None else "/".join(map(partition_key, row))
