"""What the sandbox was asked: limits are applied by it, and tests read it."""

from collections import Counter, deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

MINUTE = 60.0
"""Seconds of real time in which requests are limited."""


class Asked(msgspec.Struct, frozen=True):
    """One request that the service had.

    Attributes:
        at: By its clock, UTC.
        seconds: By a real clock that only moves on.
        endpoint: Its path, with names in braces for what varies.
        path: Its path.
        query: Its parameters, without a key.
        status: What it was answered; 0 where the connection was broken instead.
    """

    at: datetime
    seconds: float
    endpoint: str
    path: str
    query: Mapping[str, str]
    status: int


class RequestCount:
    """The requests that a service had; credits and limits are counted by it."""

    def __init__(self) -> None:
        self.clear()

    @property
    def asked(self) -> list[Asked]:
        """All requests, in their order."""
        return list(self._requests)

    def add(self, request: Asked) -> None:
        """Count a request."""
        self._requests.append(request)
        self._recent.append(request.seconds)
        if request.status == 200:
            self._credits[_month(request.at)] += 1

    def clear(self) -> None:
        """Forget all."""
        self._requests: list[Asked] = []
        self._recent: deque[float] = deque()
        self._credits: Counter[str] = Counter()

    def in_the_minute_before(self, seconds: float) -> int:
        """How many there were in the minute before a moment of the real clock, which must not be
        earlier than that of the call before."""
        while self._recent and self._recent[0] <= seconds - MINUTE:
            self._recent.popleft()
        return len(self._recent)

    def credits_in(self, month: datetime) -> int:
        """Credits used in the month of a time: one for every answer with HTTP 200."""
        return self._credits[_month(month)]

    @property
    def busiest_minute(self) -> int:
        """The most requests of any minute of real time."""
        most, first = 0, 0
        times = [request.seconds for request in self._requests]
        for number, time in enumerate(times, 1):
            while times[first] <= time - MINUTE:
                first += 1
            most = max(most, number - first)
        return most

    def report(self) -> Mapping[str, Any]:
        """What there was, for people and tests; minutes and months are those of the clock, UTC."""
        requests = self.asked

        def count(of: Mapping[Any, int]) -> dict[str, int]:
            return {str(key): number for key, number in of.items()}

        return {
            "requests": len(requests),
            "by_endpoint": count(Counter(request.endpoint for request in requests)),
            "by_status": count(Counter(request.status for request in requests)),
            "by_minute": count(Counter(f"{r.at:%Y-%m-%dT%H:%MZ}" for r in requests)),
            "by_month": count(Counter(_month(request.at) for request in requests)),
            "credits_by_month": count(self._credits),
            "busiest_minute": self.busiest_minute,
        }


def month_ends_in(at: datetime) -> timedelta:
    """How long until the next month."""
    start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (start + timedelta(days=32)).replace(day=1) - at


def _month(at: datetime) -> str:
    return f"{at:%Y-%m}"
