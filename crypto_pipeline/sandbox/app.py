"""The sandbox's HTTP interface: the API's ``/api/v3`` and the controls under ``/sandbox``."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from hashlib import md5
from typing import Annotated, NamedTuple
from urllib.parse import urlencode
from uuid import uuid4

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from crypto_pipeline.sandbox.charts import (
    ChartQuery,
    Charts,
    ReachError,
    cached_for,
    parse_days,
    parse_ohlc,
    parse_range,
)
from crypto_pipeline.sandbox.clock import SimulatedClock, iso_milliseconds
from crypto_pipeline.sandbox.conditions import (
    Conditions,
    ConditionsError,
    RequestCount,
    decode_conditions,
    month_ends_in,
)
from crypto_pipeline.sandbox.conditions import Request as Counted
from crypto_pipeline.sandbox.faults import (
    Disconnect,
    ErrorBody,
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
    UNITS_PER_USD,
    Page,
    QueryError,
    Source,
    parse_query,
)
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.simulated_coin import SimulatedCoin

API_PREFIX = "/api/v3"
CONTROL_PREFIX = "/sandbox"

_JSON = "application/json; charset=utf-8"


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
                headers["x-data-source"] = self.label
                headers["x-sandbox-time"] = iso_milliseconds(now)
            await send(message)

        await super().__call__(scope, receive, send_labelled)


class _BrokenResponse(Response):
    """Stops in the middle of its body; the server can then only close the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})


