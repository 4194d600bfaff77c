"""A capture: what one ingest got from ``/coins/markets``, and the forms in which files hold one.

The records stay the bytes that were received, so no digit of a number can change on the way
into bronze. Read are our own envelope, and what people have on their disks: the response as it came
(a bare array), the array under a key of an object, one record a line.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from enum import Enum
from typing import Any

import msgspec

from crypto_pipeline.coingecko.errors import api_error
from crypto_pipeline.coingecko.looks import looks_like
from crypto_pipeline.fetching.tolerant_json import MALFORMED, split_array, split_object

LIVE_SOURCE = "CoinGecko"
"""Label of data that CoinGecko itself served."""

FILE_SOURCE = "CoinGecko file"
"""Label of data from a file that does not say where it is from."""

_WHITE_SPACE = " \t\n\r"
"""What JSON takes for white space."""

_LONGEST_SOURCE = 200

CURRENCY = re.compile("[a-z]{2,8}")
"""A code of ``/simple/supported_vs_currencies``: ``usd``, ``btc``, ``bits``; as
``COINGECKO_VS_CURRENCY`` has it."""

FIRST_FETCH = datetime(2009, 1, 3, tzinfo=timezone.utc)
LAST_FETCH = datetime(2200, 1, 1, tzinfo=timezone.utc)
"""Outside of these, a time is a mistake that would be for ever the oldest or newest."""

MOST_AHEAD = timedelta(days=1)
"""How far a fetch may lie ahead of our clock, since clocks differ and a local time is easily taken
for UTC. What is later would make all that is fetched until then look old."""

_TIME_KEYS = (
    *("ingested_at", "fetched_at", "retrieved_at", "captured_at", "timestamp", "time", "datetime"),
    *("date", "ts", "updated_at", "created_at", "last_updated"),
)
"""Keys beside the records that say when these were fetched, the surest first."""

# 2024-01-01T001233Z, 20240101T001233Z, 2024-01-01T00:12:33Z, 2024-01-01_00-12-33_UTC, and a
# fraction of a second in either form.
_TIME_IN_NAME = re.compile(
    r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)[T _-](\d\d)[:.-]?(\d\d)[:.-]?(\d\d)(?:[.,]?(\d{1,6}))?"
    r"(?:Z|[ _-]?UTC|\+00:?00)(?![0-9A-Za-z])"
)

_MOST_NAMES = 8
_MOST_CHARACTERS = 200
_NAMED_RECORD = "id, symbol, name, current_price and last_updated"


class TimeOrigin(str, Enum):
    """What says when a file's records were fetched."""

    ENVELOPE = "envelope"
    """The file, beside the records."""
    FILE_NAME = "file_name"
    """The name of the file."""
    LAST_UPDATED = "last_updated"
    """The newest of its records: they were fetched then, or later."""


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
        unreadable: The body of an answer that could not be read, byte for byte; ``error`` says
            why. There are no records then.
        unanswered: Of the coins that are tracked, those without a record here, and when each last
            had one, UTC; None where nothing says so.
        time_origin: What says ``ingested_at``; of an envelope, itself.
        records: The records exactly as received.
    """

    ingested_at: datetime
    source: str
    records: list[msgspec.Raw]
    request: dict[str, str] = {}
    responses: list[ResponseMeta] = []
    error: str | None = None
    unreadable: bytes | None = None
    unanswered: dict[str, datetime] | None = None
    time_origin: TimeOrigin = TimeOrigin.ENVELOPE

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
        time_origin: What says ``ingested_at``.
    """

    def __init__(
        self,
        message: str,
        ingested_at: datetime | None = None,
        source: str | None = None,
        time_origin: TimeOrigin | None = None,
    ) -> None:
        super().__init__(message)
        self.ingested_at = ingested_at
        self.source = source
        self.time_origin = time_origin


class _Description(msgspec.Struct):
    """What an envelope says beside the records."""

    source: str = FILE_SOURCE
    request: dict[str, Any] = {}
    responses: list[ResponseMeta] = []
    error: str | None = None
    unreadable: bytes | None = None
    unanswered: dict[str, datetime] | None = None


_decode_time = msgspec.json.Decoder(datetime).decode
_decode_name = msgspec.json.Decoder(str).decode


def encode_capture(capture: Capture) -> bytes:
    """Serialise a capture as JSON; every record keeps its bytes."""
    return msgspec.json.encode(capture)


