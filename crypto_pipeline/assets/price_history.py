"""Price history: charts asked for by month, imports, their tables, and the candles."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg
from pydantic import Field

from crypto_pipeline.assets.bronze import source_failures
from crypto_pipeline.assets.conventions import (
    CODE_VERSION,
    FRESHNESS,
    ONE_RUN,
    OWNERS,
    TAGS,
    moment,
    report_tables,
    table_spec,
)
from crypto_pipeline.assets.partitions import monthly
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.history.backfill import FIRST_MOMENT, History, Outcome, Planned
from crypto_pipeline.history.load import LoadedHistory
from crypto_pipeline.history.planner import Span
from crypto_pipeline.landing.landed import hour_of
from crypto_pipeline.landing.resource import LandingZoneResource
from crypto_pipeline.model.registry import CANDLE_TABLES, HISTORY_TABLES, MART_TABLES
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.candles import load_candles_of_snapshots
from crypto_pipeline.warehouse.marts import load_marts
from crypto_pipeline.warehouse.postgres import Warehouse, work_for_run
from crypto_pipeline.warehouse.resource import WarehouseResource, table_metadata

PRICE_HISTORY = "price_history"

_PRICE_COLUMNS = ("open_price", "high_price", "low_price", "close_price", "mean_price")
_MOST_NAMED = 20


def history(warehouse: WarehouseResource, landing_zone: LandingZoneResource) -> History:
    """What the environment names."""
    return History(warehouse, landing_zone.zone(), Settings())


@dg.asset(
    name=PRICE_HISTORY,
    partitions_def=monthly,
    backfill_policy=ONE_RUN,
    group_name="bronze_history",
    kinds={"coingecko", "json", "file"},
    owners=OWNERS,
    tags={**TAGS, "layer": "bronze"},
    code_version=CODE_VERSION,
    pool="coingecko_api",
)
def price_history(
    context: dg.AssetExecutionContext,
    warehouse: WarehouseResource,
    landing_zone: LandingZoneResource,
) -> dg.MaterializeResult[Any]:
    """Answers of CoinGecko's `/coins/{id}/market_chart/range` for the months of the run: the hours
    that are missing of each coin that snapshots have had, newest and largest first, within the
    budget. What was asked for before is not asked for again. A month is there when answers of it
    are held, of whatever coins: what is missing in it is in `v_gaps`."""
    work_for_run(context.run.run_id)
    settings = Settings()
    window = context.partition_time_window
    told = history(warehouse, landing_zone)
    with source_failures(context):
        now = told.now()
        span = Span(hour_of(window.start), min(hour_of(window.end), hour_of(now)))
        told.load_pending()
        missing = (
            told.missing(told.tracked_coins(), settings.currencies, span)
            if span.start < span.end
            else {}
        )
        outcome = told.fetch(told.plan(missing, now), now, context.run.run_id, context.log.info)
    context.log.info(str(outcome))
    if outcome.stopped is not None:
        raise dg.Failure(str(outcome), allow_retries=False)
    return dg.MaterializeResult(metadata=outcome_metadata(outcome))


def outcome_metadata(outcome: Outcome) -> dict[str, Any]:
    """What the UI shows of a backfill."""
    return {
        "requests_planned": outcome.planned,
        "requests_answered": outcome.made,
        "requests_refused": outcome.refused,
        "points_loaded": outcome.points,
        "files_failed": outcome.failed,
    }


@dg.multi_asset(
    name="price_history_tables",
    specs=[
        table_spec(
            table,
            "silver_history",
            dg.TableColumnLineage(
                {
                    column: [dg.TableColumnDep(PRICE_HISTORY, field)]
                    for column, field in (
                        ("price", "prices"),
                        ("market_cap", "market_caps"),
                        ("total_volume", "total_volumes"),
                    )
                    if column in {c.name for c in table.columns}
                }
            ),
            [dg.AssetDep(PRICE_HISTORY, partition_mapping=dg.LastPartitionMapping())],
            # It comes when it is asked for.
            None,
        )
        for table in HISTORY_TABLES
    ],
)
def price_history_tables(
    context: dg.AssetExecutionContext,
    warehouse: WarehouseResource,
    landing_zone: LandingZoneResource,
) -> Iterator[dg.MaterializeResult[Any]]:
    """Load the landing files of price history that are no completed batch: points, their quarantine
    and corrections, and the candles of the points, in one transaction for some files."""
    work_for_run(context.run.run_id)
    failed = history(warehouse, landing_zone).load_pending(
        lambda loaded: say_loaded(context.log, loaded)
    )
    report_months(context.op_execution_context, warehouse)
    with warehouse.connection() as connection:
        for table in HISTORY_TABLES:
            yield dg.MaterializeResult(
                asset_key=table.name, metadata=table_metadata(connection, table)
            )
    if failed:
        context.log.error("%d files of price history could not be loaded", failed)


def report_months(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """Report a materialization of bronze for each month of which answers are held and that has none
    yet; before the tables that are made of it, which Dagster would else call out of date."""
    reported = context.instance.get_materialized_partitions(dg.AssetKey(PRICE_HISTORY))
    left = set(monthly.get_partition_keys()) - reported
    with warehouse.connection() as connection:
        months = connection.execute(read_sql("history/months.sql")).fetchall()
    for (month,) in months:
        if (key := month.isoformat()) in left:
            context.log_event(dg.AssetMaterialization(PRICE_HISTORY, partition=key))


def say_loaded(log: Any, loaded: Sequence[LoadedHistory]) -> None:
    """Write to a run's log what became of files."""
    for file in loaded[:_MOST_NAMED]:
        (log.error if file.status == "failed" else log.info)(str(file))
    if len(loaded) > _MOST_NAMED:
        points = sum(file.loaded for file in loaded[_MOST_NAMED:])
        log.info("and %d files more, %d points loaded", len(loaded) - _MOST_NAMED, points)


