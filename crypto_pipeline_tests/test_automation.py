"""What happens by itself: the hourly tick."""

from datetime import datetime, timezone

import dagster as dg

from crypto_pipeline.automation import audited_checks, hourly_assets, hourly_schedule
from crypto_pipeline.definitions import defs


def test_the_tick_asks_for_the_hour_that_has_begun() -> None:
    tick = dg.build_schedule_context(
        scheduled_execution_time=datetime(2026, 11, 24, 5, 0, tzinfo=timezone.utc),
        repository_def=defs.get_repository_def(),
    )
    requests = hourly_schedule.evaluate_tick(tick).run_requests
    assert requests is not None
    assert [request.partition_key for request in requests] == ["2026-11-24-05:00"]


def test_the_hour_and_the_audit_care_for_the_lake_if_there_is_one() -> None:
    graph = defs.resolve_asset_graph()
    facts = dg.AssetKey(["lake", "fact_crypto_price_metrics"])
    parity = dg.AssetCheckKey(facts, "delta_equals_postgres")
    for lake in (True, False):
        assert (facts in hourly_assets(lake).resolve(graph)) is lake
        assert (parity in hourly_assets(lake).resolve_checks(graph)) is lake
        assert (parity in audited_checks(lake).resolve_checks(graph)) is lake
    without = audited_checks(False).resolve_checks(graph)
    candles = dg.AssetKey(["lake", "fact_crypto_price_hourly"])
    returns = dg.AssetKey(["lake", "mart_returns_hourly"])
    assert audited_checks(True).resolve_checks(graph) - without == {
        parity,
        dg.AssetCheckKey(candles, "lake_candles_equal_postgres"),
        dg.AssetCheckKey(returns, "lake_marts_equal_postgres"),
    }