def decode_capture(body: bytes, name: str = "") -> Capture:
    """Read the uncompressed content of a file.

    A time without a zone is UTC. What is no JSON inside of one record (a lone surrogate, a bare
    ``NaN``) is left to the record's decoder.

    Args:
        body: The content.
        name: The file's name, which may hold the UTC time of the fetch.

    Raises:
        CaptureError: no records in one of the forms, nothing that says when they were fetched, a
            source or currency that is none, or an error body of the API.
    """
    told = time_in_name(name)
    body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        if body.lstrip()[:1] == b"[":
            return _bare(split_array(body), {}, told)
        return _object(split_object(body), body, told)
    except MALFORMED as error:
        try:
            lines = _records_by_line(body)
        except MALFORMED:
            lines = None
        if lines is not None:
            return _bare(lines, {}, told)
        # Where it goes wrong is of no use in what is no JSON at all.
        place = f" ({error})" if body.lstrip()[:1] in (b"[", b"{") else ""
        raise CaptureError(
            f"{looks_like(body)}{place}",
            told,
            None,
            None if told is None else TimeOrigin.FILE_NAME,
        ) from None


def read_page(body: bytes) -> list[msgspec.Raw]:
    """The records of a response of ``/coins/markets``.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: it is no array.
    """
    # A view would keep the whole response alive.
    return [record.copy() for record in split_array(body)]


def time_in_name(name: str) -> datetime | None:
    """The UTC time in a file's name, if there is one: a date and a time to the second that end in
    ``Z``, ``UTC`` or ``+0000``."""
    for match in _TIME_IN_NAME.finditer(name.rpartition("/")[2]):
        *parts, fraction = match.groups()
        try:
            time = datetime.strptime("".join(parts) + "+0000", "%Y%m%d%H%M%S%z")
        except ValueError:
            continue
        return time.replace(microsecond=int((fraction or "").ljust(6, "0")), tzinfo=timezone.utc)
    return None


def plausible_fetch(time: datetime) -> bool:
    """Whether something can have been fetched then, by our clock."""
    return FIRST_FETCH <= time <= min(LAST_FETCH, datetime.now(timezone.utc) + MOST_AHEAD)


def _records_by_line(body: bytes) -> list[msgspec.Raw] | None:
    """The lines of a text each of which is an object (JSON Lines)."""
    lines = [line.strip() for line in body.split(b"\n")]
    objects = [line for line in lines if line]
    if len(objects) < 2 or not all(line[:1] == b"{" and line[-1:] == b"}" for line in objects):
        return None
    return [msgspec.Raw(line) for line in objects]


def _object(members: dict[str, msgspec.Raw], body: bytes, told: datetime | None) -> Capture:
    if "records" in members and "ingested_at" in members:
        return _envelope(members)
    if {"id", "current_price"} <= members.keys():
        return _bare([msgspec.Raw(body.strip())], {}, told)
    arrays = {}
    for name, value in members.items():
        if _starts_with(value, b"["):
            elements = split_array(value)
            if not elements or _starts_as_objects(elements):
                arrays[name] = elements
    origin = None if told is None else TimeOrigin.FILE_NAME
    if not arrays:
        raise CaptureError(
            api_error(body) or f"{looks_like(body)}: it has no array of records",
            told,
            None,
            origin,
        )
    # What else there is may be empty, or about something else.
    records = {name: elements for name, elements in arrays.items() if _hold_prices(elements)}
    if len(arrays) > 1 and len(records) != 1:
        raise CaptureError(
            f"several arrays, of which none or more than one has prices ({', '.join(arrays)}):"
            " keep one of them",
            told,
            None,
            origin,
        )
    ((name, elements),) = (records if len(arrays) > 1 else arrays).items()
    beside = {key: value for key, value in members.items() if key != name}
    return _bare(elements, beside, told)


def _starts_with(value: msgspec.Raw, character: bytes) -> bool:
    return bytes(memoryview(value)[:1]) == character


def _starts_as_objects(records: list[msgspec.Raw]) -> bool:
    return bool(records) and all(_starts_with(record, b"{") for record in records)


def _hold_prices(elements: list[msgspec.Raw]) -> bool:
    return any(b'"current_price"' in bytes(element) for element in elements)


def _bare(
    records: list[msgspec.Raw], beside: Mapping[str, msgspec.Raw], in_name: datetime | None
) -> Capture:
    """The capture of records that came without our envelope."""
    if _starts_as_objects(records) and all(_names(record) is None for record in records):
        raise CaptureError(looks_like(bytes(records[0])), in_name)
    time, origin = _time_beside(beside), TimeOrigin.ENVELOPE
    if time is None:
        time, origin = in_name, TimeOrigin.FILE_NAME
    if time is None:
        time, origin = _newest_update(records), TimeOrigin.LAST_UPDATED
    if time is None:
        raise CaptureError(
            f"nothing says when it was fetched: {_what_records_are(records)}; put the UTC time of"
            " the fetch into the file's name, such as markets-2024-01-01T001233Z.json"
        )
    parameters = {key: value for key, value in beside.items() if key == "vs_currency"}
    try:
        request = _request({key: _any(value) for key, value in parameters.items()})
        source = _source(_text(beside.get("source")) or FILE_SOURCE)
    except ValueError as error:
        raise CaptureError(str(error), time, None, origin) from None
    return Capture(
        ingested_at=time, source=source, records=records, request=request, time_origin=origin
    )


