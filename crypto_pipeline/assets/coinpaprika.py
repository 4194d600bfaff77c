"""Bronze of CoinPaprika: tickers every hour; contracts and yesterday's candles every day."""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from itertools import islice, product
from typing import Any

import dagster as dg

from crypto_pipeline.assets.bronze import source_failures
from crypto_pipeline.assets.conventions import CODE_VERSION, FRESHNESS, OWNERS, RETRY, TAGS
from crypto_pipeline.coinpaprika.client import COINPAPRIKA
from crypto_pipeline.coinpaprika.errors import BadRequest, PlanError
from crypto_pipeline.coinpaprika.limits import MOST_CANDLES, MOST_QUOTES, candle_quotes, quotes
from crypto_pipeline.coinpaprika.resource import CoinPaprika
from crypto_pipeline.coinpaprika.schema import platform_ids
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.fetching.answer import SourceAnswer
from crypto_pipeline.landing.object_store import ObjectStoreError
from crypto_pipeline.landing.resource import LandingZoneResource, files_metadata
from crypto_pipeline.landing.source_answers import keep_source_answer
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.quotes.mappings import mapped_coins
from crypto_pipeline.warehouse.resource import WarehouseResource

GROUP = "bronze_coinpaprika"

_DAILY = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=50), warn_window=timedelta(hours=26)
)


def _bronze(
    freshness: dg.FreshnessPolicy,
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """An asset that asks CoinPaprika."""
    return dg.asset(
        group_name=GROUP,
        kinds={"coinpaprika", "json", "file"},
        owners=OWNERS,
        tags={**TAGS, "source": COINPAPRIKA, "layer": "bronze"},
        code_version=CODE_VERSION,
        freshness_policy=freshness,
        pool="coinpaprika_api",
        retry_policy=RETRY,
    )


@_bronze(FRESHNESS)
def coinpaprika_tickers(
    context: dg.AssetExecutionContext, coinpaprika: CoinPaprika, landing_zone: LandingZoneResource
) -> dg.MaterializeResult[Any]:
    """Answers of CoinPaprika's `/tickers`, byte for byte, one immutable file for three of the
    currencies: the price of every coin that the plan has. An answer that cannot be read is kept
    too."""
    kept: list[str] = []
    with source_failures(context):
        zone = landing_zone.zone()
        with coinpaprika.client(context.run.run_id) as client:
            for currencies in _in_chunks(quotes(Settings()), MOST_QUOTES):
                answer = client.tickers(
                    currencies, lambda unreadable: _keep_unreadable(context, zone, unreadable)
                )
                kept.append(_keep(zone, answer))
    return dg.MaterializeResult(metadata=files_metadata(kept))


@_bronze(_DAILY)
def coinpaprika_contracts(
    context: dg.AssetExecutionContext, coinpaprika: CoinPaprika, landing_zone: LandingZoneResource
) -> dg.MaterializeResult[Any]:
    """Answers of CoinPaprika's `/contracts` and `/contracts/{platform_id}`: the contracts of its
    coins, which say which of them is which of ours."""
    kept: list[str] = []
    with source_failures(context):
        zone = landing_zone.zone()
        with coinpaprika.client(context.run.run_id) as client:
            platforms = client.platforms()
            kept.append(_keep(zone, platforms))
            kept += [_keep(zone, client.contracts(one)) for one in platform_ids(platforms.body)]
    return dg.MaterializeResult(metadata=files_metadata(kept))


@_bronze(_DAILY)
def coinpaprika_candles(
    context: dg.AssetExecutionContext,
    coinpaprika: CoinPaprika,
    landing_zone: LandingZoneResource,
    warehouse: WarehouseResource,
) -> dg.MaterializeResult[Any]:
    """Answers of CoinPaprika's `/coins/{coin_id}/ohlcv/historical`: yesterday's candle of every
    coin that is mapped, in US dollars and bitcoin as far as they are asked for; of the free plan,
    of the largest. A coin that it refuses does not cost the others."""
    kept: list[str] = []
    refused = 0
    settings = Settings()
    with source_failures(context):
        zone = landing_zone.zone()
        with coinpaprika.client(context.run.run_id) as client:
            asked = client.platforms()
            yesterday = asked.ingested_at.date() - timedelta(days=1)
            wanted = product(mapped_coins(warehouse, asked.source), candle_quotes(settings))
            assert settings.coinpaprika_plan is not None
            for coin, currency in islice(wanted, MOST_CANDLES[settings.coinpaprika_plan]):
                try:
                    answer = client.daily_candles(coin, currency, yesterday, yesterday)
                except (BadRequest, PlanError) as refusal:
                    context.log.warning("no candle of %s in %s: %s", coin, currency, refusal)
                    refused += 1
                    continue
                kept.append(_keep(zone, answer))
    return dg.MaterializeResult(metadata={"refused": refused, **files_metadata(kept)})


def _keep(zone: LandingZone, answer: SourceAnswer) -> str:
    return str(keep_source_answer(zone, COINPAPRIKA, answer).uri)


def _keep_unreadable(
    context: dg.AssetExecutionContext, zone: LandingZone, answer: SourceAnswer
) -> None:
    try:
        context.log.warning("an unreadable answer is kept as %s", _keep(zone, answer))
    except (OSError, ObjectStoreError) as problem:
        context.log.warning("an unreadable answer could not be kept: %s", problem)


def _in_chunks(codes: Iterable[str], size: int) -> Iterator[list[str]]:
    remaining = iter(codes)
    while chunk := list(islice(remaining, size)):
        yield chunk
