"""The record of ``/coins/markets``, field by field, and its decoder.

Source: CoinGecko's OpenAPI description (26 base fields, each always present, most nullable). A
number's text is never converted, so it is exact by construction.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from decimal import Decimal
from typing import Final

import msgspec

from crypto_pipeline.coingecko.tolerant_json import MALFORMED, is_json, split_object
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

_MAX_DIGITS = 1_000
"""Digits before or after the point beyond which a number is no measurement but an attack on memory:
a price of 1e999999 is nine bytes of JSON and a megabyte of NUMERIC."""

_MOST_OF_A_NAME = 100
"""Characters of a field's name: the API's longest has 42."""

_PLAIN_NUMBER = re.compile(rb"-?[0-9]{1,40}(\.[0-9]{1,40})?")

# Not UTF-8, nested too deeply, an exponent or a year that no Decimal or datetime has.
UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError, ArithmeticError)

_NO_JSON = msgspec.Raw(b"\xff")
"""Stands for a value that is no JSON, and is none itself."""

_Value = str | datetime | None
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
decode_time = msgspec.json.Decoder(datetime).decode


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

    values = [read(fields, name, _text, name) for name in TEXT_FIELDS]
    values += [read(fields, name, number_text, name) for name in NUMBER_FIELDS]
    values += [read(fields, name, _integer, name) for name in INTEGER_FIELDS]
    values += [read(fields, name, _time, name) for name in TIME_FIELDS]
    roi: dict[str, msgspec.Raw] = {}
    if (raw_roi := bytes(fields.get("roi", b"null"))) != b"null":
        try:
            roi = decode_fields(raw_roi)
        except UNREADABLE:
            malformed.append("roi")
    for nested, parse in ((ROI_NUMBERS, number_text), (ROI_TEXTS, _text)):
        values += [read(roi, name.partition(".")[2], parse, name) for name in nested]
    malformed += [
        name for name, value in fields.items() if value is _NO_JSON and name not in malformed
    ]
    names = fields.keys()
    return (
        *values,
        _listed(malformed),
        _listed(sorted(names - BASE_FIELDS - OPTIONAL_FIELDS)),
        _listed(sorted(BASE_FIELDS - names)),
    )


def decode_fields(record: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The values of a record by field. One that is no JSON, bare ``NaN`` and ``Infinity`` inside of
    it apart, is replaced by one that no field takes.

    Raises:
        msgspec.DecodeError, ValueError, RecursionError: it is no object.
    """
    try:
        return _decode_object(record)
    except msgspec.ValidationError:
        raise
    except MALFORMED:
        return {
            name: value if is_json(value, bare_tokens=True) else _NO_JSON
            for name, value in split_object(record).items()
        }


def coin_id(record: msgspec.Raw) -> str | None:
    """The id of a record, None if it has none."""
    try:
        return _decode_text(decode_fields(record)["id"])
    except (KeyError, *UNREADABLE):
        return None


def coin_and_rank(record: msgspec.Raw) -> tuple[str | None, int | None]:
    """The id and the rank of a record, each None if it has none."""
    try:
        fields = decode_fields(record)
        coin = _decode_text(fields["id"])
    except (KeyError, *UNREADABLE):
        return None, None
    rank = bytes(fields.get("market_cap_rank", b"null"))
    return coin, int(rank) if rank.isdigit() and len(rank) < 10 else None


def _listed(names: list[str]) -> str | None:
    # A NUL is legal in a JSON key and not in a PostgreSQL text.
    return ",".join(name[:_MOST_OF_A_NAME] for name in names).replace("\x00", "") or None


def _text(text: bytes) -> str:
    value = _decode_text(text)
    if "\x00" in value:
        raise ValueError("PostgreSQL has no NUL in a text")
    return value


def number_text(text: bytes) -> str:
    """The text of a JSON number, as it is.

    Raises:
        ValueError, ArithmeticError: it is none, or has more digits than a measurement.
    """
    if text[:1] not in b"-0123456789":
        raise ValueError("not a number")
    if _PLAIN_NUMBER.fullmatch(text) is None:
        value = Decimal(text.decode())
        _, _, exponent = value.as_tuple()
        if not isinstance(exponent, int):
            raise ValueError("not finite")
        if max(value.adjusted(), -exponent) > _MAX_DIGITS:
            raise ValueError("too many digits")
    return text.decode()


def _integer(text: bytes) -> str:
    value = Decimal(number_text(text))
    if value != value.to_integral_value() or abs(value) > 2**31 - 1:
        raise ValueError("not an integer of 32 bits")
    return str(int(value))


def _time(text: bytes) -> datetime:
    value = decode_time(text)
    if value.tzinfo is None:
        return value.replace(tzinfo=timezone.utc)
    return value.astimezone(timezone.utc)
