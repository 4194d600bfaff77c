"""What a load logs of its batches: the lines, and where they go.

Read in the load's transaction when all is written, and logged after its commit: a load that is
rolled back logs nothing. A batch that was loaded before is not reported again.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import psycopg
from psycopg.rows import class_row

from crypto_pipeline.coingecko.schema import WHOLE_RECORD
from crypto_pipeline.config.redaction import redact
from crypto_pipeline.fetching.values import UNREADABLE, decode_fields
from crypto_pipeline.model.registry import RECORD_COLUMNS
from crypto_pipeline.model.sql import read_sql

if TYPE_CHECKING:
    import dagster as dg

_MOST_FAILURES = 20
"""Data quality failures of a batch that get a line each."""

_MOST_CHARACTERS = 80
"""Of an id or a value that a record brought with it."""

_MOST_OF_AN_ERROR = 500

_FIELD_OF = {column.name: column.field or column.name for column in RECORD_COLUMNS}
"""The API's field of a column."""


class Line(NamedTuple):
    """A line for the log.

    Attributes:
        level: As in ``logging``.
        text: The words.
    """

    level: int
    text: str


@dataclass(frozen=True)
class _Batch:
    """A row of ``sql/silver/written_batches.sql``."""

    batch_id: int
    status: str
    landing_file: str
    error: str | None
    records_loaded: int
    records_duplicate: int
    records_rejected: int


@dataclass(frozen=True)
class _Rejected:
    """A row of ``sql/silver/first_rejects.sql``."""

    batch_id: int
    crypto_id: str | None
    at_fault: list[str]
    record: str
    failures: int


def read_lines(connection: psycopg.Connection) -> list[Line]:
    """The log lines of the batches that this transaction has written, in their order."""
    with connection.cursor(row_factory=class_row(_Batch)) as cursor:
        batches = cursor.execute(read_sql("silver/written_batches.sql")).fetchall()
    most = {"most": _MOST_FAILURES}
    with connection.cursor(row_factory=class_row(_Rejected)) as cursor:
        rejected: dict[int, list[_Rejected]] = defaultdict(list)
        for record in cursor.execute(read_sql("silver/first_rejects.sql"), most):
            rejected[record.batch_id].append(record)
    return [
        line
        for batch in batches
        for line in (_of_batch(batch), *_of_failures(rejected[batch.batch_id]))
    ]


def _of_batch(batch: _Batch) -> Line:
    if batch.status == "failed":
        error = _shown(f"{batch.landing_file}: {batch.error}", _MOST_OF_AN_ERROR)
        return Line(logging.ERROR, f"Batch {batch.batch_id} failed: {error}")
    return Line(
        logging.INFO,
        f"Batch {batch.batch_id} completed: {batch.records_loaded} loaded,"
        f" {batch.records_duplicate} skipped (duplicates),"
        f" {batch.records_rejected} failed quality checks",
    )


def _of_failures(rejected: Sequence[_Rejected]) -> list[Line]:
    """Of the first rejected records of a batch."""
    if not rejected:
        return []
    # A value that is no number breaks two rules, and is one failure to log.
    told = [told for record in rejected for told in Counter(_failures(record)).items()]
    lines = [Line(logging.WARNING, text) for text, _ in told[:_MOST_FAILURES]]
    more = rejected[0].failures - sum(rules for _, rules in told[:_MOST_FAILURES])
    if more:
        text = f"{more} more, see rejected_records"
        of_batch = f"Data quality failures in batch {rejected[0].batch_id}"
        lines.append(Line(logging.WARNING, f"{of_batch}: {text}"))
    return lines


def _failures(rejected: _Rejected) -> Iterator[str]:
    """The failures of a rejected record, one for each rule that it breaks."""
    fields = _fields(rejected.record)
    coin = _shown(rejected.crypto_id or "unknown")
    for at_fault in rejected.at_fault:
        wrong = ", ".join(
            f"{name} has invalid value {_shown(_value(name, fields, rejected.record))}"
            for name in at_fault.split(",")
        )
        yield f"Data quality failure for crypto_id={coin}: {wrong}"


def _fields(record: str) -> Mapping[str, msgspec.Raw]:
    try:
        return decode_fields(record.encode())
    except UNREADABLE:
        return {}


def _value(name: str, fields: Mapping[str, msgspec.Raw], record: str) -> str:
    """The JSON text of a column's or a field's value as it was received."""
    if name == WHOLE_RECORD:
        return record
    field, _, inner = _FIELD_OF.get(name, name).partition(".")
    if field not in fields:
        return "missing"
    text = bytes(fields[field]).decode(errors="replace")
    return _value(inner, _fields(text), text) if inner else text


def _shown(text: str, most: int = _MOST_CHARACTERS) -> str:
    """A text in one line of bounded length, without characters that a terminal obeys."""
    text = "".join(
        character if character.isprintable() else f"\\u{ord(character):04x}"
        for character in text[: most + 1]
    )
    return text if len(text) <= most else f"{text[: most - 1]}…"


# --------------------------------------------------------------------------------------------
# Where they go
# --------------------------------------------------------------------------------------------

_listeners: list[Callable[[Sequence[Line]], None]] = []


@contextmanager
def heard_by(listener: Callable[[Sequence[Line]], None]) -> Iterator[None]:
    """Pass what the loads of this process log to a listener too; called from any thread."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def say(context: "dg.OpExecutionContext", lines: Sequence[Line]) -> None:
    """Write lines to a run's log."""
    # Here, because a command that finds nothing to load does without Dagster.
    from crypto_pipeline.dagster_internals import write_messages  # noqa: PLC0415

    lines = [Line(level, redact(text)) for level, text in lines]
    write_messages(context, lines)
    for listener in _listeners:
        listener(lines)
