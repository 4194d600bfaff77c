"""The sandbox's HTTP interface: CoinGecko's ``/api/v3``, CoinPaprika's ``/v1``, and the controls
under ``/sandbox``."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from crypto_pipeline.sandbox import coinpaprika
from crypto_pipeline.sandbox.answers import (
    JSON,
    AnswerCache,
    BrokenResponse,
    beyond_reach,
    cache_headers,
    encode,
    error,
    json,
    not_on_plan,
    rate_limited,
    refusal,
    tagged,
)
from crypto_pipeline.sandbox.charts import (
    ChartQuery,
    Charts,
    PlanError,
    ReachError,
    cached_for,
    parse_days,
    parse_ohlc,
    parse_range,
)
from crypto_pipeline.sandbox.clock import SimulatedClock, iso_milliseconds
from crypto_pipeline.sandbox.conditions import (
    PLANS,
    Conditions,
    ConditionsError,
    decode_conditions,
)
from crypto_pipeline.sandbox.currencies import CURRENCIES
from crypto_pipeline.sandbox.faults import (
    Disconnect,
    ErrorBody,
    Fault,
    FaultError,
    FaultScript,
    RateLimit,
    ServerError,
    Slow,
    Truncated,
    decode_faults,
    error_body,
)
from crypto_pipeline.sandbox.listing import (
    QueryError,
    Source,
    parse_flag,
    parse_query,
    parse_simple_price,
)
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.request_count import Asked, RequestCount
from crypto_pipeline.sandbox.simulated_coin import SimulatedCoin

API_PREFIX = "/api/v3"
PAPRIKA_PREFIX = "/v1"
CONTROL_PREFIX = "/sandbox"

_Answer = Callable[[Request], Awaitable[Response]]


class _SetClock(msgspec.Struct, forbid_unknown_fields=True):
    now: Annotated[datetime, msgspec.Meta(tz=True)]


class _Labelled(Starlette):
    """Puts the labels on every response, those of Starlette's own errors included."""

    clock: SimulatedClock
    label: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_labelled(message: Message) -> None:
            if message["type"] == "http.response.start":
                now = self.clock.now()
                headers = MutableHeaders(scope=message)
                headers["date"] = format_datetime(now, usegmt=True)
                is_paprika = scope["path"].startswith(f"{PAPRIKA_PREFIX}/")
                headers["x-data-source"] = coinpaprika.LABEL if is_paprika else self.label
                headers["x-sandbox-time"] = iso_milliseconds(now)
            await send(message)

        await super().__call__(scope, receive, send_labelled)


