"""The demo's past: weeks of hours in the landing zone, for the bulk load."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from crypto_pipeline.coingecko.client import CoinGeckoClient
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.landing.price_history import keep_answer
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.conditions import Absence, Conditions, Outage
from crypto_pipeline.sandbox.market import Market

OTHER_CURRENCIES = ("eur", "btc")
"""Currencies of which the demo has charts, beside the snapshots in the main one."""

_CHARTED = (
    *("bitcoin", "ethereum", "ripple", "tether", "binancecoin"),
    *("solana", "usd-coin", "dogecoin", "cardano", "tron"),
)
_SHORTEST = timedelta(days=2)
"""Of a chart that has hours, not points of five minutes."""


def eventful_market(first: datetime, last: datetime) -> Market:
    """A market in which something happens: an outage, a coin that is away for a while, a rename."""
    length = last - first
    market = Market(rename_at=first + length / 2)
    outage = (first + length * 0.62).replace(minute=0, second=0, microsecond=0)
    market.conditions = Conditions(
        outages=(Outage(start=outage, end=outage + timedelta(hours=7)),),
        absences=(
            Absence(coin="near", start=first + length * 0.3, end=first + length * 0.38),
            Absence(coin="sui", start=first + length * 0.75, end=first + length * 0.79),
        ),
    )
    return market


def land_past(
    console: Console, market: Market, clock: SimulatedClock, times: Sequence[datetime]
) -> None:
    """Fetch the hours of simulated times that come after the newest landing file, and charts of the
    largest coins in other currencies.

    Raises:
        CoinGeckoError: the sandbox cannot be asked.
        OSError: a file cannot be written.
    """
    settings = Settings()
    zone = LandingZone(settings.landing_uri)
    newest = max((file.hour for file in zone.files()), default=None)
    missing = [
        time
        for time in times
        if (newest is None or time > newest + timedelta(hours=1))
        and not market.conditions.is_down(time)
    ]
    if not missing:
        return
    with CoinGeckoClient.from_settings(settings) as client, _bar(console) as bar:
        for time in bar.track(missing, description=f"{len(missing)} simulated hours"):
            clock.set(time)
            zone.write(client.markets(settings.currencies[0], settings.coingecko_top_n))
        if times[-1] - missing[0] < _SHORTEST:
            return
        for currency in OTHER_CURRENCIES:
            for coin in _CHARTED:
                keep_answer(zone, client.chart_range(coin, currency, missing[0], times[-1]))


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("fetched,"),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=console,
        # A pipe or a file gets lines, not a bar.
        disable=not console.is_terminal,
        transient=True,
    )
