"""A capture: what one ingest got from ``/coins/markets``, and its form as a landing file.

The records stay the bytes that were received, so no digit of a number can change on the way
into bronze. Two forms are read: our own envelope, and the plain
``{"ingested_at", "source", "records"}`` that can be dropped in by hand.
"""

import re
from datetime import datetime, timezone
from typing import Any

import msgspec

from crypto_pipeline.coingecko.errors import error_from_body

LIVE_SOURCE = "CoinGecko"
"""Label of data that CoinGecko itself served."""

# A JSON string, or one of the tokens that JSON does not have but other writers emit.
_STRING_OR_BARE_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b', re.DOTALL)


_WHITE_SPACE = " \t\n\r"
"""What JSON takes for white space."""

_LONGEST_SOURCE = 200

CURRENCY = re.compile("[a-z]{2,8}")
"""A code of ``/simple/supported_vs_currencies``: ``usd``, ``btc``, ``bits``; as
``COINGECKO_VS_CURRENCY`` has it."""

# Any escape; in the group, half of a surrogate pair without the other.
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)


class ResponseMeta(msgspec.Struct, frozen=True, omit_defaults=True):
    """One HTTP response behind a capture.

    Attributes:
        page: Page number, from 1.
        received_at: When the response had arrived, UTC.
        records: How many records the page held.
        headers: The response headers worth keeping (age, etag, cf-cache-status, total, ...),
            names in lower case.
    """

    page: int
    received_at: datetime
    records: int
    headers: dict[str, str] = {}


class Capture(msgspec.Struct, frozen=True, omit_defaults=True):
    """The records of one ingest with all that is needed to read them later.

    Attributes:
        ingested_at: When the fetch began, UTC.
        source: Label of the data's origin (``CoinGecko``, ``CoinGecko sandbox``, ...).
        request: Query parameters as sent; never a key. One that a file says is null is absent.
        responses: One entry for every page got.
        error: Why the fetch ended early, if it did; the records are then those of the pages got.
        records: The records exactly as received.
    """

    ingested_at: datetime
    source: str
    records: list[msgspec.Raw]
    request: dict[str, str] = {}
    responses: list[ResponseMeta] = []
    error: str | None = None

    @property
    def vs_currency(self) -> str | None:
        """Currency of all amounts, in lower case; None if the request does not name it."""
        told = self.request.get("vs_currency")
        return None if told is None else _code(told)

    @property
    def request_json(self) -> str:
        """The request parameters as a JSON object."""
        return msgspec.json.encode(self.request).decode()


class CaptureError(ValueError):
    """A landing file that holds no capture; the message names the place in the file.

    Attributes:
        ingested_at: When the file says it was fetched, UTC, if it says that much.
        source: Its label, likewise.
    """

    def __init__(
        self, message: str, ingested_at: datetime | None = None, source: str | None = None
    ) -> None:
        super().__init__(message)
        self.ingested_at = ingested_at
        self.source = source


class _Envelope(msgspec.Struct):
    ingested_at: datetime
    source: str
    records: msgspec.Raw
    request: dict[str, Any] = {}
    responses: list[ResponseMeta] = []
    error: str | None = None


def encode_capture(capture: Capture) -> bytes:
    """Serialise a capture as JSON; every record keeps its bytes."""
    return msgspec.json.encode(capture)


def decode_capture(body: bytes) -> Capture:
    """Read a landing file's uncompressed content.

    A time without a zone is UTC. The bare tokens ``NaN`` and ``Infinity``, which are not JSON but
    which common writers emit, are read as strings so that they spoil their record only.

    Raises:
        CaptureError: not JSON, or not a capture, or with a source or currency that is none, or its
            ``records`` are an error body of the API.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        try:
            envelope = msgspec.json.decode(body, type=_Envelope)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            tolerant = _STRING_OR_BARE_TOKEN.sub(_quote_bare_token, body)
            if tolerant == body:
                raise
            body, envelope = tolerant, msgspec.json.decode(tolerant, type=_Envelope)
        ingested_at = _in_utc(envelope.ingested_at)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        raise CaptureError(f"{error} in a file of {len(body)} bytes") from None
    source = envelope.source.strip(_WHITE_SPACE)
    if not 0 < len(source) <= _LONGEST_SOURCE:
        raise CaptureError(
            f"no text of 1 to {_LONGEST_SOURCE} characters - at `$.source`", ingested_at
        )
    try:
        records = msgspec.json.decode(envelope.records, type=list[msgspec.Raw])
    except RecursionError as error:
        problem = f"{error} - at `$.records`"
    except msgspec.ValidationError:
        api_error = error_from_body(bytes(envelope.records))
        problem = (
            "Expected `array` - at `$.records`"
            if api_error is None
            else f"the API answered with an error: {api_error}"
        )
    else:
        try:
            return Capture(
                ingested_at=ingested_at,
                source=source,
                records=records,
                request=_request(envelope.request),
                responses=envelope.responses,
                error=envelope.error,
            )
        except ValueError as error:
            problem = str(error)
    raise CaptureError(problem, ingested_at, source)


def _request(parameters: dict[str, Any]) -> dict[str, str]:
    told = parameters.get("vs_currency")
    if told is not None and not (isinstance(told, str) and CURRENCY.fullmatch(_code(told))):
        raise ValueError("no currency - at `$.request.vs_currency`")
    return {name: str(value) for name, value in parameters.items() if value is not None}


def _code(text: str) -> str:
    return text.strip(_WHITE_SPACE).lower()


def _quote_bare_token(match: re.Match[bytes]) -> bytes:
    token = match.group()
    if not token.startswith(b'"'):
        return b'"' + token + b'"'
    return _ESCAPE.sub(lambda m: rb"\ufffd" if m[1] else m.group(), token)


def _in_utc(time: datetime) -> datetime:
    if time.tzinfo is None:
        return time.replace(tzinfo=timezone.utc)
    return time.astimezone(timezone.utc)
