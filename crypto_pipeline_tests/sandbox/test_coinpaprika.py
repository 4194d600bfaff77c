"""The sandbox's CoinPaprika: the same market, its own form, and parting on request."""

from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal

import httpx
import pytest

from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.conditions import Conditions, Deviation
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline_tests.sandbox.asking import exact, listed

NOW = datetime(2026, 6, 15, 12, 20, 10, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    with SandboxServer(Market(80), clock=SimulatedClock(NOW, speed=0)) as server:
        yield server


@pytest.fixture
def server(running: SandboxServer) -> SandboxServer:
    tell(running)
    return running


def tell(server: SandboxServer, **conditions: object) -> None:
    httpx.post(f"{server.control_url}/conditions", json=conditions).raise_for_status()


def get(server: SandboxServer, path: str, **query: str) -> httpx.Response:
    return httpx.get(f"{server.coinpaprika_url}{path}", params=query)


def test_it_says_the_prices_of_the_same_market_under_its_own_label(server: SandboxServer) -> None:
    answer = get(server, "/tickers", quotes="USD,BTC")
    assert answer.headers["x-data-source"] == "CoinPaprika sandbox"
    tickers = {one["symbol"]: one for one in exact(answer)}
    bitcoin = tickers["BTC"]
    assert (bitcoin["id"], bitcoin["rank"]) == ("btc-bitcoin", 1)
    assert bitcoin["quotes"]["BTC"]["price"] == 1
    theirs = Decimal(bitcoin["quotes"]["USD"]["price"])
    ours = Decimal(listed(server)["bitcoin"]["current_price"])
    assert abs(theirs - ours) < ours * Decimal("0.001")
    # CoinGecko's label is as it was.
    assert httpx.get(f"{server.base_url}/ping").headers["x-data-source"] == "CoinGecko sandbox"


def test_a_price_parts_on_request(server: SandboxServer) -> None:
    (before, *_) = exact(get(server, "/tickers"))
    tell(server, deviations=[{"coin": "bitcoin", "factor": 1.5}])
    (after, *others) = exact(get(server, "/tickers"))
    assert after["id"] == "btc-bitcoin"
    ratio = Decimal(after["quotes"]["USD"]["price"]) / Decimal(before["quotes"]["USD"]["price"])
    assert round(ratio, 6) == Decimal("1.5")
    assert Conditions(deviations=(Deviation("bitcoin", 2),)).deviation("solana", NOW) == 1
    assert others


def test_contracts_are_those_of_the_list_of_coins(server: SandboxServer) -> None:
    platforms = get(server, "/contracts").json()
    contracts = {
        one["id"]: one["address"] for one in get(server, f"/contracts/{platforms[0]}").json()
    }
    coins = httpx.get(f"{server.base_url}/coins/list", params={"include_platform": "true"}).json()
    tether = next(one for one in coins if one["id"] == "tether")
    assert contracts["usdt-tether"] == tether["platforms"]["ethereum"]
    assert get(server, "/contracts/nowhere").status_code == 404


def test_candles_are_of_days_and_within_the_plan(server: SandboxServer) -> None:
    path = "/coins/btc-bitcoin/ohlcv/historical"
    days = exact(get(server, path, start="2026-06-10", end="2026-06-12"))
    assert [day["time_open"] for day in days] == [f"2026-06-1{n}T00:00:00Z" for n in range(3)]
    for day in days:
        assert day["low"] <= min(day["open"], day["close"])
        assert day["high"] >= max(day["open"], day["close"])
    assert get(server, path).status_code == 400
    assert get(server, "/coins/no/ohlcv/historical", start="2026-06-10").status_code == 404
    tell(server, plan="demo")
    refused = get(server, path, start="2026-06-10")
    assert refused.status_code == 402
    assert "is not allowed in this plan" in refused.json()["error"]
    tell(server, plan="pro")
    assert get(server, "/tickers").status_code == 403


@pytest.mark.parametrize("quotes", ["USD,BTC,EUR,GBP", "XYZ"])
def test_currencies_that_it_has_not_are_refused(quotes: str, server: SandboxServer) -> None:
    assert get(server, "/tickers", quotes=quotes).status_code == 400
