"""The lake: gold as Delta tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from crypto_pipeline.assets.conventions import CODE_VERSION, FRESHNESS, OWNERS, TAGS
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.lakehouse.schema import (
    CANDLE_TABLES,
    DIM_CURRENCY,
    DIMENSIONS,
    FACT,
    FACT_HOURLY,
    LAKE_TABLES,
    MART_TABLES,
    UNREPRESENTABLE_VALUES,
    LakeTable,
)
from crypto_pipeline.lakehouse.spark.resource import Spark
from crypto_pipeline.model.registry import TABLES
from crypto_pipeline.warehouse.advisory_locks import AdvisoryLock, exclusive
from crypto_pipeline.warehouse.resource import WarehouseResource

if TYPE_CHECKING:
    from crypto_pipeline.lakehouse.delta import Lake, Loaded

GROUP = "lakehouse"


def lake_key(table: LakeTable) -> dg.AssetKey:
    """The asset of a lake table; the PostgreSQL table of its name has the bare name."""
    return dg.AssetKey(["lake", table.name])


def _schema(table: LakeTable) -> dg.TableSchema:
    comments = {column.name: column.comment for column in TABLES[table.name].columns}
    return dg.TableSchema(
        [
            dg.TableColumn(
                name,
                of if isinstance(of, str) else f"decimal({of.precision},{of.scale})",
                description=comments.get(name),
                constraints=dg.TableColumnConstraints(nullable=name in table.nullable),
            )
            for name, of in table.columns.items()
        ]
    )


def _upstream(table: LakeTable) -> str:
    if table is DIM_CURRENCY:
        # The load of the candles adds a currency that nobody has described.
        return FACT_HOURLY.name
    return FACT.name if table is UNREPRESENTABLE_VALUES else table.name


def _spec(table: LakeTable, deps: Sequence[str | dg.AssetKey]) -> dg.AssetSpec:
    return dg.AssetSpec(
        lake_key(table),
        deps=deps,
        description=table.description,
        group_name=GROUP,
        kinds={"deltalake", "table"},
        owners=OWNERS,
        tags={**TAGS, "layer": GROUP},
        code_version=CODE_VERSION,
        freshness_policy=FRESHNESS,
        metadata={"dagster/column_schema": _schema(table)},
    )


def _merged(
    lake: "Lake", tables: Sequence[LakeTable], done: Mapping[str, "Loaded"]
) -> Iterator[dg.MaterializeResult[Any]]:
    """What was done to tables of which each commit merged some rows."""
    for table in tables:
        loaded, state = done[table.name], lake.state(table)
        yield dg.MaterializeResult(
            lake_key(table),
            metadata={
                "location": dg.PathMetadataValue(lake.location(table)),
                "commits": loaded.commits,
                "rows_inserted": loaded.rows_inserted,
                "rows_updated": loaded.rows_updated,
                **({} if state is None else {"dagster/row_count": state.rows}),
            },
        )


@dg.multi_asset(
    name="lakehouse",
    specs=[_spec(table, [_upstream(table)]) for table in LAKE_TABLES],
)
def lakehouse(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource, spark: Spark
) -> Iterator[dg.MaterializeResult[Any]]:
    """Bring the Delta tables at LAKE_URI up to gold, from where they are. With SPARK_REMOTE, let
    Spark load its own, from the landing files.

    Each table's commit is atomic, and the facts' carries what it holds: a load that dies goes on
    where it was, and writes nothing twice.
    """
    if spark.selected:
        # Two at once do no harm, but they would do the same work.
        with warehouse.connection() as connection, exclusive(connection, AdvisoryLock.SPARK_LOAD):
            described = spark.load_lake()
        for table in LAKE_TABLES:
            yield dg.MaterializeResult(lake_key(table), metadata=described[table.name])
        return
    # Here and not above: the graph shows without the packages of the extra "lake".
    from crypto_pipeline.lakehouse.delta import Lake  # noqa: PLC0415
    from crypto_pipeline.lakehouse.load import load_lake  # noqa: PLC0415

    lake = Lake.from_settings(Settings())
    done = load_lake(warehouse, lake, context.log.info)
    for table in LAKE_TABLES:
        loaded = done[table.name]
        metadata: dict[str, Any] = {
            "location": dg.PathMetadataValue(lake.location(table)),
            "commits": loaded.commits,
            "rows_inserted": loaded.rows_inserted,
            "rows_updated": loaded.rows_updated,
            "rows_deleted": loaded.rows_deleted,
            "files_added": loaded.files_added,
            "files_removed": loaded.files_removed,
        }
        if loaded.commits:
            metadata["batch_ids"] = dg.JsonMetadataValue(loaded.batch_ids)
            metadata["last_change"] = loaded.last_change
        state = lake.state(table)
        if state is not None:
            metadata |= {
                "version": state.version,
                "files": state.files,
                "size (bytes)": state.bytes,
                "dagster/row_count": state.rows,
            }
        yield dg.MaterializeResult(lake_key(table), metadata=metadata)


@dg.multi_asset(
    name="lake_candles",
    specs=[
        # After the dimensions that it refers to: where these cannot be written, nothing can.
        _spec(table, [table.name, *map(lake_key, DIMENSIONS)])
        for table in CANDLE_TABLES
    ],
)
def lake_candles(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource, spark: Spark
) -> Iterator[dg.MaterializeResult[Any]]:
    """Bring the candles at LAKE_URI up to PostgreSQL's, from where they are: what was written
    since, by one MERGE a commit. With SPARK_REMOTE, Spark has made its own with the star schema.
    """
    if spark.selected:
        with warehouse.connection() as connection, exclusive(connection, AdvisoryLock.SPARK_LOAD):
            made = spark.load_candles()
        for table in CANDLE_TABLES:
            yield dg.MaterializeResult(lake_key(table), metadata=made[table.name])
        return
    from crypto_pipeline.lakehouse.candles import load_candles  # noqa: PLC0415
    from crypto_pipeline.lakehouse.delta import Lake  # noqa: PLC0415

    lake = Lake.from_settings(Settings())
    done = load_candles(warehouse, lake, context.log.info)
    yield from _merged(lake, CANDLE_TABLES, done)


@dg.multi_asset(
    name="lake_marts",
    specs=[_spec(table, [table.name, *map(lake_key, CANDLE_TABLES)]) for table in MART_TABLES],
)
def lake_marts(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource, spark: Spark
) -> Iterator[dg.MaterializeResult[Any]]:
    """Bring the marts at LAKE_URI up to PostgreSQL's, from where they are: what was written since,
    by one MERGE a commit. With SPARK_REMOTE, Spark has made its own with the candles."""
    if spark.selected:
        described = spark.describe_marts()
        for table in MART_TABLES:
            yield dg.MaterializeResult(lake_key(table), metadata=described[table.name])
        return
    from crypto_pipeline.lakehouse.delta import Lake  # noqa: PLC0415
    from crypto_pipeline.lakehouse.marts import load_marts  # noqa: PLC0415

    lake = Lake.from_settings(Settings())
    done = load_marts(warehouse, lake, context.log.info)
    yield from _merged(lake, MART_TABLES, done)


@dg.op
def maintain_lake_tables(context: dg.OpExecutionContext, spark: Spark) -> None:
    """Merge the lake's small files and delete those that no version of the last week needs. The
    tables that Spark loads are left to it."""
    if spark.selected:
        context.log.info("Spark loads the lake: its tables are left to Spark")
        return
    from crypto_pipeline.lakehouse.delta import Lake  # noqa: PLC0415

    lake = Lake.from_settings(Settings())
    context.add_output_metadata(
        {
            table.name: dg.JsonMetadataValue(lake.maintain(table))
            for table in (*LAKE_TABLES, *CANDLE_TABLES, *MART_TABLES)
        }
    )


MAINTAIN_LAKE_JOB = "maintain_lake"


@dg.job(
    name=MAINTAIN_LAKE_JOB,
    executor_def=dg.in_process_executor,
    description="Optimize and vacuum the lake's tables.",
)
def maintain_lake() -> None:
    """Optimize, vacuum, checkpoint."""
    maintain_lake_tables()
