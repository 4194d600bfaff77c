"""The Delta tables of a schema, through a Spark session."""

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from crypto_pipeline.lakehouse.schema import LakeError
from crypto_pipeline.lakehouse.spark.tables import (
    GOLD,
    PARTITIONED_BY,
    SILVER,
    Columns,
    statistics_property,
)
from crypto_pipeline.model.sql import read_sql

_NAME: Final = re.compile(r"[A-Za-z0-9_\-]+")

# Where another load was first: what Delta on Spark says; what Sail says, the last of it when a
# checkpoint is written while it reads the log; what a merge says that finds its new number taken.
_CONFLICT: Final = re.compile(
    r"DELTA_CONCURRENT|DELTA_METADATA_CHANGED|DELTA_PROTOCOL_CHANGED|DELTA_CREATE_TABLE"
    r"|Concurrent\w+Exception|ALREADY_EXISTS"
    r"|Failed to commit transaction|Delta table already exists|Missing commit file"
    r"|another load has|CARDINALITY_VIOLATION|MULTIPLE_SOURCE_ROW"
)
_ATTEMPTS: Final = 20
_LONGEST_WAIT: Final = 5.0


@dataclass(frozen=True)
class Lake:
    """A schema of Delta tables.

    Attributes:
        spark: The session; its ``spark.sql.session.timeZone`` becomes UTC.
        schema: Name of the schema, with its catalog where there is one: ``main.crypto``.
        location: Folder or object store below which each table is a folder of its name; by default
            the catalog decides.

    Raises:
        ValueError: the schema is not a name.
    """

    spark: SparkSession
    schema: str
    location: str | None = None

    def __post_init__(self) -> None:
        if not all(_NAME.fullmatch(part) for part in self.schema.split(".")):
            raise ValueError(f"{self.schema!r} is not the name of a schema")
        self.spark.conf.set("spark.sql.session.timeZone", "UTC")

    @property
    def quoted(self) -> str:
        """The schema as SQL writes it."""
        return ".".join(f"`{part}`" for part in self.schema.split("."))

    def table(self, name: str) -> DataFrame:
        """A table of the schema."""
        return self.spark.table(f"{self.quoted}.{name}")

    def run(self, statement: str, **values: str) -> DataFrame:
        """Run a statement of ``sql/spark``, such as ``gold/dim_date``, with its placeholders filled
        in; ``{lake}`` is the schema."""
        text = read_sql(f"spark/{statement}.sql")
        for placeholder, value in {"lake": self.quoted, **values}.items():
            text = text.replace("{" + placeholder + "}", value)
        return self.spark.sql(text)

    def merge(self, statement: str, **values: str) -> None:
        """Run a statement that changes a table, and does nothing a second time. Where another load
        has changed the table since it was read, it is run again, on what is there then."""
        _repeating(lambda: self.run(statement, **values))

    def view(self, name: str, statement: str, **values: str) -> None:
        """Make a statement's rows a temporary view of the session."""
        self.run(statement, **values).createOrReplaceTempView(name)

    def create(self) -> None:
        """Create the schema and its silver and gold tables, as far as they are not there.

        Raises:
            LakeError: a table is one of another version, with other columns.
        """
        self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {self.quoted}")
        for name, columns in {**SILVER, **GOLD}.items():
            self.create_table(name, columns)

    def create_table(self, name: str, columns: Columns) -> None:
        """Create a table, or take up the one that lies at its location.

        Raises:
            LakeError: it is one of another version, with other columns.
        """
        _repeating(lambda: self._create_table(name, columns))
        present = self.table(name).columns
        differing = [f"without {column}" for column in columns if column not in present]
        differing += [f"with {column}" for column in present if column not in columns]
        if differing:
            raise LakeError(
                f"{self.schema}.{name} was made by another version of the pipeline"
                f" ({', '.join(differing)}): use another schema, or drop the tables of this one;"
                " the next load brings all back from the landing files"
            )

    def _create_table(self, name: str, columns: Columns) -> None:
        table = f"{self.quoted}.{name}"
        if self.spark.catalog.tableExists(table):
            return
        where = ""
        if self.location is not None:
            escaped = self.path(name).replace("'", "\\'")
            where = f" LOCATION '{escaped}'"
        if where and self._is_there(name):
            self.spark.sql(f"CREATE TABLE IF NOT EXISTS {table} USING delta{where}")
            return
        typed = ", ".join(f"{column} {of}" for column, of in columns.items())
        by = f" PARTITIONED BY ({PARTITIONED_BY[name]})" if name in PARTITIONED_BY else ""
        name, value = statistics_property(columns)
        self.spark.sql(
            f"CREATE TABLE IF NOT EXISTS {table} ({typed}) USING delta{by}{where}"
            f" TBLPROPERTIES ('{name}' = '{value}')"
        )

    def path(self, name: str) -> str:
        """Where a table lies.

        Raises:
            ValueError: the catalog decides that.
        """
        if self.location is None:
            raise ValueError(f"{self.schema} has no location of its own")
        return f"{self.location.rstrip('/')}/{name}"

    def _is_there(self, name: str) -> bool:
        try:
            return bool(self.spark.read.format("delta").load(self.path(name)).columns)
        except PySparkException:
            return False


def _repeating(change: Callable[[], object]) -> None:
    """Make a change, again and again while others commit before it does."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            change()
            return
        except PySparkException as error:
            if attempt == _ATTEMPTS or not _CONFLICT.search(str(error)):
                raise
        time.sleep(random.uniform(0, min(_LONGEST_WAIT, 0.1 * 2**attempt)))  # noqa: S311
