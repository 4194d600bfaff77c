"""The Delta tables of the Spark path: columns and types.

Gold is ``lake_schema``'s. Silver has the columns of the PostgreSQL tables of the same names, with
three differences: a snapshot carries its symbol and name itself, a batch its source's kind, and
both time series have a column for the month that they are partitioned by.
"""

from collections.abc import Mapping
from typing import Final

from crypto_pipeline.lake_schema import FACT, LAKE_TABLES, PERCENTAGE, DecimalType, LakeTable
from crypto_pipeline.spark.exact import name_of

MEASURES: Final[dict[str, DecimalType]] = {
    **FACT.decimals,
    "roi_times": PERCENTAGE,
    "roi_percentage": PERCENTAGE,
}
"""Decimal type of every numeric field of a record."""

Columns = Mapping[str, str]
"""Spark type by column, in order."""

_UNFIT: Final = "array<struct<column_name:string,exact_value:string,reason:string>>"


def _measures(*columns: str) -> dict[str, str]:
    return {column: name_of(MEASURES[column]) for column in columns}


_KEY: Final = {
    "crypto_id": "string NOT NULL",
    "vs_currency": "string NOT NULL",
    "snapshot_time": "timestamp NOT NULL",
}

SILVER: Final[dict[str, Columns]] = {
    "ingestion_batches": {
        "batch_id": "bigint NOT NULL",
        "landing_file": "string NOT NULL",
        "file_sha256": "string",
        "partition_hour": "timestamp NOT NULL",
        "source": "string",
        "source_kind": "string",
        "vs_currency": "string",
        "ingested_at": "timestamp",
        "request": "string NOT NULL",
        "status": "string NOT NULL",
        "error": "string",
        "records_fetched": "int NOT NULL",
        "records_loaded": "int NOT NULL",
        "records_duplicate": "int NOT NULL",
        "records_rejected": "int NOT NULL",
        "warnings": "map<string,bigint>",
        "schema_drift": "map<string,bigint>",
        "loaded_at": "timestamp NOT NULL",
        "gold_loaded_at": "timestamp",
    },
    "cryptocurrencies": {
        "crypto_id": "string NOT NULL",
        "symbol": "string NOT NULL",
        "name": "string NOT NULL",
        "image_url": "string",
        "first_seen_at": "timestamp NOT NULL",
        "last_seen_at": "timestamp NOT NULL",
    },
    "price_snapshots": {
        **_KEY,
        "last_updated": "timestamp NOT NULL",
        "symbol": "string NOT NULL",
        "name": "string NOT NULL",
        "batch_id": "bigint NOT NULL",
        "record_index": "int NOT NULL",
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
        "snapshot_month": "string NOT NULL",
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
        "snapshot_month": "string NOT NULL",
    },
    "rejected_records": {
        "batch_id": "bigint NOT NULL",
        "record_index": "int NOT NULL",
        "crypto_id": "string",
        "rules": "array<string> NOT NULL",
        "reason": "string NOT NULL",
        "record": "string NOT NULL",
        "rejected_at": "timestamp",
    },
}
"""The silver tables."""

PARTITIONED_BY: Final = {
    "price_snapshots": "snapshot_month",
    "market_metrics": "snapshot_month",
    **{table.name: table.partition_by for table in LAKE_TABLES if table.partition_by},
}


def gold_columns(table: LakeTable) -> Columns:
    """The columns of a gold table."""
    return {
        name: (name_of(of) if isinstance(of, DecimalType) else of)
        + ("" if name in table.nullable else " NOT NULL")
        for name, of in table.columns.items()
    }


GOLD: Final[dict[str, Columns]] = {table.name: gold_columns(table) for table in LAKE_TABLES}
"""The gold tables."""
