"""Silver: landing files into the third normal form, with a quarantine for bad records."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import psycopg
from psycopg import sql

from crypto_pipeline.assets.column_lineage import silver_lineage
from crypto_pipeline.assets.conventions import ONE_RUN, table_output
from crypto_pipeline.assets.frames import FRAME_TYPES
from crypto_pipeline.assets.partitions import hourly
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.landing.resource import files_metadata
from crypto_pipeline.landing.zone import LandingFile
from crypto_pipeline.model.registry import INGESTION_BATCHES, PRICE_SNAPSHOTS, SILVER_TABLES
from crypto_pipeline.warehouse.load_report import read_lines, say
from crypto_pipeline.warehouse.postgres import work_for_run
from crypto_pipeline.warehouse.request_ledger import enter_requests
from crypto_pipeline.warehouse.resource import WarehouseResource, read_frame
from crypto_pipeline.warehouse.staging import (
    decode_files,
    in_chunks,
    load_decoded,
    stage_loadable,
)


@dg.multi_asset(
    name="silver",
    ins={"market_snapshots": dg.AssetIn(input_manager_key="landing")},
    outs={
        table.name: table_output(table, "silver", silver_lineage(table), FRAME_TYPES[table.name])
        for table in SILVER_TABLES
    },
    internal_asset_deps={
        "ingestion_batches": {dg.AssetKey("market_snapshots")},
        "cryptocurrencies": {dg.AssetKey("market_snapshots")},
        "cryptocurrency_names": {
            dg.AssetKey("market_snapshots"),
            dg.AssetKey("cryptocurrencies"),
        },
        "price_snapshots": {
            dg.AssetKey("market_snapshots"),
            dg.AssetKey("ingestion_batches"),
            dg.AssetKey("cryptocurrency_names"),
        },
        "market_metrics": {dg.AssetKey("market_snapshots"), dg.AssetKey("price_snapshots")},
        "rejected_records": {dg.AssetKey("market_snapshots"), dg.AssetKey("ingestion_batches")},
    },
    partitions_def=hourly,
    backfill_policy=ONE_RUN,
)
def silver(
    context: dg.AssetExecutionContext,
    warehouse: WarehouseResource,
    market_snapshots: list[LandingFile],
) -> Iterator[dg.Output[object]]:
    """Decode the landing files of the partitions once, evaluate every record against the rules,
    and hand each silver table the rows it should hold.

    All tables are written in one transaction, so a batch becomes visible as a whole or not at all.
    A file that holds no capture, or data that PostgreSQL refuses, becomes a failed batch and does
    not disturb the others.

    Of a range of partitions only the last files go through frames, in which a year would not fit
    into memory; those before are loaded in bulk, by the same statements.
    """
    share = Settings().max_rejected_share
    run = context.op_execution_context
    work_for_run(context.run.run_id)
    *before, files = in_chunks(market_snapshots)
    for chunk in before:
        say(run, load_decoded(warehouse, decode_files(chunk), share))
    decoded = decode_files(files)
    with warehouse.load() as connection:
        stage_loadable(connection, decoded, share)
        for table in SILVER_TABLES:
            staged = sql.Identifier(f"staged_{table.name}")
            frame = read_frame(connection, sql.SQL("SELECT * FROM {}").format(staged))
            metadata: dict[str, Any] = {}
            if table is INGESTION_BATCHES:
                metadata = files_metadata([file.path for file in market_snapshots])
            if table is PRICE_SNAPSHOTS:
                metadata = _top_coin(connection)
            # Not the output's, which its own event would have too.
            context.add_asset_metadata(metadata, asset_key=table.name)
            yield dg.Output(frame, table.name)
        lines = read_lines(connection)
    say(run, lines)
    # The fetch was there before its database, and did not wait for it.
    enter_requests(warehouse)


def _top_coin(connection: psycopg.Connection) -> dict[str, dg.MetadataValue[Any]]:
    """The newest price of the largest coin, for the UI to plot over time."""
    row = connection.execute(
        "SELECT crypto_id, current_price, vs_currency FROM accepted_records"
        " WHERE market_cap_rank IS NOT NULL ORDER BY ingested_at DESC, market_cap_rank LIMIT 1"
    ).fetchone()
    if row is None:
        return {}
    return {
        "top coin": dg.TextMetadataValue(row[0]),
        f"price of the top coin ({row[2]})": dg.FloatMetadataValue(float(row[1])),
    }
