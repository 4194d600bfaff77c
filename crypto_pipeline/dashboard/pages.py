"""The pages: which plots each has, of which query, and what a reader can choose.

How a kind of chart is drawn is in ``static/charts.js``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from crypto_pipeline.dashboard.parameters import DEFAULTS

Kind = Literal["choice", "currency", "coin", "coins"]


@dataclass(frozen=True)
class Filter:
    """What a reader chooses for all plots of a page.

    Attributes:
        name: Of the parameter.
        label: As the page has it.
        kind: A choice of values; or a currency, a coin, or several coins, of those that there are.
        choices: Of a choice: value and label of each.
        own: What is chosen on this page by default, where that is not ``DEFAULTS``.
    """

    name: str
    label: str
    kind: Kind = "choice"
    choices: Sequence[tuple[str, str]] = ()
    own: str = ""

    @property
    def default(self) -> str:
        """What is chosen by default."""
        return self.own or DEFAULTS[self.name]


@dataclass(frozen=True)
class Panel:
    """One plot, table or row of figures.

    Attributes:
        query: Name of the query whose answer it shows.
        chart: Which way, of those in ``charts.js``.
        title: Its heading.
        note: What a reader should know, in a sentence; may be empty.
        wide: Whether it takes the page's whole width.
        also: Names of queries whose answers are drawn into it.
    """

    query: str
    chart: str
    title: str
    note: str = ""
    wide: bool = False
    also: Sequence[str] = ()

    @property
    def id(self) -> str:
        """Of its element."""
        return f"{self.query}-{self.chart}".replace("_", "-")


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        name: Its path.
        title: Its heading.
        meaning: What it is about, in a sentence.
        filters: What can be chosen.
        panels: What it shows, from the top.
    """

    name: str
    title: str
    meaning: str
    filters: Sequence[Filter] = field(default=())
    panels: Sequence[Panel] = field(default=())


_CURRENCY = Filter("currency", "Currency", "currency")
_COIN = Filter("coin", "Coin", "coin")
_DAYS = Filter(
    "days",
    "Range",
    choices=(
        ("7", "7 days"),
        ("30", "30 days"),
        ("90", "90 days"),
        ("365", "1 year"),
        ("1826", "5 years"),
    ),
)
_LONG = Filter("days", "Range", choices=_DAYS.choices[1:])
_TOP = Filter(
    "top",
    "Largest",
    choices=(("25", "25 coins"), ("50", "50 coins"), ("100", "100 coins"), ("250", "250 coins")),
)

PAGES: Final[Sequence[Page]] = (
    Page(
        "market",
        "Market",
        "All coins together: how large, how much is traded, what moves.",
        filters=(
            _CURRENCY,
            _LONG,
            _TOP,
            Filter(
                "hours",
                "Movers over",
                choices=(("24", "24 hours"), ("168", "7 days"), ("720", "30 days")),
            ),
        ),
        panels=(
            Panel("market_now", "market-tiles", "Now", wide=True),
            Panel(
                "market_largest",
                "treemap",
                "Market map",
                "Area: market cap, the large ones damped. Colour: change in 24 hours.",
                wide=True,
            ),
            Panel("market_history", "area-cap", "Market cap", "By day, of all coins."),
            Panel(
                "market_history",
                "bars-volume",
                "Trading volume",
                "Of the 24 hours before each day's last price.",
            ),
            Panel(
                "market_dominance",
                "dominance",
                "Dominance",
                "Share of the five largest coins in the market cap of all.",
            ),
            Panel(
                "market_movers",
                "movers",
                "Movers",
                "Those that rose and fell most, of the largest.",
            ),
            Panel("market_largest", "coin-table", "Largest coins", wide=True),
        ),
    ),
    Page(
        "coin",
        "Coin",
        "One coin: its price, its size, what is missing, and what happened to it.",
        filters=(_COIN, _CURRENCY, _DAYS),
        panels=(
            Panel("coin_now", "coin-tiles", "Now", wide=True),
            Panel(
                "coin_candles",
                "candles",
                "Price",
                "Candles of 4 hours up to 30 days, of a day up to a year, of a week beyond. Shaded:"
                " no price is held. Dashed: an event.",
                wide=True,
                also=("coin_gaps", "coin_events"),
            ),
            Panel(
                "coin_candles",
                "bars-volume",
                "Trading volume",
                "Of the 24 hours before each point.",
            ),
            Panel("coin_candles", "area-cap", "Market cap"),
            Panel("coin_events", "event-table", "Events"),
            Panel(
                "coin_gaps",
                "gap-table",
                "Gaps",
                "What is missing, and, for up to 30 days, what is known of why.",
            ),
        ),
    ),
    Page(
        "compare",
        "Compare",
        "Coins side by side, from the same start.",
        filters=(Filter("coins", "Coins", "coins"), _CURRENCY, _DAYS),
        panels=(
            Panel("compare_indexed", "indexed", "Indexed price", "100 at the start.", wide=True),
            Panel(
                "compare_indexed",
                "drawdown",
                "Drawdown",
                "How far below its highest price since the start.",
            ),
            Panel(
                "compare_correlation",
                "correlation",
                "Correlation",
                "Of daily log returns: 1 together, 0 unrelated, below 0 opposite.",
            ),
            Panel(
                "compare_summary",
                "summary-table",
                "In figures",
                "Volatility: standard deviation of daily log returns, a year's worth.",
                wide=True,
            ),
        ),
    ),
    Page(
        "currencies",
        "Currencies",
        "The currencies that prices are held in, and what they say of one another.",
        filters=(_CURRENCY, _COIN, _LONG),
        panels=(
            Panel("currencies_now", "currency-table", "Held", wide=True),
            Panel(
                "currencies_coin",
                "currency-lines",
                "The coin in each currency",
                "100 at the start.",
            ),
            Panel(
                "currencies_rates",
                "rates",
                "Implied exchange rates",
                "What one unit of the chosen currency is worth, by the median of the largest"
                " coins; 100 at the start.",
            ),
        ),
    ),
    Page(
        "pipeline",
        "Pipeline",
        "Whether the data is fresh, complete and clean, and what the source costs.",
        filters=(
            _CURRENCY,
            Filter("days", "Range", choices=_DAYS.choices[:4]),
            Filter("top", "Largest", choices=_TOP.choices[:3], own="25"),
        ),
        panels=(
            Panel("pipeline_now", "pipeline-tiles", "Now", wide=True),
            Panel(
                "pipeline_coverage",
                "coverage",
                "Coverage",
                "Share of each day's hours that have a price, coin by day (UTC). The newest day is"
                " not over.",
                wide=True,
            ),
            Panel(
                "pipeline_batches",
                "hours-fetched",
                "Hours fetched",
                "Hours of each day (UTC) that a file was loaded for.",
            ),
            Panel(
                "pipeline_rejections",
                "rejections",
                "Rejects by rule",
                "Records and points in quarantine, by the rule that they broke.",
            ),
            Panel(
                "pipeline_batches",
                "duplicates",
                "Duplicates",
                "Share of the records fetched that were there already.",
            ),
            Panel(
                "pipeline_requests",
                "budget",
                "Request budget",
                "Credits of this month (UTC), summed up, against the plan's.",
            ),
            Panel("pipeline_freshness", "freshness-table", "Freshness", "By source and currency."),
            Panel(
                "pipeline_gaps",
                "gap-summary-table",
                "Missing",
                "Hours and days that are expected and not there, of the last 31 days at most.",
            ),
        ),
    ),
)
"""In the order of the menu."""
