"""Jobs, schedules and sensors."""

from collections.abc import Iterator
from datetime import timezone

import dagster as dg

from crypto_pipeline.partitions import hourly

HOURLY_JOB = "hourly_market_data"
INGEST_JOB = "ingest_market_data"

hourly_market_data = dg.define_asset_job(
    HOURLY_JOB,
    selection=dg.AssetSelection.groups("bronze", "silver", "gold"),
    partitions_def=hourly,
    description="Fetch the current hour; carry it through bronze, silver and gold; check it.",
    executor_def=dg.in_process_executor,
)
ingest_market_data = dg.define_asset_job(
    INGEST_JOB,
    selection=dg.AssetSelection.groups("bronze"),
    partitions_def=hourly,
    description="Fetch the current hour into the landing zone, and no further.",
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
    hour = context.scheduled_execution_time.astimezone(timezone.utc)
    yield dg.RunRequest(partition_key=hour.strftime("%Y-%m-%d-%H:00"))