_CANDLE_SOURCES: Mapping[str, Sequence[tuple[str, str]]] = {
    **dict.fromkeys(
        _PRICE_COLUMNS, (("fact_crypto_price_metrics", "current_price"), ("price_points", "price"))
    ),
    **{
        column: (("fact_crypto_price_metrics", column), ("price_points", column))
        for column in ("market_cap", "total_volume")
    },
}


@dg.multi_asset(
    name="candles",
    specs=[
        table_spec(
            table,
            "gold",
            dg.TableColumnLineage(
                {
                    column: [dg.TableColumnDep(asset, of) for asset, of in sources]
                    for column, sources in _CANDLE_SOURCES.items()
                }
            ),
            [dg.AssetDep("fact_crypto_price_metrics"), dg.AssetDep("price_points")],
            FRESHNESS,
        )
        for table in CANDLE_TABLES
    ],
)
def candles(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource
) -> Iterator[dg.MaterializeResult[Any]]:
    """Bring the hourly and daily candles up to the star schema: the hours in which batches have new
    snapshots are made anew, and their days. The candles of charts and imports come with the load of
    their points."""
    work_for_run(context.run.run_id)
    counts = load_candles_of_snapshots(warehouse)
    with warehouse.connection() as connection:
        for table in CANDLE_TABLES:
            yield dg.MaterializeResult(
                asset_key=table.name,
                metadata={
                    **counts[table.name],
                    **table_metadata(connection, table),
                },
            )


class BackfillConfig(dg.Config):
    """What a backfill asks for.

    Attributes:
        coins: Ids; without any, those that snapshots have had.
        currencies: Codes; without any, the configured ones.
        start: First moment, ISO 8601, UTC.
        end: Last moment; without it, now.
        ohlc_days: Of how many days CoinGecko's own candles are asked for too: 1, 7, 14, 30, 90, 180
            or 365; without it, of none.
    """

    coins: list[str] = Field(default_factory=list)
    currencies: list[str] = Field(default_factory=list)
    start: str | None = None
    end: str | None = None
    ohlc_days: str | None = None


def wanted_span(config: BackfillConfig, now: datetime) -> Span:
    """The hours that a backfill asks for."""
    start = FIRST_MOMENT if config.start is None else moment("start", config.start)
    end = now if config.end is None else min(moment("end", config.end), now)
    return Span(hour_of(start), hour_of(end))


@dg.op
def fetch_price_history(
    context: dg.OpExecutionContext,
    config: BackfillConfig,
    warehouse: WarehouseResource,
    landing_zone: LandingZoneResource,
) -> None:
    """Ask for the hours that are missing of some coins in a range of time."""
    work_for_run(context.run.run_id)
    told = history(warehouse, landing_zone)
    with source_failures(context):
        now = told.now()
        told.load_pending()
        span = wanted_span(config, now)
        coins = config.coins or told.tracked_coins()
        currencies = config.currencies or told.settings.currencies
        missing = told.missing(coins, currencies, span) if span.start < span.end else {}
        if config.ohlc_days is not None:
            candles = told.fetch_candles(coins, currencies, config.ohlc_days, now, context.run_id)
            context.log.info("candles: %s", candles)
        _fetch(context, told, told.plan(missing, now), now)


@dg.op
def close_gaps(
    context: dg.OpExecutionContext,
    warehouse: WarehouseResource,
    landing_zone: LandingZoneResource,
) -> None:
    """Ask for what the gaps lack, in as few requests as can be."""
    work_for_run(context.run.run_id)
    told = history(warehouse, landing_zone)
    load_candles_of_snapshots(warehouse)
    with source_failures(context):
        now = told.now()
        told.load_pending()
        _fetch(context, told, told.plan(told.unexplained_gaps(), now), now)


def _fetch(context: dg.OpExecutionContext, told: History, planned: Planned, now: datetime) -> None:
    context.log.info(str(told.cost(planned)))
    outcome = told.fetch(planned, now, context.run.run_id, context.log.info)
    context.log.info(str(outcome))
    tables = (*HISTORY_TABLES, *CANDLE_TABLES)
    did = outcome_metadata(outcome)
    report_months(context, told.warehouse)
    counts = {**{table.name: did for table in tables}, **load_marts(told.warehouse)}
    report_tables(context, told.warehouse, (*tables, *MART_TABLES), counts)
    if outcome.stopped is not None:
        raise dg.Failure(str(outcome), allow_retries=False)


BACKFILL_JOB = "backfill_price_history"
REPAIR_JOB = "repair_price_history"


@dg.job(
    name=BACKFILL_JOB,
    executor_def=dg.in_process_executor,
    description="Ask CoinGecko for the price history that is missing of some coins, and load it.",
)
def backfill_price_history() -> None:
    """Charts into bronze, silver and the candles."""
    fetch_price_history()


@dg.job(
    name=REPAIR_JOB,
    executor_def=dg.in_process_executor,
    description="Close the gaps of the price history, within the request budget.",
)
def repair_price_history() -> None:
    """Gaps into requests, and these into candles."""
    close_gaps()
