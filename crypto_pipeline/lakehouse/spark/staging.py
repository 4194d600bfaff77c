"""What every load through Spark needs: files as rows, staging tables, values as SQL."""

import re
import shutil
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.lakehouse.spark.tables import statistics_property

_MONTH = re.compile(r"\d{4}-\d\d")
_DEAD_AFTER: Final = timedelta(days=1)
_STAGED: Final = re.compile(r"(staged_[a-z]+_)?(?P<load>(?P<began>\d{8}t\d{6})_[0-9a-f]{8})")


def binary_files(lake: Lake, paths: list[str]) -> DataFrame:
    reader = lake.spark.read.format("binaryFile").option("recursiveFileLookup", "true")
    return reader.load(paths)


def below(root: str, path: str) -> str:
    """A path relative to the root, whose scheme and slashes engines write in their own ways."""
    _, _, bare = root.rpartition("://")
    path = unquote(path)
    folder = f"{bare.strip('/')}/"
    # Sail names an object in a store without the bucket.
    _, _, key = folder.partition("/")
    if "://" in root and "://" not in path and path.startswith(key):
        return path.removeprefix(key)
    return path.partition(folder)[2]


class Staging:
    """The staging tables of a load, gone at its end; so are those of loads that died a day ago or
    earlier.

    Args:
        lake: Where they are.
        what: What they hold, a table each.

    Attributes:
        names: The tables, as SQL writes them, by what they hold.
    """

    def __init__(self, lake: Lake, *what: str) -> None:
        self._lake = lake
        self._began = datetime.now(timezone.utc)
        self._load = f"{self._began:%Y%m%dt%H%M%S}_{uuid.uuid4().hex[:8]}"
        self.names = {name: f"{lake.quoted}.staged_{name}_{self._load}" for name in what}

    def write(self, name: str, rows: DataFrame) -> None:
        """Fill a table."""
        writer = rows.write.format("delta").mode("overwrite").option(*statistics_property(()))
        if self._lake.location is not None:
            writer = writer.option("path", f"{self._lake.path('staging')}/{self._load}/{name}")
        writer.saveAsTable(self.names[name])

    def __enter__(self) -> "Staging":
        return self

    def __exit__(self, *_: object) -> None:
        lake = self._lake
        tables = lake.spark.sql(f"SHOW TABLES IN {lake.quoted}").collect()
        for name in (row["tableName"] for row in tables):
            if self._is_over(name):
                lake.spark.sql(f"DROP TABLE IF EXISTS {lake.quoted}.{name}")
        if lake.location is not None:
            # A table with a location leaves its files when it is dropped. In an object store they
            # are left to a rule of its own.
            for folder in Path(lake.path("staging")).glob("*"):
                if self._is_over(folder.name):
                    shutil.rmtree(folder, ignore_errors=True)

    def _is_over(self, name: str) -> bool:
        """Whether a staging table or folder is this load's, or of one that cannot be running."""
        match = _STAGED.fullmatch(name)
        if match is None:
            return False
        began = datetime.strptime(f"{match['began']}+0000", "%Y%m%dt%H%M%S%z")
        return match["load"] == self._load or self._began - began > _DEAD_AFTER


def months_list(months: Iterable[Any]) -> str:
    """Months as SQL literals; at least one, for the syntax."""
    found = sorted(str(month) for month in months)
    assert all(_MONTH.fullmatch(month) for month in found)
    return ", ".join(f"'{month}'" for month in found) or "''"


def one_column(lake: Lake, schema: str, values: Iterable[Any]) -> DataFrame:
    return lake.spark.createDataFrame([(value,) for value in values], schema)


def spark_schema(types: dict[str, pa.DataType]) -> Any:
    return from_arrow_schema(pa.schema(list(types.items())))
