"""The freshness of an asset as Dagster's daemon reports it, of which its interface says nothing."""

from datetime import datetime, timezone

import dagster as dg
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange


def report_freshness(instance: dg.DagsterInstance, key: dg.AssetKey, state: str) -> None:
    """Say that an asset's freshness has changed to PASS, WARN, FAIL or UNKNOWN."""
    instance.report_runless_asset_event(
        FreshnessStateChange(
            key=key,
            new_state=FreshnessState(state),
            previous_state=FreshnessState.UNKNOWN,
            state_change_timestamp=datetime.now(timezone.utc).timestamp(),
        )
    )
