"""Life cycles, plans, limits and outages of the sandbox, on request."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.conditions import (
    PLANS,
    Absence,
    Conditions,
    ConditionsError,
    Outage,
    Rename,
    Successor,
    decode_conditions,
)
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.request_count import MINUTE, Asked, RequestCount
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline_tests.sandbox.asking import chart, get, ids, listed, ms

NOW = datetime(2026, 6, 15, 12, 20, tzinfo=timezone.utc)
DAY = timedelta(days=1)
CHART = "/coins/bitcoin/market_chart"
USD_DAY = {"vs_currency": "usd", "days": "1"}


@pytest.fixture
def market() -> Market:
    return Market(80, quirks=False)


@pytest.fixture
def server(market: Market) -> Iterator[SandboxServer]:
    with SandboxServer(market, clock=SimulatedClock(NOW, speed=0)) as running:
        yield running


# --- Life cycles ---------------------------------------------------------------------------------


def test_a_coin_is_delisted_and_listed_again(server: SandboxServer, market: Market) -> None:
    market.conditions = Conditions(absences=(Absence("dogecoin", NOW, NOW + DAY),))
    assert "dogecoin" not in ids(server)
    assert "dogecoin" in ids(server, status="inactive")
    assert "dogecoin" not in listed(server)
    server.clock.set(NOW + 2 * DAY)
    assert "dogecoin" in ids(server)
    assert ids(server, status="inactive") == {}
    assert "dogecoin" in listed(server)


def test_a_coin_is_new(server: SandboxServer, market: Market) -> None:
    market.conditions = Conditions(absences=(Absence("dogecoin", end=NOW),))
    assert "dogecoin" in ids(server)
    assert len(chart(server, NOW - 2 * DAY, NOW, "dogecoin")) == 1
    server.clock.set(NOW - DAY)
    assert "dogecoin" not in ids(server)
    assert ids(server, status="inactive") == {}
    assert "dogecoin" not in listed(server)


def test_before_it_is_listed_a_coin_is_nowhere(server: SandboxServer, market: Market) -> None:
    coin = market.coin("bitcoin", NOW)
    assert coin is not None
    server.clock.set(datetime.fromtimestamp(coin.listed_at / 1000, timezone.utc) - DAY)
    assert "bitcoin" not in {*ids(server), *ids(server, status="inactive"), *listed(server)}


def test_a_coin_gets_another_name(server: SandboxServer, market: Market) -> None:
    market.conditions = Conditions(renames=(Rename("dogecoin", NOW, "dog", "Dog"),))
    assert ids(server)["dogecoin"] == {"id": "dogecoin", "symbol": "dog", "name": "Dog"}
    assert listed(server)["dogecoin"]["symbol"] == "dog"
    server.clock.set(NOW - DAY)
    assert ids(server)["dogecoin"]["symbol"] == "doge"


@pytest.mark.parametrize("old", ["sandbox-coin-0075", "dogecoin"])
@pytest.mark.parametrize("new", ["new-coin", "boringdao-[old]", "1move token"])
def test_a_coin_gets_another_id_with_the_same_contract(
    server: SandboxServer, market: Market, old: str, new: str
) -> None:
    market.conditions = Conditions(successors=(Successor(old, NOW, new),))
    server.clock.set(NOW - DAY)
    before = ids(server, include_platform="true")
    assert new not in before
    server.clock.set(NOW)
    after = ids(server, include_platform="true")
    assert old not in {*after, *ids(server, status="inactive")}
    assert after[new]["platforms"] == before[old]["platforms"] != {}
    assert list(listed(server, ids=new)) == [new]
    assert get(server, f"/coins/{old}/market_chart", **USD_DAY).status_code == 404
    assert chart(server, NOW - 3 * DAY, NOW - 2 * DAY, coin=quote(new, safe=""))


def test_an_id_may_change_twice(server: SandboxServer, market: Market) -> None:
    market.conditions = Conditions(
        successors=(Successor("middle", NOW, "last"), Successor("dogecoin", NOW - DAY, "middle"))
    )
    for at, now_called in ((-2, "dogecoin"), (-1, "middle"), (0, "last")):
        server.clock.set(NOW + at * DAY)
        found = {"dogecoin", "middle", "last"} & set(ids(server))
        assert found == {now_called}
        answers = [
            get(server, f"/coins/{id}/market_chart", **USD_DAY).status_code
            for id in ("dogecoin", "middle", "last")
        ]
        assert answers.count(200) == 1
        assert get(server, f"/coins/{now_called}/market_chart", **USD_DAY).status_code == 200


def test_contracts_tell_tokens_apart(server: SandboxServer) -> None:
    coins = ids(server, include_platform="true")
    assert coins["bitcoin"]["platforms"] == {}
    addresses = [coin["platforms"].get("ethereum") for coin in coins.values()]
    known = [address for address in addresses if address]
    assert len(known) == len(set(known)) > 40
    assert any(len(coin["platforms"]) == 2 for coin in coins.values())


# --- Plans and limits ----------------------------------------------------------------------------


def test_what_lies_beyond_the_reach_is_refused(server: SandboxServer, market: Market) -> None:
    for conditions in (Conditions(reach_days=365), Conditions(plan="demo")):
        market.conditions = conditions
        assert chart(server, NOW - 365 * DAY, NOW - 364 * DAY)
        beyond = {"vs_currency": "usd", "from": ms(NOW - 366 * DAY) // 1000, "to": ms(NOW) // 1000}
        for path, query in (
            (f"{CHART}/range", beyond),
            (CHART, {"vs_currency": "usd", "days": "max"}),
            ("/coins/bitcoin/ohlc", {"vs_currency": "usd", "days": "max"}),
        ):
            answer = get(server, path, **query)
            assert answer.status_code == 401
            status = answer.json()["error"]["status"]
            assert status["error_code"] == 10012
            assert status["timestamp"] == "2026-06-15T12:20:00.000Z"


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/key", {}),
        ("/coins/list", {"status": "inactive"}),
        ("/coins/bitcoin/ohlc", {**USD_DAY, "interval": "hourly"}),
        (CHART, {**USD_DAY, "interval": "5m"}),
    ],
)
def test_a_free_plan_has_less(
    server: SandboxServer, market: Market, path: str, query: dict[str, str]
) -> None:
    market.conditions = Conditions(plan="demo")
    answer = get(server, path, **query)
    assert answer.status_code == 401
    assert answer.json()["status"]["error_code"] == 10005


def test_a_free_plan_takes_no_dates(server: SandboxServer, market: Market) -> None:
    dates = {"vs_currency": "usd", "from": "2026-06-01", "to": "2026-06-02"}
    assert get(server, f"{CHART}/range", **dates).status_code == 200
    market.conditions = Conditions(plan="public")
    assert get(server, f"{CHART}/range", **dates).status_code == 422


@pytest.mark.parametrize(
    ("plan", "key", "status", "code"),
    [
        ("public", None, 200, None),
        ("demo", "x-cg-demo-api-key", 200, None),
        ("demo", "x-cg-pro-api-key", 400, 10010),
        ("pro", "x-cg-pro-api-key", 200, None),
        ("pro", "x-cg-demo-api-key", 400, 10011),
        ("pro", None, 401, 10002),
        (None, None, 200, None),
    ],
)
def test_a_key_belongs_to_a_plan(
    server: SandboxServer, market: Market, plan: str, key: str | None, status: int, code: int
) -> None:
    market.conditions = Conditions(plan=plan)  # type: ignore[arg-type]
    url = f"{server.base_url}/coins/list"
    by_header = httpx.get(url, headers={key: "CG-x"} if key else {})
    by_query = httpx.get(url, params={key.replace("-", "_"): "CG-x"} if key else {})
    for answer in (by_header, by_query):
        assert answer.status_code == status
        if code in (10010, 10011):
            assert answer.json()["error_code"] == code
            assert "change your root URL" in answer.json()["status"]["error_message"]
        elif code is not None:
            assert answer.json()["status"]["error_code"] == code
    assert all("api_key" not in name for asked in server.requests.asked for name in asked.query)


def test_requests_are_counted_and_limited(server: SandboxServer, market: Market) -> None:
    market.conditions = Conditions(requests_per_minute=3, credits_per_month=5)
    found = [get(server, "/coins/list", status="active") for _ in range(5)]
    assert [answer.status_code for answer in found] == [200, 200, 200, 429, 429]
    assert found[-1].json()["status"]["error_code"] == 429
    assert found[-1].headers["retry-after"] == "60"
    assert httpx.get(f"{server.control_url}/requests").json() == {
        "requests": 5,
        "by_endpoint": {"/coins/list": 5},
        "by_status": {"200": 3, "429": 2},
        "by_minute": {"2026-06-15T12:20Z": 5},
        "by_month": {"2026-06": 5},
        "credits_by_month": {"2026-06": 3},
        "busiest_minute": 5,
    }
    assert get(server, "/ping").status_code == 200
    assert {(one.path, one.query["status"]) for one in server.requests.asked} == {
        ("/coins/list", "active")
    }
    httpx.delete(f"{server.control_url}/requests")
    assert server.requests.report()["requests"] == 0


def test_credits_are_used_up_until_the_month_ends(server: SandboxServer, market: Market) -> None:
    market.conditions = Conditions(credits_per_month=3)
    assert get(server, "/coins/no-coin/market_chart", **USD_DAY).status_code == 404
    assert get(server, "/coins/list").status_code == 200
    tag = {"if-none-match": get(server, "/coins/list").headers["etag"]}
    assert httpx.get(f"{server.base_url}/coins/list", headers=tag).status_code == 304
    usage = get(server, "/key").json()
    assert usage["current_total_monthly_calls"] == 2
    assert usage["current_remaining_monthly_calls"] == 1
    assert usage["monthly_call_credit"] == usage["api_key_monthly_call_credit"] == 3
    refused = get(server, "/coins/list")
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == str(int((15 * DAY).total_seconds()) + 11 * 3600 + 2400)
    server.clock.set(NOW + 16 * DAY)
    assert get(server, "/coins/list").status_code == 200


def test_a_plan_brings_its_limits() -> None:
    assert Conditions().limits == (None, None, None)
    assert Conditions(plan="demo").limits == PLANS["demo"] == (365, 30, 10_000)
    assert Conditions(plan="demo", requests_per_minute=99).limits == (365, 99, 10_000)
    assert Conditions(reach_days=0).limits == (0, None, None)


@given(st.lists(st.integers(0, 300), max_size=60))
def test_the_busiest_minute_is_that_of_a_count(moments: list[int]) -> None:
    count = RequestCount()
    times: list[int] = []
    for moment in sorted(moments):
        assert count.in_the_minute_before(moment) == sum(time > moment - MINUTE for time in times)
        times.append(moment)
        count.add(Asked(NOW, moment, "/key", "/key", {}, 200))
    starts = [sum(start <= time < start + MINUTE for time in times) for start in times]
    assert count.busiest_minute == max(starts, default=0)
    assert count.credits_in(NOW) == len(times)


# --- Outages -------------------------------------------------------------------------------------


def test_an_outage_ends_when_the_clock_says_so(server: SandboxServer, market: Market) -> None:
    market.conditions = Conditions(outages=(Outage(NOW, NOW + DAY),))
    assert get(server, "/coins/list").status_code == 503
    assert get(server, CHART, **USD_DAY).status_code == 503
    server.clock.set(NOW + DAY)
    assert get(server, "/coins/list").status_code == 200


def test_an_outage_may_break_connections(server: SandboxServer, market: Market) -> None:
    market.conditions = Conditions(outages=(Outage(NOW, NOW + DAY, "disconnect"),))
    with pytest.raises(httpx.RemoteProtocolError):
        get(server, "/coins/list")
    assert server.requests.report()["by_status"] == {"0": 1}
    server.clock.set(NOW + DAY)
    assert get(server, "/coins/list").status_code == 200


# --- Setting them --------------------------------------------------------------------------------


def test_conditions_are_set_over_http(server: SandboxServer, market: Market) -> None:
    url = f"{server.control_url}/conditions"
    assert httpx.post(url, json={"reach_days": 365}).json()["reach_days"] == 365
    assert market.conditions == Conditions(reach_days=365)
    wrong = httpx.post(url, json={"reach": 365})
    assert wrong.status_code == 422
    assert "reach" in wrong.json()["error"]
    assert httpx.get(url).json()["reach_days"] == 365


def test_what_was_kept_goes_with_the_conditions(server: SandboxServer, market: Market) -> None:
    assert "dogecoin" in ids(server)
    market.conditions = Conditions(absences=(Absence("dogecoin", NOW),))
    assert "dogecoin" not in ids(server)


@pytest.mark.parametrize(
    "body",
    [
        b'{"plan":"basic"}',
        b'{"lost_share":2}',
        b'{"reach_days":-1}',
        b'{"outages":[{"start":"2026-06-15T12:20:00","end":"2026-06-15T13:20:00Z"}]}',
        b'{"restatements":[{"coin":"x","at":"2026-06-15T12:20:00Z","before":"2026-06-15T12:20:00Z","factor":0}]}',
        b"[]",
        b"",
    ],
)
def test_wrong_conditions_are_refused(body: bytes) -> None:
    with pytest.raises(ConditionsError):
        decode_conditions(body)
