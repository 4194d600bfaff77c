"""Numbers as JSON text, with the digits and the notation that CoinGecko uses.

No number is written through ``repr(float)``: that would add noise digits which the real API does
not have.
"""

import math
from typing import Literal

FULL_DIGITS = 12
"""Significant digits of a price with ``precision=full``."""

_WHOLE_PRICE = 10_000
_HUGE_SUPPLY = 1e15


def decimal_text(value: float, places: int) -> str:
    """At most ``places`` decimals, without zeros at the end, but never without a fraction."""
    text = f"{value:.{places}f}"
    if places == 0:
        text += "."
    text = text.rstrip("0")
    if text.endswith("."):
        text += "0"
    return "0.0" if text == "-0.0" else text


def price_text(value: float, precision: int | Literal["full"] | None, quirks: bool) -> str:
    """A price or a difference of prices.

    Args:
        value: In units of the currency.
        precision: The request's ``precision``.
        quirks: Whether large prices are whole numbers (``96361``) and small ones may be in
            scientific notation (``8.69e-05``), as in real responses.
    """
    size = abs(value)
    if quirks and size >= _WHOLE_PRICE:
        return f"{value:.0f}"
    if isinstance(precision, int):
        return decimal_text(value, precision)
    if precision == "full":
        return _significant(value, FULL_DIGITS, quirks)
    if size >= 1:
        return decimal_text(value, 2)
    if size >= 0.05:
        return decimal_text(value, 6)
    if size >= 0.001:
        return decimal_text(value, 8)
    return _significant(value, 5, quirks)


def amount_text(value: float, quirks: bool) -> str:
    """A market cap, a volume or its change: whole, but with quirks a small one has decimals."""
    if quirks and abs(value) < 1000:
        return decimal_text(value, 5)
    return str(round(value))


def supply_text(value: float, quirks: bool) -> str:
    """A number of coins such as ``19826375.0``; with quirks a huge one is ``2.1E+15``."""
    if quirks and value >= _HUGE_SUPPLY:
        mantissa, exponent = f"{value:.14E}".split("E")
        return f"{mantissa.rstrip('0').rstrip('.')}E{exponent}"
    return _significant(value, 15, scientific=False)


def _significant(value: float, digits: int, scientific: bool) -> str:
    if value == 0:
        return "0.0"
    size = math.floor(math.log10(abs(value)))
    if scientific and size < -4:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{exponent}"
    return decimal_text(value, max(digits - 1 - size, 1))
