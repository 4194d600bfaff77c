"""Records as lines of PostgreSQL's COPY, in CSV with ``null`` for a missing value.

Most records are plain: the documented fields, text without escapes, numbers of a usual size. The
JSON text of their values is a CSV value as it stands, so they are joined and matched, not decoded.
Any other record goes through ``decode_record``, whose verdict is the definition of both ways.
"""

import re
from datetime import datetime
from functools import lru_cache

import msgspec

from crypto_pipeline.coingecko.schema import (
    INTEGER_FIELDS,
    NUMBER_FIELDS,
    TEXT_FIELDS,
    TIME_FIELDS,
    UNREADABLE,
    decode_object,
    decode_record,
)

NULL = "null"
"""How COPY is told of a missing value; a text of that form is quoted."""

_TEXT = rb'(?:"[^"\\\x00-\x1f]*"|null)'
# A year of four digits and the zone of CoinGecko's own times.
_TIME = rb'(?:"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z"|null)'
_NUMBER = rb"(?:-?[0-9]{1,40}(?:\.[0-9]{1,40})?|null)"

_texts_are_plain = re.compile(rb",".join([_TEXT] * len(TEXT_FIELDS))).fullmatch
_times_are_plain = re.compile(rb",".join([_TIME] * len(TIME_FIELDS))).fullmatch
_roi_is_plain = re.compile(rb",".join((_NUMBER, _TEXT, _NUMBER))).fullmatch
_long_exponent = re.compile(rb"[eE][+-]?[0-9]{3}").search
_ROI_FIELDS = {"times", "currency", "percentage"}
_NOTHING_WRONG = b"null,null,null\n"

# Their fields in the order of schema.COLUMNS, each value its JSON text, which msgspec has checked.
# A field too many or too few is an error.
_Record = msgspec.defstruct(
    "_Record",
    [
        (name, msgspec.Raw)
        for name in (*TEXT_FIELDS, *NUMBER_FIELDS, *INTEGER_FIELDS, *TIME_FIELDS, "roi")
    ],
    forbid_unknown_fields=True,
    gc=False,
)
_decode_fields = msgspec.json.Decoder(_Record).decode
_values = msgspec.structs.astuple
_NUMBERS_FROM = len(TEXT_FIELDS)
_RANK = _NUMBERS_FROM + len(NUMBER_FIELDS)
_TIMES_FROM = _RANK + 1
_ROI = _TIMES_FROM + len(TIME_FIELDS)


def copy_line(record: msgspec.Raw) -> bytes:
    """The values of ``schema.COLUMNS`` of one record, as a line with its end."""
    return _plain(record) or csv_line(decode_record(record))


def csv_line(values: tuple[str | int | datetime | None, ...]) -> bytes:
    """Values as a line with its end."""
    return (",".join(map(_csv, values)) + "\n").encode()


def _csv(value: str | int | datetime | None) -> str:
    if value is None:
        return NULL
    if isinstance(value, datetime):
        value = value.isoformat()
    return '"' + str(value).replace('"', '""') + '"'


def _plain(record: msgspec.Raw) -> bytes | None:
    """The line of a plain record, None if the record is not plain."""
    try:
        values = _values(_decode_fields(record))
        texts = b",".join(values[:_NUMBERS_FROM])
        numbers = b",".join(values[_NUMBERS_FROM:_RANK])
        rank = bytes(values[_RANK])
        times = b",".join(values[_TIMES_FROM:_ROI])
        roi = _plain_roi(bytes(values[_ROI]))
        if (
            roi is None
            or not _plain_texts(texts)
            or not _plain_numbers(numbers)
            or not ((rank.isdigit() and len(rank) < 10) or rank == b"null")
            or _times_are_plain(times) is None
        ):
            return None
        # The form is right; the 31st of February is left to the decoder.
        _decode_times(b"[" + times + b"]")
    except UNREADABLE:
        return None
    return b",".join((texts, numbers, rank, times, roi, _NOTHING_WRONG))


_decode_times = msgspec.json.Decoder(list[datetime | None]).decode


# A coin's texts are the same in every response.
@lru_cache(maxsize=65_536)
def _plain_texts(texts: bytes) -> bool:
    texts.decode()
    return _texts_are_plain(texts) is not None


def _plain_numbers(numbers: bytes) -> bool:
    """Whether JSON values are all numbers or null, and none has more digits than the decoder takes.

    They are valid JSON, so what tells a number from any other value is its characters.
    """
    if len(numbers) > 800:
        return False
    rest = numbers.translate(None, b"0123456789.,+-").replace(b"null", b"")
    return not rest or (not rest.strip(b"eE") and _long_exponent(numbers) is None)


def _plain_roi(roi: bytes) -> bytes | None:
    if roi == b"null":
        return b"null,null,null"
    fields = decode_object(roi)
    if not fields.keys() >= _ROI_FIELDS:
        return None
    values = b",".join([bytes(fields[name]) for name in ("times", "currency", "percentage")])
    values.decode()
    return values if _roi_is_plain(values) else None
