"""What our client asks and what the sandbox answers, against CoinGecko's own description."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from pydantic import SecretStr
from starlette.responses import Response

from crypto_pipeline.coingecko.client import CoinGeckoClient
from crypto_pipeline.coingecko.transport import Transport
from crypto_pipeline.config.settings import Plan
from crypto_pipeline.fetching.budget import RequestBudget
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.conditions import Absence, Conditions, Successor
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline_tests.real_captures import DESCRIPTIONS
from crypto_pipeline_tests.sandbox.recorder import Exchange, Recorder, recorded

if TYPE_CHECKING:
    from crypto_pipeline_tests.sandbox.openapi import Description

NOW = datetime(2026, 6, 15, 12, 20, tzinfo=timezone.utc)
DAY = timedelta(days=1)
JSON = "application/json"
pytestmark = pytest.mark.skipif(
    not DESCRIPTIONS.is_dir(), reason=f"no descriptions in {DESCRIPTIONS}"
)


@pytest.fixture(scope="module")
def server() -> Iterator[Recorder]:
    market = Market(300)
    # Some real ids are no plain words.
    market.conditions = Conditions(
        successors=(Successor("sandbox-coin-0299", NOW - DAY, "1move token"),),
        absences=(Absence("sandbox-coin-0298", NOW - DAY),),
    )
    with recorded(market, SimulatedClock(NOW, speed=0)) as recorder:
        yield recorder


Describe = Callable[[Plan], "Description"]


@pytest.fixture(scope="module")
def describe(server: Recorder) -> Describe:
    # It takes seconds to import openapi-core.
    from crypto_pipeline_tests.sandbox.openapi import Description

    return cache(lambda plan: Description(plan, server.base_url))


@pytest.mark.parametrize("plan", [Plan.DEMO, Plan.PRO])
def test_our_requests_and_their_answers_are_as_described(
    server: Recorder, describe: Describe, plan: Plan, tmp_path: Path
) -> None:
    server.exchanges.clear()
    transport = Transport(
        plan,
        api_key=SecretStr("CG-sandbox"),
        base_url=server.base_url,
        budget=RequestBudget(tmp_path / "budget.sqlite3", None),
    )
    with CoinGeckoClient(transport) as client:
        client.ping()
        client.markets("usd", None)
        client.markets("eur", 20, also=["ethereum-name-service"])
        client.markets("usd", None, ids=["bitcoin", "wrapped-bitcoin"], include_rehypothecated=True)
        client.chart_range("bitcoin", "usd", NOW - 90 * DAY, NOW - DAY)
        client.chart_range("1move token", "btc", NOW - 364 * DAY, NOW)
        client.ohlc("bitcoin", "usd", "1")
        client.ohlc("bitcoin", "eur", "365")
        client.coin_list()
        if plan is Plan.PRO:
            client.coin_list(is_active=False)
        client.key_usage()
    description = describe(plan)
    asked = Counter(description.check_request(exchange) for exchange in server.exchanges)
    answered = Counter(description.check_response(exchange) for exchange in server.exchanges)
    assert asked == answered
    assert asked == {
        "/ping": 1,
        "/coins/markets": 5,
        "/coins/{id}/market_chart/range": 2,
        "/coins/{id}/ohlc": 2,
        "/coins/list": 1 if plan is Plan.DEMO else 2,
        **({} if plan is Plan.DEMO else {"/key": 1}),
    }


@pytest.mark.parametrize("plan", [Plan.DEMO, Plan.PRO])
@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/coins/list", {}),
        ("/coins/list", {"include_platform": "true"}),
        ("/coins/list", {"include_platform": "true", "status": "inactive"}),
        ("/coins/bitcoin/market_chart", {"vs_currency": "usd", "days": "1"}),
        ("/coins/bitcoin/market_chart", {"vs_currency": "sats", "days": "30"}),
        ("/coins/bitcoin/ohlc", {"vs_currency": "usd", "days": "1"}),
        ("/coins/bitcoin/ohlc", {"vs_currency": "eur", "days": "90"}),
        ("/coins/bitcoin/market_chart", {"vs_currency": "usd", "days": "90", "interval": "daily"}),
        ("/coins/1move%20token/ohlc", {"vs_currency": "usd", "days": "30", "precision": "2"}),
        ("/simple/supported_vs_currencies", {}),
        (
            "/simple/price",
            {
                "vs_currencies": "usd",
                "ids": "bitcoin",
                "include_market_cap": "true",
                "include_24hr_vol": "true",
                "include_24hr_change": "true",
                "include_last_updated_at": "true",
            },
        ),
    ],
)
def test_what_else_the_sandbox_answers_is_as_described(
    server: Recorder, describe: Describe, plan: Plan, path: str, query: dict[str, str]
) -> None:
    server.exchanges.clear()
    key = {f"x-cg-{plan.value}-api-key": "CG-sandbox"}
    answer = httpx.get(f"{server.base_url}{path}", params=query, headers=key)
    assert answer.status_code == 200, answer.text
    description = describe(plan)
    for exchange in server.exchanges:
        description.check_request(exchange)
        description.check_response(exchange)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/coins/markets", {"vs_currency": "usd", "order": "size"}),
        ("/coins/markets", {"vs_currency": "usd", "per_page": "many"}),
        ("/coins/markets", {"vs_currency": "usd", "page_size": "1"}),
        ("/coins/bitcoin/ohlc", {"vs_currency": "usd", "days": "2"}),
        (
            "/coins/bitcoin/market_chart/range",
            {"vs_currency": "usd", "from": "2026-01-01", "to": "2026-02-01"},
        ),
    ],
)
def test_a_request_that_is_not_as_described_is_found(
    server: Recorder, describe: Describe, path: str, query: dict[str, str]
) -> None:
    server.exchanges.clear()
    key = {"x-cg-demo-api-key": "CG-sandbox"}
    httpx.get(f"{server.base_url}{path}", params=query, headers=key)
    with pytest.raises(AssertionError):
        describe(Plan.DEMO).check_request(server.exchanges[0])


def test_an_answer_that_is_not_as_described_is_found(server: Recorder, describe: Describe) -> None:
    from openapi_core.validation.response.exceptions import ResponseValidationError

    server.exchanges.clear()
    httpx.get(f"{server.base_url}/ping")
    request, answer = server.exchanges[0]
    wrong = Response(answer.body.replace(b"gecko_says", b"gecko_said"), media_type=JSON)
    with pytest.raises(ResponseValidationError):
        describe(Plan.DEMO).check_response(Exchange(request, wrong))
