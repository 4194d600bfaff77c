"""The same landing zone through PostgreSQL and through Spark: both make the same candles."""

from datetime import timedelta

import msgspec
import pytest

from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.history.test_load import (
    at,
    land_chart,
    land_export,
    land_snapshots,
    load,
)
from crypto_pipeline_tests.lakehouse.spark.parity import assert_same, in_spark, load_zone
from crypto_pipeline_tests.market_records import drop, landing_json, market_record

pytestmark = pytest.mark.long


def both(warehouse: Warehouse, zone: LandingZone, lake: Lake) -> None:
    load(warehouse, zone)
    load_zone(lake, zone, max_rejected_share=1)
    assert_same(warehouse, lake)


def land_records(zone: LandingZone, hours: float, vs_currency: str, *prices: object) -> None:
    """Drop a file with these prices of as many coins."""
    time = at(hours)
    records = [
        market_record(
            id=f"coin-{n}",
            symbol=f"c{n}",
            name=f"Coin {n}",
            current_price=price,
            market_cap=None if n % 2 else price,
            high_24h=None,
            low_24h=None,
            last_updated=(time - timedelta(minutes=1)).isoformat(),
        )
        for n, price in enumerate(prices)
    ]
    content = landing_json(records, time, request={"vs_currency": vs_currency})
    drop(zone, f"{vs_currency}-{hours}.json", content)


def test_whatever_they_are_made_of(warehouse: Warehouse, zone: LandingZone, lake: Lake) -> None:
    """Snapshots in two currencies, points of five minutes, hours and days, an import; buckets that
    two files have, rejected points, a market cap that stands for unknown, an empty answer."""
    land_records(zone, 1.2, "usd", 1.5, "2.25", msgspec.Raw(b"9.722410112328183e-10"))
    land_records(zone, 1.5, "usd", 1.25, 3, msgspec.Raw(b"9.8e-10"))
    land_records(zone, 1.5, "eur", 1.125, 2.5)
    land_records(zone, 25.5, "eur", 7)
    land_snapshots(zone, at(1) + timedelta(minutes=12), 7)
    land_chart(zone, [(at(n) + timedelta(minutes=7), 100.000000001 + n) for n in range(40)])
    land_chart(zone, [(at(n), 99 + n) for n in range(35, 60)], caps=[(at(40), 0), (at(41), 8)])
    land_chart(zone, [(at(5) + timedelta(minutes=5 * n), 9.7e-10 * (n + 1)) for n in range(4)])
    land_chart(zone, [(at(n), -1 if n == 3 else None if n == 4 else n) for n in range(9)], coin="x")
    land_chart(zone, [(at(n), 3) for n in range(9)], coin="coin-0", vs_currency="xyz")
    land_chart(zone, [], coin="nothing")
    land_export(
        zone,
        "2013-04-28,135.3,1500517590,0",
        "2013-04-29 00:00:00 UTC,9.722410112328183e-10,,1",
        "2013-04-29 07:00:00 UTC,1,,1",
        "2026-01-05,88,1,1",
        "2026-02-05,much,1,1",
        "1999-02-05,1,1,1",
    )
    both(warehouse, zone, lake)
    before = in_spark(lake)
    assert {row["origin"] for row in before["fact_crypto_price_hourly"]} == {"snapshot", "chart"}
    assert {row["origin"] for row in before["fact_crypto_price_daily"]} == {
        *("snapshot", "chart", "import")
    }
    load_zone(lake, zone)
    assert in_spark(lake) == before
