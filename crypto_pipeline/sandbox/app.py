"""The sandbox's HTTP interface: the API's ``/api/v3`` and the controls under ``/sandbox``."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from email.utils import format_datetime
from hashlib import md5
from typing import Annotated
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

from crypto_pipeline.sandbox.clock import SimulatedClock, iso_milliseconds
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
from crypto_pipeline.sandbox.listing import Page, QueryError, Source, parse_query

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


def create_app(
    clock: SimulatedClock, source: Source, faults: FaultScript | None = None
) -> Starlette:
    """The sandbox as an ASGI application.

    Args:
        clock: What time it is for the server, its ``date`` header included.
        source: A ``Market`` or ``Recordings``.
        faults: The script of faults, for a caller who wants to fill it without HTTP.
    """
    script = FaultScript() if faults is None else faults

    async def ping(request: Request) -> Response:
        return _json({"gecko_says": "(V3) To the Moon!"})

    async def coins_list(request: Request) -> Response:
        return _json(source.coins(clock.now()))

    async def coins_markets(request: Request) -> Response:
        fault = script.take()
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
        now = clock.now()
        page = source.page(now, query)
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

    async def read_clock(request: Request) -> Response:
        return _json({"now": iso_milliseconds(clock.now()), "speed": clock.speed})

    async def set_clock(request: Request) -> Response:
        try:
            clock.set(msgspec.json.decode(await request.body(), type=_SetClock).now)
        except msgspec.DecodeError as error:
            return _error(str(error), 422)
        return await read_clock(request)

    async def read_faults(request: Request) -> Response:
        return _json(script.pending)

    async def add_faults(request: Request) -> Response:
        try:
            script.add(decode_faults(await request.body()))
        except FaultError as error:
            return _error(str(error), 422)
        return await read_faults(request)

    async def clear_faults(request: Request) -> Response:
        script.clear()
        return await read_faults(request)

    def route(path: str, method: str, answer: Callable[[Request], Awaitable[Response]]) -> Route:
        return Route(path, answer, methods=[method])

    app = _Labelled(
        routes=[
            route(f"{API_PREFIX}/ping", "GET", ping),
            route(f"{API_PREFIX}/coins/list", "GET", coins_list),
            route(f"{API_PREFIX}/coins/markets", "GET", coins_markets),
            route(f"{CONTROL_PREFIX}/clock", "GET", read_clock),
            route(f"{CONTROL_PREFIX}/clock", "POST", set_clock),
            route(f"{CONTROL_PREFIX}/faults", "GET", read_faults),
            route(f"{CONTROL_PREFIX}/faults", "POST", add_faults),
            route(f"{CONTROL_PREFIX}/faults", "DELETE", clear_faults),
        ],
        exception_handlers={404: _unknown_path},
    )
    app.clock, app.label = clock, source.label
    app.router.redirect_slashes = False
    return app


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


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), media_type=_JSON)


def _error(message: str, status: int) -> Response:
    return Response(msgspec.json.encode({"error": message}), status, media_type=_JSON)