def _what_records_are(records: list[msgspec.Raw]) -> str:
    if not records:
        return "there are no records"
    names = _names(records[0])
    if names is None:
        has = "is no object"
    else:
        has = f"has {', '.join(names[:_MOST_NAMES])[:_MOST_CHARACTERS] or 'nothing'}"
    return f"records of /coins/markets have {_NAMED_RECORD}, the first of these {has}"


def _names(record: msgspec.Raw) -> list[str] | None:
    """The keys of an object, None of what is none."""
    try:
        return list(split_object(record))
    except MALFORMED:
        return None


def _time_beside(beside: Mapping[str, msgspec.Raw]) -> datetime | None:
    for key in _TIME_KEYS:
        if key in beside and (time := _time(beside[key])) is not None:
            return time
    return None


def _newest_update(records: Iterable[msgspec.Raw]) -> datetime | None:
    newest: datetime | None = None
    for record in records:
        try:
            updated = split_object(record).get("last_updated")
        except MALFORMED:
            continue
        time = None if updated is None else _time(updated)
        # A single impossible time would make all others look old.
        if time is not None and plausible_fetch(time) and (newest is None or time > newest):
            newest = time
    return newest


def _time(value: msgspec.Raw) -> datetime | None:
    """A time as ISO 8601 has it, or as seconds or milliseconds since 1970."""
    text = bytes(value)
    try:
        if text[:1] == b'"':
            return _in_utc(_decode_time(text))
        number = float(text)
        time = datetime.fromtimestamp(number / 1000 if number > 1e11 else number, timezone.utc)
    except (*MALFORMED, ValueError, OverflowError, OSError):
        return None
    return time if time >= FIRST_FETCH else None


def _any(value: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(value)
    except MALFORMED:
        raise ValueError("no JSON - at `$.vs_currency`") from None


def _text(value: msgspec.Raw | None) -> str | None:
    if value is None:
        return None
    try:
        return _decode_name(value)
    except MALFORMED:
        return None


def _envelope(members: Mapping[str, msgspec.Raw]) -> Capture:
    try:
        ingested_at = _in_utc(_decode_time(members["ingested_at"]))
    except (*MALFORMED, OverflowError) as error:
        raise CaptureError(f"{error} - at `$.ingested_at`") from None
    try:
        described = _describe(members)
        source = _source(described.source)
    except ValueError as error:
        raise CaptureError(str(error), ingested_at) from None
    try:
        records = (
            split_array(members["records"])
            if described.unreadable is None
            else read_page(described.unreadable)
        )
        return Capture(
            ingested_at=ingested_at,
            source=source,
            records=records,
            request=_request(described.request),
            responses=described.responses,
            error=None if described.unreadable is not None else described.error,
            unanswered=described.unanswered,
        )
    except MALFORMED as error:
        if described.unreadable is not None:
            problem = described.error or str(error)
        else:
            problem = _no_array(members["records"], error)
    except ValueError as error:
        problem = str(error)
    raise CaptureError(problem, ingested_at, source, TimeOrigin.ENVELOPE)


def _describe(members: Mapping[str, msgspec.Raw]) -> _Description:
    known = {
        name: value for name, value in members.items() if name in _Description.__struct_fields__
    }
    try:
        return msgspec.json.decode(msgspec.json.encode(known), type=_Description)
    except MALFORMED as error:
        raise ValueError(str(error)) from None


def _no_array(records: msgspec.Raw, error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return api_error(bytes(records)) or "Expected `array` - at `$.records`"
    return f"{error} - at `$.records`"


def _source(text: str) -> str:
    source = text.strip(_WHITE_SPACE)
    if not 0 < len(source) <= _LONGEST_SOURCE:
        raise ValueError(f"no text of 1 to {_LONGEST_SOURCE} characters - at `$.source`")
    return source


def _request(parameters: dict[str, Any]) -> dict[str, str]:
    told = parameters.get("vs_currency")
    if told is not None and not (isinstance(told, str) and CURRENCY.fullmatch(_code(told))):
        raise ValueError("no currency - at `$.request.vs_currency`")
    return {name: str(value) for name, value in parameters.items() if value is not None}


def _code(text: str) -> str:
    return text.strip(_WHITE_SPACE).lower()


def _in_utc(time: datetime) -> datetime:
    if time.tzinfo is None:
        return time.replace(tzinfo=timezone.utc)
    return time.astimezone(timezone.utc)
