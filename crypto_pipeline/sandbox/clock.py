"""The sandbox's clock, which can be started anywhere, run fast, and moved."""

import time
from datetime import datetime, timedelta, timezone


class SimulatedClock:
    """A clock that shows ``start + speed * elapsed``.

    Args:
        start: The first time it shows; by default the real time.
        speed: Simulated seconds in one real second; 0 stops the clock.

    Attributes:
        start: As given, in UTC; moving the clock does not change it.
        speed: As given.

    Raises:
        ValueError: ``start`` has no time zone, or ``speed`` is negative.
    """

    def __init__(self, start: datetime | None = None, speed: float = 1.0) -> None:
        if speed < 0:
            raise ValueError(f"the clock cannot run backwards: speed {speed}")
        self.start = datetime.now(timezone.utc) if start is None else _in_utc(start)
        self.speed = speed
        # One tuple, replaced as a whole: the server's thread may read while another one sets.
        self._origin = (self.start, time.monotonic())

    def now(self) -> datetime:
        """The simulated time, UTC."""
        origin, since = self._origin
        return origin + timedelta(seconds=self.speed * (time.monotonic() - since))

    def set(self, now: datetime) -> None:
        """Move the clock, forwards or backwards; it runs on from there at the same speed.

        Raises:
            ValueError: ``now`` has no time zone.
        """
        self._origin = (_in_utc(now), time.monotonic())


def iso_milliseconds(moment: datetime) -> str:
    """A UTC time as the API writes it: ``2026-11-24T05:00:00.123Z``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"a time needs a zone: {moment.isoformat()}")
    return moment.astimezone(timezone.utc)
