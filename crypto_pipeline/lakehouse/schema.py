"""What the tables of the lake hold: columns, types, keys, partitions. It imports no engine, for
every engine that writes them.

A lake table has the columns of the PostgreSQL table of the same name, as the registry has them.
Facts have the month of their snapshot besides, as the column they are partitioned by.

Delta's decimals end at 38 digits, so every kind of measure has a scale of its own
(``model/registry.py``). A value is rounded half-even to its scale. One that is too large for its
type, or that would become zero, is null in its row and stands in ``unrepresentable_values`` with
all its digits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from crypto_pipeline.model import registry
from crypto_pipeline.model.registry import RECORD_COLUMNS, Column, DecimalType, SqlType, Table


class LakeError(Exception):
    """The lake cannot be used as it is: not there, not this warehouse's, of other types, or without
    the packages that it needs."""


Type = (
    Literal["string", "boolean", "smallint", "integer", "bigint", "date", "timestamp", "double"]
    | DecimalType
)
"""Type of a column. A timestamp is in UTC and has microseconds."""

_TYPES: Final[Mapping[SqlType, Type]] = {
    "text": "string",
    "smallint": "smallint",
    "integer": "integer",
    "bigint": "bigint",
    "boolean": "boolean",
    "double precision": "double",
    "date": "date",
    # As HH:MM:SS: Delta has no type for a time of day.
    "time": "string",
    "timestamptz": "timestamp",
}


def lake_type(column: Column) -> Type:
    """The type of a column in Delta.

    Raises:
        KeyError: Delta has none for it.
    """
    if column.kind is not None and column.kind.decimal is not None:
        return column.kind.decimal
    return _TYPES[column.type]


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
    def doubles(self) -> list[str]:
        """The columns that have a floating-point type."""
        return [name for name, of in self.columns.items() if of == "double"]

    @property
    def integers(self) -> list[str]:
        """The columns that have an integer type, keys included."""
        return [n for n, of in self.columns.items() if of in ("smallint", "integer", "bigint")]


def _lake_table(table: Table) -> LakeTable:
    month: dict[str, Type] = {"snapshot_month": "string"} if table.by_month else {}
    return LakeTable(
        table.name,
        table.meaning,
        # A month is YYYY-MM, UTC.
        {**{column.name: lake_type(column) for column in table.columns}, **month},
        key=table.key,
        # A measure that is always there is null all the same where its value does not fit.
        nullable=frozenset(
            column.name
            for column in table.columns
            if column.nullable or isinstance(lake_type(column), DecimalType)
        ),
        partition_by="snapshot_month" if month else None,
    )


DIM_DATE: Final = _lake_table(registry.DIM_DATE)
DIM_TIME: Final = _lake_table(registry.DIM_TIME)
DIM_SOURCE: Final = _lake_table(registry.DIM_SOURCE)
DIM_CRYPTOCURRENCY: Final = _lake_table(registry.DIM_CRYPTOCURRENCY)
DIM_CURRENCY: Final = _lake_table(registry.DIM_CURRENCY)
FACT: Final = _lake_table(registry.FACT)
UNREPRESENTABLE_VALUES: Final = _lake_table(registry.UNREPRESENTABLE_VALUES)

FACT_HOURLY: Final = _lake_table(registry.FACT_HOURLY)
FACT_DAILY: Final = _lake_table(registry.FACT_DAILY)

FORMER_COLUMNS: Final[Mapping[str, frozenset[str]]] = {
    "dim_date": frozenset({"date", "year", "quarter", "month", "day"}),
    "dim_time": frozenset({"time_of_day", "hour", "minute"}),
    "dim_source": frozenset({"source"}),
    "fact_crypto_price_metrics": frozenset(
        {
            "price_change_percentage_24h",
            "market_cap_change_percentage_24h",
            "ath_change_percentage",
            "atl_change_percentage",
        }
    ),
}
"""Columns that an earlier version wrote, by table: a table that has one is written anew."""

MEASURES: Final[dict[str, DecimalType]] = {
    column.name: column.kind.decimal
    for column in RECORD_COLUMNS
    if column.kind is not None and column.kind.decimal is not None
}
"""Decimal type of every numeric column of a record, for engines whose numbers have one."""

DIMENSIONS: Final = (DIM_DATE, DIM_TIME, DIM_SOURCE, DIM_CRYPTOCURRENCY, DIM_CURRENCY)
LAKE_TABLES: Final = (*DIMENSIONS, UNREPRESENTABLE_VALUES, FACT)
"""The star schema's tables, those that others refer to first."""

CANDLE_TABLES: Final = (FACT_HOURLY, FACT_DAILY)
"""The candles, which are loaded after it."""

MART_TABLES: Final = tuple(map(_lake_table, registry.MART_TABLES))
"""The marts, which are loaded after the candles."""

OF_NO_BATCH: Final = -1
"""``batch_id`` of an unrepresentable value of a candle."""
