"""What the lake makes of values: rounding, and those that do not fit its decimals."""

from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import hypothesis
import hypothesis.strategies as st
import psycopg
import pytest

from crypto_pipeline.lakehouse.delta import Lake
from crypto_pipeline.lakehouse.load import load_lake
from crypto_pipeline.lakehouse.schema import (
    FACT,
    UNREPRESENTABLE_VALUES,
)
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.lakes import HOUR, assert_equal, column, load
from crypto_pipeline_tests.pipeline import rows

pytestmark = pytest.mark.long

UNREPRESENTABLE = {
    "current_price": (Decimal("1e-27"), "would be zero as decimal(38,26)"),
    "ath": (Decimal("1e12"), "too large for decimal(38,26)"),
    "total_supply": (Decimal("1e30"), "too large for decimal(38,8)"),
}


def test_a_value_that_does_not_fit_is_null_and_kept_with_all_its_digits(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    fits = {
        "id": "x",
        "symbol": "x",
        "current_price": Decimal("1e-20"),
        "total_supply": Decimal("1e27"),
    }
    load(zone, HOUR, {name: value for name, (value, _) in UNREPRESENTABLE.items()}, fits)
    load_lake(warehouse, lake)
    assert column(lake, "current_price") == [None, Decimal("1e-20")]
    assert column(lake, "total_supply") == [None, Decimal("1e27")]
    assert column(lake, "high_24h") == [96763, 96763]
    found = lake.dataset(UNREPRESENTABLE_VALUES).to_table().to_pylist()
    assert {(row["crypto_id"], row["table_name"], row["batch_id"]) for row in found} == {
        ("bitcoin", FACT.name, 1)
    }
    assert {
        row["column_name"]: (Decimal(row["exact_value"]), row["reason"]) for row in found
    } == UNREPRESENTABLE
    assert {row["exact_value"] for row in found} == {
        "0." + "0" * 26 + "1",
        "1" + "0" * 12,
        "1" + "0" * 30,
    }
    assert_equal(warehouse, lake)
    # Once it fits, its row has it and the other is gone.
    rows(warehouse, "UPDATE analytics.fact_crypto_price_metrics SET ath = 2 RETURNING 1")
    load_lake(warehouse, lake)
    assert column(lake, "ath") == [2, 2]
    assert_equal(warehouse, lake)


@hypothesis.given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**14), max_value=10**14),
    st.sampled_from([Decimal(5).scaleb(-27), Decimal(5).scaleb(-15), Decimal(5).scaleb(-9), 0]),
    st.sampled_from([26, 14, 8]),
)
@hypothesis.settings(
    suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture], max_examples=150
)
def test_postgresql_rounds_half_even_as_decimal_does(
    connection: psycopg.Connection, value: Decimal, tie: Decimal, scale: int
) -> None:
    exact = Context(prec=1000, rounding=ROUND_HALF_EVEN)
    value = exact.add(value.quantize(Decimal(1).scaleb(-scale), context=exact), tie)
    expected: Decimal | None = exact.quantize(value, Decimal(1).scaleb(-scale))
    if abs(expected) >= Decimal(10) ** (38 - scale) or (value and not expected):
        expected = None
    assert connection.execute(
        "SELECT lake.to_decimal(%s, 38, %s), lake.unrepresentable_reason(%s, 38, %s) IS NULL",
        [value, scale] * 2,
    ).fetchone() == (expected, expected is not None)


@pytest.fixture
def connection(warehouse: Warehouse) -> Any:
    with warehouse.connection() as connection:
        yield connection


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_fits_no_decimal(value: str, connection: psycopg.Connection) -> None:
    assert connection.execute(
        "SELECT lake.to_decimal(%s::numeric, 38, 8),"
        " lake.unrepresentable_reason(%s::numeric, 38, 8)",
        [value, value],
    ).fetchone() == (None, "not a number")
