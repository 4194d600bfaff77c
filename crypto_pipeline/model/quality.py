"""The data-quality rules: one table, used by the loader, the asset checks and the documentation.

A rule is a predicate over the columns of a market record, written in SQL so that it is evaluated
set-wise where the rows are. As in a CHECK constraint, a record breaks a rule only when the
predicate is false: a NULL that a rule does not ask about passes.

A record that breaks a *reject* rule goes to quarantine, whole, with the reason; the good records
beside it load. A record that breaks a *warn* rule loads and is counted: real responses break them
every day (14 of 100 records of 2025-02-19 have a price above their 24-hour high).

Sources: CoinGecko's OpenAPI description of ``/coins/markets``, and a year of real responses.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from crypto_pipeline.model.registry import AMOUNT, PRICE, RANK, RECORD_COLUMNS, SUPPLY, Kind


class Severity(str, Enum):
    """What happens to a record that breaks a rule."""

    REJECT = "reject"
    WARN = "warn"


@dataclass(frozen=True)
class Rule:
    """One data-quality rule.

    Attributes:
        name: Identifier, said in the affirmative; also the name of the CHECK constraint that
            mirrors a reject rule.
        severity: Whether a record that breaks it is rejected or only counted.
        columns: The columns whose values belong in the reason. The first is the one at fault where
            none of them breaks the rule by itself.
        predicate: SQL over the columns of a record; false means broken. A warn rule may compare
            the records of one landing file, by window functions.
        why: What is wrong with a record that breaks it.
        on_file: Whether the rule is about the landing file (the JSON itself, or a record among the
            others of its response), which a table no longer shows.
        version: Counted up by one with every change of the predicate. The quarantine keeps the one
            that rejected a record, so that what an older version rejected can be told.
    """

    name: str
    severity: Severity
    columns: tuple[str, ...]
    predicate: str
    why: str
    on_file: bool = False
    version: int = 1

    @property
    def on_response(self) -> bool:
        """Whether the rule compares the records of a response with one another."""
        return " OVER " in self.predicate


def _reject(
    name: str, columns: tuple[str, ...], predicate: str, why: str, *, version: int = 1
) -> Rule:
    return Rule(name, Severity.REJECT, columns, predicate, why, version=version)


def _warn(
    name: str, columns: tuple[str, ...], predicate: str, why: str, *, version: int = 1
) -> Rule:
    return Rule(name, Severity.WARN, columns, predicate, why, version=version)


def _least(columns: tuple[str, ...]) -> str:
    return f"least({', '.join(columns)})" if len(columns) > 1 else columns[0]


def _of_kind(kind: Kind) -> tuple[str, ...]:
    """The measures of a kind that no rule of their own asks about."""
    return tuple(
        column.name for column in RECORD_COLUMNS if column.kind is kind and column.nullable
    )


_PRICES = _of_kind(PRICE)
_AMOUNTS = _of_kind(AMOUNT)
_SUPPLIES = _of_kind(SUPPLY)
_RANKS = _of_kind(RANK)

_LONGEST = {
    column.name: 2_000 if column.name == "image_url" else 200
    for column in RECORD_COLUMNS
    if column.type == "text"
}
"""Characters of each text."""

MOST_SHOWN = 1_000
"""Characters of a text that are shown in a reason."""

RULES: tuple[Rule, ...] = (
    Rule(
        "record_well_formed",
        Severity.REJECT,
        ("malformed",),
        "malformed IS NULL",
        "fields that are not of the documented JSON type, or not storable",
        on_file=True,
    ),
    _reject("id_present", ("crypto_id",), "coalesce(crypto_id, '') <> ''", "no id"),
    _reject("symbol_present", ("symbol",), "coalesce(symbol, '') <> ''", "no symbol"),
    _reject("name_present", ("name",), "coalesce(name, '') <> ''", "no name"),
    _reject(
        "texts_short",
        tuple(_LONGEST),
        # An index has room for three of 200; the longest id that was seen has 55 characters, the
        # longest symbol 40.
        " AND ".join(f"length({column}) <= {longest}" for column, longest in _LONGEST.items()),
        "a text is too long to be stored",
    ),
    _reject("price_present", ("current_price",), "current_price IS NOT NULL", "no price"),
    _reject("price_positive", ("current_price",), "current_price > 0", "price is not above 0"),
    _reject(
        "last_updated_present", ("last_updated",), "last_updated IS NOT NULL", "no last_updated"
    ),
    _reject(
        "last_updated_plausible",
        ("last_updated",),
        # Bitcoin's first block: no market price is older.
        "last_updated >= timestamptz '2009-01-03 00:00:00+00'",
        "last_updated lies before the first cryptocurrency",
    ),
    _reject(
        "last_updated_not_in_future",
        ("last_updated", "ingested_at"),
        # Five minutes of grace for clocks that differ.
        "last_updated <= ingested_at + interval '5 minutes'",
        "last_updated lies after the fetch",
    ),
    _reject(
        "prices_not_negative", _PRICES, f"{_least(_PRICES)} >= 0", "a high or low price is negative"
    ),
    _reject(
        "market_values_not_negative",
        _AMOUNTS,
        f"{_least(_AMOUNTS)} >= 0",
        "market cap, valuation or volume is negative",
    ),
    _reject(
        "supplies_not_negative", _SUPPLIES, f"{_least(_SUPPLIES)} >= 0", "a supply is negative"
    ),
    _reject("rank_positive", _RANKS, f"{_least(_RANKS)} > 0", "rank is not above 0"),
    _warn(
        "price_within_24h_high",
        ("current_price", "high_24h"),
        "current_price <= high_24h",
        "price is above the 24-hour high",
    ),
    _warn(
        "price_within_24h_low",
        ("current_price", "low_24h"),
        "current_price >= low_24h",
        "price is below the 24-hour low",
    ),
    _warn(
        "circulating_within_total",
        ("circulating_supply", "total_supply"),
        "circulating_supply <= total_supply",
        "more coins circulate than exist",
    ),
    _warn(
        "total_within_max",
        ("total_supply", "max_supply"),
        "total_supply <= max_supply",
        "more coins exist than can ever exist",
    ),
    _warn(
        "last_updated_fresh",
        ("last_updated", "ingested_at"),
        "last_updated >= ingested_at - interval '24 hours'",
        "the source has not updated the coin for a day before the fetch",
    ),
    _warn(
        "rank_present", ("market_cap_rank",), "market_cap_rank IS NOT NULL", "the coin has no rank"
    ),
    Rule(
        "rank_follows",
        Severity.WARN,
        ("market_cap_rank",),
        # Not one added to the rank before: the largest integer has none after it.
        "market_cap_rank - 1 <= lag(market_cap_rank) OVER "
        "(PARTITION BY file_id ORDER BY market_cap_rank)",
        "ranks are missing before this one",
        on_file=True,
    ),
    Rule(
        "symbol_unique_in_response",
        Severity.WARN,
        ("symbol",),
        # The same coin may come on two pages, because ranks move between two requests.
        "crypto_id = first_value(crypto_id) OVER "
        "(PARTITION BY file_id, symbol ORDER BY record_index)",
        "another coin of the response has the same symbol",
        on_file=True,
    ),
    Rule(
        "fields_known",
        Severity.WARN,
        ("unknown_fields",),
        "unknown_fields IS NULL",
        "fields that the API's description does not have",
        on_file=True,
    ),
    Rule(
        "fields_complete",
        Severity.WARN,
        ("missing_fields",),
        "missing_fields IS NULL",
        "documented fields are missing",
        on_file=True,
    ),
)

REJECT_RULES = tuple(rule for rule in RULES if rule.severity is Severity.REJECT)
WARN_RULES = tuple(rule for rule in RULES if rule.severity is Severity.WARN)

POINT_RULES: tuple[Rule, ...] = (
    Rule(
        "point_well_formed",
        Severity.REJECT,
        ("malformed",),
        "malformed IS NULL",
        "values that are no number or no time, or not storable",
        on_file=True,
    ),
    _reject("observed_at_present", ("observed_at",), "observed_at IS NOT NULL", "no time"),
    _reject(
        "observed_at_plausible",
        ("observed_at",),
        "observed_at >= timestamptz '2009-01-03 00:00:00+00'",
        "its time lies before the first cryptocurrency",
    ),
    _reject(
        "observed_at_not_in_future",
        ("observed_at", "ingested_at"),
        "observed_at <= ingested_at + interval '5 minutes'",
        "its time lies after the fetch",
    ),
    _reject("price_present", ("price",), "price IS NOT NULL", "no price"),
    _reject("price_positive", ("price",), "price > 0", "price is not above 0"),
    _reject(
        "market_values_not_negative",
        ("market_cap", "total_volume"),
        "least(market_cap, total_volume) >= 0",
        "market cap or volume is negative",
    ),
    _warn(
        "market_cap_known",
        ("market_cap",),
        # A coin with a price is worth something: CoinGecko's charts and exports have 0 for the days
        # on which it did not know how many coins there were (274 of SHIB's 1,614 days). As a number
        # it would be taken for a total loss.
        "market_cap <> 0",
        "market cap is 0, which stands for unknown: it is stored as null",
    ),
)
"""Rules of a point of a chart or an export. Source: CoinGecko's answers and three real exports."""

