"""Loads at the same time, without a lock: the same rows as of one."""

import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from crypto_pipeline.lakehouse.spark.checks import verify
from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.lakehouse.spark.load import load_to_silver
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline_tests.history.test_load import land_chart
from crypto_pipeline_tests.lakehouse.spark.parity import in_spark, load_zone
from crypto_pipeline_tests.market_records import coin, drop, landing_json

pytestmark = pytest.mark.long

START = datetime(2026, 11, 23, 22, 0, 31, tzinfo=timezone.utc)
LOADS = 3


def hours(numbers: Sequence[int], zone: LandingZone) -> None:
    """Hours of a few coins each, of which one is renamed every hour, and a reject."""
    for number in numbers:
        at = START + number * timedelta(hours=1)
        records = [
            coin(n, name=f"Coin {n if n else number}", last_updated=at.isoformat())
            for n in range(4)
        ]
        records.append(coin(9, current_price=None))
        drop(zone, f"{number}.json", landing_json(records, at))
        # Price history of the same hours, and of the same coins.
        points = [(at + n * timedelta(minutes=20), n + number) for n in range(6)]
        land_chart(
            zone, points, coin=f"coin-{number % 4:04d}", asked_at=START + timedelta(hours=26)
        )
    zone.file_unfiled()


def loads_at_once(folders: Sequence[Path], location: Path) -> list[int]:
    """Load each folder in a process of its own, with an engine of its own, far from Greenwich."""
    program = (sys.executable, "-m", "crypto_pipeline_tests.lakehouse.spark.killed_load")
    processes = [
        subprocess.Popen(
            [*program, str(folder), str(location), "seconds", "600"],
            cwd=Path(__file__).parents[3],
            env={**os.environ, "TZ": "Asia/Tokyo"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for folder in folders
    ]
    return [process.wait(120) for process in processes]


@pytest.mark.parametrize("of", ["the same files", "different files"])
def test_loads_at_the_same_time_give_what_one_gives(
    of: str, zone: LandingZone, spark: SparkSession, tmp_path: Path
) -> None:
    """From nothing on: they make the tables at the same time too."""
    hours(range(2 * LOADS), zone)
    market = zone.root / "market_snapshots"
    folders = [Path(str(market))] * LOADS
    if of == "different files":
        folders = [tmp_path / f"zone-{number}" / "market_snapshots" for number in range(LOADS)]
        root = Path(str(zone.root))
        for name in ("market_snapshots/**/*.json", "price_history/**/*.json.gz"):
            for number, file in enumerate(sorted(root.glob(name))):
                copy = folders[number % LOADS].parent / file.relative_to(root)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(file.read_bytes())
    once = Lake(spark, f"once_{of.partition(' ')[0]}", str(tmp_path / "once"))
    load_zone(once, zone)

    assert loads_at_once(folders, tmp_path / "lake") == [0] * LOADS

    lake = Lake(spark, f"at_once_{of.partition(' ')[0]}", str(tmp_path / "lake"))
    lake.create()
    verify(lake)
    assert in_spark(lake) == in_spark(once)
    numbers = [row["batch_id"] for row in lake.table("ingestion_batches").collect()]
    assert sorted(numbers) == list(range(1, 2 * LOADS + 1))
    assert list((tmp_path / "lake" / "staging").iterdir()) == []


def test_staging_tables_of_dead_loads_are_cleaned_away(zone: LandingZone, lake: Lake) -> None:
    hours([0], zone)
    lake.create()
    staging = Path(lake.path("staging"))
    now = f"{datetime.now(timezone.utc):%Y%m%dt%H%M%S}"
    for load in ("20200101t000000_0123abcd", f"{now}_0123abcd", "something_else"):
        (staging / load).mkdir(parents=True)
        lake.create_table(f"staged_captures_{load}", {"x": "bigint"})
    load_to_silver(lake, [str(file.uri) for file in zone.files()], 0.5)

    assert {folder.name for folder in staging.iterdir()} == {f"{now}_0123abcd", "something_else"}
    tables = lake.spark.sql(f"SHOW TABLES IN {lake.quoted}").collect()
    staged = {row["tableName"] for row in tables if row["tableName"].startswith("staged_captures")}
    assert staged == {f"staged_captures_{now}_0123abcd", "staged_captures_something_else"}
