"""What the sandbox's answers are made of: JSON, the API's errors in their shapes, caching."""

from collections import OrderedDict
from datetime import datetime, timedelta
from hashlib import md5
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from crypto_pipeline.sandbox.clock import iso_milliseconds
from crypto_pipeline.sandbox.conditions import Conditions
from crypto_pipeline.sandbox.faults import error_body
from crypto_pipeline.sandbox.request_count import RequestCount, month_ends_in

JSON = "application/json; charset=utf-8"

_PRICING = "https://www.coingecko.com/en/api/pricing"
_CACHE_BYTES = 64 * 2**20

encode = msgspec.json.encode


class BrokenResponse(Response):
    """Stops in the middle of its body; the server can then only close the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})


class _Kept(NamedTuple):
    body: bytes
    made_at: datetime
    until: datetime


class AnswerCache:
    """The bodies that are served again for a while, by request; the oldest go first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0

    def get(self, request: Request, now: datetime) -> tuple[bytes, datetime] | None:
        """The body to be served at a time, and when it was made."""
        kept = self._kept.get(str(request.url))
        if kept is None or not kept.made_at <= now < kept.until:
            return None
        return kept.body, kept.made_at

    def put(self, request: Request, body: bytes, now: datetime, kept_for: timedelta) -> None:
        """Keep a body for a while, but never beyond 00:40 UTC, when the day before is complete."""
        self._drop(str(request.url))
        self._kept[str(request.url)] = _Kept(body, now, _cache_ends(now, kept_for))
        self._bytes += len(body)
        while self._bytes > _CACHE_BYTES:
            self._drop(next(iter(self._kept)))

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
        self._bytes = 0

    def _drop(self, url: str) -> None:
        kept = self._kept.pop(url, None)
        if kept is not None:
            self._bytes -= len(kept.body)


def json(value: object) -> Response:
    """A value."""
    return Response(encode(value), media_type=JSON)


def error(message: str, status: int) -> Response:
    """A wrong request: ``{"error": message}``."""
    return Response(encode({"error": message}), status, media_type=JSON)


def rate_limited(retry_after: int) -> Response:
    """Too many requests, in the usual shape: ``{"status": {"error_code", "error_message"}}``."""
    return Response(error_body(429), 429, {"retry-after": str(retry_after)}, JSON)


def not_on_plan() -> Response:
    """What is asked for is not on the plan, in the usual shape."""
    message = f"This request is limited to PRO API subscribers. Please visit {_PRICING}."
    return Response(_usual_body(10005, message), 401, media_type=JSON)


def beyond_reach(now: datetime, days: int | None) -> Response:
    """History beyond the plan's reach: the usual shape within an ``error``."""
    message = (
        "Your request exceeds the allowed time range. Public API users are limited to querying"
        f" historical data within the past {days} days. Upgrade to a paid plan to enjoy full"
        f" historical data access: {_PRICING}. "
    )
    status = {
        "timestamp": iso_milliseconds(now),
        "error_code": 10012,
        "error_message": message,
    }
    return Response(encode({"error": {"status": status}}), 401, media_type=JSON)


def refusal(
    conditions: Conditions, count: RequestCount, now: datetime, seconds: float, request: Request
) -> Response | None:
    """What is answered instead: the service is down, the key is wrong, or a limit is reached."""
    outage = conditions.outage(now)
    if outage is not None:
        if outage.kind == "disconnect":
            return BrokenResponse(b"{}", media_type=JSON)
        return HTMLResponse("<html><body><h1>503 Service Unavailable</h1></body></html>", 503)
    limits = conditions.limits
    if (
        limits.requests_per_minute is not None
        and count.in_the_minute_before(seconds) >= limits.requests_per_minute
    ):
        return rate_limited(60)
    if limits.credits_per_month is not None and count.credits_in(now) >= limits.credits_per_month:
        return rate_limited(int(month_ends_in(now).total_seconds()))
    return _wrong_key(conditions, request)


def tagged(request: Request, body: bytes, headers: dict[str, str] | None = None) -> Response:
    """A body with its ETag; none of it for who has it already."""
    tag = f'W/"{md5(body, usedforsecurity=False).hexdigest()}"'
    tags = {**(headers or {}), "etag": tag, "x-request-id": str(uuid4())}
    held = request.headers.get("if-none-match", "").split(",")
    if tag in (one.strip() for one in held):
        return Response(status_code=304, headers=tags)
    return Response(body, headers=tags, media_type=JSON)


def cache_headers(cache_control: str, age: float) -> dict[str, str]:
    """What says that a body may be some seconds old."""
    return {
        "cache-control": cache_control,
        "age": str(int(age)),
        "cf-cache-status": "HIT" if int(age) else "MISS",
    }


def _wrong_key(conditions: Conditions, request: Request) -> Response | None:
    def has(plan: str) -> bool:
        return bool(
            request.headers.get(f"x-cg-{plan}-api-key")
            or request.query_params.get(f"x_cg_{plan}_api_key")
        )

    if conditions.plan in ("public", "demo") and has("pro"):
        return _wrong_root(10010, "Pro", "api.coingecko.com", "pro-api.coingecko.com")
    if conditions.plan == "pro" and has("demo"):
        return _wrong_root(10011, "Demo", "pro-api.coingecko.com", "api.coingecko.com")
    if conditions.plan == "pro" and not has("pro"):
        return Response(_usual_body(10002, "API Key Missing"), 401, media_type=JSON)
    return None


def _wrong_root(code: int, key: str, used: str, right: str) -> Response:
    message = f"If you are using {key} API key, please change your root URL from {used} to {right}"
    body = encode({"error_code": code, "status": {"error_message": message}})
    return Response(body, 400, media_type=JSON)


def _usual_body(code: int, message: str) -> bytes:
    status: dict[str, Any] = {"error_code": code, "error_message": message}
    return encode({"status": status})


def _cache_ends(now: datetime, kept: timedelta) -> datetime:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    complete = midnight + timedelta(minutes=40)
    return min(now + kept, complete if now < complete else complete + timedelta(days=1))
