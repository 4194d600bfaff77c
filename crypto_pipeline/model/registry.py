"""The registry: every table and column of the warehouse, defined once.

From it follow the decoder's fields, the staging tables, the frames' types, the lists of columns in
``sql/`` (written in place by ``make sql``), the ``COMMENT ON`` of every column, the Delta tables of
the lake and of Spark, Snowflake's lists, column lineage and documentation. A new measure is a
``Column`` here and a migration; ``docs/ARCHITECTURE.md`` shows the steps.

Source: CoinGecko's OpenAPI description of ``/coins/markets`` (26 base fields, most nullable).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal


@dataclass(frozen=True)
class DecimalType:
    """An exact number of at most ``precision`` digits, ``scale`` of them after the point."""

    precision: int
    scale: int


@dataclass(frozen=True)
class Kind:
    """What a measure counts.

    Delta's decimals end at 38 digits, before and after the point together, while the data goes from
    1e-20 to 1e27; so every kind has a scale of its own (``docs/LAKEHOUSE.md`` has the reasons).

    Attributes:
        name: Its name.
        unit: Its unit, as a column's comment says it.
        decimal: Its type where numbers have a precision: in Delta and Snowflake. None of a whole
            number.
        signed: Whether a value below zero is a measurement and not a mistake.
    """

    name: str
    unit: str | None
    decimal: DecimalType | None
    signed: bool = False


PRICE: Final = Kind("price", "in vs_currency", DecimalType(38, 26))
"""Below 1e12; seven digits are left of the smallest price, 1e-20."""
PRICE_CHANGE: Final = replace(PRICE, name="price change", signed=True)
AMOUNT: Final = Kind("amount", "in vs_currency", DecimalType(38, 14))
"""Caps, valuations and volumes, below 1e24: the largest of a year of data, 3.3e14 US dollars, is
1e19 in the weakest currencies."""
AMOUNT_CHANGE: Final = replace(AMOUNT, name="amount change", signed=True)
PERCENTAGE: Final = Kind("percentage", "in percent", DecimalType(38, 14), signed=True)
"""Below 1e24: the distance from an all-time low of 1e-20 has 22 digits before the point."""
MULTIPLE: Final = Kind("multiple", "as a multiple", DecimalType(38, 14), signed=True)
SUPPLY: Final = Kind("supply", "in coins", DecimalType(38, 8))
"""Below 1e30, a thousand times the largest known supply, to the 1e-8 that bitcoin divides into."""
RANK: Final = Kind("rank", None, None)
SHARE: Final = Kind("share", "from 0 to 1", DecimalType(5, 4))

SqlType = Literal[
    "text",
    "text[]",
    "integer[]",
    "numeric",
    "double precision",
    "smallint",
    "integer",
    "bigint",
    "boolean",
    "uuid",
    "date",
    "time",
    "timestamptz",
    "tstzrange",
    "tstzmultirange",
    "jsonb",
]
"""A type of PostgreSQL. A ``timestamptz`` is in UTC everywhere."""


@dataclass(frozen=True)
class Column:
    """One column, the same in every table that has it.

    Attributes:
        name: Its name in every layer and engine.
        type: Its type in PostgreSQL.
        meaning: What a value says, without unit and full stop.
        field: The API's field; one inside an object has a dot (``roi.times``).
        kind: What it counts, if it is a measure.
        note: What a special value says, such as a missing one.
        nullable: Whether a value may be missing.
        on_request: Whether the API sends the field only when it is asked for.
        in_gold: Whether a measure of silver is one of the facts too.
    """

    name: str
    type: SqlType
    meaning: str
    field: str | None = None
    kind: Kind | None = None
    note: str | None = None
    nullable: bool = False
    on_request: bool = False
    in_gold: bool = True

    @property
    def comment(self) -> str:
        """Its ``COMMENT ON COLUMN``: meaning, unit, note, the API's name."""
        unit = f", {self.kind.unit}" if self.kind is not None and self.kind.unit else ""
        note = f"; {self.note}" if self.note else ""
        field = f" (API field {self.field})" if self.field else ""
        return f"{self.meaning}{unit}{note}{field}."


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        schema: Its schema in PostgreSQL; ``delta`` for one that only a lake has.
        name: Its name.
        meaning: What a row is: its ``COMMENT ON TABLE``.
        columns: Its columns.
        key: The columns by which a row is found: no two rows have the same.
        by_month: Whether it is partitioned by the month (UTC) of a time.
        upsert: Whether a later row takes the place of the one with its primary key; else the first
            write wins. A table with a file in ``sql/merge`` has a way of its own.
    """

    schema: Literal["public", "analytics", "loading", "lake", "delta"]
    name: str
    meaning: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    by_month: bool = False
    upsert: bool = False

    @property
    def qualified(self) -> str:
        """Its name in a statement of PostgreSQL."""
        return self.name if self.schema == "public" else f"{self.schema}.{self.name}"

    @property
    def measures(self) -> tuple[Column, ...]:
        """The columns that hold what was measured: those after the description of the row."""
        return tuple(column for column in self.columns if column in _MEASURES)

    def column(self, name: str) -> Column:
        """The column of a name.

        Raises:
            KeyError: the table has none of that name.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.qualified} has no column {name}")


# ---- Columns that several tables have

CRYPTO_ID: Final = Column("crypto_id", "text", "CoinGecko's stable key of the coin", field="id")
SYMBOL: Final = Column(
    "symbol", "text", "Ticker symbol", note="several coins can share one", field="symbol"
)
NAME: Final = Column("name", "text", "Name of the coin", field="name")
IMAGE_URL: Final = Column("image_url", "text", "URL of the logo", field="image", nullable=True)
VS_CURRENCY: Final = Column("vs_currency", "text", "Currency of all amounts of the row")
SNAPSHOT_TIME: Final = Column(
    "snapshot_time", "timestamptz", "Time bucket, UTC: last_updated rounded to five minutes"
)
LAST_UPDATED: Final = Column(
    "last_updated",
    "timestamptz",
    "When CoinGecko says the price was current, UTC",
    field="last_updated",
)
BATCH_ID: Final = Column("batch_id", "bigint", "The batch (landing file) the row comes from")
RECORD_INDEX: Final = Column(
    "record_index", "integer", "Position of the record in its landing file, from 0"
)

# ---- What a record measures


def _measure(name: str, kind: Kind, meaning: str, **more: object) -> Column:
    """A measure as most are: a number that may be missing, named as the API's field."""
    number: SqlType = "numeric" if kind.decimal else "integer"
    described = Column(name, number, meaning, field=name, kind=kind, nullable=True)
    return replace(described, **more)  # type: ignore[arg-type]


PRICE_MEASURES: Final = (
    _measure("current_price", PRICE, "Price", nullable=False),
    _measure("high_24h", PRICE, "Highest price of the last 24 hours"),
    _measure("low_24h", PRICE, "Lowest price of the last 24 hours"),
    _measure("price_change_24h", PRICE_CHANGE, "Change of the price in 24 hours"),
    _measure(
        "price_change_pct_24h",
        PERCENTAGE,
        "Change of the price in 24 hours",
        field="price_change_percentage_24h",
    ),
    _measure("ath", PRICE, "All-time high"),
    _measure(
        "ath_change_pct",
        PERCENTAGE,
        "Distance of the price from the all-time high",
        field="ath_change_percentage",
    ),
    Column(
        "ath_date",
        "timestamptz",
        "When the all-time high was, UTC",
        field="ath_date",
        nullable=True,
        in_gold=False,
    ),
    _measure("atl", PRICE, "All-time low"),
    _measure(
        "atl_change_pct",
        PERCENTAGE,
        "Distance of the price from the all-time low",
        field="atl_change_percentage",
    ),
    Column(
        "atl_date",
        "timestamptz",
        "When the all-time low was, UTC",
        field="atl_date",
        nullable=True,
        in_gold=False,
    ),
)
"""Measures of ``price_snapshots``."""

