"""Faults on request: a script of what goes wrong with the next requests for markets, charts,
candles and prices."""

from collections import deque
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

_Count = Annotated[int, Meta(ge=1, le=10_000)]
_Seconds = Annotated[float, Meta(ge=0, le=600)]


class _Fault(msgspec.Struct, frozen=True, tag_field="kind", forbid_unknown_fields=True):
    """``count``: how many requests in a row have the fault."""


class RateLimit(_Fault, frozen=True, tag="rate_limit"):
    """HTTP 429 with ``Retry-After`` (real seconds)."""

    retry_after: Annotated[int, Meta(ge=0)] = 60
    count: _Count = 1


class ServerError(_Fault, frozen=True, tag="server_error"):
    """HTTP 500 with an HTML body."""

    count: _Count = 1


class Truncated(_Fault, frozen=True, tag="truncated"):
    """HTTP 200 whose body, complete by its headers, is cut in the middle."""

    count: _Count = 1


class ErrorBody(_Fault, frozen=True, tag="error_body"):
    """HTTP 200 with an error body."""

    code: int = 429
    count: _Count = 1


class Slow(_Fault, frozen=True, tag="slow"):
    """The right answer, some real seconds late."""

    seconds: _Seconds = 2.0
    count: _Count = 1


class Disconnect(_Fault, frozen=True, tag="disconnect"):
    """The connection breaks in the middle of the body."""

    count: _Count = 1


Fault = RateLimit | ServerError | Truncated | ErrorBody | Slow | Disconnect

_KINDS = "rate_limit, server_error, truncated, error_body, slow, disconnect"


class FaultError(ValueError):
    """A script that is not valid; the message names the place."""


class FaultScript:
    """The faults to come, first come first served. Safe to fill while the server runs."""

    def __init__(self) -> None:
        self._pending: deque[Fault] = deque()

    def add(self, faults: Sequence[Fault]) -> None:
        """Put faults behind those which are pending."""
        for fault in faults:
            self._pending.extend([msgspec.structs.replace(fault, count=1)] * fault.count)

    def take(self) -> Fault | None:
        """The fault of the present request, if any."""
        return self._pending.popleft() if self._pending else None

    def clear(self) -> None:
        """Clear all faults."""
        self._pending.clear()

    @property
    def pending(self) -> list[Fault]:
        """The faults to come, one for each request."""
        return list(self._pending)


def decode_faults(body: bytes) -> list[Fault]:
    """Read a script: a JSON list such as ``[{"kind": "rate_limit", "retry_after": 1}]``.

    Raises:
        FaultError: not such a list.
    """
    try:
        return msgspec.json.decode(body, type=list[Fault])
    except msgspec.DecodeError as error:
        raise FaultError(f"{error} (kinds: {_KINDS})") from None


def error_body(code: int) -> bytes:
    """The API's usual error body."""
    message = (
        "You've exceeded the Rate Limit. Please visit https://www.coingecko.com/en/api/pricing"
        " to subscribe to our API plans for higher rate limits."
        if code == 429
        else f"The sandbox was told to answer with error {code}."
    )
    return msgspec.json.encode({"status": {"error_code": code, "error_message": message}})
