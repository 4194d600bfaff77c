"""A landing file as every loader reads it: its content unpacked and decoded, and what is wrong with
the file as a whole. Needs neither Dagster nor a database."""

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import unquote

import msgspec

from crypto_pipeline.coingecko.capture import (
    FIRST_FETCH,
    LAST_FETCH,
    Capture,
    CaptureError,
    TimeOrigin,
    decode_capture,
    plausible_fetch,
)
from crypto_pipeline.landing.compression import COMPRESSED_SUFFIXES, CompressionError, decompress

LANDING_FOLDER = "market_snapshots"
"""Folder of the landing zone in which every file lies under its hour."""

HISTORY_FOLDER = "price_history"
"""Folder of the landing zone with the price history of each coin and currency."""

_HISTORY = re.compile(rf"{HISTORY_FOLDER}/coin=([^/]+)/currency=([a-z]{{2,8}})/[^/]+")
_FILED = re.compile(rf"{LANDING_FOLDER}/date=(\d{{4}}-\d\d-\d\d)/hour=(\d\d)/[^/]+")

_PLAIN_FORM_CURRENCY = "usd"
"""Currency of a landing file without a request."""

_CLOCK_OF_THEIR_OWN = (" sandbox", " recorded")
"""Ends of the labels of data whose time is simulated, and may run ahead of ours."""


@dataclass(frozen=True)
class Landed:
    """What a landing file says; one that failed has no records.

    Attributes:
        source: Label of the data's origin.
        vs_currency: Currency of all its amounts.
        ingested_at: When it was fetched, UTC.
        time_origin: What says so: ``envelope``, ``file_name`` or ``last_updated``.
        request: Query parameters as a JSON object.
        error: What is wrong with the file or its fetch.
        failed: Whether it is no capture at all.
        records: The records as received.
    """

    source: str | None
    vs_currency: str | None
    ingested_at: datetime | None
    time_origin: str | None
    request: str
    error: str | None
    failed: bool
    records: list[msgspec.Raw]

    @classmethod
    def failure(
        cls,
        error: str,
        source: str | None = None,
        ingested_at: datetime | None = None,
        time_origin: TimeOrigin | None = None,
    ) -> "Landed":
        """What is known of a file that holds no capture.

        Args:
            error: What is wrong with it.
            source: Its label, if it says that much.
            ingested_at: When it says it was fetched, UTC, likewise.
            time_origin: What says so.
        """
        # A NUL is legal in JSON and not in a PostgreSQL text.
        label = source and source.replace("\x00", "")
        origin = None if ingested_at is None or time_origin is None else time_origin.value
        return cls(label, None, ingested_at, origin, "{}", error.replace("\x00", ""), True, [])


def hour_of(time: datetime) -> datetime:
    """The start of the hour (UTC) in which a time lies."""
    return time.astimezone(timezone.utc).replace(minute=0, second=0, microsecond=0)


def hour_folder(hour: datetime) -> str:
    """The folder of an hour, below the landing zone's."""
    # strftime("%Y") writes the year 999 with three digits.
    return f"date={hour.date().isoformat()}/hour={hour:%H}"


def below_root(uri: str) -> str:
    """What follows the landing zone's root in the URI of a landing file; of another, all of it."""
    return uri[max(uri.rfind(f"{LANDING_FOLDER}/"), 0) :]


def filed_hour(path: str) -> datetime | None:
    """The hour under which a path below the landing zone's root lies, None if it is no landing
    file's."""
    match = _FILED.fullmatch(path)
    if match is None:
        return None
    try:
        return datetime.strptime(f"{match[1]} {match[2]}+0000", "%Y-%m-%d %H%z")
    except ValueError:
        return None


def history_of(path: str) -> tuple[str, str] | None:
    """The coin and the currency whose price history a path below the landing zone's root holds,
    None if it holds none."""
    match = _HISTORY.fullmatch(path)
    return None if match is None else (unquote(match[1]), match[2])


def is_shown(name: str) -> bool:
    """Whether a name is not hidden: a temporary file of a writer is, or an operating system's."""
    return name != "" and not name.startswith(".")


def is_named_as_capture(name: str) -> bool:
    """Whether a name says that the file holds JSON, compressed or not."""
    for suffix in COMPRESSED_SUFFIXES:
        name = name.removesuffix(suffix)
    return name.endswith((".json", ".jsonl", ".ndjson"))


def unpack_capture(path: str, content: bytes) -> Capture:
    """Decode the content of a landing file, compressed or not.

    Raises:
        CaptureError: it holds no capture; the message names the place in the file.
    """
    try:
        content = decompress(path, content)
    except CompressionError as error:
        raise CaptureError(str(error)) from None
    return decode_capture(content, path)


def read_landed(path: str, content: bytes) -> Landed:
    """Read a landing file. Never raises: what is wrong with it is in the answer.

    Args:
        path: Its name, which may hold the UTC time of the fetch.
        content: Its bytes as stored.
    """
    try:
        capture = unpack_capture(path, content)
    except CaptureError as problem:
        if problem.ingested_at and wrong_time(problem.ingested_at, problem.source):
            return Landed.failure(str(problem))
        return Landed.failure(
            str(problem), problem.source, problem.ingested_at, problem.time_origin
        )
    unstorable = _unstorable(capture)
    if unstorable is not None:
        return Landed.failure(unstorable)
    return Landed(
        source=capture.source,
        vs_currency=capture.vs_currency or _PLAIN_FORM_CURRENCY,
        ingested_at=capture.ingested_at,
        time_origin=capture.time_origin.value,
        request=capture.request_json,
        error=capture.error,
        failed=False,
        records=capture.records,
    )


def wrong_time(ingested_at: datetime, source: str | None) -> str | None:
    """What is wrong with the time at which a file says it was fetched, if anything.

    One that is too far ahead is wrong until our clock is near it.
    """
    if not FIRST_FETCH <= ingested_at < LAST_FETCH:
        return f"{ingested_at} is no time of a fetch - at `$.ingested_at`"
    has_own_clock = source is not None and source.endswith(_CLOCK_OF_THEIR_OWN)
    if not has_own_clock and not plausible_fetch(ingested_at):
        return f"{ingested_at} is more than a day ahead of the clock - at `$.ingested_at`"
    return None


def _unstorable(capture: Capture) -> str | None:
    """What of a capture's description no batch can hold, if anything."""
    wrong = wrong_time(capture.ingested_at, capture.source)
    if wrong is not None:
        return wrong
    texts = (capture.source, capture.error or "", *capture.request, *capture.request.values())
    if any("\x00" in text for text in texts):
        return "a NUL in the file's description, which PostgreSQL cannot hold"
    return None
