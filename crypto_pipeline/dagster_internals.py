"""What the pipeline uses of Dagster past its documented interface, each with the reason why.

Everything else comes from what ``dagster`` exports. A test for each of these says what breaks when
a new version of Dagster moves it.
"""

import logging
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import dagster as dg
from dagster._core.events import StepMaterializationData
from dagster._core.storage.event_log import SqlEventLogStorage, SqlEventLogStorageTable

FINISHED_STATUSES = (
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
)
"""Of a run that has ended. Why: Dagster exports the statuses, and not its list of these."""

_EVENTS_AT_ONCE = 1_000
"""Events that are written to Dagster's log in one statement."""

_SECONDS_CONNECTED = 600
_MOST_CONNECTIONS = 20

_FEW_MESSAGES = 25
"""As many lines as an hour has at most, or a little more."""


def report_materializations(
    context: dg.OpExecutionContext, materializations: Sequence[dg.AssetMaterialization]
) -> None:
    """Write materializations of one asset as events of the run.

    Why: ``context.log_event`` writes them one by one, and those of a year take several times as
    long as its load. The storage takes many at once, but only as whole events, whose payload has no
    documented name.
    """
    for first in range(0, len(materializations), _EVENTS_AT_ONCE):
        context.instance.event_log_storage.store_event_batch(
            [
                dg.EventLogEntry(  # type: ignore[no-untyped-call]
                    error_info=None,
                    level=logging.DEBUG,
                    user_message="",
                    run_id=context.run_id,
                    timestamp=time.time(),
                    step_key=context.op.name,
                    job_name=context.job_name,
                    dagster_event=dg.DagsterEvent(
                        event_type_value=dg.DagsterEventType.ASSET_MATERIALIZATION.value,
                        job_name=context.job_name,
                        event_specific_data=StepMaterializationData(materialization),
                    ),
                )
                for materialization in materializations[first : first + _EVENTS_AT_ONCE]
            ]
        )


def write_messages(context: dg.OpExecutionContext, messages: Sequence[tuple[int, str]]) -> None:
    """Write messages to the run's log, each with its level.

    Why: ``context.log`` writes a row a call, on a connection of its own, and a load of a year has
    tens of thousands to say. The storage writes many assets' events at once, but no messages: so
    their rows are written here. A few go by ``context.log``, which also writes to the console.
    """
    if len(messages) <= _FEW_MESSAGES:
        for level, message in messages:
            context.log.log(level, message)
        return
    storage = context.instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    for first in range(0, len(messages), _EVENTS_AT_ONCE):
        events = [
            dg.EventLogEntry(  # type: ignore[no-untyped-call]
                error_info=None,
                level=level,
                user_message=message,
                run_id=context.run_id,
                timestamp=time.time(),
                step_key=context.op.name,
                job_name=context.job_name,
            )
            for level, message in messages[first : first + _EVENTS_AT_ONCE]
        ]
        with storage.run_connection(context.run_id) as connection:
            # One statement of many VALUES takes SQLAlchemy six times as long to compile.
            connection.execute(
                SqlEventLogStorageTable.insert(), [storage._event_to_row(event) for event in events]
            )


def newest_evaluations(
    instance: dg.DagsterInstance, keys: Iterable[dg.AssetCheckKey]
) -> Iterator[tuple[str, dg.AssetCheckKey, dg.AssetCheckEvaluation]]:
    """The checks whose newest execution has ended, with the run that it was part of.

    Why: the documented interface gives the results of checks only inside the run that makes them.
    """
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(sorted(keys))
    for key, record in latest.items():
        # One that is planned or died with its run says nothing about the data.
        if isinstance(record.evaluation, dg.AssetCheckEvaluation):
            yield record.run_id, key, record.evaluation


def freshness_states(
    instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey]
) -> Iterator[tuple[dg.AssetKey, str, datetime]]:
    """The freshness of assets (PASS, WARN, FAIL, UNKNOWN or NOT_APPLICABLE), and since when.

    Why: freshness policies are documented, what the daemon finds by them is not.
    """
    for key, record in instance.get_freshness_state_records(sorted(keys)).items():
        yield key, record.freshness_state.value, record.updated_at


def keep_connections(instance: dg.DagsterInstance) -> None:
    """Let this process's writes to Dagster's storage share a few connections.

    Why: the storage opens a connection for every event, which takes longer than writing it. Its
    webserver has a way to keep some open, under a name that says no more than that.
    """
    for storage in (instance.run_storage, instance.event_log_storage, instance.schedule_storage):
        if storage is not None:
            storage.optimize_for_webserver(
                statement_timeout=0, pool_recycle=_SECONDS_CONNECTED, max_overflow=_MOST_CONNECTIONS
            )


def daemon_command(*arguments: str) -> list[str]:
    """A command of Dagster's daemon, run by this Python.

    Why: unlike ``dagster`` and ``dagster_webserver``, the module has no public name. Its script
    has, and lies where this Python's scripts are.
    """
    return [sys.executable, str(Path(sysconfig.get_path("scripts"), "dagster-daemon")), *arguments]
