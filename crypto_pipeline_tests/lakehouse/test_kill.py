"""Loads of the lake that are killed, and loads at the same time: in the end it says what the
warehouse says, row by row."""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from deltalake import DeltaTable

from crypto_pipeline.automation import LOAD_LAKE_JOB
from crypto_pipeline.lakehouse import load as lake_module
from crypto_pipeline.lakehouse.comparison import compare_rows
from crypto_pipeline.lakehouse.delta import Lake
from crypto_pipeline.lakehouse.load import load_lake
from crypto_pipeline.lakehouse.schema import FACT
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.jobs import Jobs, drop_files
from crypto_pipeline_tests.pipeline import load_landing_zone, rows
from crypto_pipeline_tests.waiting import wait_until

pytestmark = pytest.mark.long

KILLS = 2


@pytest.fixture
def loaded(warehouse: Warehouse, zone: LandingZone) -> Warehouse:
    """A warehouse with some thirty batches, of which a commit of the lake takes a few here."""
    drop_files(zone)
    load_landing_zone()
    return warehouse


def assert_complete(warehouse: Warehouse, lake: Lake) -> None:
    parity = compare_rows(warehouse, lake)
    assert (parity.differences, parity.pending) == ([], 0)
    assert parity.facts == lake.dataset(FACT).count_rows() > 0


def commits(lake: Lake) -> int:
    delta = lake.open(FACT)
    return 0 if delta is None else delta.version()


def test_a_killed_load_is_finished_by_the_next(
    jobs: Jobs, loaded: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever it is killed: at its start, between two commits, while it commits."""
    undisturbed = Lake(str(tmp_path / "undisturbed"))
    # As the jobs have it.
    monkeypatch.setattr(lake_module, "FACTS_A_COMMIT", 10)
    load_lake(loaded, undisturbed)
    assert_complete(loaded, undisturbed)
    all_commits = commits(undisturbed)
    assert all_commits >= 8

    for number in range(KILLS):
        lake = Lake(str(tmp_path / f"killed-{number}"))
        monkeypatch.setenv("LAKE_URI", lake.uri)
        process = jobs.start(LOAD_LAKE_JOB)
        # At a commit, and a little after it.
        some = all_commits * number // KILLS
        assert wait_until(lambda lake=lake, some=some: commits(lake) >= some, 60, 0.001), (
            "the load makes no progress"
        )
        time.sleep(0.003 * number)
        killed = jobs.kill(process)
        assert killed, "the load had ended before"
        done = commits(lake)

        load_lake(loaded, lake)

        assert_complete(loaded, lake)
        # What was there was not written again.
        assert commits(lake) <= all_commits + (done == 0)


def test_two_loads_at_the_same_time_are_as_one(
    jobs: Jobs, loaded: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(str(tmp_path / "lake"))
    monkeypatch.setenv("LAKE_URI", lake.uri)
    jobs.end_together(LOAD_LAKE_JOB, 2)
    assert_complete(loaded, lake)


def test_two_loads_that_no_lock_keeps_apart_write_nothing_twice(
    loaded: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a loader loses its connection, and with it the lock, while it commits."""
    monkeypatch.setattr(lake_module, "exclusive", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(lake_module, "FACTS_A_COMMIT", 10)
    lake = Lake(str(tmp_path / "lake"))
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: load_lake(loaded, lake), range(2)))
    assert_complete(loaded, lake)
    batches = [batch for done in both for batch in done[FACT.name].batch_ids]
    assert len(batches) == len(set(batches))
    assert sorted(batches) == [
        batch
        for (batch,) in rows(
            loaded, "SELECT batch_id FROM lake.changes WHERE kind = 'batch' ORDER BY batch_id"
        )
    ]
    history = DeltaTable(lake.location(FACT)).history()
    assert sum("batch_ids" in commit for commit in history) == sum(
        done[FACT.name].commits for done in both
    )