METRIC_MEASURES: Final = (
    _measure("market_cap", AMOUNT, "Market capitalisation"),
    _measure("market_cap_rank", RANK, "Rank by market capitalisation, 1 the largest"),
    _measure("fully_diluted_valuation", AMOUNT, "Price times the largest possible supply"),
    _measure("total_volume", AMOUNT, "Trading volume of the last 24 hours"),
    _measure(
        "market_cap_change_24h", AMOUNT_CHANGE, "Change of the market capitalisation in 24 hours"
    ),
    _measure(
        "market_cap_change_pct_24h",
        PERCENTAGE,
        "Change of the market capitalisation in 24 hours",
        field="market_cap_change_percentage_24h",
    ),
    _measure("circulating_supply", SUPPLY, "Units in circulation"),
    _measure("total_supply", SUPPLY, "Units that exist"),
    _measure("max_supply", SUPPLY, "Units that can ever exist", note="null if unlimited"),
    _measure("roi_times", MULTIPLE, "Return since the initial sale", field="roi.times"),
    Column(
        "roi_currency",
        "text",
        "Currency of the return since the initial sale",
        field="roi.currency",
        nullable=True,
        in_gold=False,
    ),
    _measure("roi_percentage", PERCENTAGE, "Return since the initial sale", field="roi.percentage"),
    _measure(
        "market_cap_rank_with_rehypothecated",
        RANK,
        "Rank by market capitalisation among all coins, those too that stand for others",
        note="null unless COINGECKO_INCLUDE_REHYPOTHECATED asked for it",
        on_request=True,
    ),
)
"""Measures of ``market_metrics``."""

_MEASURES: Final = frozenset((*PRICE_MEASURES, *METRIC_MEASURES))
_SNAPSHOT_KEY: Final = (CRYPTO_ID, VS_CURRENCY, SNAPSHOT_TIME)
_KEY_NAMES: Final = tuple(column.name for column in _SNAPSHOT_KEY)

# ---- Silver

DATA_ORIGIN: Final = Table(
    "public",
    "data_origin",
    "The kind of data this database holds, set by its first batch: live, sandbox and recorded data"
    " never mix.",
    (
        Column("only_row", "boolean", "Always true: the table has one row"),
        Column("kind", "text", "live, sandbox (made up) or recorded (played back)"),
    ),
    key=("only_row",),
)

INGESTION_BATCHES: Final = Table(
    "public",
    "ingestion_batches",
    "One row for every landing file: where it came from, what became of its records.",
    (
        replace(BATCH_ID, meaning="Surrogate key"),
        Column("landing_file", "text", "Path of the file in the landing zone; the business key"),
        Column(
            "file_sha256",
            "text",
            "SHA-256 of the file as stored, hexadecimal",
            note="null where it could not be read",
            nullable=True,
        ),
        Column(
            "partition_hour",
            "timestamptz",
            "Hour (UTC) under which the file is kept: the Dagster partition",
        ),
        Column(
            "source",
            "text",
            "Label of the data's origin, from the file: CoinGecko, CoinGecko sandbox, CoinGecko"
            " recorded",
            nullable=True,
        ),
        replace(
            VS_CURRENCY,
            meaning="Currency of the prices (request parameter vs_currency)",
            note="usd where the file does not say",
            nullable=True,
        ),
        Column("ingested_at", "timestamptz", "When the data was fetched, UTC", nullable=True),
        Column("request", "jsonb", "Request parameters as sent; never a key"),
        Column(
            "status",
            "text",
            "completed or failed; loading only inside the transaction that loads it",
        ),
        Column(
            "error",
            "text",
            "Why the batch failed, or why its fetch ended early",
            nullable=True,
        ),
        Column("records_fetched", "integer", "Records in the file"),
        Column("records_loaded", "integer", "Records that became a snapshot"),
        Column(
            "records_duplicate",
            "integer",
            "Good records whose time bucket was already taken: first write wins",
        ),
        Column(
            "records_rejected",
            "integer",
            "Records in quarantine (rejected_records), but for those that were loaded since",
        ),
        Column("warnings", "jsonb", "Good records that break a warn rule, counted by rule"),
        Column(
            "schema_drift",
            "jsonb",
            "Records with an undocumented field or without a documented one, counted by field",
        ),
        Column("loaded_at", "timestamptz", "When this row was last written, UTC"),
        Column(
            "gold_loaded_at",
            "timestamptz",
            "When the batch reached the star schema, UTC; null while it is pending",
            nullable=True,
        ),
        Column(
            "records_retired",
            "integer",
            "Of the records loaded, those whose month retention has dropped",
        ),
        Column(
            "details_purged_at",
            "timestamptz",
            "When retention emptied request, warnings, schema_drift and the text of the rejected"
            " records, UTC; null while they are there",
            nullable=True,
        ),
        Column(
            "ingested_at_origin",
            "text",
            "What says ingested_at: envelope (the file itself), file_name, or last_updated (of its"
            " newest record)",
            nullable=True,
        ),
        Column(
            "run_id",
            "text",
            "Dagster's run that wrote this row last, /runs/<run_id> in its UI",
            nullable=True,
        ),
        Column(
            "candles_loaded_at",
            "timestamptz",
            "When the batch reached the candles, UTC; null while it is pending",
            nullable=True,
        ),
    ),
    key=("landing_file",),
)

CRYPTOCURRENCIES: Final = Table(
    "public",
    "cryptocurrencies",
    "One row a coin, as its newest record describes it.",
    (
        CRYPTO_ID,
        SYMBOL,
        NAME,
        IMAGE_URL,
        Column("first_seen_at", "timestamptz", "Time of the oldest file with the coin, UTC"),
        Column("last_seen_at", "timestamptz", "Time of the newest file with the coin, UTC"),
    ),
    key=("crypto_id",),
)

CRYPTOCURRENCY_NAMES: Final = Table(
    "public",
    "cryptocurrency_names",
    "Every (symbol, name) under which a coin was ever listed; each snapshot points at the one it"
    " carried, which is what the history in dim_cryptocurrency is made of.",
    (Column("name_id", "integer", "Surrogate key"), CRYPTO_ID, SYMBOL, NAME),
    key=("crypto_id", "symbol", "name"),
)

PRICE_SNAPSHOTS: Final = Table(
    "public",
    "price_snapshots",
    "The price of a coin in a five-minute bucket; the first record of a bucket wins.",
    (
        *_SNAPSHOT_KEY,
        LAST_UPDATED,
        Column("name_id", "integer", "The symbol and name the record carried"),
        BATCH_ID,
        RECORD_INDEX,
        *PRICE_MEASURES,
    ),
    key=_KEY_NAMES,
    by_month=True,
)

MARKET_METRICS: Final = Table(
    "public",
    "market_metrics",
    "Market size and supply of a coin, one row for every price snapshot.",
    (*_SNAPSHOT_KEY, *METRIC_MEASURES),
    key=_KEY_NAMES,
    by_month=True,
)

RULE_VERSIONS: Final = Column(
    "rule_versions", "integer[]", "The version of each of these rules, in their order"
)
RESOLVED_AT: Final = Column(
    "resolved_at",
    "timestamptz",
    "When it left the quarantine, UTC",
    note="null while it waits there",
    nullable=True,
)

REJECTED_RECORDS: Final = Table(
    "public",
    "rejected_records",
    "Quarantine: every record that broke a reject rule, as received, with the reason.",
    (
        BATCH_ID,
        RECORD_INDEX,
        replace(CRYPTO_ID, meaning="The coin, where the record says", nullable=True),
        Column("rules", "text[]", "Names of all reject rules that the record breaks"),
        Column("reason", "text", "What is wrong with the record, in words"),
        Column(
            "record",
            "text",
            "The record's JSON text as received; empty once retention has purged the details of"
            " its batch: the landing file keeps it",
        ),
        Column("rejected_at", "timestamptz", "When the record was put in quarantine, UTC"),
        RULE_VERSIONS,
        RESOLVED_AT,
        Column(
            "resolved_batch_id",
            "bigint",
            "The batch with which the record was loaded",
            note="its own, or that of a corrected file of the same fetch; null while it waits",
            nullable=True,
        ),
    ),
    key=("batch_id", "record_index"),
)

SILVER_TABLES: Final = (
    INGESTION_BATCHES,
    CRYPTOCURRENCIES,
    CRYPTOCURRENCY_NAMES,
    PRICE_SNAPSHOTS,
    MARKET_METRICS,
    REJECTED_RECORDS,
)
"""What a load of silver writes, in the order of the foreign keys."""

# ---- Silver: price history

