"""The verb that writes a table or a query to a file, and what it shows on the way."""

import logging
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from crypto_pipeline.cli.errors import complaints
from crypto_pipeline.cli.without_pandas import hide_pandas
from crypto_pipeline.lakehouse.export import Exported, Report, export
from crypto_pipeline.warehouse.postgres import Warehouse

_SECONDS_BETWEEN_LINES = 10
_STOPPED = 130


def export_to_file(console: Console, what: str, target: Path, *, force: bool, quiet: bool) -> None:
    """Write a table, a view or a query to a file, and say what was written."""
    hide_pandas()
    started = time.monotonic()
    try:
        with _ended_by_signals(), Warehouse().connection() as connection, _shown(quiet) as report:
            done = export(connection, what, target, report, force=force)
    except KeyboardInterrupt:
        complaints.print("Stopped. Nothing was written.")
        raise SystemExit(_STOPPED) from None
    if not quiet:
        _say(console, target, done, time.monotonic() - started)


def _say(console: Console, target: Path, done: Exported, seconds: float) -> None:
    console.print(
        escape(
            f"{target}: {done.rows:,} rows, {done.bytes / 1e6:,.1f} MB in {seconds:.1f} s"
            f" ({done.rows / max(seconds, 0.001):,.0f} rows a second)"
        ),
        soft_wrap=True,
        highlight=False,
    )
    if done.as_text:
        complaints.print(
            escape(
                f"As text, whole: {', '.join(done.as_text)}: the type that the column has otherwise"
                " cannot hold some of its values. In a query, round(..., 18)::numeric(38, 18) gives"
                " a decimal type that you choose."
            ),
            soft_wrap=True,
            highlight=False,
        )


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM ends the block as Ctrl-C does, so that no half file stays."""

    def stop(number: int, frame: FrameType | None) -> None:
        # That a rollback in the middle of a COPY fails: the connection is closed all the same.
        logging.getLogger("psycopg").setLevel(logging.CRITICAL)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _shown(quiet: bool) -> Iterator[Report]:
    """Shows the rows so far: a bar on a terminal, a line now and then in a log."""
    started = time.monotonic()

    def told(rows: int) -> str:
        return f"{rows:,} rows, {rows / max(time.monotonic() - started, 0.001):,.0f} a second"

    if quiet:
        yield lambda rows, expected: None
    elif complaints.is_terminal:
        with Progress(
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=complaints,
            transient=True,
        ) as progress:
            task = progress.add_task("", total=None)

            def draw(rows: int, expected: int) -> None:
                # The planner's estimate may be too low.
                total = expected if expected > rows else None
                progress.update(task, completed=rows, total=total, description=told(rows))

            yield draw
    else:
        last = started

        def write(rows: int, expected: int) -> None:
            nonlocal last
            if time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
                last = time.monotonic()
                complaints.print(f"{told(rows)}, about {expected:,} in all", highlight=False)

        yield write
