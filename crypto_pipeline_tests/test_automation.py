"""What happens by itself: the hourly tick."""

from datetime import datetime, timezone

import dagster as dg

from crypto_pipeline.automation import hourly_schedule
from crypto_pipeline.definitions import defs


def test_the_tick_asks_for_the_hour_that_has_begun() -> None:
    tick = dg.build_schedule_context(
        scheduled_execution_time=datetime(2026, 11, 24, 5, 0, tzinfo=timezone.utc),
        repository_def=defs.get_repository_def(),
    )
    requests = hourly_schedule.evaluate_tick(tick).run_requests
    assert requests is not None
    assert [request.partition_key for request in requests] == ["2026-11-24-05:00"]
