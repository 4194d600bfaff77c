"""Numbers, and the rules over them, without an engine."""

from decimal import ROUND_HALF_EVEN, Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_pipeline.coingecko.schema import NUMBER_FIELDS
from crypto_pipeline.lakehouse.schema import DecimalType
from crypto_pipeline.lakehouse.spark.decode import compared_numbers
from crypto_pipeline.lakehouse.spark.exact import order_key, plain_text, to_decimal
from crypto_pipeline.lakehouse.spark.rules import predicate
from crypto_pipeline.model.quality import RULES, Rule, Severity

pytestmark = pytest.mark.long

_numbers = st.decimals(allow_nan=False, allow_infinity=False) | st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(-(10**30), 10**30),
    st.integers(-40, 40),
)


@given(_numbers, _numbers)
def test_keys_sort_as_the_numbers_do(one: Decimal, other: Decimal) -> None:
    # Spark compares the bytes of a text.
    keys = [order_key(plain_text(str(number))).encode() for number in (one, other)]
    assert (keys[0] < keys[1]) == (one < other)
    assert (keys[0] == keys[1]) == (one == other)


@given(_numbers)
def test_a_plain_text_is_the_number_without_an_exponent(number: Decimal) -> None:
    text = plain_text(str(number))
    assert Decimal(text) == number
    assert set(text) <= set("-.0123456789")
    assert number != 0 or not text.startswith("-")


@given(_numbers, st.integers(1, 38).flatmap(lambda p: st.tuples(st.just(p), st.integers(0, p))))
def test_a_number_fits_rounded_half_even_or_not_at_all(
    number: Decimal, of: tuple[int, int]
) -> None:
    precision, scale = of
    value, reason = to_decimal(plain_text(str(number)), DecimalType(precision, scale))
    exact = number.quantize(
        Decimal(1).scaleb(-scale), context=Context(prec=9999, rounding=ROUND_HALF_EVEN)
    )
    if len(exact.as_tuple().digits) > precision and exact != 0:
        assert (value, reason) == (None, f"too large for decimal({precision},{scale})")
    elif exact == 0 != number:
        assert (value, reason) == (None, f"would be zero as decimal({precision},{scale})")
    else:
        assert (value, reason) == (exact, None)


def test_no_predicate_compares_a_rounded_number() -> None:
    assert "current_price" in compared_numbers()
    for rule in RULES:
        words = predicate(rule).replace("(", " ").replace(")", " ").replace(",", " ").split()
        assert not set(words) & set(NUMBER_FIELDS), rule.name


def test_a_rule_that_computes_with_a_number_is_refused() -> None:
    rule = Rule("twice", Severity.WARN, ("ath",), "ath * 2 > atl", "no reason")
    with pytest.raises(ValueError, match="rule twice computes with ath"):
        predicate(rule)
