"""Faults on request, over HTTP."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from crypto_pipeline.sandbox.server import SandboxServer

USD = {"vs_currency": "usd"}
Script = Callable[..., None]


@pytest.fixture
def script(client: httpx.Client, server: SandboxServer) -> Script:
    def add(*faults: dict[str, Any]) -> None:
        client.post(f"{server.control_url}/faults", json=faults).raise_for_status()

    return add


def test_rate_limit(client: httpx.Client, script: Script) -> None:
    script({"kind": "rate_limit", "retry_after": 1, "count": 2})
    for _ in range(2):
        response = client.get("/coins/markets", params=USD)
        assert response.status_code == 429
        assert response.headers["retry-after"] == "1"
        assert response.headers["x-data-source"] == "CoinGecko sandbox"
        assert response.json()["status"]["error_code"] == 429
    assert client.get("/coins/markets", params=USD).status_code == 200


def test_server_error(client: httpx.Client, script: Script) -> None:
    script({"kind": "server_error"})
    response = client.get("/coins/markets", params=USD)
    assert response.status_code == 500
    assert response.headers["content-type"].startswith("text/html")


def test_truncated(client: httpx.Client, script: Script) -> None:
    whole = client.get("/coins/markets", params=USD).content
    script({"kind": "truncated"})
    response = client.get("/coins/markets", params=USD)
    assert response.status_code == 200
    assert response.content == whole[: len(whole) // 2]


@pytest.mark.parametrize("code", [429, 403])
def test_error_body(client: httpx.Client, script: Script, code: int) -> None:
    script({"kind": "error_body", "code": code})
    response = client.get("/coins/markets", params=USD)
    assert response.status_code == 200
    assert response.json()["status"]["error_code"] == code
    assert response.json()["status"]["error_message"]


def test_slow(client: httpx.Client, script: Script) -> None:
    script({"kind": "slow", "seconds": 0.3})
    began = time.perf_counter()
    assert len(client.get("/coins/markets", params=USD).json()) == 100
    assert time.perf_counter() - began >= 0.3


def test_disconnect(client: httpx.Client, script: Script) -> None:
    script({"kind": "disconnect"})
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("/coins/markets", params=USD)
    assert client.get("/coins/markets", params=USD).status_code == 200


def test_only_markets_requests_use_a_fault_up(
    client: httpx.Client, server: SandboxServer, script: Script
) -> None:
    script({"kind": "server_error"}, {"kind": "slow", "seconds": 0})
    assert client.get("/ping").status_code == 200
    assert client.get("/coins/list").status_code == 200
    faults = f"{server.control_url}/faults"
    assert client.get(faults).json() == [
        {"kind": "server_error", "count": 1},
        {"kind": "slow", "seconds": 0, "count": 1},
    ]
    assert client.delete(faults).json() == []
    assert client.get("/coins/markets", params=USD).status_code == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([{"kind": "earthquake"}], "earthquake.*kinds: rate_limit, server_error"),
        ([{"kind": "slow"}, {"kind": "slow", "count": 0}], r"\$\[1\].count"),
        ([{"kind": "slow", "secnods": 1}], "secnods"),
        ({"kind": "slow"}, "array"),
    ],
)
def test_a_wrong_script_is_refused_as_a_whole(
    client: httpx.Client, server: SandboxServer, body: object, message: str
) -> None:
    response = client.post(f"{server.control_url}/faults", json=body)
    assert response.status_code == 422
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(response.json()["error"])
    assert server.faults.pending == []