GRANULARITY: Final = Column(
    "granularity_minutes", "smallint", "Length of the bucket in minutes: 5, 60 or 1440"
)
BUCKET_TIME: Final = Column(
    "bucket_time", "timestamptz", "Start of the bucket, UTC: observed_at rounded down"
)
HISTORY_BATCH_ID: Final = Column(
    "history_batch_id", "bigint", "The history batch (landing file) the row comes from"
)
OBSERVED_AT: Final = Column("observed_at", "timestamptz", "The point's own time, UTC")
POINT_MEASURES: Final = (
    Column("price", "numeric", "Price", kind=PRICE),
    Column(
        "market_cap",
        "numeric",
        "Market capitalisation",
        kind=AMOUNT,
        note="null where the source has none or says 0",
        nullable=True,
    ),
    Column(
        "total_volume",
        "numeric",
        "Trading volume of the 24 hours before",
        kind=AMOUNT,
        nullable=True,
    ),
)
"""Measures of a point of a chart or an export."""

HISTORY_BATCHES: Final = Table(
    "public",
    "history_batches",
    "One row for every landing file of price history: an answer of /coins/{id}/market_chart/range,"
    " or an export that was imported.",
    (
        replace(HISTORY_BATCH_ID, meaning="Surrogate key"),
        Column("landing_file", "text", "Path of the file in the landing zone; the business key"),
        Column(
            "file_sha256",
            "text",
            "SHA-256 of the file as stored, hexadecimal",
            note="null where it could not be read",
            nullable=True,
        ),
        Column(
            "origin",
            "text",
            "chart (an answer of the API), ohlc (its own candles) or import (a file that somebody"
            " had)",
            nullable=True,
        ),
        replace(CRYPTO_ID, field=None),
        VS_CURRENCY,
        replace(
            GRANULARITY,
            meaning="Length of the buckets or candles in minutes",
            note="null of a file without points",
            nullable=True,
        ),
        Column("source", "text", "Label of the data's origin, from the file", nullable=True),
        Column(
            "requested_from",
            "timestamptz",
            "Start of the range that was asked for, UTC; null of an import",
            nullable=True,
        ),
        Column(
            "requested_to",
            "timestamptz",
            "End of the range that was asked for, UTC; null of an import",
            nullable=True,
        ),
        Column(
            "ingested_at",
            "timestamptz",
            "When the data was fetched, UTC; of a file that does not say, the time of its newest"
            " point",
            nullable=True,
        ),
        Column("status", "text", "completed or failed"),
        Column("error", "text", "Why the batch failed", nullable=True),
        Column("points_fetched", "integer", "Points in the file"),
        Column("points_loaded", "integer", "Points that became a row of price_points"),
        Column(
            "points_duplicate",
            "integer",
            "Good points whose bucket was already taken: first write wins",
        ),
        Column(
            "points_rejected",
            "integer",
            "Points in quarantine (rejected_points), but for those that were loaded since",
        ),
        Column(
            "points_unfinished",
            "integer",
            "The point at the end of a chart that stands for now, left out: its bucket was not"
            " over",
        ),
        Column(
            "points_restated",
            "integer",
            "Of the duplicates, those whose values differ from what was known: price_corrections",
        ),
        Column("warnings", "jsonb", "Good points that break a warn rule, counted by rule"),
        Column("loaded_at", "timestamptz", "When this row was last written, UTC"),
        Column(
            "run_id",
            "text",
            "Dagster's run that wrote this row last, /runs/<run_id> in its UI",
            nullable=True,
        ),
    ),
    key=("landing_file",),
)

PRICE_POINTS: Final = Table(
    "public",
    "price_points",
    "A point of a coin's price history, from a chart or an export; the first of a bucket wins.",
    (
        replace(CRYPTO_ID, field=None),
        VS_CURRENCY,
        GRANULARITY,
        BUCKET_TIME,
        OBSERVED_AT,
        *POINT_MEASURES,
        HISTORY_BATCH_ID,
        Column("point_index", "integer", "Position of the point in its landing file, from 0"),
    ),
    key=("crypto_id", "vs_currency", "granularity_minutes", "bucket_time"),
    by_month=True,
)

SOURCE_CANDLES: Final = Table(
    "public",
    "source_candles",
    "A candle as CoinGecko makes it (/coins/{id}/ohlc); the first write of a candle wins.",
    (
        replace(CRYPTO_ID, field=None),
        VS_CURRENCY,
        replace(GRANULARITY, meaning="Length of the candle in minutes: 30, 240 or 5760"),
        Column("closed_at", "timestamptz", "When the candle closes, UTC: CoinGecko's time of it"),
        Column("open_price", "numeric", "First price", kind=PRICE),
        Column("high_price", "numeric", "Highest price", kind=PRICE),
        Column("low_price", "numeric", "Lowest price", kind=PRICE),
        Column("close_price", "numeric", "Last price", kind=PRICE),
        HISTORY_BATCH_ID,
        Column("point_index", "integer", "Position of the candle in its landing file, from 0"),
    ),
    key=("crypto_id", "vs_currency", "granularity_minutes", "closed_at"),
)

REJECTED_POINTS: Final = Table(
    "public",
    "rejected_points",
    "Quarantine: every point that broke a reject rule, as received, with the reason.",
    (
        replace(HISTORY_BATCH_ID, meaning="The history batch (landing file) the point is in"),
        Column("point_index", "integer", "Position of the point in its landing file, from 0"),
        Column("rules", "text[]", "Names of all reject rules that the point breaks"),
        Column("reason", "text", "What is wrong with the point, in words"),
        Column("point", "text", "The point's text as received"),
        Column("rejected_at", "timestamptz", "When the point was put in quarantine, UTC"),
        RULE_VERSIONS,
        RESOLVED_AT,
        Column(
            "resolved_history_batch_id",
            "bigint",
            "The history batch with which the point was loaded",
            note="its own, or a later one that has its bucket; null while it waits",
            nullable=True,
        ),
    ),
    key=("history_batch_id", "point_index"),
)

PRICE_CORRECTIONS: Final = Table(
    "public",
    "price_corrections",
    "What the source, or a second file, said of a point later, where it differs from what was"
    " known by more than a tolerance. The first value stays in price_points.",
    (
        replace(CRYPTO_ID, field=None),
        VS_CURRENCY,
        GRANULARITY,
        BUCKET_TIME,
        Column("known_from", "timestamptz", "When the other value was fetched, UTC"),
        replace(
            HISTORY_BATCH_ID, meaning="The history batch (landing file) that has the other value"
        ),
        Column("point_index", "integer", "Position of the point in its landing file, from 0"),
        OBSERVED_AT,
        *POINT_MEASURES,
    ),
    key=(
        *("crypto_id", "vs_currency", "granularity_minutes", "bucket_time"),
        *("known_from", "history_batch_id"),
    ),
)

HISTORY_SERIES: Final = Table(
    "public",
    "history_series",
    "From when to when the price history of a coin in a currency goes: what gaps are told by.",
    (
        replace(CRYPTO_ID, field=None),
        VS_CURRENCY,
        Column("first_day", "date", "First day (UTC) with a price"),
        Column("last_day", "date", "Last day (UTC) with a price"),
        Column(
            "first_hourly_day",
            "date",
            "First day (UTC) with snapshots of three hours or more: from then on hours are"
            " expected, before it days",
            nullable=True,
        ),
        Column("in_snapshots", "boolean", "Whether a snapshot has ever had it"),
        Column(
            "first_hour",
            "timestamptz",
            "First hour of first_hourly_day that has a candle, UTC",
            nullable=True,
        ),
        Column(
            "last_hour",
            "timestamptz",
            "Last hour of last_day that has a candle, UTC",
            note="null where that day has only a daily point",
            nullable=True,
        ),
    ),
    key=("crypto_id", "vs_currency"),
)

HISTORY_REFUSALS: Final = Table(
    "public",
    "history_refusals",
    "Ranges of the price history that the source does not give: it is not asked for them again"
    " with the same plan.",
    (
        replace(CRYPTO_ID, field=None),
        VS_CURRENCY,
        Column("plan", "text", "The plan that was refused"),
        Column("refused_from", "timestamptz", "Start of the range, UTC"),
        Column("refused_to", "timestamptz", "End of the range, UTC, exclusive"),
        Column("reason", "text", "What the source says, or what its plan documents"),
        Column("refused_at", "timestamptz", "When it was refused, UTC"),
    ),
    key=("crypto_id", "vs_currency", "plan", "refused_from", "refused_to"),
)

