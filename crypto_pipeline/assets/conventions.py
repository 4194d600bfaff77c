"""What the assets have in common: owners, tags, freshness, retries, and how a table is shown."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import dagster as dg

from crypto_pipeline.model.example_rows import example_row
from crypto_pipeline.model.partitions import STALE_AFTER
from crypto_pipeline.model.registry import Column, Table
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline.warehouse.resource import table_metadata

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


RETRY = dg.RetryPolicy(
    max_retries=3, delay=60, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL
)
"""Of an asset that asks CoinGecko."""


_LONGEST_EXAMPLE = 60


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
        metadata=_metadata(table, lineage),
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
        metadata=_metadata(table, lineage),
        kinds={"postgres", "table", "sql"},
        owners=OWNERS,
        tags={**TAGS, "layer": group.partition("_")[0]},
        code_version=CODE_VERSION,
        freshness_policy=freshness,
    )


def report_tables(
    context: dg.OpExecutionContext,
    warehouse: Warehouse,
    tables: Iterable[Table],
    counts: Mapping[str, Mapping[str, Any]],
) -> None:
    """Report a materialization of tables that no asset of the run has written.

    Args:
        context: Of the op that wrote them.
        warehouse: The warehouse.
        tables: The tables.
        counts: What the op did, by table.
    """
    with warehouse.connection() as connection:
        for table in tables:
            metadata = {**counts.get(table.name, {}), **table_metadata(connection, table)}
            context.log_event(dg.AssetMaterialization(table.name, metadata=metadata))


def moment(name: str, text: str) -> datetime:
    """The time, UTC, in a run's configuration.

    Args:
        name: Of the field.
        text: ISO 8601; without a zone it is UTC.

    Raises:
        dg.Failure: it is no time.
    """
    try:
        # Python 3.10 does not know the Z.
        time = datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError:
        raise dg.Failure(
            f"{name}: {text} is no time such as 2026-11-24T05:00", allow_retries=False
        ) from None
    return time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time


def _metadata(table: Table, lineage: dg.TableColumnLineage) -> dict[str, Any]:
    return {
        "schema": table.schema,
        "dagster/table_name": f"{table.schema}.{table.name}",
        "dagster/column_schema": _column_schema(table),
        "dagster/column_lineage": lineage,
    }


def _column_schema(table: Table) -> dg.TableSchema:
    example = example_row(table)
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type,
                description=_described(column, example.get(column.name)),
                constraints=dg.TableColumnConstraints(nullable=column.nullable),
            )
            for column in table.columns
        ]
    )


def _described(column: Column, example: str | None) -> str:
    if example is None:
        return column.comment
    shown = example if len(example) <= _LONGEST_EXAMPLE else f"{example[:_LONGEST_EXAMPLE]}..."
    return f"{column.comment} For example `{shown}`."
