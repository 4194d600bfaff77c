"""Check of the lake: does it equal PostgreSQL?"""

from typing import Any

import dagster as dg

from crypto_pipeline.checks.scope import run_hours
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.lakehouse.differences import Parity
from crypto_pipeline.lakehouse.schema import FACT, FACT_HOURLY, MART_TABLES
from crypto_pipeline.lakehouse.spark.resource import Spark
from crypto_pipeline.model.markdown import markdown_table
from crypto_pipeline.warehouse.resource import WarehouseResource

_SAMPLES = 20


_NOT_READ = "The job's last cells check the tables: it fails if they do."


@dg.asset_check(asset=["lake", FACT_HOURLY.name])
def lake_candles_equal_postgres(
    context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource, spark: Spark
) -> dg.AssetCheckResult:
    """The lake has the candles of PostgreSQL, hourly and daily, in the months of the run's hours
    (in all, in a run without hours): as many, and with the same sum in every column, by month. What
    is pending for the next load is left out."""
    if spark.selected:
        found = spark.compare_candles(warehouse)
        if found is None:
            return dg.AssetCheckResult(passed=True, description=_NOT_READ)
        parity = found
    else:
        # Here and not above: the graph shows without the packages of the extra "lake".
        from crypto_pipeline.lakehouse.candles import compare_candles  # noqa: PLC0415
        from crypto_pipeline.lakehouse.delta import Lake  # noqa: PLC0415

        hours = run_hours(dict(context.run.tags))
        parity = compare_candles(warehouse, Lake.from_settings(Settings()), hours)
    return _result(parity, {"candles": parity.facts})


@dg.asset_check(asset=["lake", MART_TABLES[0].name])
def lake_marts_equal_postgres(warehouse: WarehouseResource, spark: Spark) -> dg.AssetCheckResult:
    """The lake has the marts of PostgreSQL: by month as many rows, with the same sum of every
    decimal, and of every statistic the same number, least and greatest; where Spark makes them, of
    equal candles, statistics that are equal to nine digits. What is pending for the next load is
    left out."""
    if spark.selected:
        found = spark.compare_marts(warehouse)
        if found is None:
            return dg.AssetCheckResult(passed=True, description=_NOT_READ)
        parity = found
    else:
        # Here and not above: the graph shows without the packages of the extra "lake".
        from crypto_pipeline.lakehouse.delta import Lake  # noqa: PLC0415
        from crypto_pipeline.lakehouse.marts import compare_marts  # noqa: PLC0415

        parity = compare_marts(warehouse, Lake.from_settings(Settings()))
    return _result(parity, {"rows": parity.facts})


@dg.asset_check(asset=["lake", FACT.name])
def delta_equals_postgres(
    context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource, spark: Spark
) -> dg.AssetCheckResult:
    """The lake has the dimensions of PostgreSQL, and of the run's batches (of all, in a run without
    hours) the same facts: as many, with the same keys, and with the same sum in every column, by
    month and batch."""
    batches: list[int] | None = None
    if (hours := run_hours(dict(context.run.tags))) is not None:
        start, end = hours
        with warehouse.connection() as connection:
            found_batches = connection.execute(
                "SELECT batch_id FROM ingestion_batches"
                " WHERE partition_hour >= %s AND partition_hour < %s",
                [start, end],
            )
            batches = [row[0] for row in found_batches]
    if spark.selected:
        found = spark.compare(warehouse, batches)
        if found is None:
            return dg.AssetCheckResult(passed=True, description=_NOT_READ)
        parity = found
    else:
        # Here and not above: the graph shows without the packages of the extra "lake".
        from crypto_pipeline.lakehouse.comparison import compare_sums  # noqa: PLC0415
        from crypto_pipeline.lakehouse.delta import Lake  # noqa: PLC0415

        parity = compare_sums(warehouse, Lake.from_settings(Settings()), batches)
    return _result(parity, {"facts": parity.facts, "months": parity.months})


def _result(parity: Parity, compared: dict[str, int]) -> dg.AssetCheckResult:
    metadata: dict[str, Any] = {
        **compared,
        "wrong_rows": len(parity.differences),
        "changes_pending": parity.pending,
    }
    if parity.other_order:
        metadata["of_another_order"] = len(parity.other_order)
    different = [*parity.differences, *parity.other_order]
    if different:
        metadata["samples"] = dg.MarkdownMetadataValue(
            markdown_table(
                ["where", "what", "PostgreSQL", "lake"],
                [list(vars(one).values()) for one in different[:_SAMPLES]],
            )
        )
    # What is pending may explain a difference, and is not yet one. Nor is one that the same files
    # in another order must have: the first write wins.
    settled = not parity.unsettled
    return dg.AssetCheckResult(
        passed=not different and not parity.pending,
        severity=dg.AssetCheckSeverity.ERROR
        if parity.differences and settled
        else dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )
