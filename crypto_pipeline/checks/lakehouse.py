"""Check of the lake: does it say what PostgreSQL says?"""

from typing import Any

import dagster as dg

from crypto_pipeline.checks.scope import run_hours, scopes
from crypto_pipeline.lake_schema import FACT
from crypto_pipeline.settings import Settings
from crypto_pipeline.spark.resource import Spark
from crypto_pipeline.storage.catalog import markdown_table
from crypto_pipeline.storage.postgres import Warehouse

_SAMPLES = 20


@dg.asset_check(asset=["lake", FACT.name])
def delta_equals_postgres(
    context: dg.AssetCheckExecutionContext, warehouse: Warehouse, spark: Spark
) -> dg.AssetCheckResult:
    """The lake has the dimensions of PostgreSQL, and of the run's batches (of all, in a run without
    hours) the same facts: as many, with the same keys, and with the same sum in every column, by
    month and batch."""
    if spark.selected:
        return _spark_equals_postgres(
            warehouse, spark, look_at_rows=run_hours(dict(context.run.tags)) is None
        )
    # Here and not above: the graph shows without the packages of the extra "lake".
    from crypto_pipeline.lake_parity import compare_sums  # noqa: PLC0415
    from crypto_pipeline.storage.delta import Lake  # noqa: PLC0415

    batches = None
    if run_hours(dict(context.run.tags)) is not None:
        batches = [
            row[0]
            for connection in scopes(warehouse, context)
            for row in connection.execute("SELECT batch_id FROM scoped_batches")
        ]
    parity = compare_sums(warehouse, Lake.from_settings(Settings()), batches)
    metadata: dict[str, Any] = {
        "facts": parity.facts,
        "months": parity.months,
        "wrong_rows": len(parity.differences),
        "changes_waiting": parity.waiting,
    }
    if parity.differences:
        metadata["samples"] = dg.MarkdownMetadataValue(
            markdown_table(
                ["where", "what", "PostgreSQL", "lake"],
                [list(vars(found).values()) for found in parity.differences[:_SAMPLES]],
            )
        )
    # What waits may explain a difference, and is not yet one.
    settled = not parity.unsettled
    return dg.AssetCheckResult(
        passed=not parity.differences and not parity.waiting,
        severity=dg.AssetCheckSeverity.ERROR
        if parity.differences and settled
        else dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )


def _spark_equals_postgres(
    warehouse: Warehouse, spark: Spark, *, look_at_rows: bool
) -> dg.AssetCheckResult:
    """Spark numbers its batches and coins itself, so batches are compared by their landing file;
    its own checks look at the rows, at the end of every load and in a check of all hours."""
    with warehouse.connection() as connection:
        loaded = dict(
            connection.execute(
                "SELECT landing_file, records_loaded FROM ingestion_batches"
                " WHERE status = 'completed'"
            ).fetchall()
        )
    differing = spark.differing_batches(loaded, look_at_rows=look_at_rows)
    if differing is None:
        return dg.AssetCheckResult(
            passed=True, description="The job's last cells check the tables: it fails if they do."
        )
    samples = [[file, *counts] for file, counts in list(differing.items())[:_SAMPLES]]
    return dg.AssetCheckResult(
        passed=not differing,
        # The two may have loaded the same files in another order, and the first write wins.
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "batches": len(loaded),
            "wrong_rows": len(differing),
            "samples": dg.MarkdownMetadataValue(
                markdown_table(["landing file", "PostgreSQL", "lake"], samples)
            ),
        },
    )
