"""What further sources say, whichever they are: the tables of their answers, and the consensus."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg

from crypto_pipeline.assets.conventions import FRESHNESS, table_spec
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.landing.resource import LandingZoneResource
from crypto_pipeline.model.registry import FACT_CONSENSUS, QUOTE_TABLES
from crypto_pipeline.quotes.consensus import load_consensus
from crypto_pipeline.quotes.load import LoadedAnswer, answers_to_load, load_answers, total
from crypto_pipeline.warehouse.postgres import work_for_run
from crypto_pipeline.warehouse.request_ledger import enter_requests
from crypto_pipeline.warehouse.resource import WarehouseResource, table_metadata

SILVER_GROUP = "silver_quotes"
GOLD_GROUP = "gold_consensus"

_PRICES = ("median_price", "lowest_price", "highest_price", "spread_share", "source_prices")


def quote_tables(bronze: Sequence[str]) -> dg.AssetsDefinition:
    """The asset that loads the answers of further sources.

    Args:
        bronze: Names of the assets that fetch them.
    """

    @dg.multi_asset(
        name="quote_tables",
        specs=[
            table_spec(
                table,
                SILVER_GROUP,
                dg.TableColumnLineage({}),
                [dg.AssetDep(name) for name in bronze],
                FRESHNESS,
            )
            for table in QUOTE_TABLES
        ],
    )
    def load_quotes(
        context: dg.AssetExecutionContext,
        warehouse: WarehouseResource,
        landing_zone: LandingZoneResource,
    ) -> Iterator[dg.MaterializeResult[Any]]:
        """Load the answers of further sources that are no completed batch: their quotes, coins,
        contracts and candles, and the quarantine of these."""
        work_for_run(context.run.run_id)
        zone = landing_zone.zone()
        loaded: list[LoadedAnswer] = []

        def note(answer: LoadedAnswer) -> None:
            say_answer(context.log, answer)
            loaded.append(answer)

        failed = load_answers(
            warehouse,
            zone,
            answers_to_load(warehouse, zone),
            Settings().max_rejected_share,
            note,
        )
        enter_requests(warehouse)
        with warehouse.connection() as connection:
            for table in QUOTE_TABLES:
                yield dg.MaterializeResult(
                    asset_key=table.name,
                    metadata={**total(loaded), **table_metadata(connection, table)},
                )
        if failed:
            context.log.error("%d answers of further sources could not be loaded", failed)

    return load_quotes


@dg.multi_asset(
    name="consensus",
    specs=[
        table_spec(
            FACT_CONSENSUS,
            GOLD_GROUP,
            dg.TableColumnLineage(
                {
                    column: [
                        dg.TableColumnDep("fact_crypto_price_hourly", "mean_price"),
                        dg.TableColumnDep("price_quotes", "price"),
                    ]
                    for column in _PRICES
                }
            ),
            [
                dg.AssetDep("fact_crypto_price_hourly"),
                dg.AssetDep("price_quotes"),
                dg.AssetDep("rejected_quotes"),
            ],
            FRESHNESS,
        )
    ],
)
def consensus(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource
) -> dg.MaterializeResult[Any]:
    """Bring the consensus up to the candles, quotes and mappings: the hours in which something is
    new are computed anew."""
    work_for_run(context.run.run_id)
    counts = load_consensus(warehouse)
    with warehouse.connection() as connection:
        return dg.MaterializeResult(
            asset_key=FACT_CONSENSUS.name,
            metadata={**counts, **table_metadata(connection, FACT_CONSENSUS)},
        )


def say_answer(log: Any, loaded: LoadedAnswer) -> None:
    """Write to a run's log what became of an answer."""
    (log.error if loaded.status == "failed" else log.info)(str(loaded))
