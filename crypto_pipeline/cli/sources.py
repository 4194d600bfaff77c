"""The verbs of the further sources: what they said, and which of their coins is which of ours."""

from rich.console import Console

from crypto_pipeline.cli.report import person, show_report
from crypto_pipeline.quotes.mappings import (
    confirm_mapping,
    confirm_suggested,
    only_source,
    revoke_mapping,
)
from crypto_pipeline.warehouse.postgres import Warehouse


def show_sources(console: Console, *, as_json: bool) -> None:
    """Show the sources that the database has answers of."""
    show_report(console, "Further sources", "further_sources", {}, as_json)


def show_mappings(console: Console, *, as_json: bool) -> None:
    """Show which coin is which, as people confirmed it, and which may be."""
    show_report(console, "Mappings", "coin_mappings", {}, as_json)


def confirm(console: Console, source_coin_id: str, coin: str, source: str | None) -> None:
    """Confirm which coin a coin of a source is."""
    warehouse = Warehouse()
    evidence = confirm_mapping(
        warehouse, source or only_source(warehouse), source_coin_id, coin, person()
    )
    _say(
        console,
        f"{source_coin_id} is {coin}: confirmed before."
        if evidence is None
        else f"{source_coin_id} is {coin} ({evidence}). To take it back: crypto-pipeline sources"
        f" revoke {source_coin_id}",
    )


def confirm_all(console: Console, source: str | None) -> None:
    """Confirm every suggestion that nothing speaks against."""
    warehouse = Warehouse()
    source = source or only_source(warehouse)
    count = confirm_suggested(warehouse, source, person())
    _say(
        console,
        f"{count} coins of {source} confirmed. `crypto-pipeline sources mappings` shows them, and"
        " what is left to decide.",
    )


def revoke(console: Console, source_coin_id: str, source: str | None) -> None:
    """Take back which coin a coin of a source is."""
    warehouse = Warehouse()
    coin = revoke_mapping(warehouse, source or only_source(warehouse), source_coin_id, person())
    _say(console, f"{source_coin_id} is no longer {coin}.")


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, highlight=False, markup=False)
