"""The record of ``/coins/markets``, field by field, and its decoder.

Source: CoinGecko's OpenAPI description (26 base fields, each always present, most nullable). A
number's text is never converted, so it is exact by construction.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import msgspec

from crypto_pipeline.fetching.values import (
    NO_JSON,
    UNREADABLE,
    decode_fields,
    decode_text,
    integer_text,
    listed,
    number_text,
    text_value,
    time_value,
)
from crypto_pipeline.model.registry import RECORD_COLUMNS, SqlType

_BY_FIELD: Final = {column.field: column for column in RECORD_COLUMNS if column.field}


def _fields(sql_type: SqlType, parent: str = "") -> dict[str, str]:
    return {
        field: column.name
        for field, column in _BY_FIELD.items()
        if column.type == sql_type and field.rpartition(".")[0] == parent
    }


TEXT_FIELDS: Final[Mapping[str, str]] = _fields("text")
NUMBER_FIELDS: Final[Mapping[str, str]] = _fields("numeric")
INTEGER_FIELDS: Final[Mapping[str, str]] = _fields("integer")
TIME_FIELDS: Final[Mapping[str, str]] = _fields("timestamptz")
"""The fields of a record by what they hold: API field to column."""

ROI_NUMBERS: Final[Mapping[str, str]] = _fields("numeric", "roi")
ROI_TEXTS: Final[Mapping[str, str]] = _fields("text", "roi")
"""The fields inside of ``roi``, with its name before them."""

OPTIONAL_FIELDS: Final = frozenset(
    {
        *(field for field, column in _BY_FIELD.items() if column.on_request),
        "sparkline_in_7d",
        *(
            f"price_change_percentage_{period}_in_currency"
            for period in ("1h", "24h", "7d", "14d", "30d", "200d", "1y")
        ),
    }
)
"""Documented fields that come on request only: no drift when they appear, nor when they do not.
Those that are no column are kept in bronze."""

BASE_FIELDS: Final = (
    frozenset({*TEXT_FIELDS, *NUMBER_FIELDS, *INTEGER_FIELDS, *TIME_FIELDS, "roi"})
    - OPTIONAL_FIELDS
)
"""Fields that every record has."""

_FINDINGS: Final = ("malformed", "unknown_fields", "missing_fields")

COLUMNS: Final = (
    *TEXT_FIELDS.values(),
    *NUMBER_FIELDS.values(),
    *INTEGER_FIELDS.values(),
    *TIME_FIELDS.values(),
    *ROI_NUMBERS.values(),
    *ROI_TEXTS.values(),
    *_FINDINGS,
)
"""What a decoded record consists of, in this order."""

WHOLE_RECORD = "the whole record"
"""What is malformed of a record that is no JSON object."""

_Value = str | datetime | None


def decode_record(record: msgspec.Raw) -> tuple[_Value, ...]:
    """Decode one record into the values of ``COLUMNS``.

    Numbers stay the text that was received. A value that is not of the documented JSON type becomes
    None and its field is named in ``malformed``; a record that is not an object is malformed as a
    whole. Never raises: what is wrong with a record is said in its row.
    """
    try:
        fields = decode_fields(record)
    except UNREADABLE:
        return (*[None] * (len(COLUMNS) - len(_FINDINGS)), WHOLE_RECORD, None, None)
    malformed: list[str] = []

    def read(
        source: dict[str, msgspec.Raw], name: str, parse: Callable[[bytes], _Value], label: str
    ) -> _Value:
        raw = source.get(name)
        if raw is None:
            return None
        text = bytes(raw)
        if text == b"null":
            return None
        try:
            return parse(text)
        except UNREADABLE:
            malformed.append(label)
            return None

    values = [read(fields, name, text_value, name) for name in TEXT_FIELDS]
    values += [read(fields, name, number_text, name) for name in NUMBER_FIELDS]
    values += [read(fields, name, integer_text, name) for name in INTEGER_FIELDS]
    values += [read(fields, name, time_value, name) for name in TIME_FIELDS]
    roi: dict[str, msgspec.Raw] = {}
    if (raw_roi := bytes(fields.get("roi", b"null"))) != b"null":
        try:
            roi = decode_fields(raw_roi)
        except UNREADABLE:
            malformed.append("roi")
    for nested, parse in ((ROI_NUMBERS, number_text), (ROI_TEXTS, text_value)):
        values += [read(roi, name.partition(".")[2], parse, name) for name in nested]
    malformed += [
        name for name, value in fields.items() if value is NO_JSON and name not in malformed
    ]
    names = fields.keys()
    return (
        *values,
        listed(malformed),
        listed(sorted(names - BASE_FIELDS - OPTIONAL_FIELDS)),
        listed(sorted(BASE_FIELDS - names)),
    )


def coin_id(record: msgspec.Raw) -> str | None:
    """The id of a record, None if it has none."""
    try:
        return decode_text(decode_fields(record)["id"])
    except (KeyError, *UNREADABLE):
        return None


def coin_and_rank(record: msgspec.Raw) -> tuple[str | None, int | None]:
    """The id and the rank of a record, each None if it has none."""
    try:
        fields = decode_fields(record)
        coin = decode_text(fields["id"])
    except (KeyError, *UNREADABLE):
        return None, None
    rank = bytes(fields.get("market_cap_rank", b"null"))
    return coin, int(rank) if rank.isdigit() and len(rank) < 10 else None
