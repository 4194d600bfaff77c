"""A server of charts on loopback whose market is known: what it has, and what it was asked for."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
_HOUR = timedelta(hours=1)


def hour(number: int) -> datetime:
    """The start of an hour of the market, counted from its first."""
    return START + number * _HOUR


@dataclass
class Charts:
    """What the source has.

    Attributes:
        now: Its clock.
        hours: The hours of each coin for which it has a point.
        reach: How far back it answers; None is without end.
        asked: Coin, currency, and first and last moment of every request that was answered.
        refusals: How many requests were answered with an error.
        failing: Errors that the next requests get instead, the first first.
        factor: By what prices are multiplied: a restatement.
    """

    now: datetime
    hours: dict[str, set[int]]
    reach: timedelta | None = None
    asked: list[tuple[str, str, datetime, datetime]] = field(default_factory=list)
    refusals: int = 0
    failing: list[Response] = field(default_factory=list)
    factor: int = 1

    def price(self, coin: str, number: int) -> str:
        """The price of a coin in an hour, as text."""
        return f"{(len(coin) + number % 97) * self.factor}.{number:05d}5"

    def answer(self, request: Request) -> Response:
        """The answer of ``/coins/{id}/market_chart/range``."""
        if self.failing:
            self.refusals += 1
            return self.failing.pop(0)
        coin = request.path.split("/")[-3]
        first, last = (
            datetime.fromtimestamp(int(request.args[name]), timezone.utc) for name in ("from", "to")
        )
        if coin not in self.hours:
            self.refusals += 1
            return Response('{"error":"coin not found"}', 404)
        if self.reach is not None and first < self.now - self.reach:
            self.refusals += 1
            return Response(
                '{"error":{"status":{"error_code":10012,"error_message":"Your request exceeds the'
                " allowed time range. Public API users are limited to querying historical data"
                f' within the past {self.reach.days} days."}}}}}}',
                401,
            )
        self.asked.append((coin, request.args["vs_currency"], first, last))
        # Four minutes and a half into the hour, as real points are.
        points = [
            (int((hour(n) + timedelta(seconds=271)).timestamp()) * 1000, self.price(coin, n))
            for n in sorted(self.hours[coin])
            if first <= hour(n) + timedelta(seconds=271) <= min(last, self.now)
        ]
        series = [
            ",".join(f"[{time},{price}{zeros}]" for time, price in points)
            for zeros in ("", "1", "2")
        ]
        return Response(
            f'{{"prices":[{series[0]}],"market_caps":[{series[1]}],"total_volumes":[{series[2]}]}}',
            content_type="application/json",
            headers={
                "x-sandbox-time": self.now.isoformat(),
                "x-data-source": "CoinGecko sandbox",
            },
        )

    def ping(self, _: Request) -> Response:
        """The answer of ``/ping``, with the clock."""
        return Response("{}", headers={"x-sandbox-time": self.now.isoformat()})


@contextmanager
def serving(
    charts: Charts, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Charts]:
    """Serve charts, and let the settings name the server as a sandbox, whose clock is ours."""
    httpserver.expect_request(
        re.compile(r"/api/v3/coins/[^/]+/market_chart/range")
    ).respond_with_handler(charts.answer)
    httpserver.expect_request("/api/v3/ping").respond_with_handler(charts.ping)
    monkeypatch.setenv("COINGECKO_PLAN", "sandbox")
    monkeypatch.setenv("COINGECKO_BASE_URL", httpserver.url_for("/api/v3"))
    yield charts