API_REQUESTS: Final = Table(
    "public",
    "api_requests",
    "The request ledger: every request to a source, of all machines of this database.",
    (
        Column("request_id", "uuid", "Surrogate key"),
        Column("sent_at", "timestamptz", "When it was sent, UTC"),
        Column("plan", "text", "The plan whose budget it counts for"),
        Column(
            "endpoint",
            "text",
            "Path of the endpoint; null while the request is on its way",
            nullable=True,
        ),
        Column("http_status", "smallint", "HTTP status; null without an answer", nullable=True),
        Column("credits", "smallint", "What it costs of the month: 1 for an answer with HTTP 200"),
        Column("received_bytes", "bigint", "Size of the body as received", nullable=True),
        Column("duration_ms", "integer", "Milliseconds until the whole answer", nullable=True),
        Column(
            "is_cached",
            "boolean",
            "Whether the answer came from the source's cache",
            note="null where it does not say",
            nullable=True,
        ),
        Column(
            "run_id", "text", "Dagster's run that asked, /runs/<run_id> in its UI", nullable=True
        ),
        Column("api", "text", "Which source was asked: coingecko, or the name of a further one"),
    ),
    key=("request_id",),
)

HISTORY_TABLES: Final = (
    HISTORY_BATCHES,
    PRICE_POINTS,
    SOURCE_CANDLES,
    REJECTED_POINTS,
    PRICE_CORRECTIONS,
)
"""What a load of price history writes into silver."""

# ---- Silver: the list of coins

LISTED_DURING: Final = Column(
    "listed_during",
    "tstzmultirange",
    "When it was listed so, UTC: from each answer that has it until the first that has not",
    note="empty if another answer of the same moment replaced the one that had it",
)
IS_ACTIVE: Final = Column(
    "is_active",
    "boolean",
    "Whether the list of the active coins has it; else that of the inactive ones",
)

COIN_LIST_BATCHES: Final = Table(
    "public",
    "coin_list_batches",
    "One row for every landing file of the list of coins: an answer of /coins/list.",
    (
        Column("landing_file", "text", "Path of the file in the landing zone; the business key"),
        Column(
            "file_sha256",
            "text",
            "SHA-256 of the file as stored, hexadecimal",
            note="null where it could not be read",
            nullable=True,
        ),
        Column(
            "body_sha256",
            "text",
            "SHA-256 of the answer's body, hexadecimal",
            note="of equal answers the same: the body is kept once",
            nullable=True,
        ),
        replace(
            IS_ACTIVE,
            meaning="Whether it is the list of the active coins; else that of the inactive ones",
            nullable=True,
        ),
        Column("source", "text", "Label of the data's origin, from the file", nullable=True),
        Column("request", "jsonb", "Request parameters as sent; never a key"),
        Column("ingested_at", "timestamptz", "When the list was fetched, UTC", nullable=True),
        Column("status", "text", "completed or failed"),
        Column("error", "text", "Why the batch failed", nullable=True),
        Column("coins_fetched", "integer", "Elements of the list"),
        Column("coins_listed", "integer", "Coins in it, each id once"),
        Column("coins_rejected", "integer", "Elements that are no coin"),
        Column(
            "flaws",
            "jsonb",
            "What could not be taken from the list, the first hundred: position, reason, text as"
            " received",
        ),
        Column("loaded_at", "timestamptz", "When this row was last written, UTC"),
        Column(
            "run_id",
            "text",
            "Dagster's run that wrote this row last, /runs/<run_id> in its UI",
            nullable=True,
        ),
    ),
    key=("landing_file",),
)

COIN_LISTINGS: Final = Table(
    "public",
    "coin_listings",
    "Every symbol and name under which a coin was ever in the list of coins, and when.",
    (
        CRYPTO_ID,
        IS_ACTIVE,
        SYMBOL,
        NAME,
        LISTED_DURING,
    ),
    key=("crypto_id", "is_active", "symbol", "name"),
)

COIN_CONTRACTS: Final = Table(
    "public",
    "coin_contracts",
    "Every contract that a coin ever had in the list of coins, and when.",
    (
        CRYPTO_ID,
        IS_ACTIVE,
        Column("platform", "text", "Chain or platform of the contract, as CoinGecko names it"),
        Column("contract_address", "text", "Address of the contract, as received"),
        LISTED_DURING,
    ),
    key=("crypto_id", "is_active", "platform", "contract_address"),
)

COIN_ALIASES: Final = Table(
    "public",
    "coin_aliases",
    "Ids of coins that go on under another id, as people confirmed: never automatic.",
    (
        Column("old_id", "text", "The id that is no more"),
        Column("new_id", "text", "The id under which the coin goes on"),
        Column("evidence", "text", "What speaks for it: the equal contracts, if there are any"),
        Column("confirmed_at", "timestamptz", "When it was confirmed, UTC"),
        Column("confirmed_by", "text", "Who confirmed it"),
        Column(
            "revoked_at",
            "timestamptz",
            "When it was taken back, UTC; null while it is in force",
            nullable=True,
        ),
        Column("revoked_by", "text", "Who took it back", nullable=True),
    ),
    key=("old_id", "confirmed_at"),
)

COIN_LIST_TABLES: Final = (COIN_LIST_BATCHES, COIN_LISTINGS, COIN_CONTRACTS)
"""What a load of the list of coins writes."""

# ---- Silver: quotes of further sources

SOURCE: Final = Column("source", "text", "Label of the data's origin, as in dim_source")
SOURCE_COIN_ID: Final = Column("source_coin_id", "text", "The source's own id of the coin")
QUOTE_BATCH_ID: Final = Column(
    "quote_batch_id", "bigint", "The quote batch (landing file) the row comes from"
)
ITEM_INDEX: Final = Column(
    "item_index",
    "integer",
    "Position in the answer, from 0",
    note="a ticker in three currencies is three items",
)

QUOTE_BATCHES: Final = Table(
    "public",
    "quote_batches",
    "One row for every landing file of a further source: an answer of one of its endpoints.",
    (
        replace(QUOTE_BATCH_ID, meaning="Surrogate key"),
        Column("landing_file", "text", "Path of the file in the landing zone; the business key"),
        Column(
            "file_sha256",
            "text",
            "SHA-256 of the file as stored, hexadecimal",
            note="null where it could not be read",
            nullable=True,
        ),
        Column(
            "body_sha256",
            "text",
            "SHA-256 of the answer's body, hexadecimal",
            note="of equal answers the same: the body is kept once",
            nullable=True,
        ),
        replace(SOURCE, meaning="Label of the data's origin, from the file", nullable=True),
        Column(
            "endpoint",
            "text",
            "Path that was asked, with names in braces for what varies",
            nullable=True,
        ),
        Column("request", "jsonb", "Request parameters as sent; never a key"),
        Column(
            "vs_currencies",
            "text[]",
            "Currencies in which prices were asked for; empty of an answer without current prices",
        ),
        Column("ingested_at", "timestamptz", "When the answer was fetched, UTC", nullable=True),
        Column("status", "text", "completed or failed"),
        Column("error", "text", "Why the batch failed", nullable=True),
        Column("items_fetched", "integer", "Quotes, contracts or candles in the answer"),
        Column("items_loaded", "integer", "Items that became a row"),
        Column(
            "items_duplicate", "integer", "Good items that were there already: first write wins"
        ),
        Column("items_rejected", "integer", "Items in quarantine (rejected_quotes)"),
        Column(
            "schema_drift",
            "jsonb",
            "Items with an undocumented field or without a documented one, counted by field",
        ),
        Column("loaded_at", "timestamptz", "When this row was last written, UTC"),
        Column(
            "consensus_loaded_at",
            "timestamptz",
            "When the batch reached the consensus, UTC; null while it is pending",
            nullable=True,
        ),
        Column(
            "run_id",
            "text",
            "Dagster's run that wrote this row last, /runs/<run_id> in its UI",
            nullable=True,
        ),
    ),
    key=("landing_file",),
)

QUOTED_COINS: Final = Table(
    "public",
    "quoted_coins",
    "The coins of a further source, as its newest answer describes them.",
    (
        SOURCE,
        SOURCE_COIN_ID,
        replace(SYMBOL, field=None),
        replace(NAME, field=None),
        Column("coin_rank", "integer", "The source's own rank of the coin", nullable=True),
        Column("first_seen_at", "timestamptz", "Time of the oldest answer with the coin, UTC"),
        Column("last_seen_at", "timestamptz", "Time of the newest answer with the coin, UTC"),
    ),
    key=("source", "source_coin_id"),
)

