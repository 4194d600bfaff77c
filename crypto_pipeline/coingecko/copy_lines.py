"""Records as lines of PostgreSQL's COPY, in CSV with ``null`` for a missing value.

Most records are plain: the documented fields, text without escapes, numbers of a usual size. The
JSON text of their values is a CSV value as it stands, so they are joined and matched, not decoded.
Any other record goes through ``decode_record``, whose answer is the definition of both ways.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from operator import itemgetter

import msgspec

from crypto_pipeline.coingecko.schema import (
    COLUMNS,
    INTEGER_FIELDS,
    NUMBER_FIELDS,
    OPTIONAL_FIELDS,
    ROI_NUMBERS,
    ROI_TEXTS,
    TEXT_FIELDS,
    TIME_FIELDS,
    decode_record,
)
from crypto_pipeline.fetching.values import UNREADABLE

NULL = "null"
"""A missing value in COPY; a text of that form is quoted."""

_LAST_UPDATED = "last_updated"
_KNOWN_TIMES = {field: column for field, column in TIME_FIELDS.items() if field != _LAST_UPDATED}
"""Times that stay the same from response to response."""

_FIELDS = {
    **TEXT_FIELDS,
    **_KNOWN_TIMES,
    **NUMBER_FIELDS,
    **INTEGER_FIELDS,
    _LAST_UPDATED: TIME_FIELDS[_LAST_UPDATED],
}
"""The fields of a record but for ``roi``, in the order of the line."""

_ROI = {**ROI_NUMBERS, **ROI_TEXTS}

LINE_COLUMNS = (
    *_FIELDS.values(),
    *_ROI.values(),
    *(column for column in COLUMNS if column not in {*_FIELDS.values(), *_ROI.values()}),
)
"""The columns of a line, in its order: those of ``schema.COLUMNS``."""

_in_line_order = itemgetter(*map(COLUMNS.index, LINE_COLUMNS))

_TEXT = rb'(?:"[^"\\\x00-\x1f]*"|null)'
# A year of four digits and the zone of CoinGecko's own times.
_TIME = rb'(?:"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z"|null)'
_NUMBER = rb"(?:-?[0-9]{1,40}(?:\.[0-9]{1,40})?|null)"

_known_form = re.compile(
    rb",".join([_TEXT] * len(TEXT_FIELDS) + [_TIME] * len(_KNOWN_TIMES))
).fullmatch
_times_form = re.compile(rb"(?:%b,)*" % _TIME).fullmatch
_roi_form = re.compile(
    rb",".join([_NUMBER] * len(ROI_NUMBERS) + [_TEXT] * len(ROI_TEXTS))
).fullmatch
_ROI_NAMES = [field.partition(".")[2] for field in _ROI]
_NO_ROI = b",".join([b"null"] * len(_ROI))
_NOTHING_WRONG = b"null,null,null\n"
_MOST_CHARACTERS = 800

# Their fields in the order of the line, each value its JSON text, which msgspec has checked.
# A field too many or too few is an error.
_Record = msgspec.defstruct(
    "_Record",
    [
        *(
            (name, msgspec.Raw, msgspec.Raw(b"null"))
            if name in OPTIONAL_FIELDS
            else (name, msgspec.Raw)
            for name in _FIELDS
        ),
        ("roi", dict[str, msgspec.Raw] | None),
    ],
    forbid_unknown_fields=True,
    kw_only=True,
    gc=False,
)
_decode_fields = msgspec.json.Decoder(_Record).decode
_decode_times = msgspec.json.Decoder(list[datetime | None]).decode
_values = msgspec.structs.astuple
_NUMBERS_FROM = len(TEXT_FIELDS) + len(_KNOWN_TIMES)
_RANKS_FROM = _NUMBERS_FROM + len(NUMBER_FIELDS)
_UPDATED = _RANKS_FROM + len(INTEGER_FIELDS)

# What stays the same from response to response, the numbers, ranks, last update and return on
# investment of a record, each as it will stand in the line.
_Parts = tuple[bytes, bytes, bytes, msgspec.Raw, bytes]


def copy_lines(records: Sequence[msgspec.Raw]) -> list[bytes]:
    """The values of ``LINE_COLUMNS`` of every record, as a line each with its end."""
    parts = [_parts(record) for record in records]
    # All at once, as is nearly always enough; else each by itself, to find which it is.
    if not _are_plain([plain for plain in parts if plain is not None]):
        parts = [plain if plain is not None and _are_plain([plain]) else None for plain in parts]
    return [
        csv_line(_in_line_order(decode_record(record)))
        if plain is None
        else b",".join((*plain, _NOTHING_WRONG))
        for record, plain in zip(records, parts, strict=True)
    ]


def csv_line(values: tuple[str | int | datetime | None, ...]) -> bytes:
    """Values as a line with its end."""
    return (",".join(map(_csv, values)) + "\n").encode()


def _csv(value: str | int | datetime | None) -> str:
    if value is None:
        return NULL
    if isinstance(value, datetime):
        value = value.isoformat()
    return '"' + str(value).replace('"', '""') + '"'


def _parts(record: msgspec.Raw) -> _Parts | None:
    """The parts of a record with the documented fields, None of any other."""
    try:
        values = _values(_decode_fields(record))
        known = b",".join(values[:_NUMBERS_FROM])
        numbers = b",".join(values[_NUMBERS_FROM:_RANKS_FROM])
        ranks = b",".join(values[_RANKS_FROM:_UPDATED])
        last_updated, roi = values[_UPDATED:]
        plain_roi = _NO_ROI if roi is None else _plain_roi(roi)
    except UNREADABLE:
        return None
    return None if plain_roi is None else (known, numbers, ranks, last_updated, plain_roi)


def _are_plain(records: Sequence[_Parts]) -> bool:
    """Whether all values are of the plain form. They are valid JSON, so what distinguishes a number
    from any other value is its characters."""
    if not records:
        return True
    known, numbers, ranks, times, _ = zip(*records, strict=True)
    return (
        all(map(_known_is_plain, set(known)))
        and max(map(len, numbers)) <= _MOST_CHARACTERS
        and _are_numbers(b",".join(numbers))
        and _are_ranks(b",".join(ranks))
        and _are_times(b",".join(times))
    )


@lru_cache(maxsize=65_536)
def _known_is_plain(known: bytes) -> bool:
    try:
        known.decode()
    except UnicodeDecodeError:
        return False
    # No comma in a time.
    return _known_form(known) is not None and _are_times(
        b",".join(known.rsplit(b",", len(_KNOWN_TIMES))[1:])
    )


def _are_times(times: bytes) -> bool:
    if _times_form(times + b",") is None:
        return False
    try:
        # The form is right; is it a day of the calendar?
        _decode_times(b"[" + times + b"]")
    except UNREADABLE:
        return False
    return True


def _are_numbers(numbers: bytes) -> bool:
    # Of null nothing is left, of all else that is no number, some character.
    rest = numbers.translate(None, b"0123456789.,+-nul")
    if not rest:
        return True
    # An exponent of three digits may be more than a NUMERIC has.
    return not rest.strip(b"eE") and all(
        len(exponent.partition(b",")[0].lstrip(b"+-")) < 3
        for exponent in numbers.replace(b"E", b"e").split(b"e")[1:]
    )


def _are_ranks(ranks: bytes) -> bool:
    # Of 32 bits, whatever the digits.
    return not ranks.translate(None, b"0123456789,nul") and max(map(len, ranks.split(b","))) < 10


def _plain_roi(roi: dict[str, msgspec.Raw]) -> bytes | None:
    try:
        values = b",".join([roi[name] for name in _ROI_NAMES])
    except KeyError:
        return None
    values.decode()
    return values if _roi_form(values) else None
