"""Checks of gold: does the star schema say what silver says?"""

from collections.abc import Iterator

import dagster as dg

from crypto_pipeline.checks.scope import check_result, scoped_batches
from crypto_pipeline.checks.sql_checks import sql_check_specs
from crypto_pipeline.storage.postgres import Warehouse
from crypto_pipeline.storage.sql import read_sql

_SPECS = sql_check_specs(
    "gold",
    {
        "dim_date": ("years_whole",),
        "dim_time": ("minutes_complete",),
        "dim_source": ("sources_labelled",),
        "dim_cryptocurrency": ("versions_in_sequence",),
        "fact_crypto_price_metrics": (
            "facts_match_snapshots",
            "measures_equal_silver",
            "no_null_measures",
            "no_orphan_keys",
            "fact_keys_unique",
            "facts_have_their_version",
        ),
    },
    blocking=False,
)


@dg.multi_asset_check(name="gold_checks", specs=_SPECS, can_subset=True)
def gold_checks(
    context: dg.AssetCheckExecutionContext, warehouse: Warehouse
) -> Iterator[dg.AssetCheckResult]:
    """Compare the star schema with silver and with its own promises."""
    with scoped_batches(warehouse, context) as connection:
        for spec in _SPECS:
            if spec.key in context.selected_asset_check_keys:
                yield check_result(
                    connection,
                    spec,
                    read_sql(f"checks/gold/{spec.name}.sql"),
                    dg.AssetCheckSeverity.ERROR,
                )
