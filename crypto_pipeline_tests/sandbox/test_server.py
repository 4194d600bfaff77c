"""The API and the clock over HTTP."""

import re
from datetime import datetime, timedelta, timezone

import httpx
import pytest

from crypto_pipeline.sandbox.listed_coins import REHYPOTHECATED_COINS
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline_tests.sandbox.conftest import START

USD = {"vs_currency": "usd"}


def test_ping(client: httpx.Client) -> None:
    assert client.get("/ping").json() == {"gecko_says": "(V3) To the Moon!"}


def test_defaults_are_those_of_the_api(client: httpx.Client) -> None:
    response = client.get("/coins/markets", params={**USD, "sparkline": "true"})
    records = response.json()
    assert [record["market_cap_rank"] for record in records[:2]] == [1, 2]
    assert (len(records), records[0]["id"]) == (100, "bitcoin")
    assert response.headers["content-type"] == "application/json; charset=utf-8"


def test_a_page_of_250_in_another_order(client: httpx.Client) -> None:
    query = {**USD, "order": "id_asc", "per_page": "250", "page": "4"}
    ids = [record["id"] for record in client.get("/coins/markets", params=query).json()]
    assert len(ids) == 250
    assert ids == sorted(ids)
    assert client.get("/coins/markets", params={**query, "page": "5"}).json() == []


def test_ids(client: httpx.Client) -> None:
    response = client.get("/coins/markets", params={**USD, "ids": "solana,bitcoin, gone"})
    assert [record["id"] for record in response.json()] == ["bitcoin", "solana"]
    assert response.headers["total"] == "2"
    assert "link" not in response.headers


def test_coins_list(client: httpx.Client) -> None:
    coins = client.get("/coins/list").json()
    assert len(coins) == 1000 + len(REHYPOTHECATED_COINS)
    assert {"id": "bitcoin", "symbol": "btc", "name": "Bitcoin"} in coins


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        ({}, 422, "Missing parameter vs_currency"),
        ({"vs_currency": "xyz"}, 400, "invalid vs_currency"),
        ({**USD, "order": "up"}, 422, "invalid order"),
        ({**USD, "per_page": "251"}, 422, "invalid per_page"),
        ({**USD, "per_page": "0"}, 422, "invalid per_page"),
        ({**USD, "page": "-1"}, 422, "invalid page"),
        ({**USD, "precision": "19"}, 422, "invalid precision"),
    ],
)
def test_refusals(client: httpx.Client, query: dict[str, str], status: int, message: str) -> None:
    response = client.get("/coins/markets", params=query)
    assert (response.status_code, response.json()) == (status, {"error": message})


def test_headers(client: httpx.Client) -> None:
    headers = client.get("/coins/markets", params={**USD, "page": 2}).headers
    assert headers["cache-control"] == "max-age=30, public, must-revalidate, s-maxage=30"
    assert re.fullmatch(r'W/"[0-9a-f]{32}"', headers["etag"])
    assert (headers["age"], headers["cf-cache-status"]) == ("10", "HIT")
    assert headers["access-control-expose-headers"] == "link, per-page, total"
    assert (headers["total"], headers["per-page"]) == ("1000", "100")
    assert 'page=3>; rel="next"' in headers["link"]
    assert 'page=10>; rel="last"' in headers["link"]
    assert headers["x-request-id"]
    assert headers.get_list("date") == ["Tue, 24 Nov 2026 05:00:10 GMT"]


@pytest.mark.parametrize("path", ["/ping", "/coins/list", "/coins/markets", "/nowhere"])
def test_every_response_is_labelled(client: httpx.Client, path: str) -> None:
    for method in ("GET", "PUT"):
        headers = client.request(method, path).headers
        assert headers["x-data-source"] == "CoinGecko sandbox"
        assert headers["x-sandbox-time"] == "2026-11-24T05:00:10.000Z"


def test_an_unknown_path(client: httpx.Client) -> None:
    for path in ("/coins/nowhere", "/ping/"):
        response = client.get(path)
        assert response.status_code == 404
        assert response.json() == {
            "error": "Incorrect path. Please check https://docs.coingecko.com/"
        }


def test_an_etag_saves_the_body(client: httpx.Client, server: SandboxServer) -> None:
    etag = client.get("/coins/markets", params=USD).headers["etag"]
    tagged = {"if-none-match": etag}
    again = client.get("/coins/markets", params=USD, headers=tagged)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    server.clock.set(START + timedelta(seconds=30))
    assert client.get("/coins/markets", params=USD, headers=tagged).status_code == 200


def test_the_clock_over_http(client: httpx.Client, server: SandboxServer) -> None:
    clock = f"{server.control_url}/clock"
    assert client.get(clock).json() == {"now": "2026-11-24T05:00:10.000Z", "speed": 0}
    response = client.post(clock, json={"now": "2025-01-02T03:04:05.678+01:00"})
    assert response.json()["now"] == "2025-01-02T02:04:05.678Z"
    headers = client.get("/coins/markets", params=USD).headers
    assert headers["x-sandbox-time"] == "2025-01-02T02:04:05.678Z"
    assert headers["age"] == "5"


@pytest.mark.parametrize("body", [{}, {"now": "soon"}, {"now": "2025-01-02T03:04:05"}])
def test_a_wrong_time_is_refused(
    client: httpx.Client, server: SandboxServer, body: dict[str, str]
) -> None:
    response = client.post(f"{server.control_url}/clock", json=body)
    assert response.status_code == 422
    assert "now" in response.json()["error"]
    assert server.clock.now() == START


def test_the_demo_meets_the_rename(client: httpx.Client, server: SandboxServer) -> None:
    query = {**USD, "ids": "render-token"}
    assert client.get("/coins/markets", params=query).json()[0]["symbol"] == "rndr"
    server.clock.set(START + timedelta(hours=4))
    assert client.get("/coins/markets", params=query).json()[0]["symbol"] == "render"


def test_servers_run_side_by_side_and_stop() -> None:
    with SandboxServer(Market(10, quirks=False)) as one, SandboxServer(Market(20)) as two:
        sizes = [len(httpx.get(f"{s.base_url}/coins/list").json()) for s in (one, two)]
        shown = httpx.get(f"{one.base_url}/ping").headers["x-sandbox-time"]
    assert sizes == [size + len(REHYPOTHECATED_COINS) for size in (10, 20)]
    assert shown[:10] == datetime.now(timezone.utc).date().isoformat()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{one.base_url}/ping")


def test_a_taken_port_is_an_error(server: SandboxServer) -> None:
    port = httpx.URL(server.base_url).port
    assert port
    with pytest.raises(OSError, match="in use"), SandboxServer(Market(10), port=port):
        pass