QUOTED_CONTRACTS: Final = Table(
    "public",
    "quoted_contracts",
    "Every contract that a coin of a further source ever had, and when.",
    (
        SOURCE,
        SOURCE_COIN_ID,
        Column("platform", "text", "Chain or platform of the contract, as the source names it"),
        Column("contract_address", "text", "Address of the contract, as received"),
        Column("first_seen_at", "timestamptz", "Time of the oldest answer with it, UTC"),
        Column("last_seen_at", "timestamptz", "Time of the newest answer with it, UTC"),
    ),
    key=("source", "source_coin_id", "platform", "contract_address"),
)

PRICE_QUOTES: Final = Table(
    "public",
    "price_quotes",
    "The price of a coin as a further source says it at a time; the first write wins. It never"
    " takes the place of a snapshot of CoinGecko.",
    (
        SOURCE,
        SOURCE_COIN_ID,
        VS_CURRENCY,
        replace(
            LAST_UPDATED,
            meaning="When the source says the price was current, UTC",
            field=None,
        ),
        *POINT_MEASURES,
        QUOTE_BATCH_ID,
        ITEM_INDEX,
    ),
    key=("source", "source_coin_id", "vs_currency", "last_updated"),
    by_month=True,
)

QUOTED_CANDLES: Final = Table(
    "public",
    "quoted_candles",
    "The candle of a coin on a day (UTC) as a further source makes it; the first write wins.",
    (
        SOURCE,
        SOURCE_COIN_ID,
        VS_CURRENCY,
        Column("day", "date", "The day (UTC)"),
        Column("open_price", "numeric", "First price", kind=PRICE),
        Column("high_price", "numeric", "Highest price", kind=PRICE),
        Column("low_price", "numeric", "Lowest price", kind=PRICE),
        Column("close_price", "numeric", "Last price", kind=PRICE),
        *POINT_MEASURES[1:],
        QUOTE_BATCH_ID,
        ITEM_INDEX,
    ),
    key=("source", "source_coin_id", "vs_currency", "day"),
)

REJECTED_QUOTES: Final = Table(
    "public",
    "rejected_quotes",
    "Quarantine: every quote, contract or candle of a further source that broke a rule, as"
    " received, with the reason.",
    (
        QUOTE_BATCH_ID,
        ITEM_INDEX,
        replace(
            SOURCE_COIN_ID, meaning="The source's own id of the coin, where it says", nullable=True
        ),
        replace(VS_CURRENCY, meaning="Currency of its amounts", nullable=True),
        Column("rules", "text[]", "Names of all rules that it breaks"),
        Column("reason", "text", "What is wrong with it, in words"),
        Column("record", "text", "The JSON text of the whole record as received"),
        Column("rejected_at", "timestamptz", "When it was put in quarantine, UTC"),
    ),
    key=("quote_batch_id", "item_index"),
)

COIN_MAPPINGS: Final = Table(
    "public",
    "coin_mappings",
    "Which coin a coin of a further source is, as people confirmed: never automatic.",
    (
        SOURCE,
        SOURCE_COIN_ID,
        replace(CRYPTO_ID, field=None),
        Column(
            "evidence", "text", "What speaks for it: equal contracts, symbol and name, if they are"
        ),
        Column("confirmed_at", "timestamptz", "When it was confirmed, UTC"),
        Column("confirmed_by", "text", "Who confirmed it"),
        Column(
            "revoked_at",
            "timestamptz",
            "When it was taken back, UTC; null while it is in force",
            nullable=True,
        ),
        Column("revoked_by", "text", "Who took it back", nullable=True),
    ),
    key=("source", "source_coin_id", "confirmed_at"),
)

QUOTE_TABLES: Final = (
    QUOTE_BATCHES,
    QUOTED_COINS,
    QUOTED_CONTRACTS,
    PRICE_QUOTES,
    QUOTED_CANDLES,
    REJECTED_QUOTES,
)
"""What a load of the answers of further sources writes."""

# ---- Gold

DIM_DATE: Final = Table(
    "analytics",
    "dim_date",
    "One row a day (UTC), whole years, for every year that has a fact.",
    (
        Column("date_key", "integer", "Key: the date as the number YYYYMMDD"),
        Column("full_date", "date", "The date"),
        Column("calendar_year", "smallint", "Calendar year"),
        Column("quarter_of_year", "smallint", "Quarter, 1 to 4"),
        Column("month_of_year", "smallint", "Month, 1 to 12"),
        Column("month_name", "text", "English name of the month"),
        Column("day_of_month", "smallint", "Day of the month, 1 to 31"),
        Column("day_of_year", "smallint", "Day of the year, 1 to 366"),
        Column("day_of_week", "smallint", "ISO day of the week, 1 Monday to 7 Sunday"),
        Column("day_name", "text", "English name of the day of the week"),
        Column("iso_year", "smallint", "Year of the ISO week"),
        Column("iso_week", "smallint", "ISO week of the year, 1 to 53"),
        Column("is_weekend", "boolean", "Saturday or Sunday"),
    ),
    key=("date_key",),
)

DIM_TIME: Final = Table(
    "analytics",
    "dim_time",
    "One row for each of the 1,440 minutes of a day (UTC).",
    (
        Column("time_key", "smallint", "Key: the time as the number HHMM"),
        Column("full_time", "time", "The time of day"),
        Column("hour_24", "smallint", "Hour, 0 to 23"),
        Column("minute_of_hour", "smallint", "Minute of the hour, 0 to 59"),
        Column("minute_of_day", "smallint", "Minutes since midnight, 0 to 1439"),
        Column(
            "part_of_day",
            "text",
            "night (0-5), morning (6-11), afternoon (12-17) or evening (18-23)",
        ),
    ),
    key=("time_key",),
)

DIM_SOURCE: Final = Table(
    "analytics",
    "dim_source",
    "Where data comes from. Key -1 is the unknown member.",
    (
        Column("source_key", "integer", "Surrogate key; -1 is the unknown member"),
        Column("source_name", "text", "Label of the source, as the batches carry it"),
        Column("kind", "text", "live, sandbox (made up), recorded (played back) or unknown"),
        Column(
            "first_ingested_at",
            "timestamptz",
            "When the source's oldest snapshots in gold were fetched, UTC; null of a source of"
            " price history or quotes alone, and of the unknown member",
            nullable=True,
        ),
        Column(
            "last_ingested_at",
            "timestamptz",
            "When the source's newest snapshots in gold were fetched, UTC; null of a source of"
            " price history or quotes alone, and of the unknown member",
            nullable=True,
        ),
    ),
    key=("source_name",),
    upsert=True,
)

DIM_CURRENCY: Final = Table(
    "analytics",
    "dim_currency",
    "The currencies in which prices are asked for: CoinGecko's supported_vs_currencies.",
    (
        replace(VS_CURRENCY, meaning="Key: the currency's code, as the facts have it"),
        Column("currency_name", "text", "Name of the currency"),
        Column("kind", "text", "fiat, crypto, metal or unknown"),
        Column("display_decimals", "smallint", "Decimals with which an amount is usually shown"),
    ),
    key=("vs_currency",),
)

DIM_CRYPTOCURRENCY: Final = Table(
    "analytics",
    "dim_cryptocurrency",
    "Coins with their history (slowly changing dimension, type 2): a row for every period in which"
    " a coin had one symbol and name. Key -1 is the unknown member.",
    (
        Column("crypto_key", "bigint", "Surrogate key of the version; -1 is the unknown member"),
        replace(CRYPTO_ID, meaning="Business key: CoinGecko's id of the coin"),
        replace(SYMBOL, meaning="Ticker symbol in this period", note=None),
        replace(NAME, meaning="Name in this period"),
        Column(
            "valid_from",
            "timestamptz",
            "Time (last_updated) from which the version holds, UTC, inclusive",
        ),
        Column(
            "valid_to",
            "timestamptz",
            "Time (last_updated) until which the version holds, UTC, exclusive; 9999-12-31 for the"
            " current one",
        ),
        Column("is_current", "boolean", "Whether this is the coin's newest version"),
        Column(
            "revised_at",
            "timestamptz",
            "When the version's period was last revised, UTC; a new logo revises none",
        ),
        replace(IMAGE_URL, meaning="URL of the coin's current logo, the same on all its versions"),
    ),
    key=("crypto_id", "valid_from"),
)

