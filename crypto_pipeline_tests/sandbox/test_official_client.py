"""CoinGecko's own client, at its strictest, reads the sandbox."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import coingecko_sdk
import pytest
from coingecko_sdk import Coingecko

from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.conditions import Absence, Conditions
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.server import SandboxServer

NOW = datetime(2026, 6, 15, 12, 20, tzinfo=timezone.utc)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    market = Market(300)
    market.conditions = Conditions(absences=(Absence("dogecoin", NOW - DAY),))
    with SandboxServer(market, clock=SimulatedClock(NOW, speed=0)) as running:
        yield running


@pytest.fixture(params=["demo", "pro"])
def plan(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def client(server: SandboxServer, plan: str) -> Iterator[Coingecko]:
    keys = {f"{plan}_api_key": "CG-sandbox"}
    with Coingecko(
        **keys,  # type: ignore[arg-type]
        base_url=server.base_url,
        max_retries=0,
        _strict_response_validation=True,
    ) as opened:
        yield opened


def seconds(time: datetime) -> str:
    return str(int(time.timestamp()))


def test_it_reads_the_listing(client: Coingecko) -> None:
    found = client.coins.markets.get(vs_currency="usd", per_page=250, precision="full")
    assert len(found) == 250
    assert found[0].id == "bitcoin"
    assert found[0].current_price is not None
    assert found[0].last_updated is not None
    more = client.coins.markets.get(
        vs_currency="eur", ids="staked-ether", include_rehypothecated=True
    )
    assert [coin.id for coin in more] == ["staked-ether"]


def test_it_reads_the_list_of_coins(client: Coingecko) -> None:
    active = client.coins.list.get(include_platform=True)
    assert len(active) > 300
    assert any(coin.platforms for coin in active)
    assert client.coins.list.get()[0].platforms is None
    gone = client.coins.list.get(status="inactive", include_platform=True)
    assert [coin.id for coin in gone] == ["dogecoin"]


def test_it_reads_charts(client: Coingecko) -> None:
    day = client.coins.market_chart.get("bitcoin", vs_currency="usd", days="1")
    assert 280 <= len(day.prices) == len(day.market_caps) == len(day.total_volumes) <= 290
    month = client.coins.market_chart.get_range(
        "ethereum", vs_currency="btc", from_=seconds(NOW - 30 * DAY), to=seconds(NOW)
    )
    assert 700 < len(month.prices) <= 721
    past = client.coins.market_chart.get_range(
        "ethereum", vs_currency="usd", from_="946684800", to="946771200"
    )
    assert past.prices == past.market_caps == past.total_volumes == []


def test_it_reads_a_range_of_dates(client: Coingecko) -> None:
    week = client.coins.market_chart.get_range(
        "bitcoin", vs_currency="usd", from_="2026-06-01", to="2026-06-08", interval="daily"
    )
    assert len(week.prices) == 8


def test_it_reads_candles(client: Coingecko) -> None:
    candles = client.coins.ohlc.get("bitcoin", vs_currency="usd", days="7")
    assert {len(candle) for candle in candles} == {5}
    assert len(candles) == 42


def test_it_reads_currencies_and_asks_whether_the_service_is_up(client: Coingecko) -> None:
    assert len(client.simple.supported_vs_currencies.get()) == 63
    assert client.ping.get().gecko_says


def test_it_reads_the_limits_of_a_key(server: SandboxServer) -> None:
    with Coingecko(
        pro_api_key="CG-sandbox", base_url=server.base_url, _strict_response_validation=True
    ) as client:
        usage = client.key.get()
    assert usage.current_remaining_monthly_calls == (
        usage.monthly_call_credit - usage.current_total_monthly_calls
    )


def test_it_reads_simple_prices(client: Coingecko) -> None:
    found = client.simple.price.get(
        vs_currencies="usd",
        ids="bitcoin,no-coin",
        include_market_cap=True,
        include_24hr_vol=True,
        include_24hr_change=True,
        include_last_updated_at=True,
        precision="full",
    )
    assert list(found) == ["bitcoin"]
    assert found["bitcoin"].usd is not None
    assert found["bitcoin"].last_updated_at is not None
    assert 0 < NOW.timestamp() - found["bitcoin"].last_updated_at < 300


def test_it_knows_the_sandbox_s_errors(client: Coingecko) -> None:
    with pytest.raises(coingecko_sdk.NotFoundError):
        client.coins.market_chart.get("no-coin", vs_currency="usd", days="1")
    with pytest.raises(coingecko_sdk.BadRequestError):
        client.coins.ohlc.get("bitcoin", vs_currency="xyz", days="1")


def test_it_knows_the_refusals_of_a_plan() -> None:
    market = Market(20)
    clock = SimulatedClock(NOW, speed=0)
    with SandboxServer(market, clock=clock) as server:
        market.conditions = Conditions(plan="demo", requests_per_minute=3)

        def client(**key: str) -> Coingecko:
            return Coingecko(
                **key,  # type: ignore[arg-type]
                base_url=server.base_url,
                max_retries=0,
                _strict_response_validation=True,
            )

        with client(pro_api_key="CG-sandbox") as pro, pytest.raises(coingecko_sdk.BadRequestError):
            pro.coins.list.get()
        with client(demo_api_key="CG-sandbox") as demo:
            with pytest.raises(coingecko_sdk.AuthenticationError) as refused:
                demo.coins.market_chart.get("bitcoin", vs_currency="usd", days="366")
            assert "past 365 days" in str(refused.value)
            assert demo.coins.market_chart.get("bitcoin", vs_currency="usd", days="365").prices
            with pytest.raises(coingecko_sdk.RateLimitError):
                demo.coins.list.get()