class _Endpoints:
    """What the server answers.

    Args:
        clock: What time it is for the server.
        source: A ``Market`` or ``Recordings``.
        script: The faults to come.
        count: The requests so far.
    """

    def __init__(
        self, clock: SimulatedClock, source: Source, script: FaultScript, count: RequestCount
    ) -> None:
        self.clock = clock
        self.source = source
        self.script = script
        self.count = count
        self.cache = AnswerCache()
        self.cached_under = self.conditions

    @property
    def conditions(self) -> Conditions:
        return self.source.conditions if isinstance(self.source, Market) else Conditions()

    async def ping(self, request: Request) -> Response:
        return json({"gecko_says": "(V3) To the Moon!"})

    async def coins_list(self, request: Request) -> Response:
        now = self.clock.now()
        if not isinstance(self.source, Market):
            return tagged(request, encode(self.source.coins(now)))
        market = self.source
        status = request.query_params.get("status", "active")
        if status not in ("active", "inactive"):
            return error("invalid status", 422)
        with_platforms = parse_flag(request.query_params, "include_platform")
        is_paid = self.conditions.is_paid
        if status == "inactive" and not is_paid:
            return not_on_plan()

        def make() -> bytes:
            coins = market.coins(now) if status == "active" else market.delisted_coins(now)
            return encode(market.with_platforms(coins, now) if with_platforms else coins)

        return self.cached(request, now, timedelta(minutes=5 if is_paid else 30), make)

    async def supported_vs_currencies(self, request: Request) -> Response:
        return tagged(request, encode(CURRENCIES))

    async def key(self, request: Request) -> Response:
        if not self.conditions.is_paid:
            return not_on_plan()
        limits = self.conditions.limits
        per_minute = limits.requests_per_minute or PLANS["pro"].requests_per_minute
        per_month = limits.credits_per_month or PLANS["pro"].credits_per_month or 0
        used = self.count.credits_in(self.clock.now())
        return json(
            {
                "plan": "Sandbox",
                "rate_limit_request_per_minute": per_minute,
                "monthly_call_credit": per_month,
                "current_total_monthly_calls": used,
                "current_remaining_monthly_calls": max(0, per_month - used),
                "api_key_rate_limit_request_per_minute": per_minute,
                "api_key_monthly_call_credit": per_month,
                "api_key_current_total_monthly_calls": used,
            }
        )

    async def simple_price(self, request: Request) -> Response:
        query = parse_simple_price(request.query_params)
        if not isinstance(self.source, Market):
            return _unknown_path(request, HTTPException(404))
        body = self.source.simple_price(self.clock.now(), query)
        return tagged(request, body, {"cache-control": "max-age=30, public, s-maxage=30"})

    async def market_chart(self, request: Request) -> Response:
        now = self.clock.now()
        return self.chart(request, now, parse_days(request.query_params, now))

    async def market_chart_range(self, request: Request) -> Response:
        query = parse_range(request.query_params, self.conditions)
        return self.chart(request, self.clock.now(), query)

    def chart(self, request: Request, now: datetime, query: ChartQuery) -> Response:
        return self.past(
            request, now, cached_for(query), lambda charts, coin: charts.chart(coin, query)
        )

    async def ohlc(self, request: Request) -> Response:
        query = parse_ohlc(request.query_params, self.conditions)
        return self.past(
            request,
            self.clock.now(),
            timedelta(minutes=15),
            lambda charts, coin: charts.ohlc(coin, query),
        )

    def past(
        self,
        request: Request,
        now: datetime,
        kept: timedelta,
        make: Callable[[Charts, SimulatedCoin], bytes],
    ) -> Response:
        """What a chart or candle endpoint answers."""
        if not isinstance(self.source, Market):
            return error("coin not found", 404)
        market, coin = self.source, self.source.coin(request.path_params["id"], now)
        if coin is None:
            return error("coin not found", 404)
        return self.cached(request, now, kept, lambda: make(Charts(market, now), coin))

    def cached(
        self, request: Request, now: datetime, kept: timedelta, make: Callable[[], bytes]
    ) -> Response:
        """A body that is served for a while, unless the conditions are others meanwhile."""
        if self.conditions is not self.cached_under:
            self.cache.clear()
            self.cached_under = self.conditions
        found = self.cache.get(request, now)
        if found is None:
            found = make(), now
            self.cache.put(request, found[0], now, kept)
        body, made_at = found
        control = f"max-age=30, public, must-revalidate, s-maxage={int(kept.total_seconds())}"
        return tagged(request, body, cache_headers(control, (now - made_at).total_seconds()))

    async def coins_markets(self, request: Request) -> Response:
        query = parse_query(request.query_params)
        now = self.clock.now()
        page = self.source.page(now, query)
        headers = {
            **cache_headers(
                "max-age=30, public, must-revalidate, s-maxage=30",
                max(0, (now - page.as_of).total_seconds()),
            ),
            "access-control-expose-headers": "link, per-page, total",
        }
        if page.total is not None:
            headers |= _paging_headers(request, page.total, query.page, query.per_page)
        return tagged(request, page.body, headers)

    async def tickers(self, request: Request) -> Response:
        quotes = coinpaprika.parse_quotes(request.query_params)
        return self.paprika(request, lambda paprika: paprika.tickers(quotes))

    async def platforms(self, request: Request) -> Response:
        return self.paprika(request, lambda paprika: paprika.platforms())

    async def contracts(self, request: Request) -> Response:
        platform = request.path_params["platform_id"]
        return self.paprika(request, lambda paprika: paprika.contracts(platform))

    async def daily_candles(self, request: Request) -> Response:
        query, coin = (
            coinpaprika.parse_candles(request.query_params),
            request.path_params["coin_id"],
        )
        try:
            return self.paprika(request, lambda paprika: paprika.candles(coin, query))
        except coinpaprika.ReachError as beyond:
            return error(str(beyond), 402)

    def paprika(
        self, request: Request, make: Callable[[coinpaprika.Paprika], bytes | None]
    ) -> Response:
        """What an endpoint of CoinPaprika answers."""
        now = self.clock.now()
        if self.conditions.plan == "pro" and "authorization" not in request.headers:
            return error("invalid api key", 403)
        body = None
        if isinstance(self.source, Market):
            body = make(coinpaprika.Paprika(self.source, now))
        return error("id not found", 404) if body is None else tagged(request, body)

    async def read_clock(self, request: Request) -> Response:
        return json({"now": iso_milliseconds(self.clock.now()), "speed": self.clock.speed})

    async def set_clock(self, request: Request) -> Response:
        try:
            self.clock.set(msgspec.json.decode(await request.body(), type=_SetClock).now)
        except msgspec.DecodeError as wrong:
            return error(str(wrong), 422)
        return await self.read_clock(request)

    async def read_conditions(self, request: Request) -> Response:
        return json(self.conditions)

    async def set_conditions(self, request: Request) -> Response:
        try:
            conditions = decode_conditions(await request.body())
        except ConditionsError as wrong:
            return error(str(wrong), 422)
        if not isinstance(self.source, Market):
            return error("recorded data is what it is", 409)
        self.source.conditions = conditions
        return await self.read_conditions(request)

    async def read_requests(self, request: Request) -> Response:
        return json(self.count.report())

    async def clear_requests(self, request: Request) -> Response:
        self.count.clear()
        return await self.read_requests(request)

    async def read_faults(self, request: Request) -> Response:
        return json(self.script.pending)

    async def add_faults(self, request: Request) -> Response:
        try:
            self.script.add(decode_faults(await request.body()))
        except FaultError as wrong:
            return error(str(wrong), 422)
        return await self.read_faults(request)

    async def clear_faults(self, request: Request) -> Response:
        self.script.clear()
        return await self.read_faults(request)


