"""What the pipeline uses of Dagster past its documented interface, each with the reason why.

Everything else comes from what ``dagster`` exports. A test for each of these says what breaks when
a new version of Dagster moves it.
"""

import logging
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import msgspec
import sqlalchemy
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationPlanned,
)
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.events import StepMaterializationData
from dagster._core.execution.api import create_execution_plan, execute_run
from dagster._core.execution.execute_in_process import merge_run_tags
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.storage.event_log import SqlEventLogStorage, SqlEventLogStorageTable
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from dagster_postgres.auth import PgTokenProvider

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


_REPOSITORY = "__repository__"
"""Name of what a code location with ``Definitions`` holds."""


def execute_in_process(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    *,
    location: str,
    run_id: str,
    partition_key: str | None,
    tags: Mapping[str, str],
    run_config: Mapping[str, object],
) -> dg.JobExecutionResult:
    """Run a job in this process, by its own executor, as a run of a code location.

    Why: the documented ``JobDefinition.execute_in_process`` makes a run of no code location. The UI
    shows such a run under no job and in no timeline, and cannot re-execute it.
    """
    in_memory = InMemoryJob(job)
    of_location = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), _REPOSITORY)
    run = instance.create_run_for_job(
        job_def=job,
        execution_plan=create_execution_plan(
            in_memory, run_config=run_config, instance_ref=instance.get_ref()
        ),
        run_id=run_id,
        run_config=run_config,
        tags=merge_run_tags(job, partition_key, tags, None, instance, run_config),
        remote_job_origin=RemoteJobOrigin(of_location, job.name),
    )
    return execute_run(in_memory, run, instance)


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


_NOT_STORED = {
    dg.DagsterEventType.STEP_INPUT,
    dg.DagsterEventType.LOADED_INPUT,
    dg.DagsterEventType.HANDLED_OUTPUT,
    dg.DagsterEventType.RESOURCE_INIT_STARTED,
    dg.DagsterEventType.RESOURCE_INIT_SUCCESS,
}
"""Between two others, and whose metadata the materialization has too."""

_MANY = {
    dg.DagsterEventType.ASSET_MATERIALIZATION.value,
    dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED.value,
}

_COMPRESSED_FROM = 2_100
"""Bytes of a row above which PostgreSQL compresses it (a page's quarter)."""


class LeanEventLogStorage(PostgresEventLogStorage):
    """Dagster's event log in PostgreSQL, without what no page of the UI and no run reads.

    Why: there is no setting for it, and as it comes the log of an hour is three times the hour's
    data. Each check writes five rows of 1.5 kB a run, which PostgreSQL does not compress.

    - Events that only say that a step went on are not stored; an output is if it has metadata.
    - The result of a check is stored with the check, where the UI reads it; as an event of its run
      as well if it failed as an error, which a re-execution asks for. That it is planned is
      stored with the check alone, and without partition: results have none, so Dagster takes the
      plan for another execution's, and adds a second row, which stays planned for ever.
    - What an event says twice is stored once, and padded with blanks until it is compressed.
    """

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._pack_what_is_written()

    def optimize_for_webserver(self, *args: Any, **named: Any) -> None:
        """Called once by the webserver, which writes the plans of the runs that it launches."""
        super().optimize_for_webserver(*args, **named)
        self._pack_what_is_written()

    def _pack_what_is_written(self) -> None:
        sqlalchemy.event.listen(
            self._engine, "before_cursor_execute", _pack_parameters, retval=True
        )

    def store_event(self, event: dg.EventLogEntry) -> None:
        """Store an event, or what is needed of it."""
        kind = event.dagster_event_type
        if kind in _NOT_STORED or (
            # The metadata of an op that makes no asset is nowhere else.
            kind is dg.DagsterEventType.STEP_OUTPUT
            and not event.get_dagster_event().step_output_data.metadata
        ):
            return
        event = _without_repetition(event)
        of_check = _for_its_check_alone(event)
        if of_check is None:
            super().store_event(event)
        else:
            self.store_asset_check_event(of_check, None)


class LeanPostgresStorage(DagsterPostgresStorage):
    """Dagster's storage in PostgreSQL with a ``LeanEventLogStorage``."""

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: Any = None,
        token_provider: PgTokenProvider | None = None,
    ) -> None:
        super().__init__(postgres_url, should_autocreate_tables, inst_data, token_provider)
        self._event_log_storage = LeanEventLogStorage(
            postgres_url, should_autocreate_tables, token_provider=token_provider
        )


def _without_repetition(entry: dg.EventLogEntry) -> dg.EventLogEntry:
    event = entry.dagster_event
    if event is None:
        return entry
    # A re-execution asks for the handles of the steps. Their key is in every event.
    handle = event.step_handle if event.event_type_value.startswith("STEP_") else None
    return entry._replace(
        user_message="",
        dagster_event=event._replace(
            step_handle=handle,
            node_handle=None,
            step_kind_value=None,
            logging_tags=None,
        ),
    )


def _for_its_check_alone(entry: dg.EventLogEntry) -> dg.EventLogEntry | None:
    """The event as the check's own row has it; None of one that its run has, too."""
    event = entry.dagster_event
    if event is None:
        return None
    data = event.event_specific_data
    if isinstance(data, AssetCheckEvaluationPlanned):
        data = AssetCheckEvaluationPlanned(asset_key=data.asset_key, check_name=data.check_name)
    elif isinstance(data, dg.AssetCheckEvaluation):
        if not data.passed and data.severity is dg.AssetCheckSeverity.ERROR:
            return None
        target = data.target_materialization_data
        data = dg.AssetCheckEvaluation(
            asset_key=data.asset_key,
            check_name=data.check_name,
            passed=data.passed,
            metadata=data.metadata,
            # Else it is known from the run.
            target_materialization_data=None
            if target is None or target.run_id == entry.run_id
            else target,
            severity=data.severity,
            description=data.description,
            blocking=data.blocking,
            partition=data.partition,
        )
    else:
        return None
    return entry._replace(
        dagster_event=event._replace(event_specific_data=data, message=None, pid=None)
    )


def _pack_parameters(
    _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
) -> tuple[str, Any]:
    """The parameters of a statement with its events packed."""
    if isinstance(parameters, Mapping):
        return statement, {name: _packed(value) for name, value in parameters.items()}
    return statement, [_pack_parameters(None, None, "", one, None, False)[1] for one in parameters]


def _packed(value: object) -> object:
    """The JSON of an event without blanks, and without the nulls that its reader puts there."""
    if not (isinstance(value, str) and value.startswith('{"__class__": "EventLog')):
        return value
    stored = msgspec.json.decode(value)
    entry = stored.get("event_log_entry", stored)
    if entry["dagster_event"] is None:
        return value
    event = {k: v for k, v in entry["dagster_event"].items() if v is not None}
    # Of the other kinds there are few, and some of their nulls must be there.
    if event["event_type_value"] in _MANY:
        event["event_specific_data"] = _without_nulls(event["event_specific_data"])
    entry["dagster_event"] = event
    return msgspec.json.encode(stored).decode().ljust(_COMPRESSED_FROM)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        # What a value of JSON holds is not Dagster's.
        if value.get("__class__") == "JsonMetadataEntryData":
            return value
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value
