"""The code location in one glance."""

import dagster as dg

from crypto_pipeline.alerts import alerts
from crypto_pipeline.assets.bronze import market_snapshots
from crypto_pipeline.assets.bulk_load import load_landing_zone, replay_landing_zone
from crypto_pipeline.assets.coin_list import coin_list, coin_list_tables
from crypto_pipeline.assets.gold import gold
from crypto_pipeline.assets.lakehouse import lake_candles, lake_marts, lakehouse, maintain_lake
from crypto_pipeline.assets.marts import marts
from crypto_pipeline.assets.price_history import (
    backfill_price_history,
    candles,
    price_history,
    price_history_tables,
    repair_price_history,
)
from crypto_pipeline.assets.quarantine import replay_quarantine
from crypto_pipeline.assets.silver import silver
from crypto_pipeline.automation import (
    LAKE_IN_USE,
    audit,
    daily_coin_list,
    hourly_market_data,
    hourly_schedule,
    ingest_market_data,
    load_lake,
    nightly_audit,
    nightly_backup,
    nightly_coin_list,
    nightly_lake_maintenance,
    nightly_maintenance,
    nightly_repair,
)
from crypto_pipeline.checks.bronze import expected_coins_present
from crypto_pipeline.checks.coin_list import coin_list_checks
from crypto_pipeline.checks.gold import gold_checks
from crypto_pipeline.checks.lakehouse import (
    delta_equals_postgres,
    lake_candles_equal_postgres,
    lake_marts_equal_postgres,
)
from crypto_pipeline.checks.price_history import candle_checks, price_history_checks
from crypto_pipeline.checks.silver import silver_checks
from crypto_pipeline.coingecko.resource import CoinGecko
from crypto_pipeline.further_sources import further_sources
from crypto_pipeline.lakehouse.spark.resource import Spark
from crypto_pipeline.landing.resource import LandingZoneIOManager, LandingZoneResource
from crypto_pipeline.warehouse.backup_job import backup
from crypto_pipeline.warehouse.maintenance import maintenance
from crypto_pipeline.warehouse.resource import PostgresIOManager, WarehouseResource

warehouse = WarehouseResource()
landing_zone = LandingZoneResource()

resources = {
    "coingecko": CoinGecko(),
    "landing_zone": landing_zone,
    "landing": LandingZoneIOManager(landing_zone=landing_zone),
    "spark": Spark(),
    "warehouse": warehouse,
    "postgres": PostgresIOManager(warehouse=warehouse),
}

defs = dg.Definitions.merge(
    dg.Definitions(
        assets=[
            *(market_snapshots, silver, gold, candles, marts),
            *(price_history, price_history_tables),
            *(coin_list, coin_list_tables),
            *([lakehouse, lake_candles, lake_marts] if LAKE_IN_USE else []),
        ],
        asset_checks=[
            expected_coins_present,
            silver_checks,
            gold_checks,
            candle_checks,
            price_history_checks,
            coin_list_checks,
            *(
                [delta_equals_postgres, lake_candles_equal_postgres, lake_marts_equal_postgres]
                if LAKE_IN_USE
                else []
            ),
        ],
        jobs=[
            hourly_market_data,
            ingest_market_data,
            load_landing_zone,
            replay_landing_zone,
            backfill_price_history,
            repair_price_history,
            daily_coin_list,
            replay_quarantine,
            audit,
            maintenance,
            backup,
            *([load_lake] if LAKE_IN_USE else []),
            *([maintain_lake] if LAKE_IN_USE else []),
        ],
        schedules=[
            hourly_schedule,
            nightly_audit,
            nightly_maintenance,
            nightly_backup,
            nightly_repair,
            nightly_coin_list,
            *([nightly_lake_maintenance] if LAKE_IN_USE else []),
        ],
        sensors=[alerts],
        executor=dg.in_process_executor,
        resources=resources,
    ),
    *further_sources(resources),
)
