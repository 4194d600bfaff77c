"""Dagster's own runs and their output: they go when they are old, and what the UI knows of the
assets stays."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import time_machine

from crypto_pipeline.cli.home import open_dagster_home
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.dagster_internals import newest_evaluations
from crypto_pipeline.warehouse import maintenance
from crypto_pipeline.warehouse.maintenance import drop_old_logs, drop_old_runs
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.pipeline import rows

HOURS = dg.StaticPartitionsDefinition(["0", "1", "2"])
SILVER, GOLD = dg.AssetKey("silver"), dg.AssetKey("gold")
SOUND = dg.AssetCheckKey(GOLD, "sound")
EVERYTHING = (
    "SELECT (SELECT count(*) FROM dagster.runs), (SELECT count(*) FROM dagster.event_logs),"
    " (SELECT count(*) FROM dagster.asset_event_tags),"
    " (SELECT count(*) FROM dagster.asset_check_executions)"
)


@dg.op
def speaks() -> None:
    print("a line of output")


@dg.job
def speaking() -> None:
    speaks()


@dg.asset(partitions_def=HOURS)
def silver() -> None: ...


@dg.asset(deps=[dg.AssetDep(silver, partition_mapping=dg.AllPartitionMapping())])
def gold(context: dg.AssetExecutionContext) -> None:
    assert "fails" not in context.run.tags


@dg.asset_check(asset=gold)
def sound() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@pytest.fixture
def instance(warehouse: Warehouse, command_line: None) -> Iterator[dg.DagsterInstance]:
    with open_dagster_home(Settings()) as opened:
        yield opened


def run(instance: dg.DagsterInstance, hour: str, **tags: str) -> str:
    return dg.materialize(
        [silver, gold, sound],
        instance=instance,
        partition_key=hour,
        tags=tags,
        raise_on_error=False,
    ).run_id


def age(warehouse: Warehouse, days: int) -> None:
    """Make everything in Dagster's log older."""
    with warehouse.connection() as connection:
        for table, column in (
            ("runs", "create_timestamp"),
            ("asset_check_executions", "evaluation_event_timestamp"),
        ):
            connection.execute(
                f"UPDATE dagster.{table} SET {column} = {column} - make_interval(days => %s)",
                [days],
            )


def known(instance: dg.DagsterInstance) -> tuple[Any, ...]:
    """What the UI says of the assets and of the check."""
    return (
        instance.get_materialized_partitions(SILVER),
        {
            hour: instance.fetch_materializations(
                dg.AssetRecordsFilter(SILVER, asset_partitions=[hour]), limit=1
            ).records[0]
            for hour in instance.get_materialized_partitions(SILVER)
        },
        [instance.get_latest_materialization_event(key) for key in (SILVER, GOLD)],
        instance.fetch_materializations(GOLD, limit=1).records,
        list(newest_evaluations(instance, [SOUND])),
    )


def test_old_runs_go_and_their_hours_stay_materialized(
    instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    old = [run(instance, "0"), run(instance, "1"), run(instance, "1"), run(instance, "0", fails="")]
    never_ran = instance.create_run_for_job(speaking).run_id
    before = known(instance)
    assert drop_old_runs(warehouse, instance, 1) == (0, 0)
    age(warehouse, 10)
    assert drop_old_runs(warehouse, instance, 11) == (0, 0)

    # The newest result of the check stays, and that it was planned for the run that failed.
    assert drop_old_runs(warehouse, instance, 9) == (4, 3)

    assert [left.run_id for left in instance.get_runs()] == [never_ran]
    assert known(instance)[:-1] == before[:-1]
    events = rows(
        warehouse, "SELECT run_id, asset_key, partition FROM dagster.event_logs ORDER BY 2, 3"
    )
    assert events == [
        (old[2], '["gold"]', None),
        (old[3], '["silver"]', "0"),
        (old[2], '["silver"]', "1"),
    ]
    assert rows(
        warehouse,
        "SELECT count(*) FROM dagster.asset_event_tags"
        " WHERE event_id NOT IN (SELECT id FROM dagster.event_logs)",
    ) == [(0,)]
    left = rows(warehouse, EVERYTHING)
    assert drop_old_runs(warehouse, instance, 9) == (0, 0)
    assert rows(warehouse, EVERYTHING) == left


def test_what_is_young_keeps_its_events_and_takes_the_place_of_what_is_old(
    instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    run(instance, "0")
    age(warehouse, 100)
    young = run(instance, "0")
    before, logged = known(instance), instance.all_logs(young)

    assert drop_old_runs(warehouse, instance, Settings().run_retention_days) == (1, 1)

    assert known(instance) == before
    assert instance.all_logs(young) == logged
    assert rows(warehouse, "SELECT DISTINCT run_id FROM dagster.event_logs") == [(young,)]


def test_a_retention_that_dies_goes_on_the_next_time(
    instance: dg.DagsterInstance, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hour in ("0", "1", "2"):
        run(instance, hour)
    age(warehouse, 100)
    before = known(instance)
    monkeypatch.setattr(maintenance, "_RUNS_AT_ONCE", 1)
    monkeypatch.setattr(maintenance, "_RESULTS_AT_ONCE", 1)
    with monkeypatch.context() as patched:
        patched.setattr(instance.compute_log_manager, "delete_logs", _dies)
        with pytest.raises(RuntimeError, match="killed"):
            drop_old_runs(warehouse, instance, 90)
    assert instance.get_runs_count() == 2
    assert known(instance) == before

    assert drop_old_runs(warehouse, instance, 90) == (2, 2)

    assert instance.get_runs_count() == 0
    assert known(instance) == before


def _dies(**_: object) -> None:
    raise RuntimeError("killed")


def test_a_warehouse_without_dagsters_tables_has_nothing_to_forget(warehouse: Warehouse) -> None:
    with dg.DagsterInstance.ephemeral() as elsewhere:
        assert drop_old_runs(warehouse, elsewhere, 90) == (0, 0)


def test_the_output_of_a_run_goes_when_it_is_old_and_not_before() -> None:
    with dg.instance_for_test() as instance:
        for _ in range(2):
            speaking.execute_in_process(instance=instance)
        storage = Path(instance.storage_directory())

        def left() -> int:
            return len(list(storage.glob("*/compute_logs")))

        assert drop_old_logs(instance, 1) == 0
        assert left() == 2
        with time_machine.travel(datetime.now(timezone.utc) + timedelta(days=10)):
            assert drop_old_logs(instance, 11) == 0
            assert drop_old_logs(instance, 9) == 2
        assert left() == 0
