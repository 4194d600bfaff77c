"""The keys of the hourly partitions, and when their data is stale."""

from datetime import datetime, timedelta, timezone

# An hourly schedule that misses one run is late, one that misses two has failed.
STALE_AFTER = timedelta(hours=3)


def partition_key(time: datetime) -> str:
    """Key of the hour in which a time lies."""
    return time.astimezone(timezone.utc).strftime("%Y-%m-%d-%H:00")


def partition_hour(key: str) -> datetime:
    """The hour (UTC) of a partition key."""
    return datetime.strptime(key, "%Y-%m-%d-%H:%M").replace(tzinfo=timezone.utc)
