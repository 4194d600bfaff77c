"""Loads that are killed: after the next load, the tables are as after an undisturbed one."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline_tests.history.test_load import land_chart
from crypto_pipeline_tests.lakehouse.spark.parity import in_spark, load_zone
from crypto_pipeline_tests.market_records import coin, drop, landing_json

pytestmark = pytest.mark.long

START = datetime(2026, 11, 23, 22, 0, 31, tzinfo=timezone.utc)

# Of the statements of a load: amid silver, before its last, before the facts, and before those that
# now belong to another version are moved; between the candles of hours and of days; before points
# and before their batches are complete; between what no decimal holds and the candles, and before
# the last.
POINTS = (7, 9, 24, 27, 37, 50, 52, 59, 61)


def hours(numbers: Sequence[int], zone: LandingZone) -> None:
    """Duplicates, a reject, and a coin whose one version is split when the third hour is late. Of
    price history some hours each, with duplicates, a reject and a value without room."""
    for number in numbers:
        at = START + number * timedelta(minutes=3)
        records = [
            coin(n, name=f"Coin {n if n else number % 3}", last_updated=at.isoformat())
            for n in range(4)
        ]
        records.append(coin(9, current_price=None))
        drop(zone, f"{number}.json", landing_json(records, at))
        lasting = range(3 * number, 3 * number + 4)
        points = [(START + n * timedelta(hours=1), float(n)) for n in lasting]
        points.append((START + (20 + number % 4) * timedelta(hours=1), 1e-30))
        land_chart(zone, points, coin="coin-0001", asked_at=START + timedelta(hours=26))
    zone.file_unfiled()


def test_a_killed_load_is_finished_by_the_next(
    zone: LandingZone, spark: SparkSession, tmp_path: Path
) -> None:
    def lake(name: str) -> Lake:
        return Lake(spark, f"killed_{name}", str(tmp_path / name))

    hours([0, 1, 4], zone)
    load_zone(lake("undisturbed"), zone)
    # What is killed is a load on top of another: it renames a coin in between.
    hours([2, 3], zone)
    killed = []
    for point in POINTS:
        shutil.copytree(tmp_path / "undisturbed", tmp_path / str(point))
        killed.append(start(f"{zone.root}/market_snapshots", tmp_path / str(point), point))
    load_zone(lake("undisturbed"), zone)
    expected = in_spark(lake("undisturbed"))
    for process, point in zip(killed, POINTS, strict=True):
        assert process.wait(180) == -signal.SIGKILL, point
        load_zone(lake(f"{point}"), zone)
        assert in_spark(lake(f"{point}")) == expected, point


def start(files: str, location: Path, statement: int) -> subprocess.Popen[bytes]:
    """A load in a process that dies before that statement."""
    program = (sys.executable, "-m", "crypto_pipeline_tests.lakehouse.spark.killed_load")
    return subprocess.Popen(
        [*program, files, str(location), "statement", str(statement)],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
