"""What a bulk load tells Dagster of the hours that it loaded."""

from crypto_pipeline.storage.landing import LandingZone
from crypto_pipeline.storage.postgres import Warehouse
from crypto_pipeline_tests.market_records import coin, drop, landing_json
from crypto_pipeline_tests.pipeline import load_landing_zone


def test_every_hour_of_the_files_is_reported_as_materialized(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    drop(zone, "a.json", landing_json([coin(1)]))
    next_hour = coin(1, last_updated="2026-11-24T06:00:00Z")
    drop(zone, "b.json", landing_json([next_hour], "2026-11-24T06:00:30Z"))

    result = load_landing_zone()

    reported = {
        (event.asset_key.path[-1], event.partition)
        for event in result.all_events
        if event.is_step_materialization and event.asset_key is not None
    }
    for table in ("market_snapshots", "price_snapshots", "market_metrics"):
        assert {hour for name, hour in reported if name == table} == {
            "2026-11-24-05:00",
            "2026-11-24-06:00",
        }
    assert ("fact_crypto_price_metrics", None) in reported


def test_what_is_reported_describes_the_tables(warehouse: Warehouse, zone: LandingZone) -> None:
    drop(zone, "a.json", landing_json([coin(1)]))

    events = load_landing_zone().all_events

    metadata = {
        event.asset_key.path[-1]: event.step_materialization_data.materialization.metadata
        for event in events
        if event.is_step_materialization and event.asset_key is not None
    }
    assert metadata["market_snapshots"]["landing_files"].value == [
        "market_snapshots/date=2026-11-24/hour=05/a.json"
    ]
    for table in ("price_snapshots", "fact_crypto_price_metrics"):
        columns = metadata[table]["dagster/column_schema"].value.columns
        assert all(column.description for column in columns), table
        assert metadata[table]["dagster/row_count"].value == 1
        assert "dagster/column_lineage" in metadata[table]
    assert metadata["fact_crypto_price_metrics"]["rows_inserted"].value == 1
