"""Runs of the asset graph in this process, with visible progress and errors a person can use."""

import os
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg
import psycopg
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from crypto_pipeline.alerts import one_line
from crypto_pipeline.assets.bronze import INTERACTIVE_TAG
from crypto_pipeline.cli.home import PID_TAG, DagsterStorageError
from crypto_pipeline.coingecko.errors import CoinGeckoError
from crypto_pipeline.definitions import defs
from crypto_pipeline.sandbox.recordings import RecordingsError
from crypto_pipeline.storage.embedded import EmbeddedPostgresError
from crypto_pipeline.storage.migrations import SchemaBehindError
from crypto_pipeline.storage.roles import RolesMissingError

EXPECTED_ERRORS = (
    CoinGeckoError,
    DagsterStorageError,
    EmbeddedPostgresError,
    RecordingsError,
    RolesMissingError,
    SchemaBehindError,
    ValidationError,
    psycopg.Error,
    OSError,
)
"""What a person can mend: configuration, network, database, files."""

_POLL_SECONDS = 0.2
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
) -> RunOutcome:
    """Run a job in this process and show which step it is at."""
    run_id = str(uuid.uuid4())
    definition = defs.resolve_job_def(job)
    with ThreadPoolExecutor(max_workers=1) as pool, console.status(f"{job} ...") as status:
        future = pool.submit(
            definition.execute_in_process,
            instance=instance,
            run_id=run_id,
            partition_key=partition_key,
            tags={INTERACTIVE_TAG: "true", PID_TAG: str(os.getpid())},
            run_config=_QUIET,
            raise_on_error=False,
        )
        for doing in _progress(instance, run_id, future.done):
            status.update(f"{partition_key or job}: {doing} ...")
        result = future.result()
    errors = [
        one_line(event)
        for event in result.all_events
        if event.is_step_failure or (event.is_job_failure and not result.all_node_events)
    ]
    if not result.success and not errors:
        errors = ["the run failed; see it in the Dagster UI"]
    return RunOutcome(errors, list(result.get_asset_check_evaluations()))


def _progress(instance: dg.DagsterInstance, run_id: str, done: Callable[[], bool]) -> Iterator[str]:
    """The step a run is at, and what the step says it is doing."""
    cursor = None
    while not done():
        time.sleep(_POLL_SECONDS)
        records = instance.get_records_for_run(run_id, cursor=cursor)
        cursor = records.cursor
        for record in records.records:
            entry = record.event_log_entry
            if entry.step_key and entry.dagster_event_type is dg.DagsterEventType.STEP_START:
                yield entry.step_key
            elif not entry.is_dagster_event:
                yield entry.user_message


@contextmanager
def errors_in_one_line(console: Console) -> Iterator[None]:
    """End the program with status 1 and one line for what a person can mend."""
    try:
        yield
    except EXPECTED_ERRORS as error:
        text = settings_at_fault(error) if isinstance(error, ValidationError) else str(error)
        console.print(f"[red]{escape(' '.join(text.split()))}[/]", soft_wrap=True)
        raise SystemExit(1) from None


def settings_at_fault(error: ValidationError) -> str:
    """What is wrong, by variable, without the values: one may be a secret."""
    return "; ".join(
        ": ".join([*(str(part).upper() for part in problem["loc"][:1]), problem["msg"]])
        for problem in error.errors(include_input=False, include_url=False)
    ).replace("Value error, ", "")
