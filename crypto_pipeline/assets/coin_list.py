"""The list of coins: asked for every day, kept, and loaded."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg

from crypto_pipeline.assets.bronze import source_failures
from crypto_pipeline.assets.conventions import CODE_VERSION, OWNERS, RETRY, TAGS, table_spec
from crypto_pipeline.coingecko.client import CoinGeckoClient
from crypto_pipeline.coingecko.coin_list import CoinListAnswer
from crypto_pipeline.coingecko.errors import AuthenticationError, BadRequest, PlanError
from crypto_pipeline.coingecko.limits import LISTS_INACTIVE_COINS
from crypto_pipeline.coingecko.resource import CoinGecko
from crypto_pipeline.coins.load import LoadedCoinList, files_to_load, load_coin_lists
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.landing.coin_list import keep_coin_list, newest_coin_list
from crypto_pipeline.landing.object_store import ObjectStoreError
from crypto_pipeline.landing.resource import LandingZoneResource, files_metadata
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.registry import COIN_LIST_TABLES
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import work_for_run
from crypto_pipeline.warehouse.request_ledger import enter_requests
from crypto_pipeline.warehouse.resource import WarehouseResource, table_metadata

COIN_LIST = "coin_list"

_DAILY = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=50), warn_window=timedelta(hours=26)
)
_FIELDS = {
    "crypto_id": "id",
    "symbol": "symbol",
    "name": "name",
    "platform": "platforms",
    "contract_address": "platforms",
}


@dg.asset(
    name=COIN_LIST,
    group_name="bronze_coins",
    kinds={"coingecko", "json", "file"},
    owners=OWNERS,
    tags={**TAGS, "layer": "bronze"},
    code_version=CODE_VERSION,
    freshness_policy=_DAILY,
    pool="coingecko_api",
    retry_policy=RETRY,
)
def coin_list(
    context: dg.AssetExecutionContext, coingecko: CoinGecko, landing_zone: LandingZoneResource
) -> dg.MaterializeResult[Any]:
    """Answers of CoinGecko's `/coins/list` with the contracts of every coin, one immutable file
    each, a body that is the same as an earlier one kept once. A paid plan is asked for the inactive
    coins too."""
    kept: list[str] = []
    with source_failures(context):
        zone = landing_zone.zone()
        with coingecko.client(context.run.run_id) as client:
            kept.append(_fetch(context, client, zone, is_active=True))
            if Settings().coingecko_plan in LISTS_INACTIVE_COINS:
                try:
                    kept.append(_fetch(context, client, zone, is_active=False))
                except (AuthenticationError, BadRequest, PlanError) as refusal:
                    # Those that are active are there.
                    context.log.warning("the inactive coins are not to be had: %s", refusal)
    return dg.MaterializeResult(metadata=files_metadata(kept))


def _fetch(
    context: dg.AssetExecutionContext,
    client: CoinGeckoClient,
    zone: LandingZone,
    *,
    is_active: bool,
) -> str:
    """Fetch a list and keep it; where."""

    def keep_unreadable(answer: CoinListAnswer) -> None:
        try:
            context.log.warning(
                "an unreadable answer is kept as %s", keep_coin_list(zone, answer).path
            )
        except (OSError, ObjectStoreError) as problem:
            context.log.warning("an unreadable answer could not be kept: %s", problem)

    answer = client.coin_list(
        is_active=is_active,
        on_unreadable=keep_unreadable,
        known=newest_coin_list(zone, is_active=is_active),
    )
    return str(keep_coin_list(zone, answer).uri)


@dg.multi_asset(
    name="coin_list_tables",
    specs=[
        table_spec(
            table,
            "silver_coins",
            dg.TableColumnLineage(
                {
                    column.name: [dg.TableColumnDep(COIN_LIST, _FIELDS[column.name])]
                    for column in table.columns
                    if column.name in _FIELDS
                }
            ),
            [dg.AssetDep(COIN_LIST)],
            _DAILY,
        )
        for table in COIN_LIST_TABLES
    ],
)
def coin_list_tables(
    context: dg.AssetExecutionContext,
    warehouse: WarehouseResource,
    landing_zone: LandingZoneResource,
) -> Iterator[dg.MaterializeResult[Any]]:
    """Load the landing files of the list of coins that are no completed batch: who is listed when,
    under which name, with which contracts."""
    work_for_run(context.run.run_id)
    zone = landing_zone.zone()
    failed = load_coin_lists(
        warehouse,
        zone,
        files_to_load(warehouse, zone),
        Settings().max_rejected_share,
        lambda loaded: say_list(context.log, loaded),
    )
    enter_requests(warehouse)
    with warehouse.connection() as connection:
        counts = connection.execute(read_sql("reports/coin_counts.sql")).fetchone()
        assert counts is not None
        known, active, events, suggestions = counts
        for table in COIN_LIST_TABLES:
            yield dg.MaterializeResult(
                asset_key=table.name,
                metadata={
                    "coins known": known,
                    "coins active": active,
                    "events of the last 30 days": events,
                    "aliases suggested": suggestions,
                    **table_metadata(connection, table),
                },
            )
    if failed:
        context.log.error("%d files of the list of coins could not be loaded", failed)


def say_list(log: Any, loaded: LoadedCoinList) -> None:
    """Write to a run's log what became of an answer."""
    (log.error if loaded.status == "failed" else log.info)(str(loaded))
