"""The time bucket of a snapshot, for Python code that needs to know it without asking the database.

The definition is the SQL function ``round_to_snapshot_interval`` (``sql/migrations``), which the
tables' constraints use; this is its twin, and a property test holds the two together.
"""

from datetime import datetime, timedelta, timezone
from typing import Final

SNAPSHOT_INTERVAL: Final = timedelta(minutes=5)
"""The interval at which snapshots are kept."""

_DAY: Final = timedelta(days=1)
# A midnight: all multiples of an interval that divides a day can be counted from it.
_ORIGIN: Final = datetime(1, 1, 1, tzinfo=timezone.utc)


def round_to_snapshot_interval(
    observed_at: datetime, snapshot_interval: timedelta = SNAPSHOT_INTERVAL
) -> datetime:
    """Nearest multiple of the interval since midnight UTC, a tie upwards.

    ``timedelta`` counts in whole microseconds, so nothing is rounded but the result.

    Returns:
        The bucket, in UTC.

    Raises:
        ValueError: the interval does not divide a day, or the time has no zone.
        OverflowError: the nearest multiple lies after the year 9999.
    """
    if snapshot_interval <= timedelta(0) or _DAY % snapshot_interval:
        raise ValueError(f"a snapshot interval of {snapshot_interval} does not divide a day")
    if observed_at.utcoffset() is None:
        raise ValueError(f"{observed_at} has no time zone")
    since_origin = observed_at - _ORIGIN
    # Half of an odd number of microseconds is rounded down: the lower multiple is then the nearer.
    multiples = (since_origin + snapshot_interval // 2) // snapshot_interval
    return _ORIGIN + multiples * snapshot_interval
