"""Gold as Arrow tables, exact: what a lake is loaded from.

PostgreSQL rounds each measure to its decimal type, or leaves it out where it does not fit, and COPY
sends the text; no float comes into being on the way.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from psycopg import sql

from crypto_pipeline.lakehouse.schema import FACT, UNREPRESENTABLE_VALUES, LakeTable, Type
from crypto_pipeline.model.registry import DecimalType
from crypto_pipeline.model.sql import read_sql

_ARROW_TYPES: Mapping[Type, pa.DataType] = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "date": pa.date32(),
    "double": pa.float64(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def arrow_schema(table: LakeTable) -> pa.Schema:
    """The Arrow schema of a lake table."""
    return pa.schema(
        [
            pa.field(name, _arrow_type(of), nullable=name in table.nullable)
            for name, of in table.columns.items()
        ]
    )


@contextmanager
def snapshot(connection: psycopg.Connection) -> Iterator[None]:
    """A transaction in which every query sees the warehouse at the same moment."""
    before = connection.isolation_level, connection.read_only
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    try:
        with connection.transaction():
            yield
    finally:
        # One that was lost takes no settings, and its error is the one to report.
        if not connection.closed:
            connection.isolation_level, connection.read_only = before


def read_dimension(connection: psycopg.Connection, table: LakeTable) -> pa.Table:
    """A whole dimension."""
    query = sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join(map(sql.Identifier, table.columns)),
        sql.Identifier("analytics", table.name),
    )
    return copy_query(connection, query, {}, arrow_schema(table))


def read_facts(
    connection: psycopg.Connection, which: str, arguments: Mapping[str, Any]
) -> tuple[pa.Table, pa.Table]:
    """Some facts, and what of them the decimals cannot hold.

    Args:
        connection: Where they are.
        which: Their selection: ``sql/lake/facts_<which>.sql`` and ``unrepresentable_<which>.sql``.
        arguments: Its arguments.

    Returns:
        The rows of the fact table, and those of ``unrepresentable_values`` for the values that are
        left out in them.
    """
    schema = arrow_schema(FACT).append(pa.field("measures_known", pa.int16(), nullable=False))
    facts = copy_query(connection, sql.SQL(read_sql(f"lake/facts_{which}.sql")), arguments, schema)
    expected = pc.sum(facts.column("measures_known")).as_py() or 0
    facts = facts.drop_columns(["measures_known"])
    found = sum(len(facts) - facts.column(name).null_count for name in FACT.decimals)
    left_out = arrow_schema(UNREPRESENTABLE_VALUES).empty_table()
    if found != expected:
        select = sql.SQL(read_sql(f"lake/unrepresentable_{which}.sql"))
        left_out = copy_query(connection, select, arguments, arrow_schema(UNREPRESENTABLE_VALUES))
    return facts, left_out


def copy_query(
    connection: psycopg.Connection,
    query: sql.Composable,
    arguments: Mapping[str, Any] | Sequence[Any],
    schema: pa.Schema,
) -> pa.Table:
    """The result of a query, by COPY.

    Args:
        connection: Where it is asked.
        query: The query.
        arguments: Its arguments.
        schema: Its columns, in order.
    """
    text = io.BytesIO()
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(query)
    with connection.cursor().copy(statement, arguments or None) as copy:
        for block in copy:
            text.write(block)
    if not text.tell():
        return schema.empty_table()
    text.seek(0)
    table = pa_csv.read_csv(
        text,
        read_options=pa_csv.ReadOptions(column_names=schema.names),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )
    return table.cast(schema)


def _arrow_type(of: Type) -> pa.DataType:
    return (
        pa.decimal128(of.precision, of.scale) if isinstance(of, DecimalType) else _ARROW_TYPES[of]
    )
