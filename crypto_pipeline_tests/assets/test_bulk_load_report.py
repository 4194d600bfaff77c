"""What a bulk load tells Dagster of the hours that it loaded."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import dagster as dg
import pytest

from crypto_pipeline.assets.bulk_load import LOAD_JOB
from crypto_pipeline.assets.price_history import PRICE_HISTORY
from crypto_pipeline.cli.home import open_dagster_home
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.definitions import defs
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.history.test_load import land_chart
from crypto_pipeline_tests.market_records import coin, drop, landing_json
from crypto_pipeline_tests.pipeline import rows

HOURS = {"2026-11-24-05:00", "2026-11-24-06:00"}
GOLD = "fact_crypto_price_metrics"
HOURLY = ("market_snapshots", "price_snapshots", "market_metrics", "rejected_records")


@pytest.fixture
def instance(warehouse: Warehouse) -> Iterator[dg.DagsterInstance]:
    """Dagster's tables in PostgreSQL, where events are written many at once."""
    with open_dagster_home(Settings()) as opened:
        yield opened


@pytest.fixture
def two_hours(zone: LandingZone) -> None:
    drop(zone, "a.json", landing_json([coin(1)]))
    next_hour = coin(1, last_updated="2026-11-24T06:00:00Z")
    drop(zone, "b.json", landing_json([next_hour], "2026-11-24T06:00:30Z"))


def load(instance: dg.DagsterInstance) -> str:
    return defs.resolve_job_def(LOAD_JOB).execute_in_process(instance=instance).run_id


def materializations(
    instance: dg.DagsterInstance, asset: str
) -> list[tuple[str, dg.AssetMaterialization]]:
    """Run and materialization, the oldest first."""
    records = instance.fetch_materializations(dg.AssetKey(asset), limit=100, ascending=True).records
    return [
        (record.run_id, materialization)
        for record in records
        if (materialization := record.asset_materialization) is not None
    ]


def test_every_hour_of_the_files_is_reported_as_materialized(
    warehouse: Warehouse, two_hours: None, instance: dg.DagsterInstance
) -> None:
    run = load(instance)

    for asset in HOURLY:
        reported = materializations(instance, asset)
        assert {(run_id, event.partition) for run_id, event in reported} == {
            (run, hour) for hour in HOURS
        }
        assert instance.get_materialized_partitions(dg.AssetKey(asset)) == HOURS
        latest = instance.get_latest_materialization_event(dg.AssetKey(asset))
        assert latest is not None
        assert latest.asset_materialization == reported[-1][1]
    assert [event.partition for _, event in materializations(instance, GOLD)] == [None]
    assert load(instance) != run
    assert len(materializations(instance, "price_snapshots")) == 2


def test_a_load_reports_the_hours_of_one_that_died_after_its_commit(
    warehouse: Warehouse, zone: LandingZone, two_hours: None, instance: dg.DagsterInstance
) -> None:
    with dg.DagsterInstance.ephemeral() as lost:
        load(lost)
    assert rows(warehouse, "SELECT count(*) FROM price_snapshots") == [(2,)]

    load(instance)

    for asset in HOURLY:
        assert instance.get_materialized_partitions(dg.AssetKey(asset)) == HOURS


def test_what_is_reported_describes_the_tables(
    warehouse: Warehouse, zone: LandingZone, instance: dg.DagsterInstance
) -> None:
    drop(zone, "a.json", landing_json([coin(1)]))

    load(instance)

    metadata = {
        asset: materializations(instance, asset)[-1][1].metadata
        for asset in ("market_snapshots", "price_snapshots", GOLD)
    }
    file = "market_snapshots/date=2026-11-24/hour=05/a.json"
    assert metadata["market_snapshots"]["landing_file"].value == file
    ((run_id,),) = rows(warehouse, "SELECT run_id FROM ingestion_batches")
    assert instance.has_run(run_id)
    for table in ("price_snapshots", "fact_crypto_price_metrics"):
        assert metadata[table]["dagster/row_count"].value == 1
    assert metadata["fact_crypto_price_metrics"]["rows_inserted"].value == 1


def test_the_months_of_answers_are_reported_once_and_before_their_tables(
    warehouse: Warehouse, zone: LandingZone, instance: dg.DagsterInstance
) -> None:
    month = datetime.now(timezone.utc).replace(day=1, hour=1, minute=0, second=0, microsecond=0)
    before = month - timedelta(days=2)
    land_chart(zone, [(before, 1), (month, 2)], asked_at=month)
    drop(zone, "a.json", landing_json([coin(1)]))
    load(instance)
    months = {f"{time:%Y-%m}-01" for time in (before, month)}
    assert instance.get_materialized_partitions(dg.AssetKey(PRICE_HISTORY)) == months

    land_chart(zone, [(month, 2)], coin="ethereum", asked_at=month)
    load(instance)
    assert len(materializations(instance, PRICE_HISTORY)) == 2
    newest = {
        asset: event.timestamp
        for asset in (PRICE_HISTORY, "price_points")
        if (event := instance.get_latest_materialization_event(dg.AssetKey(asset))) is not None
    }
    assert newest[PRICE_HISTORY] <= newest["price_points"]
