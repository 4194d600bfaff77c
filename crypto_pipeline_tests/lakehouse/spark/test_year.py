"""A year of real responses three ways: PostgreSQL, from there delta-rs; Spark from the files."""

from pathlib import Path

import pytest

from crypto_pipeline.lakehouse import delta
from crypto_pipeline.lakehouse.candles import compare_candles as candles_of_delta_rs
from crypto_pipeline.lakehouse.candles import load_candles
from crypto_pipeline.lakehouse.comparison import compare_rows
from crypto_pipeline.lakehouse.load import load_lake
from crypto_pipeline.lakehouse.spark.candle_parity import compare_candles
from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.lakehouse.spark.parity import compare
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.lakehouse.spark.parity import (
    assert_same,
    facts_in_delta_rs,
    in_spark,
    load_zone,
)
from crypto_pipeline_tests.pipeline import load_landing_zone
from crypto_pipeline_tests.real_captures import land_year, needs_captures

pytestmark = [needs_captures, pytest.mark.long]

# Two months apart, around renames; on the first the source failed.
SOME_DAYS = (
    *("2023-03-30", "2024-02-29", "2024-04-29", "2024-06-28"),
    *("2024-08-27", "2024-10-26", "2024-12-25"),
)


@pytest.mark.parametrize(
    ("days", "facts"),
    [
        pytest.param(SOME_DAYS, 600, id="some days"),
        pytest.param((), 36_600, id="the year", marks=pytest.mark.year),
    ],
)
def test_real_days_give_the_same_three_ways(
    days: tuple[str, ...],
    facts: int,
    warehouse: Warehouse,
    zone: LandingZone,
    lake: Lake,
    tmp_path: Path,
) -> None:
    """Facts row for row by business key; of PostgreSQL and Spark batches, warnings, rejects and
    coin versions too."""
    land_year(zone, *days)
    load_landing_zone()
    delta_rs = delta.Lake(str(tmp_path / "delta-rs"))
    load_lake(warehouse, delta_rs)
    load_candles(warehouse, delta_rs)
    load_zone(lake, zone)

    assert_same(warehouse, lake)
    by_spark = in_spark(lake)["facts"]
    for row in by_spark:
        del row["landing_file"]
    assert len(by_spark) == facts
    assert facts_in_delta_rs(delta_rs) == sorted(by_spark, key=repr)
    # And by the comparisons of the product.
    for parity in (compare_rows(warehouse, delta_rs), compare(warehouse, lake, rows=True)):
        assert (parity.facts, parity.differences, parity.pending) == (facts, [], 0)
    candles = candles_of_delta_rs(warehouse, delta_rs), compare_candles(warehouse, lake, rows=True)
    for parity in candles:
        # One fetch a day: an hour and a day each.
        assert (parity.facts, parity.differences, parity.pending) == (2 * facts, [], 0)
