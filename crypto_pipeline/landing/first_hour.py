"""The first hour of the asset graph's partitions."""

import os
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from threading import Thread

from pydantic import ValidationError

from crypto_pipeline.config.settings import Settings
from crypto_pipeline.landing.landed import hour_of
from crypto_pipeline.landing.object_store import ObjectStoreError
from crypto_pipeline.landing.zone import LandingZone

_MOST_SECONDS = 10

_EXPECTED = "CRYPTO_PIPELINE_EXPECTED_HOUR"
"""Variable of this process and its children: the hour of a run that is about to be made."""


def first_hour() -> datetime:
    """The hour (UTC) of the oldest landing file, or of a run that is expected, if that is older.

    Of an empty landing zone, or one that cannot be listed now, the start of the month of the first
    start on this ``DATA_DIR``.
    """
    oldest: datetime | None = None
    started = datetime.now(timezone.utc)
    # The graph is made also where a setting is wrong; whatever works with it refuses that.
    with suppress(ValidationError):
        settings = Settings()
        started = _first_start(settings) or started
        oldest = _oldest_hour(settings.landing_uri)
    expected = os.environ.get(_EXPECTED)
    hours = [hour for hour in (oldest, expected and datetime.fromisoformat(expected)) if hour]
    return min(hours, default=hour_of(started).replace(day=1, hour=0))


def _oldest_hour(landing_uri: str) -> datetime | None:
    """None also where the zone does not answer soon: the graph must not wait for a store that is
    away."""
    found: list[datetime | None] = []

    def look() -> None:
        with suppress(ObjectStoreError, OSError):
            found.append(LandingZone(landing_uri).oldest_hour())

    looking = Thread(target=look, daemon=True)
    looking.start()
    looking.join(_MOST_SECONDS)
    return found[0] if found else None


def expect_hour(time: datetime) -> None:
    """Let the partitions of this process and its children reach back to a run at some time; to be
    called before the graph is imported."""
    os.environ[_EXPECTED] = hour_of(time).isoformat()


def remember_first_start(settings: Settings) -> None:
    """Keep the time of the first start in ``DATA_DIR``.

    Raises:
        OSError: it cannot be written.
    """
    with suppress(FileExistsError), _file(settings).open("x", encoding="utf-8") as file:
        file.write(datetime.now(timezone.utc).isoformat())


def _first_start(settings: Settings) -> datetime | None:
    try:
        return datetime.fromisoformat(_file(settings).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _file(settings: Settings) -> Path:
    return settings.data_dir / f"first_start-{settings.database_name}"
