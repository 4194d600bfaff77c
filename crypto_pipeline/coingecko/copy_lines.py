"""Records as lines of PostgreSQL's COPY, in CSV with ``null`` for a missing value.

Most records are plain: the documented fields, text without escapes, numbers of a usual size. The
JSON text of their values is a CSV value as it stands, so they are joined and matched, not decoded.
Any other record goes through ``decode_record``, whose verdict is the definition of both ways.
"""

import re
from datetime import datetime

import msgspec

from crypto_pipeline.coingecko.schema import (
    BASE_FIELDS,
    INTEGER_FIELDS,
    NUMBER_FIELDS,
    TEXT_FIELDS,
    TIME_FIELDS,
    UNREADABLE,
    decode_object,
    decode_record,
    decode_time,
)

NULL = "null"
"""How COPY is told of a missing value; a text of that form is quoted."""

_VALUES = (*TEXT_FIELDS, *NUMBER_FIELDS, *INTEGER_FIELDS, *TIME_FIELDS)
_TEXT = rb'(?:"[^"\\\x00-\x1f]*"|null)'
_NUMBER = rb"(?:-?(?:0|[1-9][0-9]{0,39})(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,2})?|null)"
_INTEGER = rb"(?:0|-?[1-9][0-9]{0,8}|null)"
# A year of four digits and the zone of CoinGecko's own times.
_TIME = rb'(?:"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z"|null)'

_plain_line = re.compile(
    rb",".join(
        [_TEXT] * len(TEXT_FIELDS)
        + [_NUMBER] * len(NUMBER_FIELDS)
        + [_INTEGER] * len(INTEGER_FIELDS)
        + [_TIME] * len(TIME_FIELDS)
    )
).fullmatch
_plain_roi = re.compile(rb",".join((_NUMBER, _TEXT, _NUMBER))).fullmatch
_ROI_FIELDS = {"times", "currency", "percentage"}
_NOTHING_WRONG = b",null,null,null\n"


def copy_line(record: msgspec.Raw) -> bytes:
    """The values of ``schema.COLUMNS`` of one record, as a line with its end."""
    try:
        fields = decode_object(record)
    except UNREADABLE:
        fields = {}
    if fields.keys() == BASE_FIELDS:
        line = _plain(fields)
        if line is not None:
            return line
    return csv_line(decode_record(record))


def csv_line(values: tuple[str | int | datetime | None, ...]) -> bytes:
    """Values as a line with its end."""
    return (",".join(map(_csv, values)) + "\n").encode()


def _csv(value: str | int | datetime | None) -> str:
    if value is None:
        return NULL
    if isinstance(value, datetime):
        value = value.isoformat()
    return '"' + str(value).replace('"', '""') + '"'


def _plain(fields: dict[str, msgspec.Raw]) -> bytes | None:
    """The line of a plain record, None if the record is not plain."""
    line = b",".join([bytes(fields[name]) for name in _VALUES])
    roi = _plain_roi_values(fields["roi"])
    if roi is None or _plain_line(line) is None:
        return None
    try:
        # The form is right; the 31st of February is left to the decoder.
        for name in TIME_FIELDS:
            time = fields[name]
            if bytes(time) != b"null":
                decode_time(time)
        (line + roi).decode()
    except UNREADABLE:
        return None
    return line + b"," + roi + _NOTHING_WRONG


def _plain_roi_values(raw: msgspec.Raw) -> bytes | None:
    if bytes(raw) == b"null":
        return b"null,null,null"
    try:
        roi = decode_object(raw)
    except UNREADABLE:
        return None
    if not roi.keys() >= _ROI_FIELDS:
        return None
    values = b",".join([bytes(roi[name]) for name in ("times", "currency", "percentage")])
    return values if _plain_roi(values) else None
