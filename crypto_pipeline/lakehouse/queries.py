"""SQL on the lake, by DuckDB, in this process and without an extension."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from crypto_pipeline.lakehouse.delta import Lake
from crypto_pipeline.lakehouse.schema import CANDLE_TABLES, FACT, LAKE_TABLES, MART_TABLES
from crypto_pipeline.model.sql import read_sql

# After its import, which says what to install.
import duckdb  # isort: skip

QueryError = duckdb.Error
"""What is wrong with a query."""


@contextmanager
def lake_queries(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the lake's tables as views in schema ``analytics``, as PostgreSQL has them,
    and with the views ``v_price_history`` and ``v_latest_prices`` over them.

    A view reads only the columns and the files that a query needs. Times are in UTC, and nulls sort
    as in PostgreSQL.

    Raises:
        LakeError: there is no lake yet.
    """
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET default_null_order = 'nulls_last_on_asc_first_on_desc'")
        connection.execute("CREATE SCHEMA analytics")
        for table in (*LAKE_TABLES, *CANDLE_TABLES, *MART_TABLES):
            delta = lake.open(table)
            if delta is None and table is not FACT:
                # One of an earlier version lacks it until it is loaded again.
                continue
            dataset = lake.dataset(table) if delta is None else delta.to_pyarrow_dataset()
            connection.register(f"lake_{table.name}", dataset)
            # The month of a fact is how the lake keeps it, and no column of the star schema.
            hidden = f"EXCLUDE ({table.partition_by})" if table.partition_by else ""
            # A condition on a text is DuckDB's, not Arrow's: in a file that a MERGE wrote texts are
            # of type string_view, which Arrow 26 cannot compare with a string.
            texts = ", ".join(
                f"nullif({name}, chr(0)) AS {name}"
                for name, of in table.columns.items()
                if of == "string" and name in dataset.schema.names and name != table.partition_by
            )
            replaced = f"REPLACE ({texts})" if texts else ""
            connection.execute(
                f"CREATE VIEW analytics.{table.name} AS"
                f" SELECT * {hidden} {replaced} FROM lake_{table.name}"
            )
        # A lake of an earlier version lacks their columns until it is loaded again.
        with suppress(duckdb.BinderException):
            connection.execute(read_sql("lake/duckdb_views.sql"))
        yield connection
