"""The watch list: which coins are fetched beside the largest ones."""

from datetime import datetime, timedelta, timezone

import msgspec
import pytest

from crypto_pipeline.coingecko.capture import Capture
from crypto_pipeline.landing.watch_list import WatchList, watch_lists
from crypto_pipeline.landing.zone import LandingFile, LandingZone
from crypto_pipeline_tests.market_records import coin, drop, landing_json

NOW = datetime(2026, 11, 24, 5, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
KEEP_DAYS = 30


def land(zone: LandingZone, hours_ago: int, *numbers: int, vs_currency: str = "usd") -> None:
    time = NOW - timedelta(hours=hours_ago)
    records = [coin(n, last_updated=time.isoformat()) for n in numbers]
    request = {"vs_currency": vs_currency}
    drop(zone, f"{hours_ago}-{vs_currency}.json", landing_json(records, time, request=request))
    zone.file_unfiled()


def ids(*numbers: int) -> set[str]:
    return {f"coin-{n:04d}" for n in numbers}


def watched(
    zone: LandingZone,
    vs_currency: str = "usd",
    keep_rank: int | None = None,
    now: datetime = NOW,
) -> WatchList:
    return watch_lists(zone, [vs_currency], now, keep_rank, KEEP_DAYS)[vs_currency]


def tracked(zone: LandingZone, vs_currency: str = "usd", keep_rank: int | None = None) -> set[str]:
    return set(watched(zone, vs_currency, keep_rank).due)


def fetch(zone: LandingZone, time: datetime, *numbers: int, error: str | None = None) -> set[str]:
    """What the hourly fetch does, of which these coins come; those that were asked for beside."""
    watch = watched(zone, now=time)
    records = [
        msgspec.Raw(msgspec.json.encode(coin(n, last_updated=time.isoformat()))) for n in numbers
    ]
    zone.write(
        watch.noted(Capture(time, "CoinGecko", records, {"vs_currency": "usd"}, error=error))
    )
    return set(watch.due) - ids(*numbers)


def test_nothing_is_tracked_before_the_first_fetch(zone: LandingZone) -> None:
    assert tracked(zone) == set()


def test_the_coins_of_the_newest_files_of_a_currency_are_tracked(zone: LandingZone) -> None:
    land(zone, 9, 9)
    land(zone, 3, 1, 2)
    land(zone, 2, 1, 3)
    land(zone, 1, 1)
    land(zone, 1, 7, vs_currency="eur")
    assert tracked(zone) == ids(1, 2, 3, 9)
    assert tracked(zone, "eur") == ids(7)
    assert tracked(zone, "btc") == set()


def test_an_outage_of_any_length_is_got_over(zone: LandingZone) -> None:
    fetch(zone, NOW - 400 * DAY, 1, 2)
    fetch(zone, NOW - 400 * DAY + HOUR, 1)
    assert tracked(zone) == ids(1, 2)


def test_a_coin_stays_tracked_however_many_answers_lack_it(zone: LandingZone) -> None:
    fetch(zone, NOW, 1, 2)
    for number in range(1, 21):
        assert fetch(zone, NOW + number * HOUR, 1) == ids(2)
    assert fetch(zone, NOW + 21 * HOUR, 1, 2) == set()
    # Also when all pages but the first are lost for hours.
    for number in range(22, 30):
        assert fetch(zone, NOW + number * HOUR, 1, error="page 2: HTTP 503") == ids(2)


def test_a_coin_that_comes_no_more_is_asked_for_once_a_day_and_then_dropped(
    zone: LandingZone,
) -> None:
    fetch(zone, NOW, 1, 2)
    asked = [
        number
        for number in range(1, 24 * (KEEP_DAYS + 5))
        if fetch(zone, NOW + number * HOUR, 1) == ids(2)
    ]
    assert asked[:24] == list(range(1, 25))
    assert asked[24:] == [24 * day for day in range(2, KEEP_DAYS + 1)]
    assert watched(zone, now=NOW + 24 * (KEEP_DAYS + 5) * HOUR).answered_at.keys() == ids(1)


def test_who_is_given_up_is_said(zone: LandingZone) -> None:
    fetch(zone, NOW - (KEEP_DAYS + 1) * DAY, 1, 2)
    fetch(zone, NOW - HOUR, 1)
    assert watched(zone).given_up == {"coin-0002": NOW - (KEEP_DAYS + 1) * DAY}
    # Back among the largest, it is tracked again.
    fetch(zone, NOW, 1, 2)
    assert watched(zone, now=NOW + HOUR).answered_at.keys() == ids(1, 2)


def test_machines_that_fetch_at_once_lose_no_coin_of_one_another(zone: LandingZone) -> None:
    fetch(zone, NOW, 1)
    both = watched(zone, now=NOW + HOUR)
    for seconds, numbers in ((1, (1, 2)), (2, (1, 3))):
        time = NOW + HOUR + timedelta(seconds=seconds)
        records = [
            msgspec.Raw(msgspec.json.encode(coin(n, last_updated=time.isoformat())))
            for n in numbers
        ]
        zone.write(both.noted(Capture(time, "CoinGecko", records, {"vs_currency": "usd"})))
    assert fetch(zone, NOW + 2 * HOUR, 1) == ids(2, 3)
    for number in range(3, 9):
        assert fetch(zone, NOW + number * HOUR, 1) == ids(2, 3)


def test_files_that_were_dropped_in_take_nothing_off_the_list(zone: LandingZone) -> None:
    fetch(zone, NOW - 5 * HOUR, 1, 2)
    fetch(zone, NOW - 4 * HOUR, 1)
    for hours in (3, 2, 1):
        land(zone, hours, 1)
    assert tracked(zone) == ids(1, 2)


def test_a_list_that_is_lost_is_made_of_the_files_of_a_day(zone: LandingZone) -> None:
    """As of a version that did not write which coins did not come."""
    land(zone, 25, 4)
    land(zone, 23, 1, 2)
    for hours in range(22, 0, -1):
        land(zone, hours, 1)
    assert watched(zone).answered_at.keys() == ids(1, 2, 4)
    land(zone, 0, 1)
    assert watched(zone, now=NOW + HOUR).answered_at.keys() == ids(1, 2)


def test_the_cost_of_a_fetch_does_not_grow_with_the_zone(
    zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(100):
        fetch(zone, NOW + number * HOUR, 1)
    read: list[str] = []
    decode = LandingFile.capture
    monkeypatch.setattr(
        LandingFile, "capture", lambda file: (read.append(file.path), decode(file))[1]
    )
    watched(zone, now=NOW + 100 * HOUR)
    assert len(read) == 3


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
