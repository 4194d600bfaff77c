"""The sources beside CoinGecko, as the code location has them: nothing of one that is off.

To add one is to add an entry to ``_SOURCES``: ``docs/SOURCES.md``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from crypto_pipeline.assets import coinpaprika
from crypto_pipeline.assets.quotes import GOLD_GROUP, SILVER_GROUP, consensus, quote_tables
from crypto_pipeline.checks.quotes import LATELY_TAG, consensus_checks, quote_checks
from crypto_pipeline.coinpaprika.resource import CoinPaprika
from crypto_pipeline.config.settings import GraphSettings, graph_settings

QUOTES_JOB = "hourly_quotes"
CONSENSUS_JOB = "hourly_consensus"
DAILY_JOB = "daily_quotes"


@dataclass(frozen=True)
class _Source:
    """A source that is on.

    Attributes:
        resource: Its Dagster resource, by name.
        hourly: Its assets that are fetched every hour.
        daily: Those that are fetched every day.
    """

    resource: tuple[str, Any]
    hourly: Sequence[dg.AssetsDefinition]
    daily: Sequence[dg.AssetsDefinition]


_COINPAPRIKA = _Source(
    resource=("coinpaprika", CoinPaprika()),
    hourly=[coinpaprika.coinpaprika_tickers],
    daily=[coinpaprika.coinpaprika_contracts, coinpaprika.coinpaprika_candles],
)


def _in_use(settings: GraphSettings) -> list[_Source]:
    return [_COINPAPRIKA] if settings.coinpaprika_plan is not None else []


def further_sources(resources: Mapping[str, Any]) -> list[dg.Definitions]:
    """What the sources that are on add to the code location: nothing if none is.

    Args:
        resources: Those that the assets of all sources use.
    """
    settings = graph_settings()
    if not settings.has_further_source:
        return []
    sources = _in_use(settings)
    hourly = [asset for source in sources for asset in source.hourly]
    daily = [asset for source in sources for asset in source.daily]
    tables = quote_tables([asset.key.to_user_string() for asset in (*hourly, *daily)])
    silver = dg.AssetSelection.groups(SILVER_GROUP)
    jobs = [
        dg.define_asset_job(
            QUOTES_JOB,
            selection=dg.AssetSelection.assets(*hourly) | silver,
            description="Fetch what further sources say now; load and check it.",
            executor_def=dg.in_process_executor,
            tags={LATELY_TAG: "true"},
        ),
        dg.define_asset_job(
            DAILY_JOB,
            selection=dg.AssetSelection.assets(*daily) | silver,
            description="Fetch the contracts and candles of further sources; load and check them.",
            executor_def=dg.in_process_executor,
            tags={LATELY_TAG: "true"},
        ),
        dg.define_asset_job(
            CONSENSUS_JOB,
            selection=dg.AssetSelection.groups(GOLD_GROUP),
            description="Bring the consensus up to what the sources said; check if they agree.",
            executor_def=dg.in_process_executor,
            tags={LATELY_TAG: "true"},
        ),
    ]
    quotes_job, daily_job, consensus_job = jobs
    schedules = [
        dg.ScheduleDefinition(
            name="hourly_quotes_schedule",
            description="At minute 10, when CoinGecko is asked too: prices of one time compare.",
            cron_schedule="10 * * * *",
            job=quotes_job,
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        ),
        dg.ScheduleDefinition(
            name="hourly_consensus_schedule",
            description="At minute 25, when the hour's prices of all sources are loaded.",
            cron_schedule="25 * * * *",
            job=consensus_job,
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        ),
        dg.ScheduleDefinition(
            name="nightly_quotes_schedule",
            description="Every night, after the list of coins: contracts, and yesterday's candles.",
            cron_schedule="40 1 * * *",
            job=daily_job,
            execution_timezone="UTC",
            default_status=dg.DefaultScheduleStatus.RUNNING,
        ),
    ]
    return [
        dg.Definitions(
            assets=[*hourly, *daily, tables, consensus],
            asset_checks=[quote_checks, consensus_checks],
            jobs=jobs,
            schedules=schedules,
            resources={**resources, **dict(source.resource for source in sources)},
        )
    ]
