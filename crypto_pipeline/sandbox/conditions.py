"""What a test asks of the sandbox beyond the usual: reach, losses, life cycles, limits.

Set as a whole, by the server's owner or by ``POST /sandbox/conditions``."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any

import msgspec
from msgspec import Meta

_Time = Annotated[datetime, Meta(tz=True)]
_LAST = datetime.max.replace(tzinfo=timezone.utc)


class Outage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A time in which the service answers 503, by its clock."""

    start: _Time
    end: _Time


class Absence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A time in which a coin is not listed: delisted at its start, listed again at its end."""

    coin: str
    start: _Time
    end: _Time = _LAST


class Rename(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A coin's symbol and name from a time on."""

    coin: str
    at: _Time
    symbol: str
    name: str


class Successor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From a time on, a coin is listed under another id, with the same contract address."""

    coin: str
    at: _Time
    successor: str


class Restatement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From a time on, the charts say the prices of a coin before another time multiplied."""

    coin: str
    at: _Time
    before: _Time
    factor: float


class Conditions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them.

    Attributes:
        reach_days: How many days back charts are answered; None is without end.
        lost_share: Share of the hours that the charts of a coin do not have, ever.
        lost: Hours (their starts) that the charts of no coin have.
        outages: When the service is down.
        absences: When a coin is not listed.
        renames: When a coin is renamed.
        successors: When a coin gets another id.
        restatements: When past points change.
        requests_per_minute: More in a minute of real time are answered 429.
        credits_per_month: More in a month of the clock are answered 429.
    """

    reach_days: int | None = None
    lost_share: Annotated[float, Meta(ge=0, le=1)] = 0.0
    lost: tuple[_Time, ...] = ()
    outages: tuple[Outage, ...] = ()
    absences: tuple[Absence, ...] = ()
    renames: tuple[Rename, ...] = ()
    successors: tuple[Successor, ...] = ()
    restatements: tuple[Restatement, ...] = ()
    requests_per_minute: int | None = None
    credits_per_month: int | None = None

    def is_down(self, at: datetime) -> bool:
        """Whether the service is down at a time."""
        return any(outage.start <= at < outage.end for outage in self.outages)

    def is_listed(self, coin: str, at: datetime) -> bool:
        """Whether a coin is listed at a time."""
        return not any(
            absence.coin == coin and absence.start <= at < absence.end for absence in self.absences
        )

    def id_at(self, coin: str, at: datetime) -> str:
        """The id under which a coin is listed at a time."""
        for change in self.successors:
            if change.coin == coin and change.at <= at:
                return change.successor
        return coin

    def coin_of(self, id: str, at: datetime) -> str | None:
        """The coin that has an id at a time; None of an id that is gone."""
        for change in self.successors:
            if change.successor == id:
                return change.coin if change.at <= at else None
            if change.coin == id and change.at <= at:
                return None
        return id

    def name_at(self, coin: str, at: datetime) -> tuple[str, str] | None:
        """The symbol and name that a coin was given, None if it was given none."""
        given = [one for one in self.renames if one.coin == coin and one.at <= at]
        newest = max(given, key=lambda one: one.at, default=None)
        return None if newest is None else (newest.symbol, newest.name)

    def factor(self, coin: str, observed_at: datetime, asked_at: datetime) -> float:
        """By what a chart multiplies a past price."""
        factor = 1.0
        for one in self.restatements:
            if one.coin == coin and one.at <= asked_at and observed_at < one.before:
                factor *= one.factor
        return factor


class ConditionsError(ValueError):
    """Conditions that are not valid; the message names the place."""


def decode_conditions(body: bytes) -> Conditions:
    """Read conditions from JSON.

    Raises:
        ConditionsError: they are none.
    """
    try:
        return msgspec.json.decode(body, type=Conditions)
    except msgspec.DecodeError as error:
        raise ConditionsError(str(error)) from None


class Request(msgspec.Struct, frozen=True):
    """One request that the service had.

    Attributes:
        at: By its clock, UTC.
        seconds: By a real clock that only moves on.
        endpoint: Its path, with names in braces for what varies.
        status: What it was answered.
    """

    at: datetime
    seconds: float
    endpoint: str
    status: int


class RequestCount:
    """The requests that a service had; credits and limits are counted by it."""

    def __init__(self) -> None:
        self._requests: list[Request] = []

    def add(self, request: Request) -> None:
        """Count a request."""
        self._requests.append(request)

    def clear(self) -> None:
        """Forget all."""
        self._requests.clear()

    def in_the_minute_before(self, seconds: float) -> int:
        """How many there were in the minute before a moment of the real clock."""
        return sum(request.seconds > seconds - 60 for request in self._requests)

    def credits_in(self, month: datetime) -> int:
        """Credits used in the month of a time: one for every answer with HTTP 200."""
        return sum(
            (request.at.year, request.at.month) == (month.year, month.month)
            and request.status == 200
            for request in self._requests
        )

    @property
    def busiest_minute(self) -> int:
        """The most requests of any minute of real time."""
        times = [request.seconds for request in self._requests]
        return max(
            (sum(start <= time < start + 60 for time in times) for start in times), default=0
        )

    def report(self) -> Mapping[str, Any]:
        """What there was, for people and tests."""
        return {
            "requests": len(self._requests),
            "by_endpoint": dict(Counter(request.endpoint for request in self._requests)),
            "by_status": {
                str(status): count
                for status, count in Counter(r.status for r in self._requests).items()
            },
            "busiest_minute": self.busiest_minute,
        }


def month_ends_in(at: datetime) -> timedelta:
    """How long until the next month."""
    start = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (start + timedelta(days=32)).replace(day=1) - at