_CANDLE = ("open_price", "high_price", "low_price", "close_price")
CANDLE_RULES: tuple[Rule, ...] = (
    Rule(
        "candle_well_formed",
        Severity.REJECT,
        ("malformed",),
        "malformed IS NULL",
        "values that are no number or no time, or not storable",
        on_file=True,
    ),
    _reject("closed_at_present", ("closed_at",), "closed_at IS NOT NULL", "no time"),
    _reject(
        "closed_at_plausible",
        ("closed_at",),
        "closed_at >= timestamptz '2009-01-03 00:00:00+00'",
        "it closes before the first cryptocurrency",
    ),
    _reject(
        "closed_at_not_in_future",
        ("closed_at", "ingested_at"),
        "closed_at <= ingested_at + interval '5 minutes'",
        "it closes after the fetch",
    ),
    _reject(
        "candle_complete", _CANDLE, f"num_nulls({', '.join(_CANDLE)}) = 0", "a price is missing"
    ),
    _reject("candle_positive", _CANDLE, f"{_least(_CANDLE)} > 0", "a price is not above 0"),
    _reject(
        "candle_in_order",
        _CANDLE,
        "low_price <= least(open_price, close_price)"
        " AND high_price >= greatest(open_price, close_price)",
        "the lowest price is not the lowest, or the highest not the highest",
    ),
)
"""Rules of a candle as CoinGecko makes it. Source: its OpenAPI description of ``ohlc``."""

