"""The Spark path on Sail: landing files through silver into gold, both ends in one process."""

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pysail.spark import SparkConnectServer
from pyspark.sql import SparkSession

from crypto_pipeline.lakehouse.spark.checks import verify
from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.lakehouse.spark.load import load
from crypto_pipeline.landing.zone import LandingFile


@dataclass(frozen=True)
class SparkLoad:
    """What a load of a whole landing zone took.

    Attributes:
        records: Records that it read.
        seconds: From the listing of the files to the last batch in gold.
        file_seconds: The same for one more file, on top of all others.
    """

    records: int
    seconds: float
    file_seconds: float


def measure(files: Sequence[LandingFile]) -> SparkLoad:
    """Load all files but the last into an empty schema, then the last.

    The process is not the same afterwards: its memory is Sail's. Call it in one of its own.
    """
    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    _, port = server.listening_address
    spark = SparkSession.builder.remote(f"sc://127.0.0.1:{port}").create()
    with tempfile.TemporaryDirectory() as folder:
        # Sail reads a folder as it is.
        zone = Path(folder) / "zone"
        lake = Lake(spark, "benchmark", f"{folder}/lake")
        _copy(files[:-1], zone)
        began = time.perf_counter()
        loaded = load(lake, f"{zone}/market_snapshots")
        seconds = time.perf_counter() - began
        _copy(files[-1:], zone)
        began = time.perf_counter()
        load(lake, f"{zone}/market_snapshots")
        file_seconds = time.perf_counter() - began
        verify(lake)
        spark.stop()
    return SparkLoad(loaded.records, seconds, file_seconds)


def _copy(files: Sequence[LandingFile], zone: Path) -> None:
    for file in files:
        copy = zone / file.path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(file.uri), copy)
