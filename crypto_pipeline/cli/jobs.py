"""The verbs that run a job of the asset graph, in this process."""

import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NoReturn

import dagster as dg
from rich.console import Console
from rich.markup import escape

from crypto_pipeline.assets.bulk_load import LOAD_JOB, REPLAY_JOB
from crypto_pipeline.assets.price_history import BACKFILL_JOB, REPAIR_JOB
from crypto_pipeline.assets.quarantine import QUARANTINE_JOB
from crypto_pipeline.automation import (
    AUDIT_JOB,
    COIN_LIST_JOB,
    HOURLY_JOB,
    INGEST_JOB,
    LOAD_LAKE_JOB,
)
from crypto_pipeline.checks.scope import HOURS_TAG, LOADED_SINCE_TAG
from crypto_pipeline.cli.errors import NOTHING_TO_LOAD, complaints
from crypto_pipeline.cli.home import open_dagster_home
from crypto_pipeline.cli.report import print_checks, print_gaps, print_query, print_totals
from crypto_pipeline.cli.runs import RunOutcome, run_job
from crypto_pipeline.cli.unchecked import (
    database_time,
    hours_loaded_since,
    last_audit,
    newest_batch,
)
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.further_sources import CONSENSUS_JOB, DAILY_JOB, QUOTES_JOB
from crypto_pipeline.model.partitions import partition_key
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.warehouse.postgres import Warehouse

__all__ = [
    "LOAD_JOB",
    "REPLAY_JOB",
    "backfill",
    "fetch_coin_list",
    "fetch_further_sources",
    "ingest",
    "lake",
    "load_and_audit",
    "load_imports",
    "play",
    "repair",
    "replay_quarantine",
    "run",
]


def play(
    console: Console,
    label: str,
    clock: SimulatedClock,
    times: Sequence[datetime],
    land_past: Callable[[], None] | None = None,
) -> bool:
    """Run the hourly job at each of some simulated times; whether all went well.

    Args:
        console: Where to say what happens.
        label: What the data is.
        clock: The sandbox's.
        times: A moment in each hour.
        land_past: Writes landing files of the hours before, which are then loaded in bulk.
    """
    failures: list[str] = []
    with open_dagster_home(Settings()) as instance:
        with Warehouse().connection() as connection:
            console.print(f"{label} data into database [bold]{connection.info.dbname}[/]")
        known, began = newest_batch(), database_time()
        if land_past is not None:
            land_past()
            failures += run_job(instance, LOAD_JOB, console, tell=False).errors
            hours = hours_loaded_since(known) or "nothing new"
            console.print(f"  the days before, in bulk, {hours.replace('/', ' to ')}: done")
        for number, time in enumerate(times, start=1):
            clock.set(time)
            outcome = run_job(instance, HOURLY_JOB, console, partition_key=partition_key(time))
            failures += outcome.errors
            console.print(
                f"  hour {number} of {len(times)}, {time:%Y-%m-%d %H:%M} UTC: "
                + (f"[red]{escape(outcome.errors[0])}[/]" if outcome.errors else "done")
            )
        if land_past is not None:
            failures += run_job(instance, COIN_LIST_JOB, console).errors
            console.print("  the list of coins: done")
        _report(console)
        checks = outcome.checks
        if land_past is not None and (loaded := hours_loaded_since(known)) is not None:
            tags = {HOURS_TAG: loaded, LOADED_SINCE_TAG: began.isoformat()}
            audit = run_job(instance, AUDIT_JOB, console, tags=tags)
            failures += audit.errors
            checks = audit.checks
        failures += ["check failed"] * print_checks(console, checks)
    return not failures


def run(console: Console, time: datetime) -> NoReturn:
    """Carry the hour of a time through bronze, silver and gold."""
    with open_dagster_home(Settings()) as instance:
        outcome = run_job(instance, HOURLY_JOB, console, partition_key=partition_key(time))
        _stop_on_errors(outcome)
        _report(console)
        _end_by_checks(console, outcome)


def ingest(console: Console, time: datetime) -> None:
    """Fetch the hour of a time into the landing zone."""
    with open_dagster_home(Settings()) as instance:
        _stop_on_errors(run_job(instance, INGEST_JOB, console, partition_key=partition_key(time)))
        console.print(f"Landed in {Settings().landing_uri}; `crypto-pipeline load` loads it.")


def fetch_coin_list(console: Console) -> NoReturn:
    """Fetch the list of coins, and load and check it."""
    with open_dagster_home(Settings()) as instance:
        outcome = run_job(instance, COIN_LIST_JOB, console)
        _stop_on_errors(outcome)
        with Warehouse().connection() as connection:
            print_query(console, connection, "Coins", "coin_counts")
        _end_by_checks(console, outcome)