QUOTE_RULES: tuple[Rule, ...] = (
    Rule(
        "quote_well_formed",
        Severity.REJECT,
        ("malformed",),
        "malformed IS NULL",
        "fields that are not of the documented JSON type, or not storable",
        on_file=True,
    ),
    _reject("id_present", ("source_coin_id",), "coalesce(source_coin_id, '') <> ''", "no id"),
    _reject("symbol_present", ("symbol",), "coalesce(symbol, '') <> ''", "no symbol"),
    _reject("name_present", ("name",), "coalesce(name, '') <> ''", "no name"),
    _reject(
        "texts_short",
        ("source_coin_id", "symbol", "name"),
        "length(source_coin_id) <= 200 AND length(symbol) <= 200 AND length(name) <= 200",
        "a text is too long to be stored",
    ),
    _reject("currency_present", ("vs_currency",), "vs_currency <> ''", "no quote"),
    _reject(
        "last_updated_present", ("last_updated",), "last_updated IS NOT NULL", "no last_updated"
    ),
    _reject(
        "last_updated_plausible",
        ("last_updated",),
        "last_updated >= timestamptz '2009-01-03 00:00:00+00'",
        "last_updated lies before the first cryptocurrency",
    ),
    _reject(
        "last_updated_not_in_future",
        ("last_updated", "ingested_at"),
        "last_updated <= ingested_at + interval '5 minutes'",
        "last_updated lies after the fetch",
    ),
    # What is asked of a price and of market values is asked of a point too.
    *(
        rule
        for rule in POINT_RULES
        if rule.name in ("price_present", "price_positive", "market_values_not_negative")
    ),
)
"""Rules of a quote of a further source. Source: CoinPaprika's OpenAPI description of tickers."""

POINT_REJECT_RULES = tuple(rule for rule in POINT_RULES if rule.severity is Severity.REJECT)
POINT_WARN_RULES = tuple(rule for rule in POINT_RULES if rule.severity is Severity.WARN)

ALL_RULES = (*RULES, *POINT_RULES)


def unknown_rules(names: Iterable[str]) -> list[str]:
    """The names that are no rule's."""
    known = {rule.name for rule in ALL_RULES}
    return [name for name in names if name not in known]


RESTATED_BY = "0.001"
"""Share by which a value has to differ from the one known before for a correction. What a second
answer rounds otherwise, or a volume that trickled in late, is less (inference: CoinGecko states no
precision of its charts)."""
