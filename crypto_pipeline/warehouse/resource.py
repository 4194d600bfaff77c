"""The warehouse as Dagster sees it: the resource, and the IO manager.

A transformation says which rows a table should hold, as a frame or as a SELECT; the IO manager
makes them the relation ``incoming_<table>`` and merges it.
"""

import time
from dataclasses import dataclass
from typing import Any

import dagster as dg
import pandas as pd
import psycopg
from psycopg import sql

from crypto_pipeline.model.registry import TABLES, Table
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.catalog import count_rows, preview_markdown
from crypto_pipeline.warehouse.postgres import Warehouse, copy_rows, merge


class WarehouseResource(Warehouse, dg.ConfigurableResource[Any]):
    """The warehouse that the environment names, so that no password is part of a Dagster
    configuration."""


@dataclass(frozen=True)
class Select:
    """Rows of a table as a SELECT: ``sql/<file>`` makes them the view ``incoming_<table>``."""

    file: str


class PostgresIOManager(dg.ConfigurableIOManager):
    """Writes an asset's rows into its table.

    A frame goes by COPY into the temporary table ``incoming_<table>``, which has the columns of the
    view ``staged_<table>``; a ``Select`` becomes a temporary view of that name. ``merge`` does the
    rest, and the row it answers with becomes metadata. The asset's name is the table's.
    """

    warehouse: dg.ResourceDependency[WarehouseResource]

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame | Select) -> None:
        """Merge the rows into the asset's table, in the open load or in one of its own."""
        table = TABLES[context.asset_key.path[-1]]
        started = time.perf_counter()
        with self.warehouse.load() as connection:
            if isinstance(obj, Select):
                connection.execute(read_sql(obj.file))
            else:
                self._copy(connection, table.name, obj)
            metadata: dict[str, Any] = {
                **merge(connection, table),
                **table_metadata(connection, table),
            }
        metadata["duration (s)"] = round(time.perf_counter() - started, 3)
        if isinstance(obj, pd.DataFrame):
            metadata["rows_offered"] = len(obj)
        context.add_output_metadata(metadata)

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """Read a whole table, for notebooks and small downstream assets."""
        upstream = context.upstream_output
        assert upstream is not None
        table = TABLES[upstream.asset_key.path[-1]]
        query = sql.SQL("SELECT * FROM {}").format(sql.Identifier(table.schema, table.name))
        with self.warehouse.connection() as connection:
            return read_frame(connection, query)

    def _copy(self, connection: psycopg.Connection, table: str, frame: pd.DataFrame) -> None:
        incoming = f"incoming_{table}"
        connection.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} (LIKE {}) ON COMMIT DROP").format(
                sql.Identifier(incoming), sql.Identifier(f"staged_{table}")
            )
        )
        # As objects, missing values become None whatever a column's type is.
        values = frame.astype(object).mask(frame.isna(), other=None)
        copy_rows(
            connection, incoming, list(frame.columns), values.itertuples(index=False, name=None)
        )


def read_frame(connection: psycopg.Connection, query: sql.Composed | str) -> pd.DataFrame:
    """Result of a query as a frame of objects: NUMERIC stays Decimal, a missing value is None."""
    cursor = connection.execute(query)
    assert cursor.description is not None
    columns = [column.name for column in cursor.description]
    return pd.DataFrame(cursor.fetchall(), columns=columns, dtype=object)


def table_metadata(connection: psycopg.Connection, table: Table) -> dict[str, Any]:
    """What the Dagster UI shows of a table as it is now: how many rows it has, and a few of them.
    What does not change with a run is the definition's."""
    metadata: dict[str, Any] = {
        "preview": dg.MarkdownMetadataValue(preview_markdown(connection, table.schema, table.name)),
    }
    rows = count_rows(connection, table.schema, table.name)
    if rows is not None:
        metadata["dagster/row_count"] = rows
    return metadata
