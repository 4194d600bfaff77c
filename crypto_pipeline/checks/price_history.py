"""Checks of the price history and the candles, and of the request budget."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import dagster as dg

from crypto_pipeline.checks.landing_files import changed_files, unchanged_result
from crypto_pipeline.checks.scope import WrongRows, loaded_since, run_hours
from crypto_pipeline.checks.sql_checks import check_query, sql_check_specs
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.landing.resource import LandingZoneResource
from crypto_pipeline.warehouse.request_ledger import enter_requests, month_use
from crypto_pipeline.warehouse.resource import WarehouseResource

_OF_CANDLES = {
    "fact_crypto_price_hourly": (
        *("no_orphan_candle_keys", "candles_match_snapshots", "no_gaps"),
        *("price_jumps", "prices_move", "currencies_agree"),
    ),
    "fact_crypto_price_metrics": ("price_matches_market_cap",),
    "fact_crypto_price_daily": ("days_match_hours",),
    "mart_returns_hourly": ("returns_match_candles",),
    "mart_market_daily": ("market_matches_candles",),
}
_OF_HISTORY = {
    "history_batches": (
        *("history_batches_completed", "history_batches_add_up", "market_cap_known"),
    ),
    "price_points": ("point_references_exist",),
    "price_corrections": ("points_not_restated",),
}
_ANOMALIES = {"price_jumps", "prices_move", "currencies_agree", "price_matches_market_cap"}
_WARNINGS = {"no_gaps", "market_cap_known", "points_not_restated", *_ANOMALIES}

_CANDLE_SPECS = sql_check_specs("history", _OF_CANDLES, blocking=False)
_HISTORY_SPECS = sql_check_specs("history", _OF_HISTORY, blocking=False)
_FILES_UNCHANGED = dg.AssetCheckSpec(
    "history_files_unchanged",
    asset="history_batches",
    description="Landing files are immutable: each has the SHA-256 it was loaded with.",
)
_ON_PACE = dg.AssetCheckSpec(
    "budget_on_pace",
    asset="history_batches",
    description="At the pace of the month so far, at most 80 % of its credits will be used.",
)
_DAY = timedelta(days=1)
_FIRST = datetime(2000, 1, 1, tzinfo=timezone.utc)
_LAST = datetime(3000, 1, 1, tzinfo=timezone.utc)


def _severity(spec: dg.AssetCheckSpec) -> dg.AssetCheckSeverity:
    wrong = spec.name in _WARNINGS
    return dg.AssetCheckSeverity.WARN if wrong else dg.AssetCheckSeverity.ERROR


@dg.multi_asset_check(name="candle_checks", specs=_CANDLE_SPECS, can_subset=True)
def candle_checks(
    context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource
) -> Iterator[dg.AssetCheckResult]:
    """Compare the candles with what they are made of, and look for gaps: in a run of some hours,
    from the day before them on."""
    hours = run_hours(dict(context.run.tags))
    start, end = (_FIRST, _LAST) if hours is None else (hours[0] - _DAY, hours[1])
    for spec in _CANDLE_SPECS:
        if spec.key in context.selected_asset_check_keys:
            yield _ask(warehouse, spec, start, end)


@dg.multi_asset_check(
    name="price_history_checks",
    specs=[*_HISTORY_SPECS, _FILES_UNCHANGED, _ON_PACE],
    can_subset=True,
)
def price_history_checks(
    context: dg.AssetCheckExecutionContext,
    warehouse: WarehouseResource,
    landing_zone: LandingZoneResource,
) -> Iterator[dg.AssetCheckResult]:
    """Check the tables of the price history, its landing files, and the month's credits: after a
    load, what it has loaded."""
    selected = context.selected_asset_check_keys
    since = loaded_since(dict(context.run.tags))
    for spec in _HISTORY_SPECS:
        if spec.key in selected:
            yield _ask(warehouse, spec, _FIRST, _LAST, since)
    if _FILES_UNCHANGED.key in selected:
        yield _files_unchanged(warehouse, landing_zone, since)
    if _ON_PACE.key in selected:
        yield _on_pace(warehouse)


def _ask(
    warehouse: WarehouseResource,
    spec: dg.AssetCheckSpec,
    start: datetime,
    end: datetime,
    since: datetime | None = None,
) -> dg.AssetCheckResult:
    wrong = WrongRows()
    with warehouse.work() as connection:
        connection.execute(
            "CREATE TEMPORARY TABLE check_scope ON COMMIT DROP AS"
            " SELECT %s::timestamptz AS range_start, %s::timestamptz AS range_end,"
            " %s::timestamptz AS loaded_since",
            [start, end, since or "-infinity"],
        )
        connection.execute("SELECT create_pruned_candles(%s, %s)", [start, end])
        wrong.add(connection, check_query("history", spec.name, as_loaded=False))
    return wrong.result(spec, _severity(spec))


def _files_unchanged(
    warehouse: WarehouseResource, landing_zone: LandingZoneResource, since: datetime | None
) -> dg.AssetCheckResult:
    """What a load has just read is not read again."""
    with warehouse.connection() as connection:
        loaded = connection.execute(
            "SELECT landing_file, file_sha256 FROM history_batches WHERE status = 'completed'"
            " AND %s::timestamptz IS NULL",
            [since],
        ).fetchall()
    return unchanged_result(_FILES_UNCHANGED, changed_files(landing_zone.zone(), loaded))


def _on_pace(warehouse: WarehouseResource) -> dg.AssetCheckResult:
    enter_requests(warehouse)
    with warehouse.connection() as connection:
        use = month_use(connection, Settings())
    pace = use.pace
    return dg.AssetCheckResult(
        asset_key=_ON_PACE.asset_key,
        check_name=_ON_PACE.name,
        passed=use.is_on_pace,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "credits_used": use.used,
            "credits_of_the_month": "no limit known" if use.limit is None else use.limit,
            "kept_for_the_hourly_fetch": use.kept,
            **({} if pace is None else {"share_at_this_pace": round(pace, 3)}),
        },
    )
