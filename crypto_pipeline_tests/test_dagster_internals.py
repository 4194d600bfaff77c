"""What is used of Dagster past its documented interface: in one place, and each with what breaks
when a new version moves it."""

import logging
import re
import subprocess
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import dagster as dg
import pytest

from crypto_pipeline.cli.home import open_dagster_home
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.dagster_internals import (
    FINISHED_STATUSES,
    daemon_command,
    execute_in_process,
    freshness_states,
    newest_evaluations,
    report_materializations,
    write_messages,
)
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.freshness import report_freshness

ROOT = Path(__file__).parents[1]
PRIVATE_MODULE = re.compile(r"\bdagster\w*(?:\.\w+)*\._\w+")
STORAGE = re.compile(r"\.(?:_?event_log_storage|_?run_storage|_?schedule_storage|_event_storage)\b")


@dg.asset
def prices() -> None: ...


@dg.asset_check(asset=prices)
def sound() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


steps_done: list[str] = []


def resumable() -> dg.JobDefinition:
    """A job whose last step succeeds the second time."""

    @dg.asset
    def first() -> None:
        steps_done.append("first")

    @dg.asset_check(asset=first, blocking=True)
    def check() -> dg.AssetCheckResult:
        steps_done.append("check")
        return dg.AssetCheckResult(passed=True)

    @dg.asset(deps=[first])
    def second() -> None:
        steps_done.append("second")
        assert steps_done.count("second") == 2

    return dg.Definitions(
        assets=[first, second],
        asset_checks=[check],
        jobs=[dg.define_asset_job("resumable", executor_def=dg.in_process_executor)],
    ).resolve_job_def("resumable")


@pytest.fixture
def instance(warehouse: Warehouse) -> Iterator[dg.DagsterInstance]:
    """Dagster's tables in PostgreSQL, as in production."""
    with open_dagster_home(Settings()) as opened:
        yield opened


def using(pattern: re.Pattern[str], folder: str) -> set[str]:
    return {path.name for path in (ROOT / folder).rglob("*.py") if pattern.search(path.read_text())}


def test_one_module_uses_what_dagster_does_not_document() -> None:
    assert using(PRIVATE_MODULE, "crypto_pipeline") == {"dagster_internals.py"}
    assert using(STORAGE, "crypto_pipeline") == {"dagster_internals.py"}
    assert using(PRIVATE_MODULE, "crypto_pipeline_tests") == {"freshness.py", "retries.py"}


def test_a_run_in_this_process_is_one_of_the_code_location(instance: dg.DagsterInstance) -> None:
    """Else the UI shows it under no job and in no timeline, and cannot re-execute it."""
    job = dg.Definitions(
        assets=[prices],
        asset_checks=[sound],
        jobs=[dg.define_asset_job("hourly", tags={"a": "b"})],
        executor=dg.in_process_executor,
    ).resolve_job_def("hourly")

    done = execute_in_process(
        job,
        instance,
        location="place",
        run_id="b52ce8e5-2d4b-4b3e-a1c5-7f4ce3cb5f49",
        partition_key=None,
        tags={"user": "cron"},
        run_config={},
    )

    assert done.success
    assert [check.passed for check in done.get_asset_check_evaluations()] == [True]
    run = instance.get_run_by_id("b52ce8e5-2d4b-4b3e-a1c5-7f4ce3cb5f49")
    assert run is not None and run.remote_job_origin is not None
    assert (run.status, run.remote_job_origin.job_name) == (dg.DagsterRunStatus.SUCCESS, "hourly")
    assert run.tags.items() >= {"a": "b", "user": "cron", "dagster/code_location": "place"}.items()
    # What the UI asks for.
    listed = dg.RunsFilter(job_name="hourly", tags={".dagster/repository": "__repository__@place"})
    assert instance.get_runs_count(listed) == 1


def test_materializations_are_written_many_at_once(instance: dg.DagsterInstance) -> None:
    """Else a bulk load reports no hours, and the asset graph does not say what was loaded."""
    hours = [f"hour {number}" for number in range(1_001)]

    @dg.op
    def report(context: dg.OpExecutionContext) -> None:
        report_materializations(
            context, [dg.AssetMaterialization("prices", partition=hour) for hour in hours]
        )

    @dg.job
    def reporting() -> None:
        report()

    run = reporting.execute_in_process(instance=instance)

    assert instance.get_materialized_partitions(prices.key) == set(hours)
    newest = instance.fetch_materializations(prices.key, limit=1).records[0].event_log_entry
    assert (newest.run_id, newest.job_name, newest.step_key) == (run.run_id, "reporting", "report")


