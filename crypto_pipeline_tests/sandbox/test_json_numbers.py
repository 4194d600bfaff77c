"""Numbers as JSON text."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_pipeline.sandbox.json_numbers import (
    amount_text,
    decimal_text,
    price_text,
    supply_text,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (96361.2, "96361"),
        (2728.22, "2728.22"),
        (2.0, "2.0"),
        (-0.03808327, "-0.03808327"),
        (0.254549, "0.254549"),
        (8.69e-05, "8.69e-05"),
        (5.6366e-11, "5.6366e-11"),
        (0, "0.0"),
    ],
)
def test_a_price_looks_like_coingeckos(value: float, text: str) -> None:
    assert price_text(value, None, quirks=True) == text


def test_precision() -> None:
    assert price_text(1.23456789, "full", quirks=True) == "1.23456789"
    assert price_text(0.1 + 0.2, "full", quirks=True) == "0.3"
    assert price_text(1.23456789, 4, quirks=True) == "1.2346"
    assert price_text(7.89, 0, quirks=True) == "8.0"


def test_without_quirks_a_price_is_a_plain_decimal() -> None:
    assert price_text(96361.2, None, quirks=False) == "96361.2"
    assert price_text(5.6366e-11, None, quirks=False) == "0.000000000056366"


def test_supplies_and_amounts() -> None:
    assert supply_text(19826375, quirks=True) == "19826375.0"
    assert supply_text(2.1e15, quirks=True) == "2.1E+15"
    assert supply_text(2.1e15, quirks=False) == "2100000000000000.0"
    assert amount_text(-12.345, quirks=True) == "-12.345"
    assert amount_text(-12.345, quirks=False) == "-12"


def test_there_is_no_negative_zero() -> None:
    assert decimal_text(-0.001, 2) == "0.0"


@given(st.floats(min_value=-1e20, max_value=1e20, allow_subnormal=False), st.booleans())
def test_every_number_is_json_and_close(value: float, quirks: bool) -> None:
    full = price_text(value, "full", quirks)
    for text in (full, price_text(value, None, quirks), supply_text(abs(value), quirks)):
        msgspec.json.decode(text, type=float)
    if abs(value) < 10_000:
        assert abs(Decimal(full) - Decimal(value)) <= abs(Decimal(value)) * Decimal("1e-11")