def _faulty(script: FaultScript, answer: _Answer) -> _Answer:
    """An endpoint that has the faults of the script."""

    async def with_fault(request: Request) -> Response:
        fault = script.take()
        instead = _instead(fault)
        if instead is not None:
            return instead
        if isinstance(fault, Slow):
            await asyncio.sleep(fault.seconds)
        response = await answer(request)
        if isinstance(fault, Truncated):
            cut = response.body[: len(response.body) // 2]
            return Response(cut, response.status_code, media_type=JSON)
        if isinstance(fault, Disconnect):
            return BrokenResponse(response.body, response.status_code, media_type=JSON)
        return response

    return with_fault


def _instead(fault: Fault | None) -> Response | None:
    """What a fault answers, whatever was asked; None of one that spoils an answer."""
    if isinstance(fault, RateLimit):
        return rate_limited(fault.retry_after)
    if isinstance(fault, ServerError):
        return HTMLResponse("<html><body><h1>500 Internal Server Error</h1></body></html>", 500)
    if isinstance(fault, ErrorBody):
        return Response(error_body(fault.code), media_type=JSON)
    return None


def create_app(
    clock: SimulatedClock,
    source: Source,
    faults: FaultScript | None = None,
    requests: RequestCount | None = None,
) -> Starlette:
    """The sandbox as an ASGI application.

    Args:
        clock: What time it is for the server, its ``date`` header included.
        source: A ``Market`` or ``Recordings``.
        faults: The script of faults, for a caller who wants to fill it without HTTP.
        requests: The count of requests, for a caller who wants to read it without HTTP.
    """
    script = FaultScript() if faults is None else faults
    count = RequestCount() if requests is None else requests
    endpoints = _Endpoints(clock, source, script, count)

    def route(path: str, method: str, answer: _Answer) -> Route:
        return Route(path, answer, methods=[method])

    def api(path: str, answer: _Answer) -> Route:
        """A route of the API: counted, limited, and down in an outage."""

        async def limited(request: Request) -> Response:
            now, seconds = clock.now(), time.monotonic()
            response = refusal(endpoints.conditions, count, now, seconds, request)
            if response is None:
                response = await _answered(endpoints, answer, request)
            count.add(_asked(now, seconds, path, request, response))
            return response

        return route(f"{API_PREFIX}{path}", "GET", limited)

    def paprika(path: str, answer: _Answer) -> Route:
        """A route of CoinPaprika, whose limits and outages are not CoinGecko's."""

        async def answered(request: Request) -> Response:
            return await _answered(endpoints, answer, request)

        return route(f"{PAPRIKA_PREFIX}{path}", "GET", answered)

    def data(path: str, answer: _Answer) -> Route:
        return api(path, _faulty(script, answer))

    app = _Labelled(
        routes=[
            # The clock is asked for, whatever the market is like.
            route(f"{API_PREFIX}/ping", "GET", endpoints.ping),
            api("/key", endpoints.key),
            api("/simple/supported_vs_currencies", endpoints.supported_vs_currencies),
            data("/simple/price", endpoints.simple_price),
            api("/coins/list", endpoints.coins_list),
            data("/coins/markets", endpoints.coins_markets),
            data("/coins/{id}/market_chart", endpoints.market_chart),
            data("/coins/{id}/market_chart/range", endpoints.market_chart_range),
            data("/coins/{id}/ohlc", endpoints.ohlc),
            paprika("/tickers", endpoints.tickers),
            paprika("/contracts", endpoints.platforms),
            paprika("/contracts/{platform_id}", endpoints.contracts),
            paprika("/coins/{coin_id}/ohlcv/historical", endpoints.daily_candles),
            route(f"{CONTROL_PREFIX}/conditions", "GET", endpoints.read_conditions),
            route(f"{CONTROL_PREFIX}/conditions", "POST", endpoints.set_conditions),
            route(f"{CONTROL_PREFIX}/requests", "GET", endpoints.read_requests),
            route(f"{CONTROL_PREFIX}/requests", "DELETE", endpoints.clear_requests),
            route(f"{CONTROL_PREFIX}/clock", "GET", endpoints.read_clock),
            route(f"{CONTROL_PREFIX}/clock", "POST", endpoints.set_clock),
            route(f"{CONTROL_PREFIX}/faults", "GET", endpoints.read_faults),
            route(f"{CONTROL_PREFIX}/faults", "POST", endpoints.add_faults),
            route(f"{CONTROL_PREFIX}/faults", "DELETE", endpoints.clear_faults),
        ],
        exception_handlers={404: _unknown_path},
    )
    app.clock, app.label = clock, source.label
    app.router.redirect_slashes = False
    return app


async def _answered(endpoints: _Endpoints, answer: _Answer, request: Request) -> Response:
    try:
        return await answer(request)
    except QueryError as wrong:
        return error(str(wrong), wrong.status)
    except PlanError:
        return not_on_plan()
    except ReachError:
        return beyond_reach(endpoints.clock.now(), endpoints.conditions.limits.reach_days)


def _asked(
    now: datetime, seconds: float, endpoint: str, request: Request, response: Response
) -> Asked:
    query = {name: value for name, value in request.query_params.items() if "api_key" not in name}
    path = request.url.path.removeprefix(API_PREFIX)
    status = 0 if isinstance(response, BrokenResponse) else response.status_code
    return Asked(now, seconds, endpoint, path, query, status)


def _unknown_path(request: Request, wrong: Exception) -> Response:
    status = wrong.status_code if isinstance(wrong, HTTPException) else 404
    return error("Incorrect path. Please check https://docs.coingecko.com/", status)


def _paging_headers(request: Request, total: int, page: int, per_page: int) -> dict[str, str]:
    last = max(1, -(-total // per_page))
    links = []
    for relation, target in (("first", 1), ("prev", page - 1), ("last", last), ("next", page + 1)):
        first_or_prev = relation in ("first", "prev")
        if (page > 1) if first_or_prev else (page < last):
            parameters = {**request.query_params, "page": str(target)}
            url = request.url.replace(query=urlencode(parameters))
            links.append(f'<{url}>; rel="{relation}"')
    headers = {"total": str(total), "per-page": str(per_page)}
    return {**headers, "link": ", ".join(links)} if links else headers
