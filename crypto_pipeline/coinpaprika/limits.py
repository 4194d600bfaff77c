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

MOST_CANDLES: Final[dict[CoinPaprikaPlan, int | None]] = {
    CoinPaprikaPlan.FREE: 500,
    CoinPaprikaPlan.PRO: None,
    CoinPaprikaPlan.SANDBOX: None,
}
"""Candles, each a request, that a day's fetch asks for; None is no limit. The free plan has 20,000
to 25,000 requests a month, by the page one reads: tickers and contracts take 2,500 of them."""

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
