"""What the assets have in common: owners, tags, freshness, and how a table becomes an output."""

import warnings
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from crypto_pipeline.model.partitions import STALE_AFTER
from crypto_pipeline.model.registry import Table

OWNERS = ["team:market-data"]
TAGS = {"domain": "crypto", "source": "coingecko"}
CODE_VERSION = "1"
"""Changed whenever the rows that a given landing file leads to change."""

# Dagster says at every start of the program that this parameter is beta.
warnings.filterwarnings("ignore", ".*`backfill_policy`", dg.BetaWarning)
ONE_RUN = dg.BackfillPolicy.single_run()
"""A range of partitions is one run, not one run an hour."""

FRESHNESS = dg.FreshnessPolicy.time_window(
    fail_window=STALE_AFTER, warn_window=timedelta(minutes=90)
)


def table_output(
    table: Table,
    group: str,
    lineage: dg.TableColumnLineage,
    dagster_type: dg.DagsterType | None = None,
) -> dg.AssetOut:
    """The output that ``PostgresIOManager`` writes into a table.

    Its columns and their lineage are facts about the definition, and not about a run: the UI reads
    them here, and no run writes them again.
    """
    typed: dict[str, Any] = {} if dagster_type is None else {"dagster_type": dagster_type}
    return dg.AssetOut(
        description=table.meaning,
        group_name=group,
        io_manager_key="postgres",
        metadata={
            "schema": table.schema,
            "dagster/table_name": f"{table.schema}.{table.name}",
            "dagster/column_schema": _column_schema(table),
            "dagster/column_lineage": lineage,
        },
        kinds={"postgres", "table"} | ({"pandas"} if dagster_type else {"sql"}),
        owners=OWNERS,
        tags={**TAGS, "layer": group},
        code_version=CODE_VERSION,
        freshness_policy=FRESHNESS,
        **typed,
    )


def table_spec(
    table: Table,
    group: str,
    lineage: dg.TableColumnLineage,
    deps: Sequence[dg.AssetDep],
    freshness: dg.FreshnessPolicy | None,
) -> dg.AssetSpec:
    """The spec of a table that an asset writes itself, by SQL alone."""
    return dg.AssetSpec(
        table.name,
        deps=deps,
        description=table.meaning,
        group_name=group,
        metadata={
            "schema": table.schema,
            "dagster/table_name": f"{table.schema}.{table.name}",
            "dagster/column_schema": _column_schema(table),
            "dagster/column_lineage": lineage,
        },
        kinds={"postgres", "table", "sql"},
        owners=OWNERS,
        tags={**TAGS, "layer": group.partition("_")[0]},
        code_version=CODE_VERSION,
        freshness_policy=freshness,
    )


def _column_schema(table: Table) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type,
                description=column.comment,
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
            )
            for column in table.columns
        ]
    )
