"""What a test asks of the sandbox beyond the usual: a plan, its reach and limits, losses, life
cycles, restatements.

Set as a whole, by the server's owner or by ``POST /sandbox/conditions``.
"""

from datetime import datetime, timezone
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

_Time = Annotated[datetime, Meta(tz=True)]
_Count = Annotated[int, Meta(ge=0)]

FIRST = datetime.min.replace(tzinfo=timezone.utc)
"""Since ever."""

LAST = datetime.max.replace(tzinfo=timezone.utc)
"""For ever."""

PlanName = Literal["public", "demo", "pro"]


class Limits(NamedTuple):
    """What a plan lets its user ask; None is without a limit.

    Attributes:
        reach_days: How many days back charts are answered.
        requests_per_minute: In any minute of real time, refused ones included.
        credits_per_month: Answers with HTTP 200 in a month of the clock, UTC.
    """

    reach_days: int | None = None
    requests_per_minute: int | None = None
    credits_per_month: int | None = None


PLANS: dict[PlanName, Limits] = {
    "public": Limits(365, 5),
    "demo": Limits(365, 30, 10_000),
    "pro": Limits(None, 500, 500_000),
}
"""CoinGecko's pricing page of 2026; pro is its plan Analyst."""


class Outage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A time in which the service does not answer, by its clock.

    Attributes:
        start: First moment.
        end: First moment after it.
        kind: Whether it answers HTTP 503, or breaks the connection.
    """

    start: _Time
    end: _Time
    kind: Literal["unavailable", "disconnect"] = "unavailable"


class Absence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A time in which a coin is not listed: delisted at its start, listed again at its end.

    Without a start, the coin is new at the end; without an end, it does not come back.
    """

    coin: str
    start: _Time = FIRST
    end: _Time = LAST


class Rename(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A coin's symbol and name from a time on."""

    coin: str
    at: _Time
    symbol: str
    name: str


class Successor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From a time on, a coin is listed under another id, with the same contract address.

    ``coin`` is the id until then, which may itself be a successor.
    """

    coin: str
    at: _Time
    successor: str


class Restatement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From a time on, charts and candles say the prices and market caps of a past time multiplied.

    Attributes:
        coin: The coin's first id.
        at: From when on they are said so.
        before: The points before this time are restated.
        factor: By what they are multiplied.
        since: The points from this time on are restated.
    """

    coin: str
    at: _Time
    before: _Time
    factor: Annotated[float, Meta(gt=0)]
    since: _Time = FIRST


class Deviation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A time in which CoinPaprika says a coin's price multiplied; CoinGecko says it as it is.

    Attributes:
        coin: The coin's first id.
        factor: By what it is multiplied.
        start: First moment.
        end: First moment after it.
    """

    coin: str
    factor: Annotated[float, Meta(gt=0)]
    start: _Time = FIRST
    end: _Time = LAST


class UnknownCap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A time in which a coin's market cap is not known: 0, or null if so wanted.

    CoinGecko's description has no null in a chart, but people have met it.
    """

    coin: str
    start: _Time = FIRST
    end: _Time = LAST
    is_null: bool = False


class Conditions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them. A coin is named by its first id.

    Attributes:
        plan: Whose limits and refusals apply; None is a plan that may do all, without a key.
        reach_days: How many days back charts are answered, instead of the plan's.
        requests_per_minute: More in a minute of real time are answered 429; instead of the plan's.
        credits_per_month: More in a month of the clock are answered 429; instead of the plan's.
        lost_share: Share of the hours that the charts of a coin do not have, ever.
        lost: Hours (their starts) that the charts of no coin have.
        outages: When the service is down.
        absences: When a coin is not listed.
        renames: When a coin is renamed.
        successors: When a coin gets another id.
        restatements: When past points change.
        unknown_caps: When a coin has no market cap.
        deviations: When CoinPaprika's prices part from CoinGecko's.
    """

    plan: PlanName | None = None
    reach_days: _Count | None = None
    requests_per_minute: _Count | None = None
    credits_per_month: _Count | None = None
    lost_share: Annotated[float, Meta(ge=0, le=1)] = 0.0
    lost: tuple[_Time, ...] = ()
    outages: tuple[Outage, ...] = ()
    absences: tuple[Absence, ...] = ()
    renames: tuple[Rename, ...] = ()
    successors: tuple[Successor, ...] = ()
    restatements: tuple[Restatement, ...] = ()
    unknown_caps: tuple[UnknownCap, ...] = ()
    deviations: tuple[Deviation, ...] = ()

    @property
    def limits(self) -> Limits:
        """Those of the plan, but for those that are given."""
        own = Limits() if self.plan is None else PLANS[self.plan]
        given = Limits(self.reach_days, self.requests_per_minute, self.credits_per_month)
        return Limits(*(a if b is None else b for a, b in zip(own, given, strict=True)))

    @property
    def is_paid(self) -> bool:
        """Whether the plan has what is for those who pay."""
        return self.plan in (None, "pro")

    def outage(self, at: datetime) -> Outage | None:
        """The outage of a time."""
        return next((one for one in self.outages if one.start <= at < one.end), None)

    def is_down(self, at: datetime) -> bool:
        """Whether the service is down at a time."""
        return self.outage(at) is not None

    def is_listed(self, coin: str, at: datetime) -> bool:
        """Whether a coin is listed at a time."""
        return not any(one.coin == coin and one.start <= at < one.end for one in self.absences)

    def was_listed(self, coin: str, at: datetime) -> bool:
        """Whether a coin is listed at a time, or was before."""
        return not any(
            one.coin == coin and one.start == FIRST and at < one.end for one in self.absences
        )

    def id_at(self, coin: str, at: datetime) -> str:
        """The id under which a coin is listed at a time."""
        for change in self._changes:
            if change.at <= at and change.coin == coin:
                coin = change.successor
        return coin

    def coin_of(self, id: str, at: datetime) -> str | None:
        """The coin that has an id at a time, by its first id; None of an id that nobody has."""
        coin = id
        for change in reversed(self._changes):
            if change.successor == coin:
                coin = change.coin
        return coin if self.id_at(coin, at) == id else None

    def changed_id(self, coin: str) -> bool:
        """Whether a coin has another id at any time."""
        return any(change.coin == coin for change in self.successors)

    def name_at(self, coin: str, at: datetime) -> tuple[str, str] | None:
        """The symbol and name that a coin was given, None if it was given none."""
        given = [one for one in self.renames if one.coin == coin and one.at <= at]
        newest = max(given, key=lambda one: one.at, default=None)
        return None if newest is None else (newest.symbol, newest.name)

    def factor(self, coin: str, observed_at: datetime, asked_at: datetime) -> float:
        """By what a chart multiplies a past price."""
        factor = 1.0
        for one in self.restatements:
            if one.coin == coin and one.at <= asked_at and one.since <= observed_at < one.before:
                factor *= one.factor
        return factor

    def unknown_cap(self, coin: str, at: datetime) -> UnknownCap | None:
        """Why a coin has no market cap at a time; None if it has one."""
        return next(
            (one for one in self.unknown_caps if one.coin == coin and one.start <= at < one.end),
            None,
        )

    def deviation(self, coin: str, at: datetime) -> float:
        """By what CoinPaprika multiplies a price."""
        factor = 1.0
        for one in self.deviations:
            if one.coin == coin and one.start <= at < one.end:
                factor *= one.factor
        return factor

    @property
    def _changes(self) -> list[Successor]:
        return sorted(self.successors, key=lambda change: change.at)


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
