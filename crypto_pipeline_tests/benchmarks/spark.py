"""The Spark path on Sail: landing files through silver into gold, both ends in one process."""

import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from pysail.spark import SparkConnectServer
from pyspark.sql import SparkSession

from crypto_pipeline.spark.checks import verify
from crypto_pipeline.spark.lake import Lake
from crypto_pipeline.spark.load import load
from crypto_pipeline_tests.benchmarks.data import make_landing_zone


@dataclass(frozen=True)
class SparkLoad:
    """What a load of a whole landing zone took.

    Attributes:
        records: Records that it read.
        seconds: From the listing of the files to the last batch in gold.
        hour_seconds: The same for one more file, on top of all others.
        megabytes: Most memory that the process held, Sail included.
    """

    records: int
    seconds: float
    hour_seconds: float
    megabytes: float

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


def measure(zone: Path, hours: int) -> SparkLoad:
    """Load so many hours of the benchmarks' landing zone into an empty schema, then one more.

    The process is not the same afterwards: its memory is Sail's. Call it in one of its own.
    """
    files = make_landing_zone(zone, hours + 1)
    root = zone / "market_snapshots"
    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    _, port = server.listening_address
    spark = SparkSession.builder.remote(f"sc://127.0.0.1:{port}").create()
    with tempfile.TemporaryDirectory() as folder:
        # Sail reads a folder as it is: the last hour is kept out of it until its turn.
        kept_out = files[-1].with_suffix(".waiting")
        files[-1].replace(kept_out)
        try:
            lake = Lake(spark, "benchmark", folder)
            began = time.perf_counter()
            loaded = load(lake, str(root))
            seconds = time.perf_counter() - began
            kept_out.replace(files[-1])
            began = time.perf_counter()
            load(lake, str(root))
            hour_seconds = time.perf_counter() - began
        finally:
            if kept_out.exists():
                kept_out.replace(files[-1])
        verify(lake)
        spark.stop()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return SparkLoad(loaded.records, seconds, hour_seconds, peak)
