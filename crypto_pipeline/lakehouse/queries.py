"""SQL on the lake, by DuckDB, in this process and without an extension."""

from collections.abc import Iterator
from contextlib import contextmanager

from crypto_pipeline.lakehouse.delta import Lake
from crypto_pipeline.lakehouse.schema import LAKE_TABLES

# After its import, which says what to install.
import duckdb  # isort: skip

QueryError = duckdb.Error
"""What is wrong with a query."""


@contextmanager
def lake_queries(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the lake's tables as views in schema ``analytics``, as PostgreSQL has them.

    A view reads only the columns and the files that a query needs. Times are in UTC, and nulls sort
    as in PostgreSQL.

    Raises:
        LakeError: there is no lake yet.
    """
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET default_null_order = 'nulls_last_on_asc_first_on_desc'")
        connection.execute("CREATE SCHEMA analytics")
        for table in LAKE_TABLES:
            connection.register(f"lake_{table.name}", lake.dataset(table))
            # The month of a fact is how the lake keeps it, and no column of the star schema.
            hidden = f"EXCLUDE ({table.partition_by})" if table.partition_by else ""
            connection.execute(
                f"CREATE VIEW analytics.{table.name} AS SELECT * {hidden} FROM lake_{table.name}"
            )
        yield connection
