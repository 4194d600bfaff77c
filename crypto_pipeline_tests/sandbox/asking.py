"""Requests to a sandbox server, as tests put them."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import httpx
import msgspec

from crypto_pipeline.sandbox.server import SandboxServer

_exact = msgspec.json.Decoder(Any, float_hook=Decimal)


class Point(NamedTuple):
    """A point of a chart: milliseconds since 1970, and numbers as exact as their text."""

    time: int
    price: Decimal
    market_cap: Decimal | None
    volume: Decimal


def ms(time: datetime) -> int:
    return int(time.timestamp()) * 1000


def get(server: SandboxServer, path: str, **query: object) -> httpx.Response:
    return httpx.get(f"{server.base_url}{path}", params=query)  # type: ignore[arg-type]


def exact(answer: httpx.Response) -> Any:
    """The body of an answer with HTTP 200."""
    assert answer.status_code == 200, answer.text
    return _exact.decode(answer.content)


def points_of(answer: httpx.Response) -> list[Point]:
    """The points of a chart."""
    chart = exact(answer)
    assert list(chart) == ["prices", "market_caps", "total_volumes"]
    points = []
    for (time, price), (of_cap, cap), (of_volume, volume) in zip(*chart.values(), strict=True):
        assert time == of_cap == of_volume
        points.append(Point(time, price, cap, volume))
    return points


def chart(
    server: SandboxServer, start: datetime, end: datetime, coin: str = "bitcoin", **query: object
) -> list[Point]:
    """The points of a range."""
    range_ = {"vs_currency": "usd", "from": ms(start) // 1000, "to": ms(end) // 1000}
    return points_of(get(server, f"/coins/{coin}/market_chart/range", **{**range_, **query}))


def ids(server: SandboxServer, **query: object) -> dict[str, dict[str, Any]]:
    """The list of coins, by id."""
    return {coin["id"]: coin for coin in get(server, "/coins/list", **query).json()}


def listed(server: SandboxServer, **query: object) -> dict[str, dict[str, Any]]:
    """The records of ``/coins/markets``, by id."""
    asked = {"vs_currency": "usd", "per_page": 250, "precision": "full", **query}
    return {record["id"]: record for record in exact(get(server, "/coins/markets", **asked))}
