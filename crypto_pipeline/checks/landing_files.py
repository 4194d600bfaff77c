"""What the checks of every layer ask of the landing files: that they are what was loaded."""

from collections.abc import Collection, Iterable

import dagster as dg

from crypto_pipeline.landing.zone import LandingZone


def changed_files(zone: LandingZone, loaded: Iterable[tuple[str, str]]) -> list[str]:
    """The files that do not have the SHA-256 with which they were loaded, or cannot be read.

    Args:
        zone: The landing zone.
        loaded: Path and SHA-256, hexadecimal, of each file.
    """
    return [path for path, sha256 in loaded if not _is_unchanged(zone, path, sha256)]


def unchanged_result(spec: dg.AssetCheckSpec, changed: Collection[str]) -> dg.AssetCheckResult:
    """The result of a check: passed when no file has changed."""
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=not changed,
        metadata={"changed_or_gone": dg.JsonMetadataValue(sorted(changed))},
    )


def _is_unchanged(zone: LandingZone, path: str, sha256: str) -> bool:
    try:
        return zone.stored_file(path).sha256 == sha256
    except OSError:
        return False