class _Cached(NamedTuple):
    body: bytes
    made_at: datetime
    until: datetime


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
        self.cache: dict[str, _Cached] = {}

    async def ping(self, request: Request) -> Response:
        return _json({"gecko_says": "(V3) To the Moon!"})

    async def coins_list(self, request: Request) -> Response:
        now = self.clock.now()
        if not isinstance(self.source, Market):
            return _tagged(request, _encode(self.source.coins(now)))
        status = request.query_params.get("status", "active")
        if status not in ("active", "inactive"):
            return _error("invalid status", 422)
        coins = self.source.coins(now) if status == "active" else self.source.delisted_coins(now)
        if request.query_params.get("include_platform") == "true":
            return _tagged(request, _encode(self.source.with_platforms(coins, now)))
        return _tagged(request, _encode(coins))

    async def supported_vs_currencies(self, request: Request) -> Response:
        return _tagged(request, _encode(list(UNITS_PER_USD)))

    async def key(self, request: Request) -> Response:
        conditions = _conditions(self.source)
        per_minute = conditions.requests_per_minute or 500
        per_month = conditions.credits_per_month or 500_000
        used = self.count.credits_in(self.clock.now())
        return _json(
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

    async def market_chart(self, request: Request) -> Response:
        return await self.chart(request, lambda now: parse_days(request.query_params, now))

    async def market_chart_range(self, request: Request) -> Response:
        return await self.chart(request, lambda now: parse_range(request.query_params))

    async def chart(self, request: Request, parse: Callable[[datetime], ChartQuery]) -> Response:
        now = self.clock.now()
        try:
            query = parse(now)
        except QueryError as error:
            return _error(str(error), error.status)
        return self.past(
            request, now, cached_for(query), lambda charts, coin: charts.chart(coin, query, now)
        )

    async def ohlc(self, request: Request) -> Response:
        now = self.clock.now()
        try:
            currency, days = parse_ohlc(request.query_params)
        except QueryError as error:
            return _error(str(error), error.status)
        return self.past(
            request,
            now,
            timedelta(minutes=15),
            lambda charts, coin: charts.ohlc(coin, currency, days, now),
        )

    def past(
        self,
        request: Request,
        now: datetime,
        kept: timedelta,
        make: Callable[[Charts, SimulatedCoin], bytes],
    ) -> Response:
        """What a chart or candle endpoint answers: from its self.cache, as long as that holds."""
        fault = self.script.take()
        if isinstance(fault, RateLimit):
            headers = {"retry-after": str(fault.retry_after)}
            return Response(error_body(429), 429, headers, _JSON)
        if isinstance(fault, ServerError):
            return HTMLResponse("<html><body><h1>500 Internal Server Error</h1></body></html>", 500)
        if isinstance(fault, ErrorBody):
            return Response(error_body(fault.code), media_type=_JSON)
        found = (
            self.source.coin(request.path_params["id"], now)
            if isinstance(self.source, Market)
            else None
        )
        if found is None or not isinstance(self.source, Market):
            return _error("coin not found", 404)
        held = self.cache.get(str(request.url))
        if held is None or not held.made_at <= now < held.until:
            try:
                body = make(Charts(self.source, self.source.conditions), found)
            except ReachError:
                return _beyond_reach(now, self.source.conditions.reach_days)
            held = self.cache[str(request.url)] = _Cached(body, now, _cache_ends(now, kept))
        if isinstance(fault, Truncated):
            return Response(held.body[: len(held.body) // 2], media_type=_JSON)
        if isinstance(fault, Disconnect):
            return _BrokenResponse(held.body, media_type=_JSON)
        seconds = int((now - held.made_at).total_seconds())
        return _tagged(
            request,
            held.body,
            {
                "cache-control": f"max-age=30, public, s-maxage={int(kept.total_seconds())}",
                "age": str(seconds),
                "cf-cache-status": "HIT" if seconds else "MISS",
            },
        )

    async def coins_markets(self, request: Request) -> Response:
        fault = self.script.take()
        if isinstance(fault, RateLimit):
            headers = {"retry-after": str(fault.retry_after)}
            return Response(error_body(429), 429, headers, _JSON)
        if isinstance(fault, ServerError):
            return HTMLResponse("<html><body><h1>500 Internal Server Error</h1></body></html>", 500)
        if isinstance(fault, ErrorBody):
            return Response(error_body(fault.code), media_type=_JSON)
        if isinstance(fault, Slow):
            await asyncio.sleep(fault.seconds)
        try:
            query = parse_query(request.query_params)
        except QueryError as error:
            return _error(str(error), error.status)
        now = self.clock.now()
        page = self.source.page(now, query)
        headers = _cache_headers(page, now)
        if page.total is not None:
            headers |= _paging_headers(request, page.total, query.page, query.per_page)
        if isinstance(fault, Truncated):
            return Response(page.body[: len(page.body) // 2], headers=headers, media_type=_JSON)
        if isinstance(fault, Disconnect):
            return _BrokenResponse(page.body, headers=headers, media_type=_JSON)
        if headers["etag"] in _etags(request):
            return Response(status_code=304, headers=headers)
        return Response(page.body, headers=headers, media_type=_JSON)

    async def read_clock(self, request: Request) -> Response:
        return _json({"now": iso_milliseconds(self.clock.now()), "speed": self.clock.speed})

    async def set_clock(self, request: Request) -> Response:
        try:
            self.clock.set(msgspec.json.decode(await request.body(), type=_SetClock).now)
        except msgspec.DecodeError as error:
            return _error(str(error), 422)
        return await self.read_clock(request)

    async def read_conditions(self, request: Request) -> Response:
        return _json(_conditions(self.source))

    async def set_conditions(self, request: Request) -> Response:
        try:
            conditions = decode_conditions(await request.body())
        except ConditionsError as error:
            return _error(str(error), 422)
        if not isinstance(self.source, Market):
            return _error("recorded data is what it is", 409)
        self.source.conditions = conditions
        self.cache.clear()
        return await self.read_conditions(request)

    async def read_requests(self, request: Request) -> Response:
        return _json(self.count.report())

    async def clear_requests(self, request: Request) -> Response:
        self.count.clear()
        return await self.read_requests(request)

    async def read_faults(self, request: Request) -> Response:
        return _json(self.script.pending)

    async def add_faults(self, request: Request) -> Response:
        try:
            self.script.add(decode_faults(await request.body()))
        except FaultError as error:
            return _error(str(error), 422)
        return await self.read_faults(request)

    async def clear_faults(self, request: Request) -> Response:
        self.script.clear()
        return await self.read_faults(request)


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

    def route(path: str, method: str, answer: Callable[[Request], Awaitable[Response]]) -> Route:
        return Route(path, answer, methods=[method])

    def api(path: str, answer: Callable[[Request], Awaitable[Response]]) -> Route:
        """A route of the API: counted, limited, and down in an outage."""

        async def limited(request: Request) -> Response:
            now, seconds = clock.now(), time.monotonic()
            response = _refusal(_conditions(source), count, now, seconds) or await answer(request)
            count.add(Counted(now, seconds, path, response.status_code))
            return response

        return route(f"{API_PREFIX}{path}", "GET", limited)

    app = _Labelled(
        routes=[
            # The clock is asked for, whatever the market is like.
            route(f"{API_PREFIX}/ping", "GET", endpoints.ping),
            api("/key", endpoints.key),
            api("/simple/supported_vs_currencies", endpoints.supported_vs_currencies),
            api("/coins/list", endpoints.coins_list),
            api("/coins/markets", endpoints.coins_markets),
            api("/coins/{id}/market_chart", endpoints.market_chart),
            api("/coins/{id}/market_chart/range", endpoints.market_chart_range),
            api("/coins/{id}/ohlc", endpoints.ohlc),
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


def _conditions(source: Source) -> Conditions:
    return source.conditions if isinstance(source, Market) else Conditions()


def _refusal(
    conditions: Conditions, count: RequestCount, now: datetime, seconds: float
) -> Response | None:
    """What is answered instead, when the service is down or a limit is reached."""
    if conditions.is_down(now):
        return HTMLResponse("<html><body><h1>503 Service Unavailable</h1></body></html>", 503)
    limit, credits = conditions.requests_per_minute, conditions.credits_per_month
    if limit is not None and count.in_the_minute_before(seconds) >= limit:
        return Response(error_body(429), 429, {"retry-after": "60"}, _JSON)
    if credits is not None and count.credits_in(now) >= credits:
        wait = int(month_ends_in(now).total_seconds())
        return Response(error_body(429), 429, {"retry-after": str(wait)}, _JSON)
    return None


def _beyond_reach(now: datetime, days: int | None) -> Response:
    message = (
        "Your request exceeds the allowed time range. Public API users are limited to querying"
        f" historical data within the past {days} days. Upgrade to a paid plan to enjoy full"
        " historical data access: https://www.coingecko.com/en/api/pricing. "
    )
    status = {
        "timestamp": iso_milliseconds(now),
        "error_code": 10012,
        "error_message": message,
    }
    return Response(_encode({"error": {"status": status}}), 401, media_type=_JSON)


def _cache_ends(now: datetime, kept: timedelta) -> datetime:
    """After a while, and always at 00:40 UTC, when the day before is complete."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    complete = midnight + timedelta(minutes=40)
    return min(now + kept, complete if now < complete else complete + timedelta(days=1))


def _tagged(request: Request, body: bytes, headers: dict[str, str] | None = None) -> Response:
    """A body with its ETag; none of it for who has it already."""
    tag = f'W/"{md5(body, usedforsecurity=False).hexdigest()}"'
    tagged = {**(headers or {}), "etag": tag, "x-request-id": str(uuid4())}
    if tag in _etags(request):
        return Response(status_code=304, headers=tagged)
    return Response(body, headers=tagged, media_type=_JSON)


def _unknown_path(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return _error("Incorrect path. Please check https://docs.coingecko.com/", status)


def _cache_headers(page: Page, now: datetime) -> dict[str, str]:
    age = max(0, int((now - page.as_of).total_seconds()))
    return {
        "cache-control": "max-age=30, public, must-revalidate, s-maxage=30",
        "etag": f'W/"{md5(page.body, usedforsecurity=False).hexdigest()}"',
        "age": str(age),
        "cf-cache-status": "HIT" if age else "MISS",
        "access-control-expose-headers": "link, per-page, total",
        "x-request-id": str(uuid4()),
    }


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


def _etags(request: Request) -> list[str]:
    return [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]


_encode = msgspec.json.encode


def _json(value: object) -> Response:
    return Response(_encode(value), media_type=_JSON)


def _error(message: str, status: int) -> Response:
    return Response(msgspec.json.encode({"error": message}), status, media_type=_JSON)
