"""What the tests of the lake drop, load and compare."""

from datetime import datetime, timezone
from typing import Any

from crypto_pipeline.lakehouse.comparison import compare_rows, compare_sums
from crypto_pipeline.lakehouse.delta import Lake
from crypto_pipeline.lakehouse.schema import (
    FACT,
)
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import load_landing_zone, rows

HOUR = datetime(2026, 11, 24, 5, tzinfo=timezone.utc)


def land(zone: LandingZone, at: datetime, *coins: dict[str, object]) -> None:
    """Drop a file of this time, with these fields of bitcoin changed in a record each."""
    records = [market_record(**{"last_updated": at.isoformat(), **coin}) for coin in coins or ({},)]
    drop(zone, f"{at:%Y-%m-%dT%H%M}.json", landing_json(records, at))


def load(zone: LandingZone, at: datetime, *coins: dict[str, object]) -> None:
    land(zone, at, *coins)
    load_landing_zone()


def column(lake: Lake, name: str) -> list[Any]:
    """A column of the lake's facts, in the order of their keys."""
    table = lake.dataset(FACT).to_table().sort_by([(key, "ascending") for key in FACT.key])
    return table.column(name).to_pylist()


def assert_equal(warehouse: Warehouse, lake: Lake) -> None:
    facts = rows(warehouse, "SELECT count(*) FROM analytics.fact_crypto_price_metrics")[0][0]
    for compare in (compare_sums, compare_rows):
        parity = compare(warehouse, lake)
        assert parity.differences == []
        assert (parity.facts, parity.pending) == (facts, 0)
