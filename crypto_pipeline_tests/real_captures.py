"""Real responses of CoinGecko, which lie beside the repository, not in it."""

import tarfile
from datetime import datetime
from pathlib import Path

import pytest

from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline_tests.market_records import drop

CAPTURES = Path(__file__).parents[2] / "shared" / "data" / "coingecko"
DESCRIPTIONS = CAPTURES / "openapi"

needs_captures = pytest.mark.skipif(
    not CAPTURES.is_dir(), reason=f"no real captures in {CAPTURES}: they are not in the repository"
)
"""Skips a test where they are not."""


def land_body(zone: LandingZone, name: str, body: bytes, ingested_at: str) -> None:
    """Drop a response into the landing zone, its bytes untouched."""
    head = f'{{"ingested_at":"{ingested_at}","source":"CoinGecko","records":'
    drop(zone, name, head.encode() + body + b"}")


def land_year(zone: LandingZone, *prefixes: str) -> None:
    """Drop a year of daily responses into the landing zone, or those of the given days."""
    with tarfile.open(CAPTURES / "daily_2024.tar.xz") as archive:
        for member in archive:
            name = Path(member.name).name
            if name.startswith(prefixes or ""):
                stream = archive.extractfile(member)
                assert stream is not None
                received_at = datetime.strptime(name, "%Y-%m-%dT%H%M%SZ.json").isoformat()
                land_body(zone, name, stream.read(), f"{received_at}Z")
