"""What the command line shows of the warehouse: batches, prices, checks."""

import getpass
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click
import psycopg
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from crypto_pipeline.config.settings import Settings
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse

if TYPE_CHECKING:
    import dagster as dg

_MOST_SHOWN = 50


def print_query(
    console: Console,
    connection: psycopg.Connection,
    title: str,
    query: str,
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Print the rows of ``sql/reports/<query>.sql``."""
    cursor = connection.execute(read_sql(f"reports/{query}.sql"), parameters)
    table = _table(title)
    for column in cursor.description or []:
        numeric = column.type_code in (20, 21, 23, 1700)
        table.add_column(
            column.name,
            justify="right" if numeric else "left",
            no_wrap=column.name != "error",
            overflow="ellipsis",
        )
    for row in cursor:
        table.add_row(*(_cell(value) for value in row))
    console.print(table)


def print_totals(console: Console, connection: psycopg.Connection) -> None:
    """Print what the warehouse holds."""
    print_query(console, connection, "Warehouse", "totals")
    print_query(console, connection, "Newest batches", "batches")
    currencies = list(Settings().currencies)
    print_query(console, connection, "Largest coins", "top_prices", {"currencies": currencies})


def print_gaps(console: Console, connection: psycopg.Connection) -> None:
    """Print how many hours and days are missing, and why."""
    print_query(console, connection, "Gaps", "gaps_by_reason")


def print_rows(
    console: Console, title: str | None, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Print rows that are there already, with all their digits and no others."""
    table = _table(title)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(escape(_full(value)) for value in row))
    console.print(table)


def print_most(
    console: Console, title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Print the first rows of many, and how many more there are."""
    print_rows(console, title, columns, rows[:_MOST_SHOWN])
    if len(rows) > _MOST_SHOWN:
        console.print(f"and {len(rows) - _MOST_SHOWN} more: --json shows all")


def show_report(
    console: Console, title: str, report: str, parameters: Mapping[str, Any], as_json: bool
) -> None:
    """Print the rows of a query in ``sql/reports`` as a table, or as JSON for machines."""
    with Warehouse().connection() as connection:
        cursor = connection.execute(read_sql(f"reports/{report}.sql"), parameters)
        columns = [column.name for column in cursor.description or []]
        rows = cursor.fetchall()
    if as_json:
        print_json(dict(zip(columns, row, strict=True)) for row in rows)
    elif rows:
        print_most(console, title, columns, [[_shown(value) for value in row] for row in rows])
    else:
        console.print("None.")


def _shown(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else value


def person() -> str:
    """Who runs the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user need not have a name.
        return "unknown"


def print_json(rows: Iterable[Mapping[str, object]]) -> None:
    """Print rows for machines: a JSON object a line. Times are ISO 8601, decimals texts."""
    for row in rows:
        click.echo(json.dumps(row, default=_plain))


def print_checks(console: Console, checks: "Iterable[dg.AssetCheckEvaluation]") -> int:
    """Print the result of every asset check.

    Returns:
        How many failed with severity ERROR.
    """
    table = _table("Asset checks")
    for column in ("asset", "check", "result", "wrong"):
        table.add_column(column, no_wrap=True)
    errors = 0
    for check in sorted(checks, key=lambda c: (c.asset_key, c.check_name)):
        if check.passed:
            result = "[green]passed[/]"
        elif check.severity.value == "WARN":
            result = "[yellow]warning[/]"
        else:
            result, errors = "[red]failed[/]", errors + 1
        wrong = check.metadata.get("wrong_rows")
        table.add_row(
            check.asset_key.to_user_string(),
            check.check_name,
            result,
            "" if wrong is None or check.passed else str(wrong.value),
        )
    console.print(table)
    return errors


def _table(title: str | None) -> Table:
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if hasattr(value, "strftime"):
        return str(value.strftime("%m-%d %H:%M"))
    return str(value)


def _full(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        # A column's type has zeros to the end of its scale.
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)