@pytest.mark.parametrize("kind", ["PostgreSQL", "memory"])
@pytest.mark.parametrize("count", [1, 25, 26, 1_001])
def test_messages_are_written_many_at_once_and_read_like_any_other(
    instance: dg.DagsterInstance, kind: str, count: int
) -> None:
    """Else the log of a bulk load has no words of its batches, or has them a row a call."""
    messages = [(logging.INFO + 10 * (number % 3), f"100% of {number}") for number in range(count)]

    @dg.op
    def tell(context: dg.OpExecutionContext) -> None:
        context.log.info("before")
        write_messages(context, messages)
        context.log.info("after")

    @dg.job
    def telling() -> None:
        tell()

    with dg.DagsterInstance.ephemeral() as in_memory:
        log = instance if kind == "PostgreSQL" else in_memory
        run = telling.execute_in_process(instance=log)
        entries = [entry for entry in log.all_logs(run.run_id) if not entry.is_dagster_event]

    assert [(entry.level, entry.user_message) for entry in entries] == [
        (logging.INFO, "before"),
        *messages,
        (logging.INFO, "after"),
    ]
    assert {(entry.step_key, entry.job_name) for entry in entries} == {("tell", "telling")}


def test_a_check_is_told_when_it_has_ended(instance: dg.DagsterInstance) -> None:
    """Else no alert tells of a check that fails."""
    key = dg.AssetCheckKey(prices.key, "sound")
    assert list(newest_evaluations(instance, [key])) == []

    checked = dg.materialize([prices, sound], instance=instance)

    ((run_id, of_check, evaluation),) = newest_evaluations(instance, [key])
    assert (run_id, of_check) == (checked.run_id, key)
    assert evaluation.passed


def test_a_check_that_died_with_its_run_is_not_told(instance: dg.DagsterInstance) -> None:
    """Else an alert ends, or begins, although nothing was checked."""
    key = dg.AssetCheckKey(prices.key, "sound")

    @dg.asset_check(asset=prices, name="sound")
    def dies() -> dg.AssetCheckResult:
        raise RuntimeError("no result")

    dg.materialize([prices, dies], instance=instance, raise_on_error=False)

    assert list(newest_evaluations(instance, [key])) == []


