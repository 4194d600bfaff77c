"""The same landing zone through PostgreSQL and through Spark: both make the same marts."""

import random
from datetime import timedelta

import pytest

from crypto_pipeline.lakehouse.schema import MART_TABLES
from crypto_pipeline.lakehouse.spark import marts as marts_room
from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.lakehouse.spark.mart_parity import compare_marts
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.marts import load_marts
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.history.test_load import (
    at,
    land_chart,
    land_export,
    land_snapshots,
    load,
)
from crypto_pipeline_tests.lakehouse.spark.parity import load_zone

pytestmark = pytest.mark.long


def land_market(zone: LandingZone) -> None:
    """Fifty days of hours of three coins in two currencies, with hours and days missing."""
    chance = random.Random(3)
    for coin in ("bitcoin", "ethereum", "tether"):
        for currency in ("usd", "eur"):
            hours = [n for n in range(24 * 50) if n // 24 not in (7, 20) and chance.random() < 0.4]
            points = [(at(n), round(100 * (1 + chance.random()), 6)) for n in hours]
            land_chart(zone, points, coin=coin, vs_currency=currency)


def both(warehouse: Warehouse, zone: LandingZone, lake: Lake) -> None:
    load(warehouse, zone)
    load_marts(warehouse)
    load_zone(lake, zone, max_rejected_share=1)
    found = compare_marts(warehouse, lake)
    assert found.differences[:5] == []
    assert found.facts
    for table in MART_TABLES:
        assert lake.table(table.name).head(1), table.name


def test_both_make_the_same_also_of_what_comes_late(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    land_market(zone)
    land_export(zone, "2025-01-05,80,100,7", "2025-01-06,90,100,8")
    land_snapshots(zone, at(1201) + timedelta(minutes=12), 170)
    both(warehouse, zone, lake)
    land_snapshots(zone, at(30) + timedelta(minutes=12), 900)
    land_chart(zone, [(at(7 * 24 + n), 150 + n) for n in range(24)], coin="ethereum")
    both(warehouse, zone, lake)


def test_what_is_wrong_is_found_and_a_load_that_dies_is_repeated(
    warehouse: Warehouse, zone: LandingZone, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_chart(zone, [(at(n), 100 + n) for n in range(50)])
    land_chart(zone, [(at(n), 90 + n % 5) for n in range(50)], coin="ethereum")
    land_snapshots(zone, at(55), 5)
    load(warehouse, zone)
    load_marts(warehouse)
    make = Lake.merge

    def die(self: Lake, statement: str, **values: str) -> None:
        if statement == "marts/mart_market_daily":
            raise InterruptedError(statement)
        make(self, statement, **values)

    monkeypatch.setattr(marts_room.Lake, "merge", die)
    with pytest.raises(InterruptedError):
        load_zone(lake, zone, max_rejected_share=1)
    monkeypatch.setattr(marts_room.Lake, "merge", make)
    both(warehouse, zone, lake)
    lake.spark.sql(
        f"UPDATE {lake.quoted}.mart_coin_daily SET drawdown = -0.5 WHERE crypto_id = 'ethereum'"
        " AND day = DATE '2026-01-05'"
    )
    (difference,) = compare_marts(warehouse, lake).differences
    assert difference.what == "drawdown"
