"""What CoinPaprika lets us ask: requests a second, currencies, candles."""

from typing import Final

from crypto_pipeline.config.settings import CoinPaprikaPlan, Settings
from crypto_pipeline.fetching.budget import RequestBudget

_PER_SECOND = 10
"""Requests that an IP address may send in a second, whatever its plan."""

MOST_QUOTES: Final = 3
"""Currencies that one request for tickers may name."""

QUOTES: Final = frozenset(
    {
        *("btc", "eth", "usd", "eur", "pln", "krw", "gbp", "cad", "jpy", "rub", "try", "nzd"),
        *("aud", "chf", "uah", "hkd", "sgd", "ngn", "php", "mxn", "brl", "thb", "clp", "cny"),
        *("czk", "dkk", "huf", "idr", "ils", "inr", "myr", "nok", "pkr", "sek", "twd", "zar"),
        *("vnd", "bob", "cop", "pen", "ars", "isk"),
    }
)
"""Currencies of tickers, in small letters."""

CANDLE_QUOTES: Final = frozenset({"usd", "btc"})
"""Currencies of candles."""


def request_budget(settings: Settings) -> RequestBudget:
    """The machine's budget for the plan, in ``data_dir``."""
    plan = settings.coinpaprika_plan
    name = "off" if plan is None else plan.value
    return RequestBudget(
        settings.data_dir / f"request-budget-coinpaprika-{name}.sqlite3",
        None if plan is CoinPaprikaPlan.SANDBOX else _PER_SECOND,
        seconds=1,
    )


def quotes(settings: Settings) -> tuple[str, ...]:
    """The currencies of the settings that CoinPaprika has tickers in."""
    return tuple(code for code in settings.currencies if code in QUOTES)


def candle_quotes(settings: Settings) -> tuple[str, ...]:
    """The currencies of the settings that CoinPaprika has candles in."""
    return tuple(code for code in settings.currencies if code in CANDLE_QUOTES)
