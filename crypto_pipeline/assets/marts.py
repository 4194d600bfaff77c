"""The marts: returns, risk, rankings, the market and correlations, made of the candles."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from crypto_pipeline.assets.column_lineage import gold_lineage
from crypto_pipeline.assets.conventions import FRESHNESS, table_spec
from crypto_pipeline.model.registry import (
    FACT_DAILY,
    FACT_HOURLY,
    MART_COIN,
    MART_CORRELATIONS,
    MART_MARKET,
    MART_RANKINGS,
    MART_RETURNS,
    MART_TABLES,
    Table,
)
from crypto_pipeline.warehouse.marts import load_marts
from crypto_pipeline.warehouse.postgres import work_for_run
from crypto_pipeline.warehouse.resource import WarehouseResource, table_metadata

_MADE_OF: Mapping[str, Sequence[Table]] = {
    MART_RETURNS.name: (FACT_HOURLY,),
    MART_COIN.name: (FACT_DAILY, MART_RETURNS),
    MART_RANKINGS.name: (FACT_DAILY, MART_COIN),
    MART_MARKET.name: (MART_COIN, MART_RANKINGS),
    MART_CORRELATIONS.name: (MART_COIN, MART_RANKINGS),
}
# What a column is computed from, where that has another name; formulas are in sql/marts.
_COMPUTED: Mapping[str, Mapping[tuple[Table, str], Sequence[str]]] = {
    MART_RETURNS.name: {
        (FACT_HOURLY, "close_price"): [c.name for c in MART_RETURNS.columns if "_return_" in c.name]
    },
    MART_COIN.name: {
        (FACT_DAILY, "close_price"): [
            *("simple_return_1d", "log_return_1d", "daily_returns_30d", "volatility_30d"),
            *("peak_price", "drawdown", "max_drawdown"),
        ],
        (MART_RETURNS, "log_return_1h"): [
            *("hourly_returns", "realised_variance"),
            *("realised_volatility_1d", "realised_volatility_30d"),
        ],
        (FACT_DAILY, "total_volume"): ["volume_median_30d", "volume_ratio"],
    },
    MART_RANKINGS.name: {
        (FACT_DAILY, "market_cap"): ["cap_position", "rank_class", "market_cap_share"],
        (MART_COIN, "simple_return_1d"): ["gain_position", "loss_position"],
    },
    MART_MARKET.name: {
        (MART_RANKINGS, "crypto_id"): ["coins", "largest_id"],
        (MART_RANKINGS, "market_cap_share"): ["largest_share", "top_10_share", "concentration"],
        (MART_RANKINGS, "simple_return_1d"): [
            *("advancing", "declining", "unchanged", "advancing_share"),
        ],
        (MART_COIN, "peak_price"): ["at_peak"],
    },
    MART_CORRELATIONS.name: {
        (MART_RANKINGS, "cap_position"): ["other_position"],
        (MART_RANKINGS, "crypto_id"): ["other_id"],
        (MART_COIN, "log_return_1d"): ["correlation", "common_days"],
    },
}


def _lineage(table: Table) -> dg.TableColumnLineage:
    of_same_name = gold_lineage(table, {dg.AssetKey(of.name) for of in _MADE_OF[table.name]})
    computed = {
        column: [dg.TableColumnDep(of.name, name)]
        for (of, name), columns in _COMPUTED[table.name].items()
        for column in columns
    }
    # When a row was written follows from no other row.
    same = {c: deps for c, deps in of_same_name.deps_by_column.items() if c != "load_timestamp"}
    return dg.TableColumnLineage({**same, **computed})


@dg.multi_asset(
    name="marts",
    specs=[
        table_spec(
            table,
            "gold",
            _lineage(table),
            [dg.AssetDep(of.name) for of in _MADE_OF[table.name]],
            FRESHNESS,
        )
        for table in MART_TABLES
    ],
)
def marts(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource
) -> Iterator[dg.MaterializeResult[Any]]:
    """Bring the marts up to the candles: what a candle that is new, or was made anew, reaches. Each
    is a SELECT in `sql/marts`, with its formulas and their sources."""
    work_for_run(context.run.run_id)
    counts = load_marts(warehouse)
    with warehouse.connection() as connection:
        for table in MART_TABLES:
            yield dg.MaterializeResult(
                asset_key=table.name,
                metadata={**counts[table.name], **table_metadata(connection, table)},
            )