FACT: Final = Table(
    "analytics",
    "fact_crypto_price_metrics",
    "Price and market size of a coin at a five-minute mark: one row for every silver snapshot.",
    (
        Column("date_key", "integer", "Day of snapshot_time (UTC)"),
        Column("time_key", "smallint", "Minute of snapshot_time (UTC)"),
        Column("crypto_key", "bigint", "The coin's version valid at last_updated"),
        Column("source_key", "integer", "Where the data came from"),
        replace(CRYPTO_ID, meaning="The coin's business key, the same over all its versions"),
        VS_CURRENCY,
        SNAPSHOT_TIME,
        LAST_UPDATED,
        BATCH_ID,
        *(column for column in (*PRICE_MEASURES, *METRIC_MEASURES) if column.in_gold),
        Column("load_timestamp", "timestamptz", "When the row was loaded into gold, UTC"),
    ),
    key=_KEY_NAMES,
    by_month=True,
)

_CANDLE_COLUMNS: Final = (
    Column("open_price", "numeric", "First price", kind=PRICE),
    Column("high_price", "numeric", "Highest price", kind=PRICE),
    Column("low_price", "numeric", "Lowest price", kind=PRICE),
    Column("close_price", "numeric", "Last price", kind=PRICE),
    Column(
        "mean_price",
        "numeric",
        "Mean of the prices",
        kind=PRICE,
        note="of several, rounded to 26 decimals",
    ),
    Column("market_cap", "numeric", "Last market capitalisation known", kind=AMOUNT, nullable=True),
    Column(
        "total_volume",
        "numeric",
        "Last trading volume of 24 hours known",
        kind=AMOUNT,
        nullable=True,
    ),
    Column("observations", "integer", "How many prices it is made of"),
    Column(
        "coverage_share",
        "numeric",
        "Share of the period with an observation: of the twelve five-minute buckets of an hour, or"
        " of the hours of a day",
        kind=SHARE,
    ),
    Column(
        "origin",
        "text",
        "What the prices are from, the best that there is: snapshot, chart or import",
    ),
    Column("load_timestamp", "timestamptz", "When the row was last written, UTC"),
)

FACT_HOURLY: Final = Table(
    "analytics",
    "fact_crypto_price_hourly",
    "The candle of a coin in an hour (UTC), from five-minute snapshots, or else from points of"
    " charts.",
    (
        Column("date_key", "integer", "Day of hour_start (UTC)"),
        Column("time_key", "smallint", "Hour of hour_start (UTC), as its first minute"),
        Column("source_key", "integer", "Where its first price came from"),
        replace(CRYPTO_ID, field=None),
        VS_CURRENCY,
        Column("hour_start", "timestamptz", "Start of the hour, UTC"),
        *_CANDLE_COLUMNS,
    ),
    key=("crypto_id", "vs_currency", "hour_start"),
    by_month=True,
)

FACT_DAILY: Final = Table(
    "analytics",
    "fact_crypto_price_daily",
    "The candle of a coin on a day (UTC), from its hours, or else from the daily point of a chart"
    " or an export.",
    (
        Column("date_key", "integer", "The day (UTC)"),
        Column("source_key", "integer", "Where its first price came from"),
        replace(CRYPTO_ID, field=None),
        VS_CURRENCY,
        Column("day", "date", "The day (UTC)"),
        *_CANDLE_COLUMNS,
    ),
    key=("crypto_id", "vs_currency", "day"),
)

FACT_CONSENSUS: Final = Table(
    "analytics",
    "fact_crypto_price_consensus",
    "What the sources say of a coin's price in an hour (UTC), and how far they part: of the coins"
    " that are mapped, the hours in which a further source was asked or said a price.",
    (
        Column("date_key", "integer", "Day of hour_start (UTC)"),
        Column("time_key", "smallint", "Hour of hour_start (UTC), as its first minute"),
        replace(CRYPTO_ID, field=None),
        VS_CURRENCY,
        Column("hour_start", "timestamptz", "Start of the hour, UTC"),
        Column(
            "median_price",
            "numeric",
            "Median of the prices of the sources that count",
            kind=PRICE,
            note="a source's price of an hour is the mean of those it said in it",
        ),
        Column("lowest_price", "numeric", "Lowest of them", kind=PRICE),
        Column("highest_price", "numeric", "Highest of them", kind=PRICE),
        Column(
            "spread_share",
            "numeric",
            "Highest less lowest price as a share of the median",
            note="rounded to 10 decimals",
        ),
        Column("source_count", "smallint", "How many sources count"),
        Column(
            "source_prices",
            "jsonb",
            "Price of each source that said one, in vs_currency, by its name in dim_source; those"
            " too that are left out",
        ),
        Column(
            "left_out",
            "jsonb",
            "Why a source does not count, by its name in dim_source; empty if all do",
        ),
        Column("load_timestamp", "timestamptz", "When the row was last written, UTC"),
    ),
    key=("crypto_id", "vs_currency", "hour_start"),
)

CANDLE_TABLES: Final = (FACT_HOURLY, FACT_DAILY)
"""What is made of snapshots and points, beside the star schema's load."""

# ---- Marts over the candles

_DAY: Final = Column("day", "date", "The day (UTC)")
_COIN: Final = replace(CRYPTO_ID, field=None)
_WRITTEN: Final = Column("load_timestamp", "timestamptz", "When the row was last written, UTC")


def _statistic(name: str, meaning: str, note: str | None = None) -> Column:
    """A number that is estimated or a quotient: a double, in no unit unless its meaning says so."""
    return Column(name, "double precision", meaning, note=note, nullable=True)


MART_RETURNS: Final = Table(
    "analytics",
    "mart_returns_hourly",
    "The returns of a coin up to the close of an hour (UTC), over five horizons.",
    (
        _COIN,
        VS_CURRENCY,
        Column("hour_start", "timestamptz", "Start of the hour, UTC"),
        *(
            _statistic(
                f"{kind}_return_{horizon}",
                f"{meaning} of the close to that of the hour that began {words} before",
                "null where that hour has no candle",
            )
            for horizon, words in (
                ("1h", "1 hour"),
                ("24h", "24 hours"),
                ("7d", "7 days"),
                ("30d", "30 days"),
                ("1y", "365 days"),
            )
            for kind, meaning in (
                ("simple", "Quotient less 1"),
                ("log", "Logarithm of the quotient"),
            )
        ),
        _WRITTEN,
    ),
    key=("crypto_id", "vs_currency", "hour_start"),
    by_month=True,
    upsert=True,
)

MART_COIN: Final = Table(
    "analytics",
    "mart_coin_daily",
    "Return, realised volatility, drawdown and relative volume of a coin on a day (UTC).",
    (
        _COIN,
        VS_CURRENCY,
        _DAY,
        Column("close_price", "numeric", "Last price", kind=PRICE),
        _statistic(
            "simple_return_1d",
            "Quotient less 1 of the close to that of the day before",
            "null where that day has no candle",
        ),
        _statistic("log_return_1d", "Logarithm of that quotient"),
        Column("hourly_returns", "integer", "How many hours of the day have a 1-hour return"),
        _statistic("realised_variance", "Sum of the squares of the day's hourly log returns"),
        _statistic("realised_volatility_1d", "Its root, for a year of such hours"),
        _statistic("realised_volatility_30d", "The same of the 30 days up to this one"),
        Column(
            "daily_returns_30d", "integer", "How many of the 30 days up to this one have a return"
        ),
        _statistic(
            "volatility_30d",
            "Standard deviation of the daily log returns of these days, for a year of 365 days",
            "null of fewer than two",
        ),
        Column("peak_price", "numeric", "Highest close so far", kind=PRICE),
        _statistic("drawdown", "Close / highest close so far, less 1", "0 at the highest"),
        _statistic("max_drawdown", "Deepest drawdown so far"),
        Column(
            "total_volume",
            "numeric",
            "Last trading volume of 24 hours known",
            kind=AMOUNT,
            nullable=True,
        ),
        _statistic(
            "volume_median_30d",
            "Median of the volumes of the 30 days before this one, in vs_currency",
        ),
        _statistic("volume_ratio", "Volume / that median"),
        _WRITTEN,
    ),
    key=("crypto_id", "vs_currency", "day"),
    upsert=True,
)

_CAP_POSITION: Final = Column(
    "cap_position",
    "integer",
    "Place by market capitalisation on that day among the coins held, 1 the largest",
    note="those without one come last",
)

