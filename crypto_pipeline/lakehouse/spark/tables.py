"""The Delta tables of the Spark path: columns and types.

Gold is ``lakehouse.schema``'s. Silver has the columns of the PostgreSQL tables of the same names,
with these differences: a snapshot carries its symbol and name itself, a batch its source's kind;
snapshots and points have the texts of what candles are made of, since their decimals may have
rounded it; and all time series have a column for the month that they are partitioned by.

No column is declared NOT NULL: Sail 0.7 refuses rows that have a value. The checks look instead.
"""

from collections.abc import Container, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from crypto_pipeline.lakehouse.schema import (
    CANDLE_TABLES,
    LAKE_TABLES,
    MART_TABLES,
    LakeTable,
    lake_type,
)
from crypto_pipeline.lakehouse.spark.decode import text_column
from crypto_pipeline.lakehouse.spark.exact import name_of
from crypto_pipeline.model.registry import (
    CRYPTOCURRENCIES,
    HISTORY_BATCHES,
    INGESTION_BATCHES,
    MARKET_METRICS,
    POINT_MEASURES,
    PRICE_POINTS,
    PRICE_SNAPSHOTS,
    REJECTED_POINTS,
    REJECTED_RECORDS,
    Column,
    DecimalType,
    Table,
)

Columns = Mapping[str, str]
"""Spark type by column, in order."""

_UNREPRESENTABLE: Final = "array<struct<column_name:string,exact_value:string,reason:string>>"


def _spark_type(column: Column) -> str:
    if column.name == "request":
        return "string"
    if column.type == "jsonb":
        return "map<string,bigint>"
    if column.type == "text[]":
        return "array<string>"
    of = lake_type(column)
    if isinstance(of, DecimalType):
        return name_of(of)
    return "int" if of == "integer" else of


def _silver(
    table: Table,
    instead: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
    absent: Container[str] = (),
) -> dict[str, str]:
    """The columns of a silver table, as the registry has them.

    Args:
        table: The table.
        instead: What this path has in the place of a column, by that column's name.
        absent: Columns that it does not have.
    """
    columns: dict[str, str] = {}
    for column in table.columns:
        if column.name not in absent:
            columns |= instead.get(column.name, {column.name: _spark_type(column)})
    return columns


_MONTH: Final = {"snapshot_month": "string"}

OBSERVED: Final = ("current_price", "market_cap", "total_volume")
"""The measures of a snapshot that candles are made of."""

SILVER: Final[dict[str, Columns]] = {
    "ingestion_batches": _silver(
        INGESTION_BATCHES,
        instead={"source": {"source": "string", "source_kind": "string"}},
        # What retention does in PostgreSQL.
        absent=("records_retired", "details_purged_at", "ingested_at_origin", "run_id"),
    ),
    "cryptocurrencies": _silver(CRYPTOCURRENCIES),
    "price_snapshots": {
        **_silver(PRICE_SNAPSHOTS, instead={"name_id": {"symbol": "string", "name": "string"}}),
        # All digits of what candles are made of.
        **{text_column(name): "string" for name in OBSERVED},
        # Values of the record, of its metrics too, that their decimals cannot hold.
        "unrepresentable": _UNREPRESENTABLE,
        **_MONTH,
    },
    "market_metrics": {**_silver(MARKET_METRICS), **_MONTH},
    # Replays of the quarantine are PostgreSQL's.
    "rejected_records": _silver(
        REJECTED_RECORDS, absent=("rule_versions", "resolved_at", "resolved_batch_id")
    ),
    "history_batches": {
        **_silver(
            HISTORY_BATCHES,
            instead={"source": {"source": "string", "source_kind": "string"}},
            # Corrections are PostgreSQL's.
            absent=("points_restated", "run_id"),
        ),
        "candles_loaded_at": "timestamp",
    },
    "price_points": {
        **_silver(PRICE_POINTS),
        **{text_column(column.name): "string" for column in POINT_MEASURES},
        **_MONTH,
    },
    "rejected_points": _silver(
        REJECTED_POINTS, absent=("rule_versions", "resolved_at", "resolved_history_batch_id")
    ),
}
"""The silver tables."""

_GOLD_TABLES: Final = (*LAKE_TABLES, *CANDLE_TABLES, *MART_TABLES)

PARTITIONED_BY: Final = {
    "price_snapshots": "snapshot_month",
    "market_metrics": "snapshot_month",
    "price_points": "snapshot_month",
    **{table.name: table.partition_by for table in _GOLD_TABLES if table.partition_by},
}
_SOUGHT: Final = (
    *("date_key", "batch_id", "snapshot_time"),
    *("history_batch_id", "bucket_time", "hour_start"),
)


def statistics_property(columns: Iterable[str]) -> tuple[str, str]:
    """The Delta property, name and value, that says of which columns a file's log entry keeps the
    least and the greatest value: those that loads look for, and no other. Sail 0.7 takes a column
    for constant where the two are equal, and reads it as a float, or a time to the millisecond.
    """
    kept = [column for column in columns if column in _SOUGHT]
    if kept:
        return "delta.dataSkippingStatsColumns", ",".join(kept)
    return "delta.dataSkippingNumIndexedCols", "0"


def gold_columns(table: LakeTable) -> Columns:
    """The columns of a gold table."""
    return {
        name: name_of(of) if isinstance(of, DecimalType) else of
        for name, of in table.columns.items()
    }


GOLD: Final[dict[str, Columns]] = {table.name: gold_columns(table) for table in _GOLD_TABLES}
"""The gold tables."""
