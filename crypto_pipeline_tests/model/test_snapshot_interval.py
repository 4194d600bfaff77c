from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto_pipeline.model.snapshot_interval import SNAPSHOT_INTERVAL, round_to_snapshot_interval
from crypto_pipeline.warehouse.postgres import Warehouse

_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_BERLIN = ZoneInfo("Europe/Berlin")

_SECONDS = [s for s in range(1, 86_401) if 86_400 % s == 0]
_ODD_MICROSECONDS = [3, 5, 15, 27, 75, 125, 675, 15_625]

intervals = st.one_of(
    st.just(SNAPSHOT_INTERVAL),
    st.sampled_from(_SECONDS).map(lambda seconds: timedelta(seconds=seconds)),
    st.sampled_from([2, 4, 10, 500, 125_000, 250_000]).map(lambda us: timedelta(microseconds=us)),
)
times = st.datetimes(
    min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29), timezones=st.timezones()
)


@st.composite
def near_a_tie(draw: st.DrawFn) -> tuple[datetime, timedelta]:
    """A time within a few microseconds of a multiple or of the middle between two."""
    interval = draw(intervals)
    halves = draw(st.integers(0, 2 * (_DAY // interval)))
    off = draw(st.integers(-2, 2)) * _MICROSECOND
    day = draw(
        st.dates(min_value=datetime(1970, 1, 2).date(), max_value=datetime(2100, 1, 1).date())
    )
    midnight = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
    return midnight + halves * (interval / 2) + off, interval


def _by_sql(
    connection: psycopg.Connection, cases: Sequence[tuple[datetime, timedelta]]
) -> list[datetime]:
    rows = connection.execute(
        "SELECT round_to_snapshot_interval(t, i)"
        " FROM unnest(%s::timestamptz[], %s::interval[]) WITH ORDINALITY AS c (t, i, n) ORDER BY n",
        [[time for time, _ in cases], [interval for _, interval in cases]],
    )
    # In UTC: Python holds a time that a clock shows twice to equal no time of another zone.
    return [row[0].astimezone(timezone.utc) for row in rows]


def _by_python(cases: Sequence[tuple[datetime, timedelta]]) -> list[datetime]:
    return [round_to_snapshot_interval(time, interval) for time, interval in cases]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    cases=st.lists(st.tuples(times, intervals) | near_a_tie(), min_size=1, max_size=40),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu"]),
)
def test_sql_and_python_agree_whatever_the_session_zone(
    warehouse: Warehouse, cases: list[tuple[datetime, timedelta]], zone: str
) -> None:
    with warehouse.connection() as connection:
        connection.execute("SELECT set_config('TimeZone', %s, false)", [zone])
        # Sessions in other zones cannot show a time near the year 1 or 9999 to Python.
        instants = [
            (time.astimezone(timezone.utc), interval)
            for time, interval in cases
            if zone == "UTC" or 2 < time.year < 9998
        ]
        assert _by_sql(connection, instants) == _by_python(instants)


def test_sql_and_python_agree_for_intervals_of_an_odd_number_of_microseconds(
    warehouse: Warehouse,
) -> None:
    start = datetime(2026, 11, 24, tzinfo=timezone.utc)
    cases = [
        (start + time * _MICROSECOND, timedelta(microseconds=interval))
        for interval in _ODD_MICROSECONDS
        for time in (0, 1, interval // 2, interval // 2 + 1, interval - 1, interval)
    ]
    with warehouse.connection() as connection:
        assert _by_sql(connection, cases) == _by_python(cases)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    interval=st.one_of(
        st.timedeltas(max_value=timedelta(0)),
        st.timedeltas(min_value=_DAY + _MICROSECOND, max_value=timedelta(days=400)),
        st.timedeltas(min_value=_MICROSECOND, max_value=_DAY).filter(lambda i: _DAY % i),
        st.sampled_from(
            [timedelta(minutes=7), timedelta(hours=5), timedelta(0), -SNAPSHOT_INTERVAL]
        ),
    )
)
def test_both_refuse_an_interval_that_does_not_divide_a_day(
    warehouse: Warehouse, interval: timedelta
) -> None:
    now = datetime(2026, 11, 24, 5, 0, tzinfo=timezone.utc)
    with pytest.raises(ValueError, match="does not divide a day"):
        round_to_snapshot_interval(now, interval)
    with (
        warehouse.connection() as connection,
        pytest.raises(psycopg.errors.InvalidParameterValue, match="does not divide a day"),
        connection.transaction(),
    ):
        connection.execute("SELECT round_to_snapshot_interval(%s, %s)", [now, interval])


@pytest.mark.parametrize(
    ("observed_at", "interval", "bucket"),
    [
        ("2026-11-24T05:02:29.999999+00:00", timedelta(minutes=5), "2026-11-24T05:00:00+00:00"),
        ("2026-11-24T05:02:30+00:00", timedelta(minutes=5), "2026-11-24T05:05:00+00:00"),
        ("2026-11-24T05:58:00+00:00", timedelta(minutes=5), "2026-11-24T06:00:00+00:00"),
        ("2026-11-24T23:57:30+00:00", timedelta(minutes=5), "2026-11-25T00:00:00+00:00"),
        ("2026-12-31T23:59:00+00:00", timedelta(minutes=5), "2027-01-01T00:00:00+00:00"),
        ("2024-02-28T23:59:00+00:00", timedelta(hours=1), "2024-02-29T00:00:00+00:00"),
        ("2026-11-24T12:00:00+00:00", timedelta(days=1), "2026-11-25T00:00:00+00:00"),
        ("2026-11-24T07:00:00+00:00", timedelta(hours=8), "2026-11-24T08:00:00+00:00"),
        ("1999-12-31T23:57:29+00:00", timedelta(minutes=5), "1999-12-31T23:55:00+00:00"),
        ("1999-12-31T23:57:30+00:00", timedelta(minutes=5), "2000-01-01T00:00:00+00:00"),
        ("1969-12-31T23:59:59+00:00", timedelta(minutes=1), "1970-01-01T00:00:00+00:00"),
        ("2026-11-24T10:47:00+05:45", timedelta(minutes=5), "2026-11-24T05:00:00+00:00"),
    ],
)
def test_the_nearest_multiple_crosses_hours_days_and_years(
    warehouse: Warehouse, observed_at: str, interval: timedelta, bucket: str
) -> None:
    case = (datetime.fromisoformat(observed_at), interval)
    with warehouse.connection() as connection:
        assert [_by_python([case]), _by_sql(connection, [case])] == [
            [datetime.fromisoformat(bucket)]
        ] * 2


@pytest.mark.parametrize(
    "observed_at",
    [
        datetime(2026, 3, 29, 1, 59, 59, tzinfo=_BERLIN),
        datetime(2026, 3, 29, 2, 30, tzinfo=_BERLIN),
        datetime(2026, 10, 25, 2, 58, tzinfo=_BERLIN, fold=0),
        datetime(2026, 10, 25, 2, 58, tzinfo=_BERLIN, fold=1),
        datetime(2026, 10, 25, 12, 0, tzinfo=_BERLIN),
    ],
)
def test_summer_time_shifts_no_bucket(warehouse: Warehouse, observed_at: datetime) -> None:
    in_utc = observed_at.astimezone(timezone.utc)
    with warehouse.connection() as connection:
        connection.execute("SET TIME ZONE 'Europe/Berlin'")
        for interval in (SNAPSHOT_INTERVAL, timedelta(hours=1), _DAY):
            expected = round_to_snapshot_interval(in_utc, interval)
            assert round_to_snapshot_interval(observed_at, interval) == expected
            assert _by_sql(connection, [(observed_at, interval)]) == [expected]


@given(time=times, interval=intervals)
def test_a_bucket_is_the_nearest_multiple_in_utc(time: datetime, interval: timedelta) -> None:
    bucket = round_to_snapshot_interval(time, interval)
    assert bucket.tzinfo is timezone.utc
    assert (bucket - datetime(2000, 1, 1, tzinfo=timezone.utc)) % interval == timedelta(0)
    # Twice, so that half of an interval is no rounding.
    assert -interval <= 2 * (time - bucket) < interval
    assert round_to_snapshot_interval(bucket, interval) == bucket


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        round_to_snapshot_interval(datetime(2026, 11, 24, 5, 0))
