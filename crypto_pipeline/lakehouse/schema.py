"""What the tables of the lake hold: columns, types, keys, partitions. It imports no engine, for
every engine that writes them.

A lake table has the columns of the PostgreSQL table of the same name, in the same order. Facts have
the month of their snapshot besides, as the column they are partitioned by.

Delta's decimals end at 38 digits, before and after the point together, while the data goes from
1e-20 to 1e27; so every kind of measure has a scale of its own (``docs/LAKEHOUSE.md`` has the
reasons). A value is rounded half-even to its scale. One that is too large for its type, or that
would become zero, is null in its row and stands in ``unfit_values`` with all its digits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal


class LakeError(Exception):
    """The lake cannot be used as it is: not there, not this warehouse's, of other types, or without
    the packages that it needs."""


@dataclass(frozen=True)
class DecimalType:
    """An exact number of at most ``precision`` digits, ``scale`` of them after the point."""

    precision: int
    scale: int


Type = (
    Literal["string", "boolean", "smallint", "integer", "bigint", "date", "timestamp"] | DecimalType
)
"""Type of a column. A timestamp is in UTC and has microseconds."""

PRICE: Final = DecimalType(38, 26)
"""Below 1e12; seven digits are left of the smallest price, 1e-20."""
PERCENTAGE: Final = DecimalType(38, 14)
"""Below 1e24: the distance from an all-time low of 1e-20 has 22 digits before the point."""
AMOUNT: Final = DecimalType(38, 14)
"""Caps, valuations and volumes, below 1e24: the largest of a year of data, 3.3e14 US dollars, is
1e19 in the weakest currencies."""
SUPPLY: Final = DecimalType(38, 8)
"""Below 1e30, a thousand times the largest known supply, to the 1e-8 that bitcoin divides into."""


@dataclass(frozen=True)
class LakeTable:
    """One Delta table.

    Attributes:
        name: Its name, and the folder below the lake's root.
        description: What a row is.
        columns: Type by name, in order.
        key: Business key: no two rows have the same.
        nullable: The columns that may be null.
        partition_by: The column that it is partitioned by.
    """

    name: str
    description: str
    columns: Mapping[str, Type]
    key: tuple[str, ...]
    nullable: frozenset[str] = frozenset()
    partition_by: str | None = None

    @property
    def decimals(self) -> dict[str, DecimalType]:
        """The columns that have a decimal type."""
        return {name: of for name, of in self.columns.items() if isinstance(of, DecimalType)}

    @property
    def integers(self) -> list[str]:
        """The columns that have an integer type, keys included."""
        return [n for n, of in self.columns.items() if of in ("smallint", "integer", "bigint")]


DIM_DATE: Final = LakeTable(
    "dim_date",
    "One row a day (UTC), whole years, for every year that has a fact.",
    {
        "date_key": "integer",
        "date": "date",
        "year": "smallint",
        "quarter": "smallint",
        "month": "smallint",
        "month_name": "string",
        "day": "smallint",
        "day_of_year": "smallint",
        "day_of_week": "smallint",
        "day_name": "string",
        "iso_year": "smallint",
        "iso_week": "smallint",
        "is_weekend": "boolean",
    },
    key=("date_key",),
)

DIM_TIME: Final = LakeTable(
    "dim_time",
    "One row for each of the 1,440 minutes of a day (UTC).",
    {
        "time_key": "smallint",
        # As HH:MM:SS: Delta has no type for a time of day.
        "time_of_day": "string",
        "hour": "smallint",
        "minute": "smallint",
        "minute_of_day": "smallint",
        "part_of_day": "string",
    },
    key=("time_key",),
)

DIM_SOURCE: Final = LakeTable(
    "dim_source",
    "Where data comes from. Key -1 is the unknown member.",
    {"source_key": "integer", "source": "string", "kind": "string"},
    key=("source",),
)

DIM_CRYPTOCURRENCY: Final = LakeTable(
    "dim_cryptocurrency",
    "Coins with their history (slowly changing dimension, type 2): a row for every period in which"
    " a coin had one symbol and name. Key -1 is the unknown member.",
    {
        "crypto_key": "bigint",
        "crypto_id": "string",
        "symbol": "string",
        "name": "string",
        "valid_from": "timestamp",
        "valid_to": "timestamp",
        "is_current": "boolean",
        "revised_at": "timestamp",
    },
    key=("crypto_id", "valid_from"),
)

_MEASURES: Final[dict[str, Type]] = {
    "current_price": PRICE,
    "high_24h": PRICE,
    "low_24h": PRICE,
    "price_change_24h": PRICE,
    "price_change_percentage_24h": PERCENTAGE,
    "ath": PRICE,
    "ath_change_percentage": PERCENTAGE,
    "atl": PRICE,
    "atl_change_percentage": PERCENTAGE,
    "market_cap": AMOUNT,
    "market_cap_rank": "integer",
    "fully_diluted_valuation": AMOUNT,
    "total_volume": AMOUNT,
    "market_cap_change_24h": AMOUNT,
    "market_cap_change_percentage_24h": PERCENTAGE,
    "circulating_supply": SUPPLY,
    "total_supply": SUPPLY,
    "max_supply": SUPPLY,
}

FACT: Final = LakeTable(
    "fact_crypto_price_metrics",
    "Price and market size of a coin at a five-minute mark.",
    {
        "date_key": "integer",
        "time_key": "smallint",
        "crypto_key": "bigint",
        "source_key": "integer",
        "crypto_id": "string",
        "vs_currency": "string",
        "snapshot_time": "timestamp",
        "last_updated": "timestamp",
        "batch_id": "bigint",
        **_MEASURES,
        # YYYY-MM of snapshot_time, UTC.
        "snapshot_month": "string",
    },
    key=("crypto_id", "vs_currency", "snapshot_time"),
    # Of the price too: it is null where its value does not fit.
    nullable=frozenset(_MEASURES),
    partition_by="snapshot_month",
)

MEASURES: Final[dict[str, DecimalType]] = {
    **FACT.decimals,
    "roi_times": PERCENTAGE,
    "roi_percentage": PERCENTAGE,
}
"""Decimal type of every numeric field of a record, for engines whose numbers have one."""

UNFIT_VALUES: Final = LakeTable(
    "unfit_values",
    "One row for every value of a fact that its decimal type cannot hold; in the fact it is null.",
    {
        "table_name": "string",
        "crypto_id": "string",
        "vs_currency": "string",
        "snapshot_time": "timestamp",
        "column_name": "string",
        # All digits, as PostgreSQL writes a numeric: without an exponent.
        "exact_value": "string",
        "reason": "string",
        "batch_id": "bigint",
    },
    key=("table_name", "crypto_id", "vs_currency", "snapshot_time", "column_name"),
)

DIMENSIONS: Final = (DIM_DATE, DIM_TIME, DIM_SOURCE, DIM_CRYPTOCURRENCY)
LAKE_TABLES: Final = (*DIMENSIONS, UNFIT_VALUES, FACT)
"""Every table, those that others refer to first."""
