"""Gold: the star schema, incremental by batch."""

from collections.abc import Iterator, Mapping

import dagster as dg

from crypto_pipeline.assets.column_lineage import gold_lineage
from crypto_pipeline.assets.conventions import table_output
from crypto_pipeline.model.registry import DIMENSIONS, GOLD_TABLES
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.resource import Select, WarehouseResource

_SNAPSHOTS = {dg.AssetKey("ingestion_batches"), dg.AssetKey("price_snapshots")}

GOLD_DEPENDENCIES: Mapping[str, set[dg.AssetKey]] = {
    "dim_date": _SNAPSHOTS,
    "dim_time": set(),
    "dim_source": {dg.AssetKey("ingestion_batches")},
    "dim_cryptocurrency": {
        *_SNAPSHOTS,
        dg.AssetKey("cryptocurrency_names"),
        dg.AssetKey("cryptocurrencies"),
    },
    "fact_crypto_price_metrics": {
        *_SNAPSHOTS,
        dg.AssetKey("market_metrics"),
        *(dg.AssetKey(table.name) for table in DIMENSIONS),
    },
}


@dg.multi_asset(
    name="gold",
    deps=[
        # Gold reads what is pending, not partitions. With the default mapping Dagster would list
        # every hour since the first one, for each of these, in each run.
        dg.AssetDep(key, partition_mapping=dg.LastPartitionMapping())
        for key in sorted(
            {key for keys in GOLD_DEPENDENCIES.values() for key in keys}
            - {dg.AssetKey(table) for table in GOLD_DEPENDENCIES}
        )
    ],
    outs={
        table.name: table_output(table, "gold", gold_lineage(table, GOLD_DEPENDENCIES[table.name]))
        for table in GOLD_TABLES
    },
    internal_asset_deps=dict(GOLD_DEPENDENCIES),
)
def gold(warehouse: WarehouseResource) -> Iterator[dg.Output[Select]]:
    """Hand each table of the star schema the rows of the batches that are pending for gold.

    All tables are written in one transaction, whose last step marks the batches as loaded: facts
    and dimensions never disagree, and a load that dies starts again from the same batches.
    """
    with warehouse.load() as connection:
        connection.execute(read_sql("gold/pruned_views.sql"))
        connection.execute(read_sql("gold/pending.sql"))
        for table in GOLD_TABLES:
            yield dg.Output(Select(f"gold/{table.name}.sql"), table.name)
