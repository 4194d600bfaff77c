"""The demo: weeks of market data in a minute, from the sandbox server through the whole graph."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path

from rich.console import Console

from crypto_pipeline.config.settings import graph_settings
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.listing import Source
from crypto_pipeline.sandbox.recordings import Recordings
from crypto_pipeline.sandbox.server import SandboxServer

_HOUR = timedelta(hours=1)
_AFTER_THE_HOUR = timedelta(seconds=5)


@contextmanager
def sandbox(source: Source | None, clock: SimulatedClock) -> Iterator[SandboxServer]:
    """Run the sandbox server, and make this process and its children ask it and no one else."""
    with SandboxServer(source, clock=clock) as server:
        os.environ["COINGECKO_PLAN"] = "sandbox"
        os.environ["COINGECKO_BASE_URL"] = server.base_url
        if graph_settings().has_further_source:
            os.environ["COINPAPRIKA_PLAN"] = "sandbox"
            os.environ["COINPAPRIKA_BASE_URL"] = server.coinpaprika_url
        for source_name in ("COINGECKO", "COINPAPRIKA"):
            for name in (f"{source_name}_API_KEY", f"{source_name}_API_KEY_FILE"):
                os.environ.pop(name, None)
        if isinstance(source, Recordings):
            os.environ.setdefault("DB_NAME", "crypto_recorded")
        yield server


def demo_times(hours: int, recordings: Recordings | None) -> list[datetime]:
    """The simulated times at which the demo runs the hourly job: the newest full hours, or the
    times of the first recordings."""
    if recordings is not None:
        return recordings.times[:hours]
    return _hours_until(datetime.now(timezone.utc) + _HOUR, hours)


def past_times(first: datetime, days: int) -> list[datetime]:
    """The simulated times of the days before the first hour that the hourly job runs."""
    return _hours_until(first, 24 * days)


def _hours_until(end: datetime, hours: int) -> list[datetime]:
    """A moment in each of the last full hours before the one of a time."""
    hour = end.replace(minute=0, second=0, microsecond=0)
    return [hour - n * _HOUR + _AFTER_THE_HOUR for n in range(hours, 0, -1)]


def open_recordings(path: Path | None) -> Recordings | None:
    """The recordings of a path, if there is one.

    Raises:
        RecordingsError: the path holds nothing that can be played back.
    """
    return None if path is None else Recordings.open(path)


def explain(console: Console, recordings: Path | None) -> None:
    """Say where to go from the demo."""
    data, option = "made-up sandbox", "--sandbox"
    if recordings is not None:
        data, option = "recorded", f"--recordings {recordings}"
    console.print(
        f"\nAll of this is {data} data, labelled so down to dim_source. To go on:"
        "\n  [bold]make dashboard[/]  shows it in charts"
        f"\n  [bold]crypto-pipeline up {option}[/]  opens this in the Dagster UI"
        "\n  [bold]crypto-pipeline up[/]  starts the real thing, on live CoinGecko data",
        soft_wrap=True,
    )
