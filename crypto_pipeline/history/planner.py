"""Which requests close which holes: pure functions of what is missing.

CoinGecko answers with hours for a range of at most 90 days, so a request covers that much, wherever
it lies. As few requests as can be cover what is missing: each takes the newest hour that is not
covered yet and goes back as far as it can (the greedy cover of points on a line by intervals of one
length, which is a least one).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

LONGEST: Final = timedelta(days=90) - timedelta(hours=1)
"""Length of a range that CoinGecko answers with hours, with an hour to spare."""


@dataclass(frozen=True)
class Series:
    """The price history of a coin in a currency."""

    coin: str
    vs_currency: str


@dataclass(frozen=True)
class Span:
    """A time from ``start`` until before ``end``, whole hours in UTC."""

    start: datetime
    end: datetime

    @property
    def hours(self) -> int:
        """Its length in hours."""
        return (self.end - self.start) // timedelta(hours=1)


@dataclass(frozen=True)
class Window:
    """One request.

    Attributes:
        series: Whose history is asked for.
        span: The range.
        missing: How many missing hours lie in it.
    """

    series: Series
    span: Span
    missing: int


def cover(missing: Iterable[Span], longest: timedelta = LONGEST) -> list[tuple[Span, int]]:
    """As few ranges as can be that together have all of what is missing, the newest first.

    Args:
        missing: Spans that do not overlap.
        longest: Length that no range exceeds.

    Returns:
        The ranges, each with the missing hours in it.
    """
    ranges: list[tuple[Span, int]] = []
    left = sorted(missing, key=lambda span: span.end)
    while left:
        end = left[-1].end
        earliest = end - longest
        start, hours = end, 0
        while left and left[-1].end > earliest:
            last = left.pop()
            if last.start < earliest:
                left.append(Span(last.start, earliest))
                last = Span(earliest, last.end)
            start, hours = last.start, hours + last.hours
        ranges.append((Span(start, end), hours))
    return ranges


def within(missing: Iterable[Span], bounds: Span) -> list[Span]:
    """The parts of spans that lie within bounds."""
    parts = (Span(max(s.start, bounds.start), min(s.end, bounds.end)) for s in missing)
    return [part for part in parts if part.start < part.end]


def plan(missing: Mapping[Series, Sequence[Span]], by_size: Sequence[str]) -> list[Window]:
    """The requests for what is missing, the newest and among these the largest coins first.

    Args:
        missing: What is missing of each series.
        by_size: Coins, the largest first; others come after them.
    """
    rank = {coin: place for place, coin in enumerate(by_size)}
    windows = [
        Window(series, span, hours)
        for series, spans in missing.items()
        for span, hours in cover(spans)
    ]
    return sorted(
        windows,
        key=lambda window: (
            -window.span.end.timestamp(),
            rank.get(window.series.coin, len(rank)),
            window.series.coin,
            window.series.vs_currency,
        ),
    )
