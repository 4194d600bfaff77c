"""Checks of bronze: was everything fetched that was asked for?"""

import dagster as dg

from crypto_pipeline.checks.scope import run_hours
from crypto_pipeline.coingecko.capture import CaptureError
from crypto_pipeline.coingecko.schema import decode_record
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.landing.resource import LandingZoneResource


@dg.asset_check(asset="market_snapshots")
def expected_coins_present(
    context: dg.AssetCheckExecutionContext, landing_zone: LandingZoneResource
) -> dg.AssetCheckResult:
    """The newest hour of the run (of all, in a run without) has each currency that the
    configuration asks for, and its newest file in each the coins: each of COINGECKO_IDS, or
    COINGECKO_TOP_N of them."""
    settings = Settings()
    files = list(landing_zone.zone().files(*(run_hours(dict(context.run.tags)) or (None, None))))
    if not files:
        return dg.AssetCheckResult(passed=False, description="there is no landing file")
    try:
        newest = {
            capture.vs_currency or settings.currencies[0]: capture
            for capture in (file.capture() for file in files if file.hour == files[-1].hour)
        }
    except CaptureError as error:
        return dg.AssetCheckResult(passed=False, description=f"{files[-1].path}: {error}")
    without = sorted(set(settings.currencies) - newest.keys())
    capture = min(newest.values(), key=lambda capture: len(capture.records))
    coins = {str(decode_record(record)[0]) for record in capture.records}
    missing = sorted(set(settings.coingecko_ids) - coins)
    expected = len(set(settings.coingecko_ids)) or settings.coingecko_top_n
    found = expected - len(missing) if settings.coingecko_ids else len(coins)
    return dg.AssetCheckResult(
        passed=found >= expected and not without,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "expected": expected,
            "found": found,
            "missing_currencies": dg.JsonMetadataValue(without),
            "missing_ids": dg.JsonMetadataValue(missing),
            "landing_file": files[-1].path,
        },
    )
