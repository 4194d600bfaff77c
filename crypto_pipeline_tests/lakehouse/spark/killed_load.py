"""A load in a process of its own, Spark's server included, that is killed (SIGKILL) on the way.

    python -m crypto_pipeline_tests.lakehouse.spark.killed_load \\
        FILES LOCATION statement|seconds NUMBER

Dies before its statement of that number, or so many seconds after the tables were created. Exits
with 0 if the load was done before.
"""

import os
import signal
import sys
import threading
from typing import Any

from pysail.spark import SparkConnectServer
from pyspark.sql import SparkSession

from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.lakehouse.spark.load import load


class MortalLake(Lake):
    """A lake whose process dies before a statement."""

    def live_for(self, statements: int) -> None:
        """Count from here."""
        object.__setattr__(self, "_left", statements)

    def run(self, statement: str, **values: str) -> Any:
        left: int = getattr(self, "_left", -1)
        if left == 0:
            die()
        object.__setattr__(self, "_left", left - 1)
        return super().run(statement, **values)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(files: str, location: str, unit: str, number: str) -> None:
    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    _, port = server.listening_address
    lake = MortalLake(
        SparkSession.builder.remote(f"sc://127.0.0.1:{port}").create(), "killed", location
    )
    lake.create()
    if unit == "statement":
        lake.live_for(int(number))
    else:
        timer = threading.Timer(float(number), die)
        timer.daemon = True
        timer.start()
    load(lake, files)
    # Not through the interpreter's end, which the server's threads would hold up.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