MART_RANKINGS: Final = Table(
    "analytics",
    "mart_rankings_daily",
    "Where a coin stands on a day (UTC) among all coins of a currency: size, dominance, and place"
    " among the movers of its class.",
    (
        VS_CURRENCY,
        _DAY,
        _COIN,
        Column(
            "market_cap", "numeric", "Last market capitalisation known", kind=AMOUNT, nullable=True
        ),
        _CAP_POSITION,
        Column("rank_class", "text", "Class of that place: 1-10, 11-50, 51-100, 101-250, 251+"),
        _statistic("market_cap_share", "Dominance: share in the market capitalisation of all"),
        _statistic("simple_return_1d", "Return since the day before", "null across a gap"),
        Column(
            "gain_position",
            "integer",
            "Place by return in its class, 1 the highest",
            note="null without a return",
            nullable=True,
        ),
        Column(
            "loss_position",
            "integer",
            "Place by return in its class, 1 the lowest",
            note="null without a return",
            nullable=True,
        ),
        _WRITTEN,
    ),
    key=("vs_currency", "day", "crypto_id"),
    upsert=True,
)

MART_MARKET: Final = Table(
    "analytics",
    "mart_market_daily",
    "The market of a currency on a day (UTC): size, dominance and breadth of all coins held.",
    (
        VS_CURRENCY,
        _DAY,
        Column("coins", "integer", "Coins with a price"),
        Column(
            "market_cap",
            "numeric",
            "Market capitalisation of all, as far as it is known",
            kind=AMOUNT,
            nullable=True,
        ),
        Column(
            "total_volume",
            "numeric",
            "Trading volume of 24 hours of all, as far as it is known",
            kind=AMOUNT,
            nullable=True,
        ),
        Column("largest_id", "text", "CoinGecko's stable key of the largest coin"),
        _statistic("largest_share", "Dominance of the largest coin, from 0 to 1"),
        _statistic("top_10_share", "Dominance of the ten largest, from 0 to 1"),
        _statistic(
            "concentration",
            "Herfindahl-Hirschman index: sum of the squared shares, from 0 to 1",
        ),
        Column("advancing", "integer", "Coins whose close is above that of the day before"),
        Column("declining", "integer", "Coins whose close is below that of the day before"),
        Column("unchanged", "integer", "Coins whose close is that of the day before"),
        _statistic("advancing_share", "Advancing among those that have moved, from 0 to 1"),
        Column("at_peak", "integer", "Coins that close at their highest so far"),
        _WRITTEN,
    ),
    key=("vs_currency", "day"),
    upsert=True,
)

MART_CORRELATIONS: Final = Table(
    "analytics",
    "mart_correlations_daily",
    "Correlation of the daily log returns of two of the 20 largest coins of a day (UTC), over the"
    " 90 days up to it.",
    (
        VS_CURRENCY,
        _DAY,
        replace(_CAP_POSITION, meaning="Place of the larger coin by market capitalisation"),
        Column("other_position", "integer", "Place of the smaller coin"),
        replace(_COIN, meaning="CoinGecko's stable key of the larger coin"),
        Column("other_id", "text", "CoinGecko's stable key of the smaller coin"),
        _statistic(
            "correlation",
            "Pearson's correlation, from -1 to 1",
            "null where one does not vary, or of fewer than two days",
        ),
        Column("common_days", "integer", "Days on which both have a return"),
        _WRITTEN,
    ),
    key=("vs_currency", "day", "cap_position", "other_position"),
    upsert=True,
)

DAILY_MARTS: Final = (MART_COIN, MART_RANKINGS, MART_MARKET, MART_CORRELATIONS)
"""The daily marts, each after those that it is made of."""
MART_TABLES: Final = (MART_RETURNS, *DAILY_MARTS)
"""What is made of the candles."""

MART_PROGRESS: Final = Table(
    "public",
    "mart_progress",
    "Up to when the marts have what they are made of.",
    (
        Column("made_of", "text", "The table that they are made of"),
        Column(
            "loaded_until",
            "timestamptz",
            "When the newest of its rows that they have was written, UTC",
        ),
    ),
    key=("made_of",),
)

DIMENSIONS: Final = (DIM_DATE, DIM_TIME, DIM_SOURCE, DIM_CRYPTOCURRENCY)
GOLD_TABLES: Final = (*DIMENSIONS, FACT)
"""What a load of gold writes: dimensions before the facts that point at them."""

# ---- Bookkeeping

REPLAYS: Final = Table(
    "loading",
    "replays",
    "Every time that silver and gold were emptied to be loaded again from the landing zone.",
    (
        Column("replay_id", "bigint", "Surrogate key"),
        Column("started_at", "timestamptz", "When the tables were emptied, UTC"),
        Column(
            "finished_at",
            "timestamptz",
            "When all files were loaded again, UTC; while it is null, the next replay goes on with"
            " this one",
            nullable=True,
        ),
    ),
    key=("replay_id",),
)

CONSENSUS_STATE: Final = Table(
    "public",
    "consensus_state",
    "Up to when the consensus has read the candles and the mappings.",
    (
        Column("only_row", "boolean", "Always true: the table has one row"),
        Column("read_until", "timestamptz", "What was written before is in the consensus, UTC"),
    ),
    key=("only_row",),
)

LAKE_CHANGES: Final = Table(
    "lake",
    "changes",
    "The changes of the fact table since its start, in the order in which they became visible. A"
    " copy that has those up to a number goes on with the next.",
    (
        Column(
            "change_id",
            "bigint",
            "Number of the change; a later one is larger, also over databases that were made anew",
        ),
        Column(
            "kind",
            "text",
            "start: the facts before it are void; batch: the facts of batch_id were loaded; coin:"
            " facts of crypto_id from first_snapshot to last_snapshot were changed",
        ),
        Column("batch_id", "bigint", "The batch whose facts were loaded", nullable=True),
        Column("crypto_id", "text", "The coin some of whose facts were changed", nullable=True),
        Column(
            "first_snapshot", "timestamptz", "snapshot_time of the first of them", nullable=True
        ),
        Column("last_snapshot", "timestamptz", "snapshot_time of the last of them", nullable=True),
    ),
    key=("change_id",),
)

UNREPRESENTABLE_VALUES: Final = Table(
    "delta",
    "unrepresentable_values",
    "One row for every value of a fact or candle that its decimal type cannot hold; there it is"
    " null.",
    (
        Column("table_name", "text", "The table with the null"),
        CRYPTO_ID,
        VS_CURRENCY,
        replace(SNAPSHOT_TIME, note="of a candle, the start of its hour or day"),
        Column("column_name", "text", "The column with the null"),
        Column(
            "exact_value",
            "text",
            "All digits of the value, as PostgreSQL writes a numeric: without an exponent",
        ),
        Column("reason", "text", "Why the decimal type cannot hold it"),
        replace(BATCH_ID, note="-1 of a candle, which several may have made"),
    ),
    key=("table_name", *_KEY_NAMES, "column_name"),
)

# ---- Views

