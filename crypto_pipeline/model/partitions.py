"""The hours of the asset graph."""

from datetime import datetime, timezone

import dagster as dg

from crypto_pipeline.config.settings import graph_settings

# The current hour is a partition while it lasts: the source has only a present.
hourly = dg.HourlyPartitionsDefinition(
    start_date=graph_settings().history_start, timezone="UTC", end_offset=1
)


def partition_key(time: datetime) -> str:
    """Key of the hour in which a time lies."""
    return time.astimezone(timezone.utc).strftime("%Y-%m-%d-%H:00")


def partition_hour(key: str) -> datetime:
    """The hour (UTC) of a partition key."""
    return datetime.strptime(key, "%Y-%m-%d-%H:%M").replace(tzinfo=timezone.utc)
