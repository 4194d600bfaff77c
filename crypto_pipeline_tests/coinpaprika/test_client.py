"""The client, against a server on loopback: where the key goes, what fails how, what is kept."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from crypto_pipeline.coinpaprika.client import CoinPaprikaClient, service
from crypto_pipeline.coinpaprika.errors import (
    AuthenticationError,
    BadRequest,
    CoinPaprikaError,
    MalformedResponse,
    PlanError,
    RateLimited,
    ServerError,
)
from crypto_pipeline.config.settings import CoinPaprikaPlan, Settings
from crypto_pipeline.fetching.answer import SourceAnswer
from crypto_pipeline.fetching.budget import RequestBudget
from crypto_pipeline.fetching.request_log import RequestLog
from crypto_pipeline.fetching.transport import HttpTransport

KEY = "canary-paprika-key"


@pytest.fixture
def log(tmp_path: Path) -> RequestLog:
    return RequestLog(tmp_path / "requests.jsonl")


@pytest.fixture
def client(httpserver: HTTPServer, tmp_path: Path, log: RequestLog) -> Iterator[CoinPaprikaClient]:
    transport = HttpTransport(
        service(CoinPaprikaPlan.PRO),
        api_key=SecretStr(KEY),
        base_url=httpserver.url_for("/v1"),
        budget=RequestBudget(tmp_path / "budget.sqlite3", None),
        log=log,
        max_attempts=2,
        max_wait=0.01,
    )
    with CoinPaprikaClient(transport) as opened:
        yield opened


def test_the_key_is_in_the_header_and_nowhere_else(
    httpserver: HTTPServer, client: CoinPaprikaClient, log: RequestLog
) -> None:
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        seen.append(request)
        return Response(f'["echo {KEY}"]', content_type="application/json")

    httpserver.expect_request("/v1/tickers").respond_with_handler(answer)
    got = client.tickers(["usd", "btc"])
    (request,) = seen
    assert request.headers["authorization"] == KEY
    assert dict(request.args) == {"quotes": "USD,BTC"}
    assert KEY not in request.url
    assert got.body == b'["echo <key>"]'
    assert (got.source, got.endpoint, got.path) == ("CoinPaprika", "/tickers", "/tickers")
    assert KEY not in f"{client!r}{got!r}"
    with log.take() as (entry,):
        assert (entry.api, entry.plan, entry.endpoint) == ("coinpaprika", "pro", "/tickers")


def test_paths_and_queries(httpserver: HTTPServer, client: CoinPaprikaClient) -> None:
    httpserver.expect_request("/v1/contracts/a b").respond_with_json([])
    assert client.contracts("a b").path == "/contracts/a%20b"
    httpserver.expect_request(
        "/v1/coins/btc-bitcoin/ohlcv/historical",
        query_string={"start": "2026-01-01", "end": "2026-01-03", "limit": "3", "quote": "usd"},
    ).respond_with_json([])
    answer = client.daily_candles("btc-bitcoin", "usd", date(2026, 1, 1), date(2026, 1, 3))
    assert answer.body == b"[]"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest),
        (402, PlanError),
        (403, AuthenticationError),
        (404, BadRequest),
        (429, RateLimited),
        (500, ServerError),
        (503, ServerError),
    ],
)
def test_what_is_refused_says_why_without_the_key(
    status: int, kind: type[CoinPaprikaError], httpserver: HTTPServer, client: CoinPaprikaClient
) -> None:
    httpserver.expect_request("/v1/contracts").respond_with_json(
        {"error": f"no {KEY}"}, status=status
    )
    with pytest.raises(kind) as refused:
        client.platforms()
    assert "no <key>" in str(refused.value)
    assert KEY not in str(refused.value)
    assert f"HTTP {status}" in str(refused.value)
    assert len(httpserver.log) == (2 if kind.retryable else 1)


@pytest.mark.parametrize("body", [b"<html>", b'[{"id":', b"{}"])
def test_an_answer_that_is_no_list_is_kept_and_asked_for_again(
    body: bytes, httpserver: HTTPServer, client: CoinPaprikaClient
) -> None:
    httpserver.expect_request("/v1/tickers").respond_with_data(body)
    kept: list[SourceAnswer] = []
    with pytest.raises(MalformedResponse):
        client.tickers(["usd"], kept.append)
    assert [one.body for one in kept] == [body, body]


def test_an_error_with_http_200_is_one(httpserver: HTTPServer, client: CoinPaprikaClient) -> None:
    httpserver.expect_request("/v1/tickers").respond_with_json({"error": "something"})
    with pytest.raises(CoinPaprikaError, match="something"):
        client.tickers(["usd"])


def test_a_source_that_is_off_has_no_client() -> None:
    with pytest.raises(ValueError, match="CoinPaprika is off"):
        CoinPaprikaClient.from_settings(Settings())


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"COINPAPRIKA_PLAN": "pro"}, "COINPAPRIKA_PLAN=pro needs COINPAPRIKA_API_KEY"),
        (
            {"COINPAPRIKA_PLAN": "free", "COINPAPRIKA_API_KEY": KEY},
            "COINPAPRIKA_API_KEY is set, but COINPAPRIKA_PLAN is free",
        ),
        ({"COINPAPRIKA_PLAN": "sandbox"}, "COINPAPRIKA_PLAN=sandbox needs COINPAPRIKA_BASE_URL"),
        (
            {"COINPAPRIKA_PLAN": "sandbox", "COINPAPRIKA_BASE_URL": "http://127.0.0.1/v1"},
            "live and sandbox data never mix",
        ),
        (
            {
                "COINPAPRIKA_PLAN": "free",
                "COINGECKO_PLAN": "sandbox",
                "COINGECKO_BASE_URL": "http://127.0.0.1/",
            },
            "live and sandbox data never mix",
        ),
        ({"COINPAPRIKA_PLAN": "gold"}, "coinpaprika_plan"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    variables: dict[str, str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=problem) as refused:
        Settings()
    assert KEY not in str(refused.value)