def test_a_lean_log_reads_back_as_what_was_written(
    instance: dg.DagsterInstance, warehouse: Warehouse
) -> None:
    """Else the UI shows an error in the place of a run, an asset or a check."""
    checks = [dg.AssetCheckSpec(name, asset=prices) for name in ("passes", "warns", "fails")]

    @dg.asset(name="prices", partitions_def=dg.StaticPartitionsDefinition(["a"]))
    def told() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(
            metadata={"rows": 7, "sample": dg.MarkdownMetadataValue("| a |")}
        )

    @dg.multi_asset_check(specs=checks)
    def looks() -> Iterator[dg.AssetCheckResult]:
        for spec in checks:
            yield dg.AssetCheckResult(
                asset_key=prices.key,
                check_name=spec.name,
                passed=spec.name == "passes",
                severity=dg.AssetCheckSeverity("ERROR" if spec.name == "fails" else "WARN"),
                metadata={"wrong_rows": 3},
                description="in words",
            )

    run = dg.materialize([told, looks], instance=instance, partition_key="a")
    logged = instance.all_logs(run.run_id)

    assert {entry.dagster_event_type for entry in logged} == {
        dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        dg.DagsterEventType.RUN_START,
        dg.DagsterEventType.ENGINE_EVENT,
        dg.DagsterEventType.LOGS_CAPTURED,
        dg.DagsterEventType.STEP_START,
        dg.DagsterEventType.STEP_OUTPUT,
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.STEP_SUCCESS,
        dg.DagsterEventType.ASSET_CHECK_EVALUATION,
        dg.DagsterEventType.RUN_SUCCESS,
    }
    # An op that makes no asset has its metadata nowhere else. Those of checks have none.
    assert [
        entry.step_key
        for entry in logged
        if entry.dagster_event_type is dg.DagsterEventType.STEP_OUTPUT
    ] == ["prices"]
    (failed,) = [
        entry.dagster_event.asset_check_evaluation_data
        for entry in logged
        if entry.dagster_event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
        and entry.dagster_event
    ]
    assert failed.check_name == "fails"
    keys = [spec.key for spec in checks]
    told_of = {key.name: (of, found) for of, key, found in newest_evaluations(instance, keys)}
    assert {of for of, _ in told_of.values()} == {run.run_id}
    assert {name: found for name, (_, found) in told_of.items()} == {
        found.check_name: dg.AssetCheckEvaluation(
            asset_key=found.asset_key,
            check_name=found.check_name,
            passed=found.passed,
            metadata=found.metadata,
            # Of an error as Dagster makes it: it is an event of the run too.
            target_materialization_data=told_of["fails"][1].target_materialization_data
            if found.check_name == "fails"
            else None,
            severity=found.severity,
            description=found.description,
            blocking=found.blocking,
        )
        for found in run.get_asset_check_evaluations()
    }
    latest = instance.get_latest_materialization_event(prices.key)
    (made,) = run.asset_materializations_for_node("prices")
    assert latest is not None and latest.asset_materialization == made
    with warehouse.connection() as connection:
        stored = connection.execute(
            "SELECT count(*), max(pg_column_size(event)) FROM dagster.event_logs"
            " WHERE dagster_event_type IS NOT NULL"
        ).fetchone()
        planned = connection.execute(
            "SELECT count(*) FROM dagster.asset_check_executions"
        ).fetchone()
    # A check has one row a run: its plan becomes its result.
    assert planned == (3,)
    assert stored is not None and stored[1] < 1_000


def test_a_failed_run_goes_on_from_where_it_failed(instance: dg.DagsterInstance) -> None:
    """Else a re-execution from failure, in the UI, does nothing, or all of it again."""
    job = dg.reconstructable(resumable)
    steps_done.clear()
    with dg.execute_job(job, instance, raise_on_error=False) as failed:
        assert not failed.success
    assert steps_done == ["first", "check", "second"]

    options = dg.ReexecutionOptions.from_failure(failed.run_id, instance)
    with dg.execute_job(job, instance, reexecution_options=options) as resumed:
        assert resumed.success

    assert steps_done == ["first", "check", "second", "second"]


@pytest.mark.parametrize("state", ["PASS", "WARN", "FAIL"])
def test_the_freshness_of_an_asset_is_read(instance: dg.DagsterInstance, state: str) -> None:
    """Else no alert tells of an asset that is stale."""
    report_freshness(instance, prices.key, state)

    ((key, read, since),) = freshness_states(instance, [prices.key])

    assert (key, read) == (prices.key, state)
    assert abs((datetime.now(timezone.utc) - since).total_seconds()) < 3600


def test_the_statuses_of_a_run_that_has_ended_are_dagsters() -> None:
    """Else old runs are kept for ever, or metrics tell of none."""
    ended = {
        status
        # A queued run is not made without a place where its job is, and has not ended.
        for status in set(dg.DagsterRunStatus) - {dg.DagsterRunStatus.QUEUED}
        if dg.DagsterRun(job_name="any", status=status).is_finished
    }
    assert set(FINISHED_STATUSES) == ended


def test_the_storage_can_keep_its_connections(warehouse: Warehouse) -> None:
    """Else each event of a run opens one of its own."""
    with open_dagster_home(Settings()) as instance, warehouse.connection() as connection:
        for _ in range(3):
            instance.event_log_storage.all_asset_keys()
            instance.get_runs_count()
        kept = connection.execute(
            "SELECT count(*), max(current_setting('statement_timeout')) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query NOT LIKE '%pg_stat_activity%'"
            " AND state = 'idle'"
        ).fetchone()
    assert kept is not None
    assert 2 <= kept[0] <= 4


@pytest.mark.parametrize("command", ["run", "liveness-check"])
def test_the_daemon_has_the_commands_that_services_run(command: str) -> None:
    """Else the service of the daemon, or its health check, does not start."""
    done = subprocess.run(daemon_command(command, "--help"), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert command in done.stdout
