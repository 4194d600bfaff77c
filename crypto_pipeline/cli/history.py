"""The verbs of the price history: what is missing, what it costs to get, and to get it."""

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from crypto_pipeline.cli.report import print_gaps, print_json, print_most
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.history.backfill import FIRST_MOMENT, History, Planned
from crypto_pipeline.history.imports import import_file
from crypto_pipeline.history.load import files_to_load
from crypto_pipeline.history.planner import Span
from crypto_pipeline.landing.landed import hour_of
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.candles import load_candles_of_snapshots
from crypto_pipeline.warehouse.postgres import Warehouse


def _history() -> History:
    settings = Settings()
    return History(Warehouse(), LandingZone(settings.landing_uri), settings)


def import_files(
    console: Console, files: Sequence[str], coin: str | None, currency: str | None
) -> None:
    """Keep files of price history, all or none, and load them."""
    history = _history()
    kept = [
        import_file(history.warehouse, history.zone, file, Path(file).read_bytes(), coin, currency)
        for file in files
    ]
    for file, new in kept:
        said = "kept as" if new else "is there already:"
        console.print(f"{said} {file.file.path}", soft_wrap=True, highlight=False)
    from crypto_pipeline.cli import jobs

    jobs.load_imports(console)


def backfill(
    console: Console,
    coins: Sequence[str],
    currencies: Sequence[str],
    start: datetime | None,
    end: datetime | None,
    ohlc_days: str | None,
    *,
    dry_run: bool,
) -> None:
    """Say what a backfill costs; run it, unless that was all."""
    history = _history()
    now = history.now()
    span = Span(hour_of(start or FIRST_MOMENT), hour_of(min(end or now, now)))
    if span.start >= span.end:
        raise click.UsageError("--from lies after --to, or after now")
    wanted = list(coins) or history.tracked_coins()
    if not wanted:
        raise click.UsageError("no coin is known yet: name some with --coins bitcoin,ethereum")
    _load_pending(console, history, dry_run=dry_run)
    missing = history.missing(wanted, list(currencies) or history.settings.currencies, span)
    _say_cost(console, history, history.plan(missing, now), dry_run=dry_run)
    if ohlc_days is not None:
        pairs = len(wanted) * len(currencies or history.settings.currencies)
        console.print(f"and at most {pairs} requests for candles", highlight=False)
    if dry_run:
        return
    from crypto_pipeline.cli import jobs

    config: dict[str, Any] = {
        "coins": list(coins),
        "currencies": list(currencies),
        "start": span.start.isoformat(),
        "end": span.end.isoformat(),
        "ohlc_days": ohlc_days,
    }
    jobs.backfill(console, config)


def repair(console: Console, *, dry_run: bool) -> None:
    """Say what it costs to close the gaps; do so, unless that was all."""
    history = _history()
    now = history.now()
    if not dry_run:
        load_candles_of_snapshots(history.warehouse)
    _load_pending(console, history, dry_run=dry_run)
    planned = history.plan(history.unexplained_gaps(), now)
    _say_cost(console, history, planned, dry_run=dry_run)
    if dry_run:
        return
    if not planned.windows and not planned.beyond_reach:
        with history.warehouse.connection() as connection:
            print_gaps(console, connection)
        return
    from crypto_pipeline.cli import jobs

    jobs.repair(console)


def gaps(console: Console, coins: Sequence[str], *, every: bool, as_json: bool) -> None:
    """Show the gaps; status 2 if the source was not asked for some of them."""
    with Warehouse().connection() as connection:
        cursor = connection.execute(
            read_sql("reports/gaps.sql"), {"coins": list(coins) or None, "all": every}
        )
        columns = [column.name for column in cursor.description or []]
        rows = cursor.fetchall()
        if as_json:
            print_json(dict(zip(columns, row, strict=True)) for row in rows)
        else:
            if rows:
                print_most(console, "Gaps", columns, rows)
            print_gaps(console, connection)
    sys.exit(2 if any(not row[-1] for row in rows) else 0)


def _load_pending(console: Console, history: History, *, dry_run: bool) -> None:
    """Load what has landed, so that it is not missing; a dry run says that it did not."""
    if not dry_run:
        history.load_pending()
        return
    waiting = len(files_to_load(history.warehouse, history.zone))
    if waiting:
        console.print(
            f"{waiting} landing files of price history are not loaded yet: what they have counts"
            " as missing here",
            highlight=False,
            soft_wrap=True,
        )


def _say_cost(console: Console, history: History, planned: Planned, *, dry_run: bool) -> None:
    console.print(
        str(history.cost(planned, dry_run=dry_run)).capitalize()
        if planned.windows
        else "Nothing to ask for: all is there, or not to be had.",
        highlight=False,
        soft_wrap=True,
    )
