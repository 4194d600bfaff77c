"""Checks of the list of coins: is it whole, and do the tables say what its answers say?"""

from collections.abc import Iterator

import dagster as dg

from crypto_pipeline.checks.landing_files import changed_files, unchanged_result
from crypto_pipeline.checks.scope import WrongRows
from crypto_pipeline.checks.sql_checks import check_query, sql_check_specs
from crypto_pipeline.landing.bodies import BodyError
from crypto_pipeline.landing.coin_list import read_body
from crypto_pipeline.landing.resource import LandingZoneResource
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.resource import WarehouseResource

_SPECS = sql_check_specs(
    "coins",
    {
        "coin_list_batches": ("coin_lists_completed", "coin_list_complete"),
        "coin_listings": ("coins_listed_once", "listings_match_answers"),
        "coin_contracts": ("contracts_belong_to_coins",),
    },
    blocking=False,
)
_FILES_UNCHANGED = dg.AssetCheckSpec(
    "coin_list_files_unchanged",
    asset="coin_list_batches",
    description="Landing files are immutable: each answer and each body has the SHA-256 with which"
    " it was loaded.",
)
_WARNINGS = {"coin_list_complete"}


@dg.multi_asset_check(name="coin_list_checks", specs=[*_SPECS, _FILES_UNCHANGED], can_subset=True)
def coin_list_checks(
    context: dg.AssetCheckExecutionContext,
    warehouse: WarehouseResource,
    landing_zone: LandingZoneResource,
) -> Iterator[dg.AssetCheckResult]:
    """Look for a list that is not whole, and compare the tables with the answers."""
    selected = context.selected_asset_check_keys
    with warehouse.work() as connection:
        for spec in _SPECS:
            if spec.key in selected:
                wrong = WrongRows()
                wrong.add(connection, check_query("coins", spec.name, as_loaded=False))
                warns = spec.name in _WARNINGS
                yield wrong.result(
                    spec, dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR
                )
        loaded = connection.execute(
            "SELECT landing_file, file_sha256, body_sha256 FROM coin_list_batches"
            " WHERE status = 'completed'"
        ).fetchall()
    if _FILES_UNCHANGED.key in selected:
        zone = landing_zone.zone()
        changed = changed_files(zone, [(path, sha256) for path, sha256, _ in loaded])
        changed += [body for body in {row[2] for row in loaded} if not _has_body(zone, body)]
        yield unchanged_result(_FILES_UNCHANGED, changed)


def _has_body(zone: LandingZone, sha256: str) -> bool:
    try:
        read_body(zone, sha256)
    except (OSError, BodyError):
        return False
    return True
