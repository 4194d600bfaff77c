"""The simulated clock."""

import time
from datetime import datetime, timedelta, timezone

import pytest

from crypto_pipeline.sandbox.clock import SimulatedClock, iso_milliseconds

START = datetime(2024, 1, 1, tzinfo=timezone.utc)


def test_it_runs_at_its_speed_from_its_start() -> None:
    before = time.monotonic()
    clock = SimulatedClock(START, speed=3600)
    after = time.monotonic()
    time.sleep(0.02)
    least = time.monotonic() - after
    simulated = (clock.now() - START) / timedelta(hours=1)
    assert least <= simulated + 1e-6
    assert simulated <= time.monotonic() - before + 1e-6


def test_it_shows_the_real_time_by_default() -> None:
    real = datetime.now(timezone.utc)
    assert timedelta(0) <= SimulatedClock().now() - real < timedelta(seconds=5)


def test_setting_it_does_not_change_its_start() -> None:
    clock = SimulatedClock(START, speed=0)
    clock.set(START - timedelta(days=3))
    assert clock.now() == START - timedelta(days=3)
    assert clock.start == START


def test_other_zones_become_utc() -> None:
    east = timezone(timedelta(hours=8))
    assert SimulatedClock(START.astimezone(east), speed=0).now().utcoffset() == timedelta(0)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        SimulatedClock(datetime(2024, 1, 1))
    with pytest.raises(ValueError, match="zone"):
        SimulatedClock(START).set(datetime(2024, 1, 1))


def test_it_cannot_run_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        SimulatedClock(START, speed=-1)


def test_times_have_exactly_three_decimals() -> None:
    assert iso_milliseconds(START) == "2024-01-01T00:00:00.000Z"
    assert iso_milliseconds(START.replace(microsecond=123_999)) == "2024-01-01T00:00:00.123Z"
