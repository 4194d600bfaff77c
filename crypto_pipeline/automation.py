"""Jobs and schedules."""

from collections.abc import Iterator

import dagster as dg

from crypto_pipeline.maintenance import maintenance
from crypto_pipeline.partitions import partition_key

HOURLY_JOB = "hourly_market_data"
INGEST_JOB = "ingest_market_data"
AUDIT_JOB = "audit"

hourly_market_data = dg.define_asset_job(
    HOURLY_JOB,
    selection=dg.AssetSelection.groups("bronze", "silver", "gold"),
    description="Fetch the current hour; carry it through bronze, silver and gold; check it.",
    executor_def=dg.in_process_executor,
)
ingest_market_data = dg.define_asset_job(
    INGEST_JOB,
    selection=dg.AssetSelection.groups("bronze").without_checks(),
    description="Fetch the current hour into the landing zone, and no further.",
    executor_def=dg.in_process_executor,
)
audit = dg.define_asset_job(
    AUDIT_JOB,
    selection=dg.AssetSelection.all_asset_checks(),
    description="Check all that the warehouse holds.",
    executor_def=dg.in_process_executor,
)


@dg.schedule(
    cron_schedule="0 * * * *",
    job=hourly_market_data,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def hourly_schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """At minute 0, the hour that has just begun: the source has only a present."""
    yield dg.RunRequest(partition_key=partition_key(context.scheduled_execution_time))


@dg.schedule(
    cron_schedule="30 3 * * *",
    job=audit,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def nightly_audit(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Every night, every check over all hours: a run of an hour looks at that hour only."""
    return dg.RunRequest()


@dg.schedule(
    cron_schedule="15 2 * * *",
    job=maintenance,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def nightly_maintenance(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Every night, before the audit: it should judge what will be kept."""
    return dg.RunRequest()
