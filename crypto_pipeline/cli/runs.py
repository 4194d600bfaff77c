"""Runs of the asset graph in this process, with visible progress and errors a person can use."""

import atexit
import itertools
import logging
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

import dagster as dg
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from crypto_pipeline.alerts import one_line
from crypto_pipeline.assets.bronze import INTERACTIVE_TAG
from crypto_pipeline.assets.bulk_load import LoadProgress
from crypto_pipeline.cli.errors import complaints, quiet_storage
from crypto_pipeline.cli.home import CODE_LOCATION, PID_TAG
from crypto_pipeline.cli.unchecked import database_time
from crypto_pipeline.dagster_internals import execute_in_process
from crypto_pipeline.definitions import defs
from crypto_pipeline.warehouse.load_report import Line, heard_by
from crypto_pipeline.warehouse.postgres import Warehouse

_INTERRUPTED = 130
"""Status of a program that Ctrl-C ended, by the convention of shells."""

_LAUNCHER_TAG = "user"
"""The UI's "launched by"."""

LAUNCHER = "CRYPTO_PIPELINE_LAUNCHER"
"""Variable that says who launches runs: ``cron``, for example. By default, the command line."""

_POLL_SECONDS = 0.2

_NEWEST_EVENTS = 50
"""Events of a run that are read at a time: a bulk load has tens of thousands, and reading all of
them would keep it waiting."""

# A run that a person watches says what went wrong in one line; the whole story is in the UI.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended.

    Attributes:
        errors: What went wrong, one line each; empty when the run succeeded.
        checks: The results of its asset checks.
    """

    errors: list[str]
    checks: list[dg.AssetCheckEvaluation]


def run_job(
    instance: dg.DagsterInstance,
    job: str,
    console: Console,
    *,
    partition_key: str | None = None,
    tags: dict[str, str] | None = None,
    config: dict[str, Any] | None = None,
    tell: bool = True,
) -> RunOutcome:
    """Run a job in this process, and show which step it is at.

    Args:
        instance: Dagster's.
        job: The job's name.
        console: Where to show it.
        partition_key: The job's partition, if it has any.
        tags: Of the run.
        config: Of the run.
        tell: Whether to print what loads log, a line or more for each batch.
    """
    run_id = str(uuid.uuid4())
    began = database_time()
    with (
        quiet_storage(),
        heard_by(lambda lines: _print_lines(console, lines if tell else ())),
        ThreadPoolExecutor(max_workers=1) as pool,
        _Display(console, f"{job} ...") as display,
    ):
        future = pool.submit(
            execute_in_process,
            defs.resolve_job_def(job),
            instance,
            location=CODE_LOCATION,
            run_id=run_id,
            partition_key=partition_key,
            tags={
                INTERACTIVE_TAG: "true",
                PID_TAG: str(os.getpid()),
                _LAUNCHER_TAG: os.environ.get(LAUNCHER, "command line"),
                **(tags or {}),
            },
            run_config={**_QUIET, **(config or {})},
        )
        try:
            for doing in _progress(instance, run_id, future.done):
                display.show(partition_key or job, doing)
            result = future.result()
        except KeyboardInterrupt:
            display.stop()
            _abandon(instance, run_id, began)
    errors = [
        one_line(event)
        for event in result.all_events
        if event.is_step_failure or (event.is_job_failure and not result.all_node_events)
    ]
    if not result.success and not errors:
        errors = ["the run failed; see it in the Dagster UI"]
    return RunOutcome(errors, list(result.get_asset_check_evaluations()))


def _abandon(instance: dg.DagsterInstance, run_id: str, began: datetime) -> NoReturn:
    """End the program in the middle of a run, as a person asked: what was not committed, the
    database rolls back."""
    with Warehouse().connection() as connection:
        row = connection.execute(
            "SELECT count(*), coalesce(sum(records_loaded), 0) FROM ingestion_batches"
            " WHERE loaded_at >= %s AND status = 'completed'",
            [began],
        ).fetchone()
    assert row is not None
    complaints.print(
        f"[red]Stopped. Committed: {row[0]} files, {row[1]} records; nothing is half loaded."
        " The same command goes on from there.[/]",
        soft_wrap=True,
    )
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        instance.report_run_canceled(run, "Stopped by Ctrl-C.")
    # Not sys.exit(), which would wait for the threads of the load. The embedded server is stopped,
    # and what they then say of their connections is no news.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    atexit._run_exitfuncs()
    os._exit(_INTERRUPTED)


def _print_lines(console: Console, lines: Sequence[Line]) -> None:
    for failed, some in itertools.groupby(lines, lambda line: line.level >= logging.ERROR):
        text = "\n".join(line.text for line in some)
        if failed:
            complaints.print(f"[red]{escape(text)}[/]", soft_wrap=True, highlight=False)
        else:
            # As it is, many lines at once: a load of a year has tens of thousands.
            console.out(text, highlight=False)


class _Display:
    """What a person sees of a run: the step it is at, or how far a bulk load is."""

    def __init__(self, console: Console, text: str) -> None:
        self._console = console
        self._status = console.status(text)
        self._bar: Progress | None = None

    def __enter__(self) -> "_Display":
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Leave the terminal as it was."""
        self._status.stop()
        if self._bar is not None:
            self._bar.stop()

    def show(self, run: str, doing: str) -> None:
        """Show what a run logs that it is doing."""
        progress = LoadProgress.read(doing)
        if progress is not None:
            self._show_bar(run, progress)
        elif self._bar is None:
            self._status.update(f"{run}: {escape(doing)} ...")

    def _show_bar(self, run: str, progress: LoadProgress) -> None:
        if self._bar is None:
            self._status.stop()
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("files, {task.fields[rate]} records/s,"),
                TimeRemainingColumn(),
                TextColumn("left"),
                console=self._console,
            )
            self._bar.start()
            self._bar.add_task(run, total=progress.files, rate="")
        task = self._bar.tasks[0]
        self._bar.update(
            task.id,
            completed=progress.files_read,
            rate=f"{progress.records_read / (task.elapsed or 1):,.0f}",
        )


def _progress(instance: dg.DagsterInstance, run_id: str, done: Callable[[], bool]) -> Iterator[str]:
    """The step a run is at, and what the step says it is doing."""
    while not done():
        time.sleep(_POLL_SECONDS)
        newest = instance.get_records_for_run(run_id, limit=_NEWEST_EVENTS, ascending=False)
        for record in reversed(newest.records):
            entry = record.event_log_entry
            if entry.step_key and entry.dagster_event_type is dg.DagsterEventType.STEP_START:
                yield entry.step_key
            elif not entry.is_dagster_event:
                yield entry.user_message
