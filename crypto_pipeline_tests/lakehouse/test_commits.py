"""What the commits of the lake's tables say of themselves, and the asset of them."""

import json
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from crypto_pipeline.definitions import defs
from crypto_pipeline.lakehouse import load as lake_module
from crypto_pipeline.lakehouse.delta import Lake
from crypto_pipeline.lakehouse.schema import (
    DIM_CRYPTOCURRENCY,
    DIM_DATE,
    FACT,
    LAKE_TABLES,
    UNREPRESENTABLE_VALUES,
    LakeTable,
)
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.lakes import HOUR
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import load_landing_zone, rows

pytestmark = pytest.mark.long


def load(zone: LandingZone, *names: str, at: datetime = HOUR) -> None:
    """Load an hour for each name, in which one coin has it, and a value that does not fit."""
    for hours, name in enumerate(names):
        time = at + timedelta(hours=hours)
        record = market_record(name=name, last_updated=time.isoformat(), max_supply=Decimal("1e30"))
        drop(zone, f"{time:%Y-%m-%dT%H%M}.json", landing_json([record], time))
    load_landing_zone()


def run_job() -> dict[str, dict[str, Any]]:
    """Run the job of the lake; answers the metadata of its assets, by table."""
    done = defs.resolve_job_def("load_lake").execute_in_process()
    return {
        event.asset_key.path[-1]: {name: value.value for name, value in event.metadata.items()}
        for event in done.asset_materializations_for_node("lakehouse")
    }


def commits(lake: Lake, table: LakeTable) -> list[tuple[list[int], int]]:
    """Batches and last change of every commit with rows, oldest first."""
    delta = lake.open(table)
    assert delta is not None
    history = sorted(delta.history(), key=lambda commit: commit["version"])
    created, *others = history
    assert created["operation"] == "CREATE TABLE"
    return [(json.loads(commit["batch_ids"]), int(commit["last_change"])) for commit in others]


def newest_change(warehouse: Warehouse) -> int:
    return int(rows(warehouse, "SELECT max(change_id) FROM lake.changes")[0][0])


def test_every_commit_says_of_which_batches_and_change_it_is(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    load(zone, "Old", "Old")
    metadata = run_job()
    first = newest_change(warehouse)
    for table in LAKE_TABLES:
        assert commits(lake, table) == [([1, 2], first)], table.name
        told = metadata[table.name]
        assert (told["batch_ids"], told["last_change"]) == ([1, 2], first), table.name

    load(zone, "New", at=HOUR + timedelta(hours=2))
    metadata = run_job()
    second = newest_change(warehouse)
    assert second > first
    for table in (DIM_CRYPTOCURRENCY, UNREPRESENTABLE_VALUES, FACT):
        assert commits(lake, table) == [([1, 2], first), ([3], second)], table.name
        assert metadata[table.name]["last_change"] == second
    # The days are there already.
    assert commits(lake, DIM_DATE) == [([1, 2], first)]
    assert "last_change" not in metadata[DIM_DATE.name]


def test_dimensions_that_are_ahead_of_the_facts_are_of_no_batch(
    warehouse: Warehouse, zone: LandingZone, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(zone, "A", "B", "C")
    monkeypatch.setattr(lake_module, "FACTS_A_COMMIT", 1)
    metadata = run_job()
    newest = newest_change(warehouse)
    assert commits(lake, DIM_CRYPTOCURRENCY) == [([], newest)]
    steps = [([batch], newest - 3 + batch) for batch in (1, 2, 3)]
    assert commits(lake, FACT) == commits(lake, UNREPRESENTABLE_VALUES) == steps
    assert metadata[FACT.name]["batch_ids"] == [1, 2, 3]
    assert metadata[FACT.name]["last_change"] == newest


def test_facts_that_change_are_of_a_change_and_no_batch(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    load(zone, "A")
    run_job()
    rows(warehouse, "UPDATE analytics.fact_crypto_price_metrics SET max_supply = 2 RETURNING 1")
    run_job()
    newest = newest_change(warehouse)
    assert commits(lake, FACT)[-1] == commits(lake, UNREPRESENTABLE_VALUES)[-1] == ([], newest)
    assert lake.loaded_change() == newest
