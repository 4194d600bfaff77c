"""The past of the simulated market: one market, whoever asks for it."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_pipeline.sandbox.charts import ChartQuery, Charts
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.conditions import Absence, Conditions, Restatement, UnknownCap
from crypto_pipeline.sandbox.currencies import CURRENCIES, Currencies
from crypto_pipeline.sandbox.listing import MarketsQuery
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline_tests.sandbox.asking import chart, exact, get, listed, ms, points_of

NOW = datetime(2026, 6, 15, 12, 20, tzinfo=timezone.utc)
DAY = timedelta(days=1)
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ODD = Market(120)


@pytest.fixture
def market() -> Market:
    return Market(80, quirks=False)


@pytest.fixture
def server(market: Market) -> Iterator[SandboxServer]:
    with SandboxServer(market, clock=SimulatedClock(NOW, speed=0)) as running:
        yield running


def time_of(point_ms: int) -> datetime:
    return datetime.fromtimestamp(point_ms / 1000, timezone.utc)


def points(coin: str, query: ChartQuery, at: datetime = NOW) -> list[tuple[int, Any, Any, Any]]:
    """The points of a chart of the market with quirks, as exact as their text."""
    found = ODD.coin(coin, at)
    assert found is not None
    body = Charts(ODD, at).chart(found, query)
    answer = httpx.Response(200, content=body)
    return [tuple(point) for point in points_of(answer)]


# --- One market ----------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 119),
    st.sampled_from(CURRENCIES),
    st.datetimes(datetime(2014, 1, 1), datetime(2026, 6, 1), timezones=st.just(timezone.utc)),
    st.sampled_from([timedelta(hours=3), 95 * DAY]),
)
def test_a_point_says_what_the_listing_said_then_to_the_digit(
    number: int, currency: str, start: datetime, length: timedelta
) -> None:
    coin = ODD._coins[number].listed.id
    for time, *said in points(coin, ChartQuery(currency, ms(start), ms(start + length)))[:4]:
        query = MarketsQuery(currency, ids=frozenset({coin}), precision="full")
        (record,) = exact(httpx.Response(200, content=ODD.page(time_of(time), query).body))
        assert said == [record["current_price"], record["market_cap"], record["total_volume"]]


@pytest.mark.parametrize("age", [timedelta(minutes=3), timedelta(days=3), timedelta(days=200)])
def test_the_server_says_so_too(server: SandboxServer, age: timedelta) -> None:
    point = chart(server, NOW - age - DAY, NOW - age)[-1]
    server.clock.set(time_of(point.time))
    record = listed(server, ids="bitcoin")["bitcoin"]
    assert point[1:] == (record["current_price"], record["market_cap"], record["total_volume"])


def test_a_coin_without_a_usable_price_has_no_points() -> None:
    page = ODD.page(NOW, MarketsQuery("usd", per_page=250))
    records = exact(httpx.Response(200, content=page.body))
    bad = [record["id"] for record in records if not record["current_price"]]
    assert len(bad) == 2
    for coin in bad:
        assert points(coin, ChartQuery("usd", ms(NOW - DAY), ms(NOW))) == []


def test_a_coin_costs_one_of_itself() -> None:
    for code, coin, expected in (
        ("btc", "bitcoin", 1),
        ("eth", "ethereum", 1),
        ("sats", "bitcoin", 1e8),
    ):
        found = points(coin, ChartQuery(code, ms(NOW - DAY), ms(NOW)))
        prices = [float(price) for _, price, _, _ in found]
        assert prices == pytest.approx([expected] * len(prices), rel=1e-11)


def test_all_coins_are_converted_at_the_same_rate(server: SandboxServer) -> None:
    assert len(get(server, "/simple/supported_vs_currencies").json()) == 63
    rates = []
    for code in ("usd", "eur"):
        records = listed(server, vs_currency=code).values()
        rates.append([record["current_price"] for record in records])
    ratios = [euro / dollar for dollar, euro in zip(*rates, strict=True)]
    assert max(ratios) / min(ratios) < Decimal("1.001")


@given(st.sampled_from(CURRENCIES), st.integers(1_400_000_000_000, 1_900_000_000_000))
def test_a_rate_stays_near_what_it_was(code: str, at: int) -> None:
    currencies = Currencies(1)
    rates = [currencies.units_per_usd(code, time) for time in (at, at + 30_000, at + 365 * DAY_MS)]
    assert all(rate > 0 for rate in rates)
    assert rates[1] / rates[0] == pytest.approx(1, rel=0.01)
    assert rates[2] / rates[0] == pytest.approx(1, rel=0.6)


def test_the_market_cap_of_a_new_coin_may_be_unknown() -> None:
    late = ODD.coin(min(ODD._late_cap), NOW)
    assert late is not None
    found = points(late.listed.id, ChartQuery("usd", late.listed_at, late.listed_at + 300 * DAY_MS))
    unknown = [cap for _, _, cap, _ in found if cap == 0]
    assert 273 <= len(unknown) <= 275
    assert unknown == [cap for _, _, cap, _ in found[: len(unknown)]]


@pytest.mark.parametrize("is_null", [False, True])
def test_a_market_cap_is_unknown_when_asked_to(
    server: SandboxServer, market: Market, is_null: bool
) -> None:
    unknown = UnknownCap("bitcoin", NOW - 3 * DAY, NOW + timedelta(minutes=5), is_null)
    market.conditions = Conditions(unknown_caps=(unknown,))
    caps = {point.market_cap for point in chart(server, NOW - 2 * DAY, NOW)}
    record = listed(server)["bitcoin"]
    assert {record["market_cap"], record["market_cap_change_24h"]} == caps
    assert caps == ({None} if is_null else {0})
    assert record["market_cap_rank"] is None
    assert list(listed(server))[-1] == "bitcoin"
    assert chart(server, NOW - 5 * DAY, NOW - 4 * DAY)[0].market_cap


# --- Points --------------------------------------------------------------------------------------


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
    times = [point.time for point in chart(server, start, end)]
    distance = (times[-2] - times[0]) / (len(times) - 2)
    assert distance == pytest.approx(minutes * 60_000, rel=0.01)
    assert times[-1] == ms(NOW) or end < NOW
    offsets = {time % HOUR_MS for time in times[:-1]}
    if minutes == 60:
        assert len(offsets) > 10
        assert max(offsets) <= 542_000
    if minutes == 1440:
        assert offsets == {0}


def test_days_may_be_asked_for_and_hours_may_not(server: SandboxServer) -> None:
    asked = {"vs_currency": "usd", "days": "30"}
    found = points_of(get(server, "/coins/bitcoin/market_chart", interval="daily", **asked))
    assert {point.time % DAY_MS for point in found[:-1]} == {0}
    assert len(found) == 31
    refused = get(server, "/coins/bitcoin/market_chart", interval="hourly", **asked)
    assert refused.status_code == 401
    assert refused.json()["status"]["error_code"] == 10005


def test_a_day_is_complete_after_half_an_hour(server: SandboxServer) -> None:
    midnight = NOW.replace(hour=0, minute=0)
    # What was answered before is served until 00:40.
    for minutes, last in ((34, midnight - DAY), (39, midnight - DAY), (40, midnight)):
        server.clock.set(midnight + timedelta(minutes=minutes))
        assert chart(server, NOW - 100 * DAY, NOW)[-2].time == ms(last)


def test_what_lies_before_the_listing_or_to_come_is_empty(server: SandboxServer) -> None:
    long_ago = datetime(2012, 1, 1, tzinfo=timezone.utc)
    assert chart(server, long_ago, long_ago + 30 * DAY) == []
    assert chart(server, NOW + DAY, NOW + 2 * DAY) == []


def test_lost_hours_are_in_no_answer(server: SandboxServer, market: Market) -> None:
    lost = NOW.replace(minute=0) - timedelta(hours=5)
    market.conditions = Conditions(lost_share=0.05, lost=(lost,))
    hours = {point.time // HOUR_MS for point in chart(server, NOW - 30 * DAY, NOW)[:-1]}
    missing = 30 * 24 - len(hours)
    assert 15 < missing < 60
    assert ms(lost) // HOUR_MS not in hours
    day = {point.time // HOUR_MS for point in chart(server, NOW - DAY, NOW)[:-1]}
    assert day <= hours | {ms(NOW) // HOUR_MS}
    candles = get(server, "/coins/bitcoin/ohlc", vs_currency="usd", days="1").json()
    assert ms(lost) + HOUR_MS // 2 not in {candle[0] for candle in candles}


def test_a_coin_has_no_points_while_it_is_not_listed(server: SandboxServer, market: Market) -> None:
    market.conditions = Conditions(absences=(Absence("bitcoin", NOW - 3 * DAY, NOW - DAY),))
    times = [point.time for point in chart(server, NOW - 5 * DAY, NOW)]
    assert not [time for time in times if ms(NOW - 3 * DAY) <= time < ms(NOW - DAY)]
    assert len(times) in (72, 73, 74)
    market.conditions = Conditions(absences=(Absence("bitcoin", NOW - 3 * DAY),))
    assert chart(server, NOW - 2 * DAY, NOW) == []
    assert len(chart(server, NOW - 5 * DAY, NOW)) in (47, 48, 49)


def test_prices_have_the_decimals_that_were_asked_for(server: SandboxServer) -> None:
    for precision, digits in (("2", 2), ("0", 1)):
        found = chart(server, NOW - 3 * DAY, NOW - 2 * DAY, "dogecoin", precision=precision)
        assert {max(1, -point.price.as_tuple().exponent) for point in found} <= {1, digits}
    assert (
        get(
            server, "/coins/dogecoin/market_chart", vs_currency="usd", days="1", precision="19"
        ).status_code
        == 422
    )


def test_past_points_and_candles_are_restated(server: SandboxServer, market: Market) -> None:
    start, end = NOW - 3 * DAY, NOW - 2 * DAY
    at = NOW + timedelta(hours=1)
    restated = Restatement("bitcoin", at, NOW - 2.5 * DAY, 1.01, NOW - 2.75 * DAY)
    market.conditions = Conditions(restatements=(restated,))

    def factors() -> list[float]:
        return [
            round(float(new.price / old.price), 4)
            for old, new in zip(before, chart(server, start, end), strict=True)
        ]

    before = chart(server, start, end)
    high = max(candle[2] for candle in exact(get(server, OHLC, vs_currency="usd", days="7")))
    assert factors() == [1.0] * 24
    server.clock.set(at + timedelta(hours=1))
    assert factors() == [1.0] * 6 + [1.01] * 6 + [1.0] * 12
    market.conditions = Conditions(restatements=(Restatement("bitcoin", at, NOW, 2.0),))
    candles = exact(get(server, OHLC, vs_currency="usd", days="7"))
    assert max(candle[2] for candle in candles) == pytest.approx(2 * high, rel=Decimal("1e-9"))


# --- Candles -------------------------------------------------------------------------------------

OHLC = "/coins/bitcoin/ohlc"


@pytest.mark.parametrize(
    ("query", "hours"),
    [
        ({"days": "1"}, 0.5),
        ({"days": "14"}, 4),
        ({"days": "90"}, 96),
        ({"days": "30", "interval": "hourly"}, 1),
        ({"days": "180", "interval": "daily"}, 24),
    ],
)
def test_a_candle_bears_the_time_at_which_it_closes(
    server: SandboxServer, query: dict[str, str], hours: float
) -> None:
    candles = exact(get(server, OHLC, vs_currency="usd", **query))
    closed = [row[0] for row in candles]
    assert {later - earlier for earlier, later in pairwise(closed)} == {hours * HOUR_MS}
    assert closed[0] > ms(NOW) - int(query["days"]) * DAY_MS
    assert ms(NOW) - hours * HOUR_MS < closed[-1] <= ms(NOW)
    for _, first, high, low, last in candles:
        assert low <= min(first, last) <= max(first, last) <= high
    # A candle begins where the one before ended.
    assert [row[1] for row in candles[1:]] == [row[4] for row in candles[:-1]]


@pytest.mark.parametrize(("days", "hours"), [("1", 0.5), ("30", 4), ("90", 96)])
@pytest.mark.parametrize("currency", ["usd", "btc"])
def test_candles_are_those_of_the_chart(
    server: SandboxServer, days: str, hours: float, currency: str
) -> None:
    length = int(hours * HOUR_MS)
    drawn = points_of(get(server, "/coins/bitcoin/market_chart", vs_currency=currency, days=days))[
        :-1
    ]
    checked = 0
    for close, first, high, low, last in exact(get(server, OHLC, vs_currency=currency, days=days)):
        within = [point.price for point in drawn if close - length < point.time <= close]
        if close - length >= drawn[0].time:
            assert low <= min(within) <= max(within) <= high
            checked += 1
            if hours != 0.5:
                # No point is finer than those of the chart.
                assert within[-1] == last or close % DAY_MS == 0
                assert {high, low} <= {first, *within, last}
    assert checked > 15


# --- Requests ------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/coins/no-coin/market_chart", {"vs_currency": "usd", "days": "1"}, 404),
        ("/coins/bitcoin/market_chart", {"vs_currency": "xyz", "days": "1"}, 400),
        ("/coins/bitcoin/market_chart", {"days": "1"}, 422),
        ("/coins/bitcoin/market_chart", {"vs_currency": "usd"}, 422),
        ("/coins/bitcoin/market_chart", {"vs_currency": "usd", "days": "1", "interval": "1w"}, 422),
        ("/coins/bitcoin/market_chart/range", {"vs_currency": "usd", "from": "2", "to": "1"}, 422),
        ("/coins/bitcoin/market_chart/range", {"vs_currency": "usd", "from": "x", "to": "1"}, 422),
        ("/coins/bitcoin/ohlc", {"vs_currency": "usd", "days": "2"}, 422),
        ("/coins/bitcoin/ohlc", {"vs_currency": "usd", "days": "1", "interval": "1w"}, 422),
        (
            "/coins/bitcoin/ohlc",
            {"vs_currency": "usd", "days": "180", "interval": "hourly"},
            422,
        ),
        ("/coins/list", {"status": "all"}, 422),
        ("/simple/price", {"ids": "bitcoin"}, 422),
        ("/simple/price", {"vs_currencies": "usd"}, 422),
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
    by_date = {"from": start.isoformat(), "to": (start + DAY).isoformat()}
    assert chart(server, start, start, **by_date) == chart(server, start, start + DAY)
    date = {"from": f"{NOW - 3 * DAY:%Y-%m-%d}", "to": f"{NOW - DAY:%Y-%m-%dT%H:%M}"}
    assert len(chart(server, start, start, **date)) == 61


def test_simple_prices_are_those_of_the_listing(server: SandboxServer) -> None:
    record = listed(server)["dogecoin"]
    answer = exact(
        get(
            server,
            "/simple/price",
            ids="dogecoin,no-coin",
            vs_currencies="usd,EUR,xyz",
            precision="full",
            include_market_cap="true",
            include_24hr_vol="true",
            include_24hr_change="true",
            include_last_updated_at="true",
        )
    )
    assert list(answer) == ["dogecoin"]
    found = answer["dogecoin"]
    assert found["usd"] == record["current_price"]
    assert found["usd_market_cap"] == record["market_cap"]
    assert found["usd_24h_vol"] == record["total_volume"]
    assert round(found["usd_24h_change"], 5) == record["price_change_percentage_24h"]
    assert f"{time_of(found['last_updated_at'] * 1000):%FT%T}" == record["last_updated"][:19]
    assert found["eur"] == listed(server, vs_currency="eur")["dogecoin"]["current_price"]


def test_simple_prices_are_found_by_name_and_symbol(server: SandboxServer) -> None:
    for query in (
        {"names": "Dogecoin"},
        {"symbols": "DOGE"},
        {"symbols": "doge", "include_tokens": "all"},
    ):
        found = get(server, "/simple/price", vs_currencies="usd", **query).json()
        assert list(found) == ["dogecoin"]
    assert get(server, "/simple/price", vs_currencies="usd", ids="no-coin").text == "{}"
