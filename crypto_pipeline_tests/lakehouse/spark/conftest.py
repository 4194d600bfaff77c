"""A Spark session for the tests: Sail, an engine in a wheel that speaks Spark Connect."""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pysail.spark import SparkConnectServer
from pyspark.sql import SparkSession

from crypto_pipeline.lakehouse.spark.lake import Lake

_numbers = itertools.count(1)


# A worker of pytest-xdist has a main module without a file, which PySpark takes for its doctests.
if not hasattr(sys.modules["__main__"], "__file__"):
    sys.modules["__main__"].__file__ = __file__


@pytest.fixture(scope="session")
def spark_url() -> Iterator[str]:
    """The URL of a Spark Connect server in this process."""
    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    _, port = server.listening_address
    yield f"sc://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(scope="session")
def spark(spark_url: str) -> Iterator[SparkSession]:
    session = SparkSession.builder.remote(spark_url).getOrCreate()
    yield session
    session.stop()


@pytest.fixture
def lake(spark: SparkSession, tmp_path: Path) -> Lake:
    """An empty schema; its tables lie below ``tmp_path / "lake"``."""
    return Lake(spark, f"lake_{next(_numbers)}", str(tmp_path / "lake"))
