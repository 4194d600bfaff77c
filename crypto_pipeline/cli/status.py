"""One screen: is it working, how fresh, how complete, what was rejected, what is left of the
month's requests, and what to do next. Its cost does not grow with the history."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import NamedTuple

import psycopg
from psycopg.rows import class_row
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from crypto_pipeline.cli.dagster_tables import dagster_is_readable
from crypto_pipeline.cli.state import State, Todo
from crypto_pipeline.config.redaction import redact
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline.warehouse.request_ledger import MonthUse, month_use

_DAY = timedelta(days=1)
_MOST_SHOWN = 4
_WIDTH = 80


class Coverage(NamedTuple):
    """Hours of all coins and currencies in a period.

    Attributes:
        period: Its name.
        present: Hours that there are.
        missing: Hours that are expected and not there.
        not_asked_for: Those of them that the source was not asked for yet.
    """

    period: str
    present: int
    missing: int
    not_asked_for: int

    @property
    def share(self) -> float | None:
        """Share of the expected hours that there are, from 0 to 1; None where none is expected."""
        expected = self.present + self.missing
        return self.present / expected if expected else None


class Rejected(NamedTuple):
    """What a rule rejected in the last day.

    Attributes:
        rule: Its name.
        kind: record, or point of price history.
        rejected: How many.
        waiting: Those of them that still wait in quarantine.
    """

    rule: str
    kind: str
    rejected: int
    waiting: int


class Run(NamedTuple):
    """The newest run that has ended.

    Attributes:
        job: Its job.
        status: SUCCESS, FAILURE or CANCELED.
        ended_at: When it ended, UTC.
    """

    job: str
    status: str
    ended_at: datetime


class Figures(NamedTuple):
    """All that the screen shows.

    Attributes:
        state: What says whether all is well.
        run: The newest run; None where Dagster's tables cannot be read.
        until: The end of the periods of ``coverage`` and ``rejected``, UTC: the newest data's time.
        coverage: Of the last day and the last 30 days before ``until``.
        rejected: Of files that were fetched in the day before ``until``.
        budget: The month's credits.
    """

    state: State
    run: Run | None
    until: datetime
    coverage: Sequence[Coverage]
    rejected: Sequence[Rejected]
    budget: MonthUse

    @property
    def todo(self) -> list[Todo]:
        """What to do, the most urgent first."""
        todo = list(self.state.problems)
        if self.run is not None and self.run.status == "FAILURE":
            todo.append(Todo(f"the run of {self.run.job} failed", "crypto-pipeline doctor"))
        not_asked_for = max((period.not_asked_for for period in self.coverage), default=0)
        if not_asked_for:
            todo.append(
                Todo(f"{not_asked_for:,} hours are missing, to be had", "crypto-pipeline repair")
            )
        if waiting := sum(rule.waiting for rule in self.rejected):
            todo.append(
                Todo(f"{waiting:,} rejected lately wait", "crypto-pipeline quarantine list")
            )
        if self.budget.free == 0 or not self.budget.is_on_pace:
            todo.append(Todo("the month's credits run out", "crypto-pipeline repair --dry-run"))
        return todo


def read_figures(connection: psycopg.Connection, settings: Settings) -> Figures:
    """Read a warehouse whose schema is up to date."""
    with connection.cursor(row_factory=class_row(State)) as cursor:
        state = cursor.execute(
            read_sql("reports/status.sql"), {"currencies": list(settings.currencies)}
        ).fetchone()
    assert state is not None
    # Recorded data does not get old, and what is not yet fetched is no gap.
    until = min(state.newest_data or state.read_at, state.read_at)
    coverage = connection.execute(read_sql("reports/coverage.sql"), {"end": until})
    rejected = connection.execute(read_sql("reports/rejected_lately.sql"), {"since": until - _DAY})
    return Figures(
        state,
        _last_run(connection),
        until,
        [Coverage(*row) for row in coverage],
        [Rejected(*row) for row in rejected],
        month_use(connection, settings),
    )


def _last_run(connection: psycopg.Connection) -> Run | None:
    if not dagster_is_readable(connection):
        return None
    row = connection.execute(read_sql("reports/last_run.sql")).fetchone()
    if row is None or row[2] is None:
        return None
    return Run(row[0], row[1], datetime.fromtimestamp(row[2], timezone.utc))


def status_for_machines() -> tuple[bool, str]:
    """Whether all is well, and all figures as one JSON object."""
    # What a person looks at needs no library for metrics.
    from crypto_pipeline.cli.health import read_health

    settings = Settings()
    with Warehouse().connection() as connection:
        health = read_health(connection, settings.currencies)
        figures = read_figures(connection, settings)
    age, budget = health.state.age, figures.budget
    summary = {
        "healthy": not health.problems,
        "problems": health.problems,
        "age_seconds": None if age is None else round(age.total_seconds()),
        **asdict(health),
        "last_run": None if figures.run is None else figures.run._asdict(),
        "coverage": [{**period._asdict(), "share": period.share} for period in figures.coverage],
        "rejected_last_day": [rule._asdict() for rule in figures.rejected],
        "budget": {**asdict(budget), "free": budget.free, "pace": budget.pace},
        "next": [todo._asdict() for todo in figures.todo],
    }
    return not health.problems, json.dumps(summary, default=_plain)


def print_status(console: Console) -> None:
    """Print all figures on one screen."""
    settings = Settings()
    with Warehouse().connection() as connection:
        figures = read_figures(connection, settings)
        largest = connection.execute(
            read_sql("reports/largest.sql"), {"currency": settings.currencies[0]}
        ).fetchall()
    state = figures.state
    lines = Table.grid(padding=(0, 2), pad_edge=False)
    lines.add_column(style="bold", no_wrap=True)
    lines.add_column(overflow="fold")
    for name, told in [
        ("warehouse", f"{state.database}, {state.kind or 'empty'}, {_time(state.read_at)}"),
        ("working", _working(figures)),
        ("fresh", _fresh(state)),
        ("complete", "\n".join(map(_covered, figures.coverage))),
        ("rejected", _rejected(figures.rejected)),
        ("requests", _budget(settings.coingecko_plan.value, figures.budget)),
        ("largest", _largest(largest, settings.currencies[0])),
    ]:
        lines.add_row(name, escape(redact(told)))
    console.print(lines, width=min(_WIDTH, console.width), highlight=False)
    console.print()
    if not figures.todo:
        console.print("[bold green]Nothing to do.[/]")
    for what, command in figures.todo:
        console.print(
            f"[bold yellow]{escape(command)}[/]  # {escape(redact(what))}",
            highlight=False,
            soft_wrap=True,
        )


def _largest(coins: Sequence[tuple[str, Decimal]], currency: str) -> str:
    if not coins:
        return "none"
    return "; ".join(f"{name} {_digits(price)}" for name, price in coins) + f" ({currency})"


def _working(figures: Figures) -> str:
    problems = figures.state.problems
    told = "yes" if not problems else f"no: {'; '.join(what for what, _ in problems)}"
    if figures.run is not None:
        job, status, ended_at = figures.run
        told += f"\nlast run: {job}, {status.lower()}, {_ago(figures.state.read_at - ended_at)}"
    return told


def _fresh(state: State) -> str:
    if state.newest_data is None:
        return "there is no data yet"
    age = f", {_ago(state.age)}" if state.age is not None else ""
    return f"newest data of {_time(state.newest_data)}{age}"


def _covered(period: Coverage) -> str:
    if period.share is None:
        return f"{period.period}: no hour is expected"
    # 100 % is all of them.
    share = min(period.share * 100, 99.99) if period.missing else 100
    told = f"{period.period}: {share:.2f} % of {period.present + period.missing:,} hours"
    if period.missing:
        told += f", {period.missing:,} missing, {period.not_asked_for:,} to be asked for"
    return told


def _rejected(rules: Sequence[Rejected]) -> str:
    if not rules:
        return "last 24 hours: nothing"
    shown = ", ".join(f"{rule.rule} {rule.rejected:,}" for rule in rules[:_MOST_SHOWN])
    more = f", {len(rules) - _MOST_SHOWN} more rules" if len(rules) > _MOST_SHOWN else ""
    return f"last 24 hours: {shown}{more}"


def _budget(plan: str, use: MonthUse) -> str:
    if use.limit is None:
        return f"plan {plan}: {use.used:,} credits used this month, no limit known"
    return (
        f"plan {plan}: {use.used:,} of {use.limit:,} credits used this month, {use.free:,} free,"
        f" {use.kept:,} kept for the hourly fetch until {use.ends_at:%Y-%m-%d}"
    )


def _digits(price: Decimal) -> str:
    return f"{price:f}"


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _ago(age: timedelta) -> str:
    minutes = round(age.total_seconds() / 60)
    if minutes < 0:
        return f"{-minutes} minutes ahead"
    if minutes < 120:
        return f"{minutes} minutes ago"
    hours = minutes / 60
    return f"{hours:.0f} hours ago" if hours < 48 else f"{hours / 24:.0f} days ago"


def _plain(value: object) -> object:
    """A value of PostgreSQL as JSON has it."""
    return value.isoformat() if isinstance(value, datetime) else int(str(value))
