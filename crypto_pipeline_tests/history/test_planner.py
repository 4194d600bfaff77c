"""The planner: all that is missing is covered, by as few requests as can be."""

from datetime import datetime, timedelta, timezone
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from crypto_pipeline.history.planner import LONGEST, Series, Span, cover, plan, within

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
BITCOIN, ETHER = Series("bitcoin", "usd"), Series("ethereum", "usd")


def hours(first: int, end: int) -> Span:
    return Span(START + timedelta(hours=first), START + timedelta(hours=end))


def spans_of(missing: set[int]) -> list[Span]:
    """Single hours as spans that do not touch."""
    found: list[Span] = []
    for hour in sorted(missing):
        if found and found[-1].end == START + timedelta(hours=hour):
            found[-1] = Span(found[-1].start, found[-1].end + timedelta(hours=1))
        else:
            found.append(hours(hour, hour + 1))
    return found


def hours_in(span: Span) -> set[int]:
    first = (span.start - START) // timedelta(hours=1)
    return set(range(first, first + span.hours))


def least(missing: frozenset[int], length: int) -> int:
    """The least number of ranges of a length that have all hours, by trying every place."""

    @cache
    def count(left: frozenset[int]) -> int:
        if not left:
            return 0
        oldest = min(left)
        return 1 + min(
            count(left - frozenset(range(start, start + length)))
            for start in range(oldest - length + 1, oldest + 1)
        )

    return count(missing)


@given(st.frozensets(st.integers(0, 18), max_size=10), st.integers(1, 6))
def test_no_fewer_requests_could_do(missing: frozenset[int], length: int) -> None:
    ranges = cover(spans_of(set(missing)), timedelta(hours=length))
    assert len(ranges) == least(missing, length)


@given(st.sets(st.integers(0, 400)), st.integers(1, 60))
def test_all_that_is_missing_is_asked_for_once(missing: set[int], length: int) -> None:
    ranges = cover(spans_of(missing), timedelta(hours=length))
    asked = [hours_in(span) for span, _ in ranges]
    assert set().union(*asked) >= missing
    assert sum(map(len, asked)) == len(set().union(*asked))
    assert all(span.hours <= length for span, _ in ranges)
    assert [count for _, count in ranges] == [len(one & missing) for one in asked]
    # A range begins and ends with an hour that is missing.
    assert all(min(one) in missing and max(one) in missing for one in asked)
    assert ranges == sorted(ranges, key=lambda found: found[0].end, reverse=True)


def test_a_year_is_five_requests() -> None:
    assert len(cover([hours(0, 365 * 24)])) == 5
    assert timedelta(days=90) > LONGEST


def test_the_newest_and_the_largest_come_first() -> None:
    windows = plan(
        {ETHER: [hours(0, 5), hours(5000, 5001)], BITCOIN: [hours(0, 5)]}, ["bitcoin", "ethereum"]
    )
    assert [(window.series.coin, window.span.hours) for window in windows] == [
        ("ethereum", 1),
        ("bitcoin", 5),
        ("ethereum", 5),
    ]


def test_nothing_missing_is_no_request() -> None:
    assert plan({BITCOIN: []}, []) == []


@given(st.sets(st.integers(0, 60)), st.integers(0, 60), st.integers(0, 60))
def test_bounds_cut_what_lies_outside(missing: set[int], first: int, last: int) -> None:
    if first > last:
        return
    inside = within(spans_of(missing), hours(first, last))
    assert set().union(*map(hours_in, inside)) == {h for h in missing if first <= h < last}
