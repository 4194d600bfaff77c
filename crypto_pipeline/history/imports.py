"""Files of price history that people have: whose history is in one, and where it is kept.

An export's name tells symbol and currency (``btc-usd-max.csv``). A symbol can be that of several
coins, so the warehouse is asked for those it knows; nothing is guessed.
"""

from pathlib import PurePosixPath

from crypto_pipeline.coingecko.capture import CURRENCY
from crypto_pipeline.coingecko.exports import name_of_export
from crypto_pipeline.coingecko.looks import looks_like
from crypto_pipeline.coingecko.price_history import is_history
from crypto_pipeline.landing.compression import CompressionError, decompress
from crypto_pipeline.landing.price_history import HistoryFile, keep_import
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse

_MOST_NAMED = 10
_LONGEST_ID = 200


class ImportRefusedError(OSError):
    """A file that cannot be imported as it is; the message says what to do."""


def import_file(
    warehouse: Warehouse,
    zone: LandingZone,
    name: str,
    content: bytes,
    coin: str | None = None,
    vs_currency: str | None = None,
) -> tuple[HistoryFile, bool]:
    """Keep a file of price history in the landing zone, under its coin and currency.

    Args:
        warehouse: Knows the coins of a symbol.
        zone: The landing zone.
        name: The file's name, which may tell symbol and currency.
        content: Its bytes.
        coin: The coin's id, where the caller knows it.
        vs_currency: The currency, likewise.

    Returns:
        The landing file, and whether it is new.

    Raises:
        ImportRefusedError: it is no price history, or nothing says whose it is.
        OSError: it cannot be written.
        ObjectStoreError: the object store does not serve us.
    """
    name = PurePosixPath(name).name
    try:
        plain = decompress(name, content)
    except CompressionError as problem:
        raise ImportRefusedError(f"{name}: {problem}") from None
    if not is_history(plain):
        raise ImportRefusedError(f"{name} is no price history: {looks_like(plain)}")
    told = name_of_export(name)
    currency = vs_currency or (told and told[1])
    if not currency or CURRENCY.fullmatch(currency) is None:
        raise ImportRefusedError(
            f"{name} does not tell the currency, as btc-usd-max.csv does: say --currency usd"
        )
    if coin is None:
        if told is None:
            raise ImportRefusedError(
                f"{name} does not tell the coin, as btc-usd-max.csv does: say --coin ID, the last"
                " part of the coin's address at CoinGecko, such as --coin bitcoin"
            )
        coin = _coin_of_symbol(warehouse, name, told[0])
    if not coin or len(coin) > _LONGEST_ID or "\x00" in coin:
        raise ImportRefusedError(f"{coin[:_LONGEST_ID]!r} is no id of a coin")
    return keep_import(zone, name, content, coin, currency)


def _coin_of_symbol(warehouse: Warehouse, name: str, symbol: str) -> str:
    with warehouse.connection() as connection:
        found = connection.execute(
            read_sql("history/coins_of_symbol.sql"), {"symbol": symbol}
        ).fetchall()
    if len(found) == 1:
        return str(found[0][0])
    say = f"say which: `crypto-pipeline import {name} --coin ID`"
    if not found:
        raise ImportRefusedError(
            f"{name}: no coin with the symbol {symbol} is known here; {say}, with the last part of"
            " the coin's address at CoinGecko, such as bitcoin"
        )
    named = ", ".join(
        f"{crypto_id} ({coin_name}, {'no rank' if rank is None else f'rank {rank}'})"
        for crypto_id, coin_name, rank in found[:_MOST_NAMED]
    )
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    raise ImportRefusedError(
        f"{name}: {len(found)} coins have the symbol {symbol}: {named}{more}; {say}"
    )
