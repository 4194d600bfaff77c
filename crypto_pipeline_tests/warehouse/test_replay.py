"""A replay: silver and gold anew from the landing zone, and gone on with where it died."""

import dagster as dg
import pytest

from crypto_pipeline.assets.bulk_load import LoadProgress
from crypto_pipeline.definitions import defs
from crypto_pipeline.landing.zone import LandingFile, LandingZone
from crypto_pipeline.warehouse.bulk_load import files_to_load, load_files
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.histories import history, load
from crypto_pipeline_tests.market_records import drop
from crypto_pipeline_tests.pipeline import contents, rows


def replay(*, raise_on_error: bool = True) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def("replay_landing_zone").execute_in_process(
        raise_on_error=raise_on_error
    )


@pytest.fixture
def loaded(warehouse: Warehouse, zone: LandingZone) -> Warehouse:
    """A warehouse with three months of history."""
    for name, body in history(2):
        drop(zone, name, body)
    load(warehouse, zone)
    return warehouse


def test_a_replay_restores_what_was_changed_by_hand(loaded: Warehouse) -> None:
    before = contents(loaded)
    with loaded.connection() as connection:
        connection.execute("UPDATE price_snapshots SET current_price = current_price + 1")
        connection.execute("DELETE FROM rejected_records")
        connection.execute(
            "UPDATE analytics.dim_cryptocurrency SET name = 'x' WHERE crypto_key > 0"
        )
    assert contents(loaded) != before

    replay()

    assert contents(loaded) == before
    assert rows(loaded, "SELECT count(*), count(finished_at) FROM loading.replays") == [(1, 1)]


def test_a_replay_refuses_to_empty_what_the_landing_zone_cannot_give_back(
    loaded: Warehouse, zone: LandingZone
) -> None:
    before = contents(loaded)
    gone: LandingFile = next(iter(zone.files()))
    gone.uri.unlink()

    result = replay(raise_on_error=False)

    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert gone.path in str(failure.step_failure_data.user_failure_data.description)
    assert contents(loaded) == before


def test_a_replay_that_died_is_gone_on_with(loaded: Warehouse, zone: LandingZone) -> None:
    before = contents(loaded)
    with loaded.connection() as connection:
        connection.execute("SELECT begin_replay()")
    some = files_to_load(loaded, zone)[:4]
    list(load_files(loaded, some, 0.5))
    kept = rows(loaded, "SELECT batch_id FROM ingestion_batches ORDER BY 1")

    replay()

    assert contents(loaded) == before
    assert set(kept) <= set(rows(loaded, "SELECT batch_id FROM ingestion_batches"))
    assert rows(loaded, "SELECT count(*), count(finished_at) FROM loading.replays") == [(1, 1)]


def test_progress_is_read_as_it_was_written() -> None:
    progress = LoadProgress(12, 345, 6_789)
    assert LoadProgress.read(str(progress)) == progress
    assert LoadProgress.read("silver") is None
