"""The Delta tables of the Spark path: columns and types.

Gold is ``lakehouse.schema``'s. Silver has the columns of the PostgreSQL tables of the same names,
with three differences: a snapshot carries its symbol and name itself, a batch its source's kind,
and both time series have a column for the month that they are partitioned by.

No column is declared NOT NULL: Sail 0.7 refuses rows that have a value. The checks look instead.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from crypto_pipeline.lakehouse.schema import LAKE_TABLES, MEASURES, DecimalType, LakeTable
from crypto_pipeline.lakehouse.spark.exact import name_of

Columns = Mapping[str, str]
"""Spark type by column, in order."""

_UNFIT: Final = "array<struct<column_name:string,exact_value:string,reason:string>>"


def _measures(*columns: str) -> dict[str, str]:
    return {column: name_of(MEASURES[column]) for column in columns}


_KEY: Final = {"crypto_id": "string", "vs_currency": "string", "snapshot_time": "timestamp"}

SILVER: Final[dict[str, Columns]] = {
    "ingestion_batches": {
        "batch_id": "bigint",
        "landing_file": "string",
        "file_sha256": "string",
        "partition_hour": "timestamp",
        "source": "string",
        "source_kind": "string",
        "vs_currency": "string",
        "ingested_at": "timestamp",
        "request": "string",
        "status": "string",
        "error": "string",
        "records_fetched": "int",
        "records_loaded": "int",
        "records_duplicate": "int",
        "records_rejected": "int",
        "warnings": "map<string,bigint>",
        "schema_drift": "map<string,bigint>",
        "loaded_at": "timestamp",
        "gold_loaded_at": "timestamp",
    },
    "cryptocurrencies": {
        "crypto_id": "string",
        "symbol": "string",
        "name": "string",
        "image_url": "string",
        "first_seen_at": "timestamp",
        "last_seen_at": "timestamp",
    },
    "price_snapshots": {
        **_KEY,
        "last_updated": "timestamp",
        "symbol": "string",
        "name": "string",
        "batch_id": "bigint",
        "record_index": "int",
        **_measures(
            "current_price",
            "high_24h",
            "low_24h",
            "price_change_24h",
            "price_change_percentage_24h",
            "ath",
            "ath_change_percentage",
        ),
        "ath_date": "timestamp",
        **_measures("atl", "atl_change_percentage"),
        "atl_date": "timestamp",
        # Values of the record, of its metrics too, that their decimals cannot hold.
        "unfit": _UNFIT,
        "snapshot_month": "string",
    },
    "market_metrics": {
        **_KEY,
        **_measures("market_cap"),
        "market_cap_rank": "int",
        **_measures(
            "fully_diluted_valuation",
            "total_volume",
            "market_cap_change_24h",
            "market_cap_change_percentage_24h",
            "circulating_supply",
            "total_supply",
            "max_supply",
            "roi_times",
        ),
        "roi_currency": "string",
        **_measures("roi_percentage"),
        "snapshot_month": "string",
    },
    "rejected_records": {
        "batch_id": "bigint",
        "record_index": "int",
        "crypto_id": "string",
        "rules": "array<string>",
        "reason": "string",
        "record": "string",
        "rejected_at": "timestamp",
    },
}
"""The silver tables."""

PARTITIONED_BY: Final = {
    "price_snapshots": "snapshot_month",
    "market_metrics": "snapshot_month",
    **{table.name: table.partition_by for table in LAKE_TABLES if table.partition_by},
}


def statistics_property(columns: Iterable[str]) -> tuple[str, str]:
    """The Delta property, name and value, that says of which columns a file's log entry keeps the
    least and the greatest value: those that loads look for, and no other. Sail 0.7 takes a column
    for constant where the two are equal, and reads it as a float, or a time to the millisecond.
    """
    kept = [column for column in columns if column in ("date_key", "batch_id", "snapshot_time")]
    if kept:
        return "delta.dataSkippingStatsColumns", ",".join(kept)
    return "delta.dataSkippingNumIndexedCols", "0"


def gold_columns(table: LakeTable) -> Columns:
    """The columns of a gold table."""
    return {
        name: name_of(of) if isinstance(of, DecimalType) else of
        for name, of in table.columns.items()
    }


GOLD: Final[dict[str, Columns]] = {table.name: gold_columns(table) for table in LAKE_TABLES}
"""The gold tables."""
