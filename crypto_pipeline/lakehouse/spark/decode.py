"""Landing files into rows, on Spark's workers, by the decoder that the warehouse uses.

``decode_captures`` is the function of ``DataFrame.mapInArrow``. A file becomes one row with its
records inside. No number is ever a float: a record holds its text, its decimal and, where a rule
compares it, its key (see ``exact``).
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import unquote

import pyarrow as pa

from crypto_pipeline.coingecko.schema import COLUMNS, INTEGER_FIELDS, TIME_FIELDS, decode_record
from crypto_pipeline.lakehouse.schema import MEASURES
from crypto_pipeline.lakehouse.spark.exact import order_key, plain_text, to_decimal
from crypto_pipeline.landing.landed import (
    LANDING_FOLDER,
    Landed,
    below_root,
    filed_hour,
    hour_folder,
    hour_of,
    read_landed,
)
from crypto_pipeline.model.quality import RULES
from crypto_pipeline.model.registry import RECORD_COLUMNS, DecimalType

_KINDS: Final = {"CoinGecko sandbox": "sandbox", "CoinGecko recorded": "recorded"}


def order_column(column: str) -> str:
    """Name of the column with the keys of a numeric column."""
    return f"{column}_order"


def text_column(column: str) -> str:
    """Name of the column with the text of a numeric column."""
    return f"{column}_text"


def compared_numbers() -> tuple[str, ...]:
    """The numeric columns that a rule compares."""
    used = {column for rule in RULES for column in rule.columns}
    return tuple(
        column.name for column in RECORD_COLUMNS if column.type == "numeric" and column.name in used
    )


_INTEGERS: Final = frozenset(INTEGER_FIELDS.values())
_TIMES: Final = frozenset(TIME_FIELDS.values())
_COMPARED: Final = frozenset(compared_numbers())
_UTC: Final = pa.timestamp("us", "UTC")
_UNREPRESENTABLE: Final = pa.struct(
    [("column_name", pa.string()), ("exact_value", pa.string()), ("reason", pa.string())]
)


def _record_types() -> dict[str, pa.DataType]:
    types: dict[str, pa.DataType] = {"record_index": pa.int32()}
    for column in COLUMNS:
        if column in MEASURES:
            of = MEASURES[column]
            types[column] = pa.decimal128(of.precision, of.scale)
            types[text_column(column)] = pa.string()
            if column in _COMPARED:
                types[order_column(column)] = pa.string()
        elif column in _INTEGERS:
            types[column] = pa.int32()
        elif column in _TIMES:
            types[column] = _UTC
        else:
            types[column] = pa.string()
    return {**types, "unrepresentable": pa.list_(_UNREPRESENTABLE), "record": pa.string()}


RECORD_TYPES: Final = _record_types()
"""The fields of a decoded record."""

CAPTURE_TYPES: Final[dict[str, pa.DataType]] = {
    "landing_file": pa.string(),
    "file_sha256": pa.string(),
    "partition_hour": _UTC,
    "source": pa.string(),
    "source_kind": pa.string(),
    "vs_currency": pa.string(),
    "ingested_at": _UTC,
    "request": pa.string(),
    "error": pa.string(),
    "failed": pa.bool_(),
    "records": pa.list_(pa.struct(list(RECORD_TYPES.items()))),
}
"""The columns of a decoded file."""


def decode_captures(files: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Decode rows of ``binaryFile`` (path, modificationTime, content): a row for each file."""
    for batch in files:
        for file in batch.to_pylist():
            yield _row(file["path"], file["modificationTime"], file["content"])


def source_kind(source: str | None) -> str:
    """Kind of a source label: sandbox (made up), recorded (played back) or live."""
    return _KINDS.get(source or "", "live")


def _row(path: str, modified: datetime, content: bytes) -> pa.RecordBatch:
    landed = read_landed(unquote(path), content)
    hour = filed_hour(below_root(path))
    name = PurePosixPath(unquote(path)).name
    if hour is None:
        # As the landing zone files what was dropped in by hand.
        time = landed.ingested_at or modified.replace(tzinfo=modified.tzinfo or timezone.utc)
        hour = hour_of(time)
    described: dict[str, Any] = {
        "landing_file": f"{LANDING_FOLDER}/{hour_folder(hour)}/{name}",
        "file_sha256": hashlib.sha256(content).hexdigest(),
        "partition_hour": hour,
        "source": landed.source,
        "source_kind": source_kind(landed.source),
        "vs_currency": landed.vs_currency,
        "ingested_at": landed.ingested_at,
        "request": landed.request,
        "error": landed.error,
        "failed": landed.failed,
    }
    records = _records(landed)
    return pa.RecordBatch.from_arrays(
        [
            *(pa.array([value], CAPTURE_TYPES[column]) for column, value in described.items()),
            pa.ListArray.from_arrays(pa.array([0, len(records)], pa.int32()), records),
        ],
        schema=pa.schema(list(CAPTURE_TYPES.items())),
    )


def _records(landed: Landed) -> pa.StructArray:
    decoded = [decode_record(record) for record in landed.records]
    unrepresentable: list[list[dict[str, str]]] = [[] for _ in decoded]
    columns: dict[str, list[Any]] = {"record_index": list(range(len(decoded)))}
    for position, column in enumerate(COLUMNS):
        values: list[Any] = [values[position] for values in decoded]
        if column in MEASURES:
            texts = [None if value is None else plain_text(value) for value in values]
            columns[column] = _fitting(column, texts, MEASURES[column], unrepresentable)
            columns[text_column(column)] = texts
            if column in _COMPARED:
                columns[order_column(column)] = [
                    None if text is None else order_key(text) for text in texts
                ]
        elif column in _INTEGERS:
            columns[column] = [None if value is None else int(value) for value in values]
        else:
            columns[column] = values
    columns["unrepresentable"] = [values or None for values in unrepresentable]
    columns["record"] = [bytes(record).decode(errors="replace") for record in landed.records]
    arrays = [pa.array(columns[name], of) for name, of in RECORD_TYPES.items()]
    return pa.StructArray.from_arrays(
        arrays, fields=[pa.field(*item) for item in RECORD_TYPES.items()]
    )


def _fitting(
    column: str,
    texts: list[str | None],
    of: DecimalType,
    left_out: list[list[dict[str, str]]],
) -> list[Decimal | None]:
    values: list[Decimal | None] = []
    for text, without_room in zip(texts, left_out, strict=True):
        value, reason = (None, None) if text is None else to_decimal(text, of)
        if text is not None and reason is not None:
            without_room.append({"column_name": column, "exact_value": text, "reason": reason})
        values.append(value)
    return values