def fetch_further_sources(console: Console) -> NoReturn:
    """Fetch what further sources say, load it, compute the consensus, and check all of it."""
    checks: dict[dg.AssetCheckKey, dg.AssetCheckEvaluation] = {}
    with open_dagster_home(Settings()) as instance:
        for job in (QUOTES_JOB, DAILY_JOB, CONSENSUS_JOB):
            outcome = run_job(instance, job, console)
            _stop_on_errors(outcome)
            checks |= {check.asset_check_key: check for check in outcome.checks}
        with Warehouse().connection() as connection:
            print_query(console, connection, "Further sources", "further_sources")
        sys.exit(2 if print_checks(console, checks.values()) else 0)


def lake(console: Console) -> NoReturn:
    """Bring the lake up to the warehouse."""
    with open_dagster_home(Settings()) as instance:
        outcome = run_job(instance, LOAD_LAKE_JOB, console)
        _stop_on_errors(outcome)
        console.print(f"The lake is at {Settings().lake_location}", soft_wrap=True)
        _end_by_checks(console, outcome)


def backfill(console: Console, config: dict[str, Any]) -> NoReturn:
    """Ask for the price history that a configuration of the job names, and load it."""
    _end_history(console, BACKFILL_JOB, {"ops": {"fetch_price_history": {"config": config}}})


def repair(console: Console) -> NoReturn:
    """Close the gaps."""
    _end_history(console, REPAIR_JOB, None)


def load_imports(console: Console) -> NoReturn:
    """Load the landing files, of imports among them."""
    with open_dagster_home(Settings()) as instance:
        failed = _run_and_load_lake(instance, LOAD_JOB, console)
    sys.exit(1 if failed else 0)


def _end_history(console: Console, job: str, config: dict[str, Any] | None) -> NoReturn:
    with open_dagster_home(Settings()) as instance:
        failed = _run_and_load_lake(instance, job, console, config)
    with Warehouse().connection() as connection:
        print_gaps(console, connection)
    sys.exit(1 if failed else 0)


def _run_and_load_lake(
    instance: dg.DagsterInstance, job: str, console: Console, config: dict[str, Any] | None = None
) -> bool:
    """Run a job, and bring the lake up to what it did; whether one of them failed."""
    failed = _print_errors(run_job(instance, job, console, config=config))
    # Also after a failure: one file that cannot be loaded must not keep all others from the lake.
    if Settings().has_lake:
        failed |= _print_errors(run_job(instance, LOAD_LAKE_JOB, console))
    return failed


def load_and_audit(console: Console, job: str) -> NoReturn:
    """Run a job of the bulk load, load the lake, and check what was loaded."""
    with open_dagster_home(Settings()) as instance:
        known, checked = newest_batch(), last_audit(instance)
        began = database_time()
        errors = _run_and_load_lake(instance, job, console)
        if hours_loaded_since(known) is None and not errors:
            console.print(NOTHING_TO_LOAD)
        # With what was loaded before and never checked: a load that was stopped left that.
        unchecked = known if errors else checked and known and min(checked, known)
        hours = hours_loaded_since(unchecked)
        if hours is None:
            if not errors:
                _report(console)
            sys.exit(1 if errors else 0)
        tags = {HOURS_TAG: hours, LOADED_SINCE_TAG: began.isoformat()}
        audit = run_job(instance, AUDIT_JOB, console, tags=tags)
        _stop_on_errors(audit)
        _report(console)
        _end_by_checks(console, audit, failed=errors)


def replay_quarantine(console: Console, config: dict[str, Any]) -> bool:
    """Replay what waits in quarantine, load the lake, and check what was loaded; whether something
    went wrong."""
    with open_dagster_home(Settings()) as instance:
        known, began = newest_batch(), database_time()
        job_config = {"ops": {"replay_quarantined": {"config": config}}}
        failed = _print_errors(run_job(instance, QUARANTINE_JOB, console, config=job_config))
        if Settings().has_lake:
            failed |= _print_errors(run_job(instance, LOAD_LAKE_JOB, console))
        hours = hours_loaded_since(known)
        if hours is None:
            return failed
        tags = {HOURS_TAG: hours, LOADED_SINCE_TAG: began.isoformat()}
        audit = run_job(instance, AUDIT_JOB, console, tags=tags)
        failed |= _print_errors(audit)
        return failed | bool(print_checks(console, audit.checks))


def _end_by_checks(console: Console, outcome: RunOutcome, *, failed: bool = False) -> NoReturn:
    wrong = print_checks(console, outcome.checks)
    if wrong:
        # In words, too: the last line is what a scheduler mails.
        complaints.print(f"[red]{wrong} checks of severity ERROR failed[/]")
    sys.exit(1 if wrong or failed else 0)


def _stop_on_errors(outcome: RunOutcome) -> None:
    if _print_errors(outcome):
        sys.exit(1)


def _print_errors(outcome: RunOutcome) -> bool:
    # Two steps may fail of the same cause.
    for error in dict.fromkeys(outcome.errors):
        complaints.print(f"[red]{escape(error)}[/]", soft_wrap=True)
    return bool(outcome.errors)


def _report(console: Console) -> None:
    with Warehouse().connection() as connection:
        print_totals(console, connection)
