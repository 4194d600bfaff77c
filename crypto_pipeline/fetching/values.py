"""The values of a record, each from its own JSON text. A number's text is never converted, so it is
exact by construction."""

import re
from datetime import datetime, timezone
from decimal import Decimal

import msgspec

from crypto_pipeline.fetching.tolerant_json import MALFORMED, is_json, split_object

_MAX_DIGITS = 1_000
"""Digits before or after the point beyond which a number is no measurement but an attack on memory:
a price of 1e999999 is nine bytes of JSON and a megabyte of NUMERIC."""

_MOST_OF_A_NAME = 100
"""Characters of a field's name: the API's longest has 42."""

_PLAIN_NUMBER = re.compile(rb"-?[0-9]{1,40}(\.[0-9]{1,40})?")

UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError, ArithmeticError)
"""What decoding a value raises: not UTF-8, nested too deeply, an exponent or a year that no Decimal
or datetime has."""

NO_JSON = msgspec.Raw(b"\xff")
"""Stands for a value that is no JSON, and is none itself."""

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
decode_text = msgspec.json.Decoder(str).decode
decode_time = msgspec.json.Decoder(datetime).decode


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
            name: value if is_json(value, bare_tokens=True) else NO_JSON
            for name, value in split_object(record).items()
        }


def listed(names: list[str]) -> str | None:
    """Names of fields as one text, joined by commas; None without any."""
    # A NUL is legal in a JSON key and not in a PostgreSQL text.
    return ",".join(name[:_MOST_OF_A_NAME] for name in names).replace("\x00", "") or None


def text_value(text: bytes) -> str:
    """What a JSON string says.

    Raises:
        msgspec.DecodeError, ValueError: it is none, or has a NUL.
    """
    value = decode_text(text)
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


def integer_text(text: bytes) -> str:
    """The text of a whole number of 32 bits, in whatever notation it came.

    Raises:
        ValueError, ArithmeticError: it is none.
    """
    value = Decimal(number_text(text))
    if value != value.to_integral_value() or abs(value) > 2**31 - 1:
        raise ValueError("not an integer of 32 bits")
    return str(int(value))


def time_value(text: bytes) -> datetime:
    """The time of a JSON string, UTC; without a zone it is UTC.

    Raises:
        msgspec.DecodeError, ValueError: it is none.
    """
    value = decode_time(text)
    if value.tzinfo is None:
        return value.replace(tzinfo=timezone.utc)
    return value.astimezone(timezone.utc)
