"""Staging: landing files decoded once, copied into temporary tables and judged by the rule table.

What comes out are the relations ``staged_<table>``, the rows that every silver table should hold.
The silver assets hand them to storage as frames, hour by hour; the bulk load merges them as they
are.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timezone

import psycopg

from crypto_pipeline.coingecko.capture import Capture, CaptureError
from crypto_pipeline.coingecko.schema import COLUMNS, decode_record
from crypto_pipeline.quality import REJECT_RULES, WARN_RULES, broken_rules_sql, reasons_sql
from crypto_pipeline.storage.landing import LandingFile
from crypto_pipeline.storage.postgres import copy_rows
from crypto_pipeline.storage.sql import read_sql

_PLAIN_FORM_CURRENCY = "usd"
"""Currency of a landing file that does not tell its request."""

# Outside of these, a time is a mistake that would be for ever the oldest or newest.
_FIRST_FETCH = datetime(2009, 1, 3, tzinfo=timezone.utc)
_LAST_FETCH = datetime(2200, 1, 1, tzinfo=timezone.utc)

_FILE_COLUMNS = (
    "landing_file",
    "file_sha256",
    "partition_hour",
    "source",
    "vs_currency",
    "ingested_at",
    "request",
    "error",
    "failed",
    "max_rejected_share",
)


def stage(
    connection: psycopg.Connection, files: Iterable[LandingFile], max_rejected_share: float
) -> dict[str, str]:
    """Make the relations ``staged_<table>`` for a set of landing files, until the transaction ends.

    Returns:
        What is wrong with files as a whole, by path: they become failed batches.
    """
    connection.execute(read_sql("silver/stage.sql"))
    errors = {}
    for file in files:
        # A copy, so that the content it caches goes with it.
        error = _stage_file(connection, replace(file), max_rejected_share)
        if error is not None:
            errors[file.path] = error
    _judge_staged_records(connection)
    return errors


def _stage_file(
    connection: psycopg.Connection, file: LandingFile, max_rejected_share: float
) -> str | None:
    """Copy a landing file and its decoded records; answers what is wrong with it as a whole."""
    capture: Capture | None = None
    described: tuple[object, ...] = (None, None, None, "{}")
    sha256: str | None = None
    try:
        sha256 = file.sha256
        capture = file.capture()
    except CaptureError as problem:
        error: str | None = str(problem)
        described = (problem.source, None, problem.ingested_at, "{}")
    except OSError as problem:
        error = str(problem)
    else:
        error = _unstorable(capture) or capture.error
        if _unstorable(capture):
            capture = None
    if capture is not None:
        described = (
            capture.source,
            capture.request.get("vs_currency", _PLAIN_FORM_CURRENCY),
            capture.ingested_at,
            capture.request_json,
        )
    # A NUL is legal in JSON and not in a PostgreSQL text.
    described = (described[0] and str(described[0]).replace("\x00", ""), *described[1:])
    error = error and error.replace("\x00", "")
    row = (
        file.path,
        sha256,
        file.hour,
        *described,
        error,
        capture is None,
        str(max_rejected_share),
    )
    copy_rows(connection, "staged_files", _FILE_COLUMNS, iter([row]))
    if capture is None:
        return error
    copy_rows(
        connection,
        "staged_records",
        ("landing_file", "record_index", "record", *COLUMNS),
        (
            (file.path, index, bytes(record).decode(errors="replace"), *decode_record(record))
            for index, record in enumerate(capture.records)
        ),
    )
    return None


def _unstorable(capture: Capture) -> str | None:
    """What of a capture's description no batch can hold, if anything."""
    if not _FIRST_FETCH <= capture.ingested_at < _LAST_FETCH:
        return f"{capture.ingested_at} is no time of a fetch - at `$.ingested_at`"
    if capture.request.get("vs_currency") == "":
        return "no currency - at `$.request.vs_currency`"
    texts = (capture.source, capture.error or "", *capture.request, *capture.request.values())
    if any("\x00" in text for text in texts):
        return "a NUL in the file's description, which PostgreSQL cannot hold"
    return None


def _judge_staged_records(connection: psycopg.Connection) -> None:
    checked = read_sql("silver/checked_records.sql")
    for placeholder, expression in {
        ":rejected_by": broken_rules_sql(REJECT_RULES),
        ":reason": reasons_sql(REJECT_RULES),
        ":warned_by": broken_rules_sql(WARN_RULES),
    }.items():
        checked = checked.replace(placeholder, expression)
    connection.execute(checked)
    connection.execute(read_sql("silver/staged_rows.sql"))
