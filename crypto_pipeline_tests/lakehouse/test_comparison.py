"""The comparison of the lake with PostgreSQL: what it finds, and what is no difference."""

import shutil
from datetime import timedelta
from decimal import Decimal

import pytest
from deltalake import DeltaTable, write_deltalake

from crypto_pipeline.lakehouse.comparison import Difference, compare_rows, compare_sums
from crypto_pipeline.lakehouse.delta import Lake
from crypto_pipeline.lakehouse.load import load_lake
from crypto_pipeline.lakehouse.schema import (
    DIM_DATE,
    FACT,
    UNREPRESENTABLE_VALUES,
)
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.lakes import HOUR, assert_equal, land, load
from crypto_pipeline_tests.pipeline import load_landing_zone

pytestmark = pytest.mark.long


def change_postgres(warehouse: Warehouse, lake: Lake) -> None:
    fact = "analytics.fact_crypto_price_metrics"
    with warehouse.load() as connection:
        # Past the triggers, as a disk would.
        connection.execute(f"ALTER TABLE {fact} DISABLE TRIGGER lake_facts_changed")
        connection.execute(f"UPDATE {fact} SET market_cap = market_cap + 1e-14 WHERE batch_id = 2")


def change_lake(warehouse: Warehouse, lake: Lake) -> None:
    DeltaTable(lake.location(FACT)).update(
        {"market_cap": "market_cap - arrow_cast(0.00000000000001, 'Decimal128(38, 14)')"},
        predicate="batch_id = 2",
    )


def lose(warehouse: Warehouse, lake: Lake) -> None:
    DeltaTable(lake.location(FACT)).delete("batch_id = 2")


def double(warehouse: Warehouse, lake: Lake) -> None:
    twice = lake.dataset(FACT).to_table().slice(0, 1)
    write_deltalake(lake.location(FACT), twice, mode="append")


def rename_key(warehouse: Warehouse, lake: Lake) -> None:
    DeltaTable(lake.location(FACT)).update({"crypto_id": "'bitcoim'"}, predicate="batch_id = 2")


def change_dimension(warehouse: Warehouse, lake: Lake) -> None:
    DeltaTable(lake.location(DIM_DATE)).update(
        {"day_name": "'Sunday'"}, predicate="date_key = 20261124"
    )


def forget_unrepresentable(warehouse: Warehouse, lake: Lake) -> None:
    DeltaTable(lake.location(UNREPRESENTABLE_VALUES)).delete()


def test_the_comparison_finds_every_harm(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    for hour in range(3):
        land(zone, HOUR + timedelta(hours=hour), {"max_supply": Decimal("1e30")})
    load_landing_zone()
    load_lake(warehouse, lake)
    assert_equal(warehouse, lake)
    harms = [
        change_lake,
        lose,
        double,
        rename_key,
        change_dimension,
        forget_unrepresentable,
        change_postgres,
    ]
    for harm in harms:
        harmed = Lake(shutil.copytree(lake.uri, f"{lake.uri}-{harm.__name__}"))
        harm(warehouse, harmed)
        for compare in (compare_sums, compare_rows):
            assert compare(warehouse, harmed).differences, harm
        if harm in (change_postgres, change_lake, lose):
            assert compare_sums(warehouse, harmed, [1, 3]).differences == []
            assert compare_sums(warehouse, harmed, [2, 3]).differences


def test_a_difference_says_where_it_is(warehouse: Warehouse, zone: LandingZone, lake: Lake) -> None:
    for hour in range(2):
        land(zone, HOUR + timedelta(hours=hour))
    load_landing_zone()
    load_lake(warehouse, lake)
    change_postgres(warehouse, lake)
    digits = "1903651242053.00000000000001", "1903651242053.00000000000000"
    assert compare_sums(warehouse, lake).differences == [
        Difference(f"{FACT.name} 2026-11, batch 2", "market_cap", *digits)
    ]
    assert compare_rows(warehouse, lake).differences == [
        Difference(f"{FACT.name} bitcoin usd 2026-11-24 06:00:00+00", "market_cap", *digits)
    ]


def test_what_waits_for_the_next_load_is_no_difference(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    load(zone, HOUR)
    load_lake(warehouse, lake)
    load(zone, HOUR + timedelta(hours=1))
    for compare in (compare_sums, compare_rows):
        parity = compare(warehouse, lake)
        assert (parity.differences, parity.facts, parity.pending) == ([], 1, 1)
