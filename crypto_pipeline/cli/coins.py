"""The verbs of the coins: who is known, what happened to them, and under which id they go on."""

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console

from crypto_pipeline.cli.report import person, show_report
from crypto_pipeline.coins.aliases import confirm_alias, revoke_alias
from crypto_pipeline.warehouse.postgres import Warehouse


def show_coins(console: Console, search: str | None, *, inactive: bool, as_json: bool) -> None:
    """Show the coins that are known."""
    show_report(console, "Coins", "coins", {"search": search, "inactive": inactive}, as_json)


def show_events(
    console: Console, coins: Sequence[str], since: datetime | None, *, as_json: bool
) -> None:
    """Show what happened to the coins."""
    parameters = {"coins": list(coins) or None, "since": since}
    show_report(console, "Events", "coin_events", parameters, as_json)


def show_aliases(console: Console, *, as_json: bool) -> None:
    """Show which ids may be one coin, and which are, as people confirmed."""
    show_report(console, "Aliases", "coin_aliases", {}, as_json)


def confirm(console: Console, old: str, new: str) -> None:
    """Confirm that a coin goes on under another id."""
    evidence = confirm_alias(Warehouse(), old, new, person())
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
    new = revoke_alias(Warehouse(), old, person())
    console.print(
        f"{old} no longer goes on as {new}.", soft_wrap=True, highlight=False, markup=False
    )
