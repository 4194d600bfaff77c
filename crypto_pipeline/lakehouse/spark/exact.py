"""Exact numbers where no type has room for all of them.

Spark's decimals end at 38 digits, while a JSON number may have hundreds. A number is therefore kept
three ways: as its text, with all digits; as the decimal of its column, rounded half-even; and, for
the columns that rules compare, as a text that sorts as the number does.
"""

from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from fractions import Fraction
from functools import cache
from typing import Final

from crypto_pipeline.model.registry import DecimalType

TOO_LARGE: Final = "too large for {}"
BECOMES_ZERO: Final = "would be zero as {}"

# '~' sorts after every digit and after the point.
_COMPLEMENT = str.maketrans("0123456789", "9876543210")
_MOST_DIGITS: Final = 9_999

EXACT: Final = Context(prec=20_000, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""Sums and products of measurements, which have a thousand digits at most, lose nothing in it."""

# Of PostgreSQL's division: src/include/utils/numeric.h.
_SIGNIFICANT_DIGITS: Final = 16
_MOST_DECIMALS: Final = 1_000


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


def mean(total: Decimal, count: int, decimals: int = 26) -> Decimal:
    """``round(total / count::numeric(38, 26), decimals)`` as PostgreSQL has it: the quotient is
    rounded where its own rule for the scale of a division says so, and then once more."""
    weight, first = _leading_group(total)
    weight_of_count, first_of_count = _leading_group(Decimal(count))
    weight -= weight_of_count + (first <= first_of_count)
    scale = max(_SIGNIFICANT_DIGITS - weight * 4, _scale(total), 26)
    quotient = _half_up(Fraction(total) / count, min(scale, _MOST_DECIMALS))
    return _half_up(Fraction(quotient), decimals)


def _leading_group(value: Decimal) -> tuple[int, int]:
    """The first digits that are not 0 in base 10,000, and the power of it that they count."""
    if not value:
        return 0, 0
    power = value.adjusted() // 4
    return power, int(abs(Fraction(value)) / Fraction(10_000) ** power)


def _scale(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)


def _half_up(value: Fraction, decimals: int) -> Decimal:
    """Rounded to so many decimals, a tie away from zero."""
    units = abs(value) * 10**decimals + Fraction(1, 2)
    whole = units.numerator // units.denominator
    return Decimal(whole if value >= 0 else -whole).scaleb(-decimals, EXACT)


def name_of(of: DecimalType) -> str:
    """The type as Spark writes it."""
    return f"decimal({of.precision},{of.scale})"
