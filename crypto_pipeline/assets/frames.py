"""The frames that silver hands to storage, as dagster-pandas types: what every row must have.

They are checked when an asset yields them; the Dagster UI shows the constraints. Amounts are
``Decimal`` in object columns, so pandas' own dtypes play no part.
"""

import warnings
from collections.abc import Container, Mapping
from types import MappingProxyType

import dagster as dg
import pandas as pd
from dagster_pandas import PandasColumn, create_dagster_pandas_dataframe_type
from dagster_pandas.constraints import (
    Constraint,
    MinValueColumnConstraint,
    NonNullableColumnConstraint,
    UniqueColumnConstraint,
)

from crypto_pipeline.model.registry import (
    CRYPTO_ID,
    CRYPTOCURRENCIES,
    CRYPTOCURRENCY_NAMES,
    INGESTION_BATCHES,
    MARKET_METRICS,
    NAME,
    PRICE_SNAPSHOTS,
    RECORD_INDEX,
    REJECTED_RECORDS,
    SYMBOL,
    Column,
    Table,
)

_WRITTEN_LATER = (
    "loaded_at",
    "gold_loaded_at",
    "records_retired",
    "details_purged_at",
    "run_id",
    "candles_loaded_at",
)
_RESOLVED = ("resolved_at", "resolved_batch_id")


def _constraints(column: Column) -> list[Constraint]:
    constraints: list[Constraint] = []
    if not column.nullable:
        constraints.append(NonNullableColumnConstraint())
    if column.kind is not None and not column.kind.signed:
        constraints.append(MinValueColumnConstraint(0, ignore_missing_vals=True))
    return constraints


def _frame_type(
    table: Table,
    instead: Mapping[str, tuple[Column, ...]] = MappingProxyType({}),
    absent: Container[str] = (),
) -> dg.DagsterType:
    """The type of a table's frame: its columns, but for those that merging adds.

    Args:
        table: The table.
        instead: What the frame has in the place of a column, by that column's name.
        absent: Columns that the frame does not have.
    """

    def metadata(frame: pd.DataFrame) -> dict[str, object]:
        return {
            "rows": len(frame),
            "nulls": dg.JsonMetadataValue(
                {str(name): int(count) for name, count in frame.isna().sum().items() if count}
            ),
        }

    columns = [
        column
        for stored in table.columns
        if stored.name not in absent
        for column in instead.get(stored.name, (stored,))
    ]
    unique = table.key[0] if len(table.key) == 1 else None
    frame_type: dg.DagsterType = create_dagster_pandas_dataframe_type(
        name="".join(word.capitalize() for word in table.name.split("_")) + "Frame",
        description=table.meaning,
        columns=[
            PandasColumn(
                column.name,
                [
                    *_constraints(column),
                    *(
                        [UniqueColumnConstraint(ignore_missing_vals=False)]
                        * (column.name == unique)
                    ),
                ],
            )
            for column in columns
        ],
        metadata_fn=metadata,
    )
    return frame_type


_LANDING_FILE = INGESTION_BATCHES.column("landing_file")
_RECORD = (_LANDING_FILE, RECORD_INDEX)
_FAILED = Column("failed", "boolean", "Whether the batch fails")

with warnings.catch_warnings():
    # dagster-pandas calls itself beta at every start of the program.
    warnings.simplefilter("ignore", dg.BetaWarning)

    FRAME_TYPES: Mapping[str, dg.DagsterType] = {
        "ingestion_batches": _frame_type(
            INGESTION_BATCHES,
            instead={"status": (_FAILED,)},
            absent=("records_loaded", "records_duplicate", *_WRITTEN_LATER),
        ),
        "cryptocurrencies": _frame_type(CRYPTOCURRENCIES),
        "cryptocurrency_names": _frame_type(CRYPTOCURRENCY_NAMES, absent=("name_id",)),
        "price_snapshots": _frame_type(
            PRICE_SNAPSHOTS,
            instead={
                "name_id": (SYMBOL, NAME),
                "batch_id": (_LANDING_FILE,),
            },
        ),
        "market_metrics": _frame_type(MARKET_METRICS, instead={"crypto_id": (*_RECORD, CRYPTO_ID)}),
        "rejected_records": _frame_type(
            REJECTED_RECORDS,
            instead={"batch_id": (_LANDING_FILE,)},
            absent=("rejected_at", *_RESOLVED),
        ),
    }
    """The frame of each silver table."""
