"""Exact numbers where no type has room for all of them.

Spark's decimals end at 38 digits, while a JSON number may have hundreds. A number is therefore kept
three ways: as its text, with all digits; as the decimal of its column, rounded half-even; and, for
the columns that rules compare, as a text that sorts as the number does.
"""

from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from functools import cache
from typing import Final

from crypto_pipeline.model.registry import DecimalType

TOO_LARGE: Final = "too large for {}"
BECOMES_ZERO: Final = "would be zero as {}"

# '~' sorts after every digit and after the point.
_COMPLEMENT = str.maketrans("0123456789", "9876543210")
_MOST_DIGITS: Final = 9_999


def plain_text(number: str) -> str:
    """A JSON number as PostgreSQL writes a ``numeric``: all its digits, without an exponent."""
    if number[:1] != "-" and "e" not in number and "E" not in number:
        return number
    value = Decimal(number)
    return format(value if value else abs(value), "f")


def order_key(plain: str) -> str:
    """A text that sorts, byte by byte, as the number does: equal numbers have equal keys.

    Args:
        plain: A number without an exponent, of at most 9,999 digits before the point.
    """
    negative = plain.startswith("-")
    whole, _, fraction = plain.lstrip("-").partition(".")
    whole, fraction = whole.lstrip("0"), fraction.rstrip("0")
    if not negative or not (whole or fraction):
        return f"1{len(whole):04d}{whole}.{fraction}"
    digits = f"{whole}.{fraction}".translate(_COMPLEMENT)
    return f"0{_MOST_DIGITS - len(whole):04d}{digits}~"


@cache
def _rounding(of: DecimalType) -> tuple[Decimal, Context]:
    return Decimal(1).scaleb(-of.scale), Context(prec=of.precision, rounding=ROUND_HALF_EVEN)


def to_decimal(plain: str, of: DecimalType) -> tuple[Decimal | None, str | None]:
    """A number in a decimal type, rounded half-even; or why it has no place there."""
    value = Decimal(plain)
    unit, context = _rounding(of)
    try:
        rounded = value.quantize(unit, context=context)
    except InvalidOperation:
        return None, TOO_LARGE.format(name_of(of))
    if value and not rounded:
        return None, BECOMES_ZERO.format(name_of(of))
    return rounded, None


def name_of(of: DecimalType) -> str:
    """The type as Spark writes it."""
    return f"decimal({of.precision},{of.scale})"
