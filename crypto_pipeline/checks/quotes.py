"""Checks of further sources: are their answers loaded as they came, and do the sources agree?"""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import dagster as dg

from crypto_pipeline.checks.landing_files import changed_files, unchanged_result
from crypto_pipeline.checks.scope import WrongRows
from crypto_pipeline.checks.sql_checks import check_query, sql_check_specs
from crypto_pipeline.landing.bodies import BodyError
from crypto_pipeline.landing.landed import hour_of
from crypto_pipeline.landing.resource import LandingZoneResource
from crypto_pipeline.landing.source_answers import read_answer_body, read_source_answer
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.registry import FACT_CONSENSUS
from crypto_pipeline.warehouse.resource import WarehouseResource

LATELY_TAG = "crypto_pipeline/lately"
"""Tag of a run whose checks look at what was loaded in the last two days, and not at all."""

_OF_QUOTES = sql_check_specs(
    "quotes",
    {
        "quote_batches": ("quote_batches_completed", "quotes_match_batches"),
        "quoted_coins": ("coins_mapped",),
    },
    blocking=False,
)
_OF_CONSENSUS = sql_check_specs(
    "quotes",
    {FACT_CONSENSUS.name: ("sources_agree", "consensus_follows_prices")},
    blocking=False,
)
_FILES_UNCHANGED = dg.AssetCheckSpec(
    "quote_files_unchanged",
    asset="quote_batches",
    description="Landing files are immutable: each answer and each body has the SHA-256 with which"
    " it was loaded.",
)
_WARNINGS = {"sources_agree", "coins_mapped"}
_LATELY = timedelta(days=2)
_FIRST = datetime(2000, 1, 1, tzinfo=timezone.utc)
_LAST = datetime(3000, 1, 1, tzinfo=timezone.utc)


@dg.multi_asset_check(name="quote_checks", specs=[*_OF_QUOTES, _FILES_UNCHANGED], can_subset=True)
def quote_checks(
    context: dg.AssetCheckExecutionContext,
    warehouse: WarehouseResource,
    landing_zone: LandingZoneResource,
) -> Iterator[dg.AssetCheckResult]:
    """Compare what was loaded with the batches, and the landing files with what was loaded."""
    yield from _ask(context, warehouse, _OF_QUOTES)
    if _FILES_UNCHANGED.key in context.selected_asset_check_keys:
        with warehouse.connection() as connection:
            loaded = connection.execute(
                "SELECT landing_file, file_sha256 FROM quote_batches"
                " WHERE status = 'completed' AND loaded_at >= %s",
                [_since(context)],
            ).fetchall()
        zone = landing_zone.zone()
        changed = changed_files(zone, loaded)
        changed += [path for path, _ in loaded if path not in changed and not _has_body(zone, path)]
        yield unchanged_result(_FILES_UNCHANGED, changed)


@dg.multi_asset_check(name="consensus_checks", specs=_OF_CONSENSUS, can_subset=True)
def consensus_checks(
    context: dg.AssetCheckExecutionContext, warehouse: WarehouseResource
) -> Iterator[dg.AssetCheckResult]:
    """Look for hours in which the sources part, and for rows that do not follow from their
    prices."""
    yield from _ask(context, warehouse, _OF_CONSENSUS)


def _ask(
    context: dg.AssetCheckExecutionContext,
    warehouse: WarehouseResource,
    specs: list[dg.AssetCheckSpec],
) -> Iterator[dg.AssetCheckResult]:
    since = _since(context)
    for spec in specs:
        if spec.key not in context.selected_asset_check_keys:
            continue
        wrong = WrongRows()
        with warehouse.work() as connection:
            newest = connection.execute("SELECT max(ingested_at) FROM quote_batches").fetchone()
            assert newest is not None
            # By the clock of the data, which the sandbox's is.
            start = _FIRST if since == _FIRST or newest[0] is None else newest[0] - _LATELY
            connection.execute(
                "CREATE TEMPORARY TABLE check_scope ON COMMIT DROP AS"
                " SELECT %s::timestamptz AS range_start, %s::timestamptz AS range_end,"
                " %s::timestamptz AS loaded_since",
                [hour_of(start), _LAST, since],
            )
            wrong.add(connection, check_query("quotes", spec.name, as_loaded=False))
        warns = spec.name in _WARNINGS
        yield wrong.result(
            spec, dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR
        )


def _since(context: dg.AssetCheckExecutionContext) -> datetime:
    """From when on what was loaded is looked at."""
    return datetime.now(timezone.utc) - _LATELY if LATELY_TAG in context.run.tags else _FIRST


def _has_body(zone: LandingZone, path: str) -> bool:
    file = zone.stored_file(path)
    try:
        read_answer_body(zone, file, read_source_answer(file))
    except (OSError, BodyError):
        return False
    return True