VIEW_COLUMNS: Final[Mapping[str, tuple[Column, ...]]] = {
    "v_latest_prices": (
        Column(
            "is_stale",
            "boolean",
            "Whether the source has not updated the coin for a day before the newest batch",
        ),
    ),
    "v_deduplication_stats": (
        Column("day", "date", "Day (UTC) of the fetches"),
        Column("batches", "bigint", "Completed batches"),
        Column(
            "duplicate_percentage", "numeric", "Duplicates among the records fetched, in percent"
        ),
    ),
    "asked_history": (
        Column(
            "asked", "tstzmultirange", "The hours (UTC) for which a chart was asked and answered"
        ),
    ),
    "expected_history": (
        Column("by_day", "tstzrange", "The time (UTC) in which every day is expected"),
        Column("by_hour", "tstzrange", "The time (UTC) in which every hour is expected"),
    ),
    "coin_current_ids": (
        Column("current_id", "text", "Id under which it goes on, as people confirmed"),
    ),
    "coin_former_ids": (
        Column("former_id", "text", "Id that it had before, as people confirmed"),
        Column("steps", "integer", "How many ids before"),
    ),
    "analytics.v_top_movers": (
        VS_CURRENCY,
        Column("day", "date", "The newest day (UTC) of that currency"),
        MART_RANKINGS.column("rank_class"),
        MART_RANKINGS.column("simple_return_1d"),
        _CAP_POSITION,
        Column("crypto_id", "text", "CoinGecko's stable key of the coin"),
        Column("symbol", "text", "Newest ticker symbol; several coins can share one"),
        Column("name", "text", "Newest name of the coin"),
        Column("direction", "text", "gain or loss"),
        Column("place", "integer", "Place in its class, 1 the coin that moved most"),
    ),
    "coin_list_answers": (
        Column("previous_at", "timestamptz", "Time of the answer before, UTC"),
        Column("most_listed_before", "integer", "Most coins in one of the seven answers before"),
        Column(
            "is_complete",
            "boolean",
            "Whether it has nine tenths of most_listed_before or more, and is no recording; else"
            " nothing follows from what it lacks",
        ),
        Column("complete_answers", "bigint", "Complete answers so far, with this one"),
    ),
    "coin_periods": (
        Column("listed_from", "timestamptz", "First answer that has the coin, UTC"),
        Column(
            "listed_until",
            "timestamptz",
            "First answer that lacks it, UTC; null while it is listed",
        ),
        Column("listed_again_from", "timestamptz", "First answer that has it again, UTC"),
        Column("last_listed_at", "timestamptz", "Last answer of the period that has it, UTC"),
        Column("missed_answers", "bigint", "Complete answers in a row that lack it afterwards"),
        Column(
            "known_inactive_at",
            "timestamptz",
            "Answer from which on it counts as inactive, UTC: the third complete one that lacks it,"
            " or the first list of inactive coins that has it",
        ),
    ),
    "coin_events": (
        Column("event", "text", "listed, renamed, symbol changed, delisted, relisted or successor"),
        Column("happened_at", "timestamptz", "When the source first said so, UTC"),
        Column(
            "known_at",
            "timestamptz",
            "When it was certain, UTC: later than happened_at for delisted and successor",
        ),
        Column("old_value", "text", "Name, symbol or id before"),
        Column("new_value", "text", "Name, symbol or id after"),
        Column("said_by", "text", "Who said so first: coin list, snapshots, or who confirmed it"),
    ),
    "coin_alias_suggestions": (
        Column("equal_contracts", "bigint", "Contracts that both have, on the same platform"),
        Column("old_last_listed_at", "timestamptz", "Last answer that has the old id, UTC"),
        Column("new_listed_from", "timestamptz", "First answer that has the new id, UTC"),
    ),
    "analytics.v_coins": (
        Column("crypto_id", "text", "CoinGecko's stable key of the coin"),
        Column("symbol", "text", "Newest ticker symbol; several coins can share one"),
        Column("name", "text", "Newest name of the coin"),
        Column(
            "is_active",
            "boolean",
            "Whether CoinGecko follows the coin; null where no list of coins says",
        ),
        Column("first_seen_at", "timestamptz", "First list or snapshot with the coin, UTC"),
        Column("last_seen_at", "timestamptz", "Last list or snapshot with the coin, UTC"),
        Column("listed_from", "timestamptz", "Start of its newest time in the list, UTC"),
        Column("missed_answers", "bigint", "Complete lists in a row that lack it, up to now"),
        Column("in_snapshots", "boolean", "Whether a snapshot ever had it"),
        Column("contracts", "jsonb", "Its newest contract addresses, by platform"),
        Column(
            "current_id",
            "text",
            "The id under which it goes on, by confirmed aliases; its own if there is none",
        ),
    ),
    "analytics.v_gaps": (
        Column("crypto_id", "text", "CoinGecko's stable key of the coin"),
        Column("vs_currency", "text", "Currency of the missing prices"),
        Column("grid", "text", "hour or day: what is expected"),
        Column("gap_start", "timestamptz", "First moment of the gap, UTC"),
        Column("gap_end", "timestamptz", "End of the gap, UTC, exclusive"),
        Column("missing_points", "bigint", "How many hours or days are missing"),
        Column("reason", "text", "What is known of why"),
        Column(
            "is_explained",
            "boolean",
            "Whether the source was asked and has none: it is not asked again",
        ),
    ),
    "coin_mapping_suggestions": (
        Column("equal_contracts", "bigint", "Contract addresses that both have"),
        Column(
            "have_other_contracts",
            "boolean",
            "Whether both have contracts, and none in common: which speaks against it",
        ),
        Column("is_same_symbol", "boolean", "Whether both have the same symbol, in any capitals"),
        Column("is_same_name", "boolean", "Whether both have the same name, in any capitals"),
        Column(
            "is_only_one",
            "boolean",
            "Whether neither the source's coin nor the coin has another suggestion as good",
        ),
    ),
    "analytics.v_source_prices": (
        Column("crypto_id", "text", "CoinGecko's stable key of the coin"),
        Column("vs_currency", "text", "Currency of the price"),
        Column("hour_start", "timestamptz", "Start of the hour, UTC"),
        Column("source_key", "integer", "The source, in dim_source"),
        Column("price", "numeric", "Mean of the prices that the source said in the hour"),
        Column("observations", "bigint", "How many prices it is the mean of"),
    ),
    "v_pipeline_rejections": (Column("rule", "text", "A rule that was broken; one row for each"),),
}
"""Columns that a view has and no table; a view's other columns mean what those of that name mean in
the tables."""

VIEWS: Final[Mapping[str, str]] = {
    "v_price_history": "Every snapshot with its metrics, the symbol and name of its time, and where"
    " it came from.",
    "v_latest_prices": "The newest price of every coin in every currency, as gold has it; is_stale"
    " marks a coin that the source has not updated for a day.",
    "v_deduplication_stats": "What deduplication and quarantine did, by day (UTC), source and"
    " currency.",
    "asked_history": "The hours of each coin and currency that a chart was asked for, as far as"
    " they were over then; of an answer that is empty up to now, a week more.",
    "expected_history": "What is expected of each coin and currency: days, and from the first day"
    " that was asked every hour on, hours.",
    "coin_current_ids": "The ids that are no more and go on as another, by the confirmed aliases.",
    "coin_former_ids": "The ids that a coin had before, by the confirmed aliases.",
    "analytics.v_top_movers": "The coins of each currency and rank class that gained and lost most"
    " on the newest day, up to ten each.",
    "coin_list_answers": "The answers of the list of active coins in time, and whether each is"
    " complete.",
    "coin_periods": "The times in which a coin was in the list of active coins, each with what"
    " follows it.",
    "coin_events": "What happened to the coins, as the list of coins and the snapshots show it, and"
    " as people confirmed.",
    "coin_alias_suggestions": "Ids that may be one coin: one that is gone, and a listed one with"
    " the same contract.",
    "analytics.v_coins": "Every coin that is known, one row each: whether it is active, when it was"
    " seen, and under which id it goes on.",
    "analytics.v_gaps": "What is expected of the price history and is not there, with what is known"
    " of why.",
    "coin_mapping_suggestions": "Which coin a coin of a further source may be: one with the same"
    " contract, or with the same symbol and name; those that are in the list of coins or in"
    " snapshots, and not mapped yet.",
    "analytics.v_source_prices": "The price of a coin in an hour (UTC) as each source says it:"
    " CoinGecko's candles and, of mapped coins, the quotes of further sources.",
    "v_pipeline_batches": "Every load of a file of market snapshots: when, and how many"
    " records came, were loaded, were there already, or were rejected.",
    "v_pipeline_rejections": "Every rule that a record or point of price history broke,"
    " and whether it was loaded since.",
    "v_pipeline_requests": "Every request to the source, with its credits.",
}
"""What a row of a view is."""

POSTGRES_TABLES: Final = (
    DATA_ORIGIN,
    *SILVER_TABLES,
    *HISTORY_TABLES,
    HISTORY_SERIES,
    HISTORY_REFUSALS,
    API_REQUESTS,
    *COIN_LIST_TABLES,
    COIN_ALIASES,
    *QUOTE_TABLES,
    COIN_MAPPINGS,
    *GOLD_TABLES,
    DIM_CURRENCY,
    *CANDLE_TABLES,
    FACT_CONSENSUS,
    *MART_TABLES,
    MART_PROGRESS,
    REPLAYS,
    CONSENSUS_STATE,
    LAKE_CHANGES,
)
"""Every table that PostgreSQL has."""

TABLES: Final[Mapping[str, Table]] = {
    table.name: table for table in (*POSTGRES_TABLES, UNREPRESENTABLE_VALUES)
}
"""Every table, by its name."""

# ---- The record of the source

RECORD_COLUMNS: Final = (
    CRYPTO_ID,
    SYMBOL,
    NAME,
    IMAGE_URL,
    LAST_UPDATED,
    *PRICE_MEASURES,
    *METRIC_MEASURES,
)
"""Every column that a field of the API's record fills."""
