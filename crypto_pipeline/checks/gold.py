"""Checks of gold: does the star schema agree with silver?"""

from collections.abc import Iterable, Iterator

import dagster as dg
import psycopg

from crypto_pipeline.checks.scope import WrongRows, ask_each_month, loaded_since
from crypto_pipeline.checks.sql_checks import check_query, sql_check_specs
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.resource import WarehouseResource

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


# They look at all of a dimension, whatever the run's hours are.
# They look at the batches alone of which gold and silver differ at all.
_BY_BATCH = {"facts_match_snapshots", "measures_equal_silver", "no_null_measures"}

_ABOUT_A_DIMENSION = {"years_whole", "minutes_complete", "versions_in_sequence"}


@dg.multi_asset_check(name="gold_checks", specs=_SPECS, can_subset=True)
def gold_checks(
    context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource
) -> Iterator[dg.AssetCheckResult]:
    """Compare the star schema with silver and with its own promises."""
    specs = [spec for spec in _SPECS if spec.key in context.selected_asset_check_keys]
    answers = {spec.name: WrongRows() for spec in specs}
    as_loaded = loaded_since(dict(context.run.tags)) is not None

    def ask(connection: psycopg.Connection, names: Iterable[str]) -> None:
        for name in names:
            answers[name].add(connection, check_query("gold", name, as_loaded=as_loaded))

    def ask_month(connection: psycopg.Connection) -> None:
        if answers.keys() & _BY_BATCH:
            connection.execute(read_sql("checks/differing_batches.sql"))
        ask(connection, answers.keys() - _ABOUT_A_DIMENSION)

    with warehouse.connection() as connection:
        ask(connection, answers.keys() & _ABOUT_A_DIMENSION)
    ask_each_month(warehouse, context, ask_month)
    for spec in specs:
        yield answers[spec.name].result(spec, dg.AssetCheckSeverity.ERROR)
