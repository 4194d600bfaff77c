"""The past of the simulated market: one market, whoever asks for it."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import httpx
import msgspec
import pytest

from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.conditions import (
    Absence,
    Conditions,
    Outage,
    Rename,
    Restatement,
    Successor,
)
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.server import SandboxServer

NOW = datetime(2026, 6, 15, 12, 20, tzinfo=timezone.utc)
DAY = timedelta(days=1)
HOUR_MS = 3_600_000


@pytest.fixture
def market() -> Market:
    return Market(80, quirks=False)


@pytest.fixture
def server(market: Market) -> Iterator[SandboxServer]:
    with SandboxServer(market, clock=SimulatedClock(NOW, speed=0)) as running:
        yield running


def seconds(time: datetime) -> int:
    return int(time.timestamp())


def get(server: SandboxServer, path: str, **query: object) -> httpx.Response:
    return httpx.get(f"{server.base_url}{path}", params=query)  # type: ignore[arg-type]


def chart(
    server: SandboxServer, start: datetime, end: datetime, coin: str = "bitcoin", **query: object
) -> dict[str, list[list[Any]]]:
    answer = get(
        server,
        f"/coins/{coin}/market_chart/range",
        **{"vs_currency": "usd", "from": seconds(start), "to": seconds(end), **query},
    )
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=dict[str, list[list[Any]]])


def ms(time: datetime) -> int:
    return seconds(time) * 1000


@pytest.mark.parametrize("age", [timedelta(minutes=3), timedelta(days=3), timedelta(days=200)])
def test_a_point_says_what_the_listing_said_then(server: SandboxServer, age: timedelta) -> None:
    points = chart(server, NOW - age - DAY, NOW - age)
    time, price = points["prices"][-1]
    server.clock.set(datetime.fromtimestamp(time / 1000, timezone.utc))
    listed = get(
        server, "/coins/markets", vs_currency="usd", ids="bitcoin", precision="full"
    ).json()
    assert listed[0]["current_price"] == pytest.approx(price, rel=1e-9)
    assert listed[0]["market_cap"] == points["market_caps"][-1][1]
    assert listed[0]["total_volume"] == points["total_volumes"][-1][1]


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        (NOW - DAY, NOW, 5),
        (NOW - 3 * DAY, NOW - 2 * DAY, 60),
        (NOW - 90 * DAY, NOW, 60),
        (NOW - 91 * DAY, NOW, 1440),
    ],
)
def test_the_range_says_how_far_apart_the_points_are(
    server: SandboxServer, start: datetime, end: datetime, minutes: int
) -> None:
    times = [time for time, _ in chart(server, start, end)["prices"]]
    distance = (times[-2] - times[0]) / (len(times) - 2)
    assert distance == pytest.approx(minutes * 60_000, rel=0.01)
    assert times[-1] == ms(NOW) or end < NOW
    if minutes == 60:
        offsets = {time % HOUR_MS for time in times[:-1]}
        assert len(offsets) > 10
        assert max(offsets) <= 542_000


def test_what_lies_before_the_listing_is_empty(server: SandboxServer) -> None:
    long_ago = datetime(2012, 1, 1, tzinfo=timezone.utc)
    assert chart(server, long_ago, long_ago + 30 * DAY) == {
        "prices": [],
        "market_caps": [],
        "total_volumes": [],
    }


def test_what_lies_beyond_the_reach_is_refused(server: SandboxServer, market: Market) -> None:
    market.conditions = Conditions(reach_days=365)
    chart(server, NOW - 365 * DAY, NOW - 364 * DAY)
    answer = get(
        server,
        "/coins/bitcoin/market_chart/range",
        **{"vs_currency": "usd", "from": seconds(NOW - 366 * DAY), "to": seconds(NOW)},
    )
    assert answer.status_code == 401
    assert answer.json()["error"]["status"]["error_code"] == 10012


def test_lost_hours_are_in_no_answer(server: SandboxServer, market: Market) -> None:
    lost = NOW.replace(minute=0) - timedelta(hours=5)
    market.conditions = Conditions(lost_share=0.05, lost=(lost,))
    month = chart(server, NOW - 30 * DAY, NOW)["prices"]
    hours = {time // HOUR_MS for time, _ in month[:-1]}
    missing = 30 * 24 - len(hours)
    assert 15 < missing < 60
    assert ms(lost) // HOUR_MS not in hours
    day = chart(server, NOW - DAY, NOW)["prices"]
    assert {time // HOUR_MS for time, _ in day[:-1]} <= hours | {ms(NOW) // HOUR_MS}


def test_other_currencies_are_the_same_market(server: SandboxServer) -> None:
    codes = get(server, "/simple/supported_vs_currencies").json()
    assert len(codes) == 63
    usd, gold = (
        chart(server, NOW - 3 * DAY, NOW - 2 * DAY, vs_currency=code)["prices"]
        for code in ("usd", "xau")
    )
    assert [time for time, _ in usd] == [time for time, _ in gold]
    ratios = {round(price / of_gold, 3) for (_, price), (_, of_gold) in zip(usd, gold, strict=True)}
    assert max(ratios) - min(ratios) < 1


def test_an_answer_is_served_from_a_cache_and_not_at_all_to_who_has_it(
    server: SandboxServer,
) -> None:
    path, query = "/coins/bitcoin/market_chart", {"vs_currency": "usd", "days": "30"}
    first = get(server, path, **query)
    server.clock.set(NOW + timedelta(minutes=10))
    second = get(server, path, **query)
    assert second.content == first.content
    assert (second.headers["age"], second.headers["cf-cache-status"]) == ("600", "HIT")
    tag = {"if-none-match": second.headers["etag"]}
    again = httpx.get(f"{server.base_url}{path}", params=query, headers=tag)
    assert (again.status_code, again.content) == (304, b"")
    server.clock.set(NOW + timedelta(minutes=31))
    assert get(server, path, **query).content != first.content


@pytest.mark.parametrize(("days", "hours"), [("1", 0.5), ("14", 4), ("90", 96)])
def test_a_candle_bears_the_time_at_which_it_closes(
    server: SandboxServer, days: str, hours: float
) -> None:
    candles = get(server, "/coins/bitcoin/ohlc", vs_currency="usd", days=days).json()
    closed = [row[0] for row in candles]
    assert {later - earlier for earlier, later in pairwise(closed)} == {hours * HOUR_MS}
    assert ms(NOW) - hours * HOUR_MS < closed[-1] <= ms(NOW)
    for _, first, high, low, last in candles:
        assert low <= min(first, last) <= max(first, last) <= high
    # A candle begins where the one before ended.
    assert [row[1] for row in candles[1:]] == [row[4] for row in candles[:-1]]


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/coins/no-coin/market_chart", {"vs_currency": "usd", "days": "1"}, 404),
        ("/coins/bitcoin/market_chart", {"vs_currency": "xyz", "days": "1"}, 400),
        ("/coins/bitcoin/market_chart", {"days": "1"}, 422),
        ("/coins/bitcoin/market_chart", {"vs_currency": "usd"}, 422),
        ("/coins/bitcoin/market_chart/range", {"vs_currency": "usd", "from": "2", "to": "1"}, 422),
        ("/coins/bitcoin/market_chart/range", {"vs_currency": "usd", "from": "x", "to": "1"}, 422),
        ("/coins/bitcoin/ohlc", {"vs_currency": "usd", "days": "2"}, 422),
        ("/coins/list", {"status": "all"}, 422),
    ],
)
def test_a_wrong_request_is_refused(
    server: SandboxServer, path: str, query: dict[str, str], status: int
) -> None:
    answer = get(server, path, **query)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_a_range_may_be_said_in_dates(server: SandboxServer) -> None:
    start = NOW - 3 * DAY
    by_date = get(
        server,
        "/coins/bitcoin/market_chart/range",
        **{"vs_currency": "usd", "from": start.isoformat(), "to": (start + DAY).isoformat()},
    ).json()
    assert by_date == json.loads(json.dumps(chart(server, start, start + DAY)))


# --- Life cycles ---------------------------------------------------------------------------------


def ids(server: SandboxServer, **query: object) -> dict[str, dict[str, Any]]:
    return {coin["id"]: coin for coin in get(server, "/coins/list", **query).json()}


def test_a_coin_is_delisted_and_listed_again(server: SandboxServer, market: Market) -> None:
    market.conditions = Conditions(absences=(Absence("dogecoin", NOW, NOW + DAY),))
    markets = {"vs_currency": "usd", "per_page": 250}
    assert "dogecoin" not in ids(server)
    assert "dogecoin" in ids(server, status="inactive")
    assert "dogecoin" not in {c["id"] for c in get(server, "/coins/markets", **markets).json()}
    server.clock.set(NOW + 2 * DAY)
    assert "dogecoin" in ids(server)
    assert "dogecoin" in {coin["id"] for coin in get(server, "/coins/markets", **markets).json()}


def test_a_coin_gets_another_name(server: SandboxServer, market: Market) -> None:
    market.conditions = Conditions(renames=(Rename("dogecoin", NOW, "dog", "Dog"),))
    assert ids(server)["dogecoin"] == {"id": "dogecoin", "symbol": "dog", "name": "Dog"}
    server.clock.set(NOW - DAY)
    assert ids(server)["dogecoin"]["symbol"] == "doge"


def test_a_coin_gets_another_id_with_the_same_contract(
    server: SandboxServer, market: Market
) -> None:
    old = "sandbox-coin-0075"
    market.conditions = Conditions(successors=(Successor(old, NOW, "new-coin"),))
    server.clock.set(NOW - DAY)
    before = ids(server, include_platform="true")
    assert "new-coin" not in before
    server.clock.set(NOW)
    after = ids(server, include_platform="true")
    assert old not in after
    assert after["new-coin"]["platforms"] == before[old]["platforms"] != {}
    assert get(server, "/coins/markets", vs_currency="usd", ids="new-coin").json()
    assert get(server, f"/coins/{old}/market_chart", vs_currency="usd", days="1").status_code == 404
    assert chart(server, NOW - 3 * DAY, NOW - 2 * DAY, coin="new-coin")["prices"]


def test_past_points_are_restated(server: SandboxServer, market: Market) -> None:
    start, end = NOW - 3 * DAY, NOW - 2 * DAY
    before = chart(server, start, end)["prices"]
    at = NOW + timedelta(hours=1)
    market.conditions = Conditions(
        restatements=(Restatement("bitcoin", at, NOW - 2.5 * DAY, 1.01),)
    )
    assert chart(server, start, end)["prices"] == before
    server.clock.set(at + timedelta(hours=1))
    after = chart(server, start, end)["prices"]
    factors = [round(new / old, 4) for (_, old), (_, new) in zip(before, after, strict=True)]
    assert factors == [1.01] * 12 + [1.0] * 12


# --- The service ---------------------------------------------------------------------------------


def test_an_outage_ends_when_the_clock_says_so(server: SandboxServer, market: Market) -> None:
    market.conditions = Conditions(outages=(Outage(NOW, NOW + DAY),))
    assert get(server, "/coins/list").status_code == 503
    server.clock.set(NOW + DAY)
    assert get(server, "/coins/list").status_code == 200


def test_requests_are_counted_and_limited(server: SandboxServer, market: Market) -> None:
    market.conditions = Conditions(requests_per_minute=3, credits_per_month=5)
    found = [get(server, "/coins/list").status_code for _ in range(5)]
    assert found == [200, 200, 200, 429, 429]
    assert httpx.get(f"{server.control_url}/requests").json() == {
        "requests": 5,
        "by_endpoint": {"/coins/list": 5},
        "by_status": {"200": 3, "429": 2},
        "busiest_minute": 5,
    }
    assert get(server, "/ping").status_code == 200
    market.conditions = Conditions(credits_per_month=5)
    usage = get(server, "/key").json()
    assert usage["current_total_monthly_calls"] == 3
    assert usage["current_remaining_monthly_calls"] == 2
    assert [get(server, "/coins/list").status_code for _ in range(2)] == [200, 429]
    server.clock.set(NOW + 30 * DAY)
    assert get(server, "/coins/list").status_code == 200
    httpx.delete(f"{server.control_url}/requests")
    assert server.requests.report()["requests"] == 0


def test_conditions_are_set_over_http(server: SandboxServer, market: Market) -> None:
    url = f"{server.control_url}/conditions"
    assert httpx.post(url, json={"reach_days": 365}).json()["reach_days"] == 365
    assert market.conditions == Conditions(reach_days=365)
    assert httpx.post(url, json={"reach": 365}).status_code == 422
    assert httpx.get(url).json()["reach_days"] == 365
