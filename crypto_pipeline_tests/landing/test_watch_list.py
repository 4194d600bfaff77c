"""The watch list: which coins are fetched beside the largest ones."""

from datetime import datetime, timedelta, timezone

import pytest

from crypto_pipeline.landing.watch_list import tracked_coins
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline_tests.market_records import coin, drop, landing_json

NOW = datetime(2026, 11, 24, 5, tzinfo=timezone.utc)


def land(zone: LandingZone, hours_ago: int, *numbers: int, vs_currency: str = "usd") -> None:
    time = NOW - timedelta(hours=hours_ago)
    records = [coin(n, last_updated=time.isoformat()) for n in numbers]
    request = {"vs_currency": vs_currency}
    drop(zone, f"{hours_ago}-{vs_currency}.json", landing_json(records, time, request=request))
    zone.file_unfiled()


def ids(*numbers: int) -> set[str]:
    return {f"coin-{n:04d}" for n in numbers}


def tracked(zone: LandingZone, vs_currency: str = "usd", keep_rank: int | None = None) -> set[str]:
    return set(tracked_coins(zone, vs_currency, NOW, keep_rank))


def test_nothing_is_tracked_before_the_first_fetch(zone: LandingZone) -> None:
    assert tracked(zone) == set()


def test_the_coins_of_the_newest_files_of_a_currency_are_tracked(zone: LandingZone) -> None:
    land(zone, 9, 9)
    land(zone, 3, 1, 2)
    land(zone, 2, 1, 3)
    land(zone, 1, 1)
    land(zone, 1, 7, vs_currency="eur")
    # In one file a coin may be missing; after three it is given up.
    assert tracked(zone) == ids(1, 2, 3)
    assert tracked(zone, "eur") == ids(7)
    assert tracked(zone, "btc") == set()


def test_an_outage_of_days_is_got_over_and_one_of_weeks_is_not(zone: LandingZone) -> None:
    land(zone, 24 * 5, 1)
    land(zone, 24 * 9, 2)
    assert tracked(zone) == ids(1)


@pytest.mark.parametrize(("keep_rank", "kept"), [(None, (1, 8)), (9, (1, 8)), (8, (1,)), (1, ())])
def test_a_coin_is_dropped_when_its_newest_rank_is_too_bad(
    zone: LandingZone, keep_rank: int | None, kept: tuple[int, ...]
) -> None:
    # The rank of a coin is its number and one.
    land(zone, 2, 1)
    land(zone, 1, 8)
    assert tracked(zone, keep_rank=keep_rank) == ids(*kept)


def test_a_file_that_cannot_be_read_is_passed_over(zone: LandingZone) -> None:
    land(zone, 2, 1)
    drop(zone, "20261124T040000Z.json", b"{")
    zone.file_unfiled()
    assert tracked(zone) == ids(1)
