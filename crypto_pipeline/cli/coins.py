"""The verbs of the coins: who is known, what happened to them, and under which id they go on."""

import getpass
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console

from crypto_pipeline.cli.report import print_json, print_most
from crypto_pipeline.coins.aliases import confirm_alias, revoke_alias
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse


def show_coins(console: Console, search: str | None, *, inactive: bool, as_json: bool) -> None:
    """Show the coins that are known."""
    _show(console, "Coins", "coins", {"search": search, "inactive": inactive}, as_json)


def show_events(
    console: Console, coins: Sequence[str], since: datetime | None, *, as_json: bool
) -> None:
    """Show what happened to the coins."""
    parameters = {"coins": list(coins) or None, "since": since}
    _show(console, "Events", "coin_events", parameters, as_json)


def show_aliases(console: Console, *, as_json: bool) -> None:
    """Show which ids may be one coin, and which are, as people confirmed."""
    _show(console, "Aliases", "coin_aliases", {}, as_json)


def confirm(console: Console, old: str, new: str) -> None:
    """Confirm that a coin goes on under another id."""
    evidence = confirm_alias(Warehouse(), old, new, _person())
    console.print(
        f"{old} goes on as {new}: confirmed before."
        if evidence is None
        else f"{old} goes on as {new} ({evidence}). To take it back: crypto-pipeline coins revoke"
        f" {old}",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )


def revoke(console: Console, old: str) -> None:
    """Take back that a coin goes on under another id."""
    new = revoke_alias(Warehouse(), old, _person())
    console.print(
        f"{old} no longer goes on as {new}.", soft_wrap=True, highlight=False, markup=False
    )


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user need not have a name.
        return "unknown"


def _show(
    console: Console, title: str, report: str, parameters: dict[str, Any], as_json: bool
) -> None:
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
