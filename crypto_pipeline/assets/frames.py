"""The frames that silver hands to storage, as dagster-pandas types: what every row must have.

They are checked when an asset yields them; the Dagster UI shows the constraints. Amounts are
``Decimal`` in object columns, so pandas' own dtypes play no part.
"""

import warnings
from collections.abc import Iterable

import dagster as dg
import pandas as pd
from dagster_pandas import PandasColumn, create_dagster_pandas_dataframe_type
from dagster_pandas.constraints import (
    Constraint,
    MinValueColumnConstraint,
    NonNullableColumnConstraint,
    UniqueColumnConstraint,
)

from crypto_pipeline.model.sql import table_comment


def _columns(
    filled: Iterable[str] = (),
    nullable: Iterable[str] = (),
    constraints: dict[str, list[Constraint]] | None = None,
) -> list[PandasColumn]:
    more = constraints or {}
    return [
        *(PandasColumn(n, [NonNullableColumnConstraint(), *more.get(n, [])]) for n in filled),
        *(PandasColumn(n, more.get(n, [])) for n in nullable),
    ]


def _frame_type(table: str, columns: list[PandasColumn]) -> dg.DagsterType:
    def metadata(frame: pd.DataFrame) -> dict[str, object]:
        return {
            "rows": len(frame),
            "nulls": dg.JsonMetadataValue(
                {str(name): int(count) for name, count in frame.isna().sum().items() if count}
            ),
        }

    frame_type: dg.DagsterType = create_dagster_pandas_dataframe_type(
        name="".join(word.capitalize() for word in table.split("_")) + "Frame",
        description=table_comment(table),
        columns=columns,
        metadata_fn=metadata,
    )
    return frame_type


_NOT_NEGATIVE: list[Constraint] = [MinValueColumnConstraint(0, ignore_missing_vals=True)]
_RECORD = ("landing_file", "record_index")
_SNAPSHOT_KEY = ("crypto_id", "vs_currency", "snapshot_time")

with warnings.catch_warnings():
    # dagster-pandas calls itself beta at every start of the program.
    warnings.simplefilter("ignore", dg.BetaWarning)

    INGESTION_BATCHES = _frame_type(
        "ingestion_batches",
        _columns(
            filled=(
                "batch_id",
                "landing_file",
                "partition_hour",
                "request",
                "failed",
                "records_fetched",
                "records_rejected",
                "warnings",
                "schema_drift",
            ),
            nullable=("file_sha256", "source", "vs_currency", "ingested_at", "error"),
            constraints={
                "landing_file": [UniqueColumnConstraint(ignore_missing_vals=False)],
            },
        ),
    )
    CRYPTOCURRENCIES = _frame_type(
        "cryptocurrencies",
        _columns(
            filled=("crypto_id", "symbol", "name", "first_seen_at", "last_seen_at"),
            nullable=("image_url",),
            constraints={"crypto_id": [UniqueColumnConstraint(ignore_missing_vals=False)]},
        ),
    )
    CRYPTOCURRENCY_NAMES = _frame_type(
        "cryptocurrency_names", _columns(filled=("crypto_id", "symbol", "name"))
    )
    PRICE_SNAPSHOTS = _frame_type(
        "price_snapshots",
        _columns(
            filled=(*_RECORD, *_SNAPSHOT_KEY, "last_updated", "symbol", "name", "current_price"),
            nullable=(
                "high_24h",
                "low_24h",
                "price_change_24h",
                "price_change_percentage_24h",
                "ath",
                "ath_change_percentage",
                "ath_date",
                "atl",
                "atl_change_percentage",
                "atl_date",
            ),
            constraints=dict.fromkeys(
                ("current_price", "high_24h", "low_24h", "ath", "atl"), _NOT_NEGATIVE
            ),
        ),
    )
    MARKET_METRICS = _frame_type(
        "market_metrics",
        _columns(
            filled=(*_RECORD, *_SNAPSHOT_KEY),
            nullable=(
                "market_cap",
                "market_cap_rank",
                "fully_diluted_valuation",
                "total_volume",
                "market_cap_change_24h",
                "market_cap_change_percentage_24h",
                "circulating_supply",
                "total_supply",
                "max_supply",
                "roi_times",
                "roi_currency",
                "roi_percentage",
            ),
            constraints=dict.fromkeys(
                (
                    "market_cap",
                    "fully_diluted_valuation",
                    "total_volume",
                    "circulating_supply",
                    "total_supply",
                    "max_supply",
                ),
                _NOT_NEGATIVE,
            ),
        ),
    )
    REJECTED_RECORDS = _frame_type(
        "rejected_records",
        _columns(filled=(*_RECORD, "rules", "reason", "record"), nullable=("crypto_id",)),
    )
