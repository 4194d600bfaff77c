"""What PostgreSQL's catalogue has of our tables: columns, comments, keys, sizes.

What a table or column means is written once, as ``COMMENT ON`` in ``sql/``; the Dagster UI and the
diagrams read it from here.
"""

from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from crypto_pipeline.model.markdown import markdown_table
from crypto_pipeline.model.sql import read_sql

_COUNT_EXACTLY_UP_TO = 10_000
_PREVIEWED = 2
"""Rows of a preview: every materialization keeps its own for ever."""


@dataclass(frozen=True)
class Column:
    """One column; ``description`` is its ``COMMENT ON``."""

    name: str
    type: str
    nullable: bool
    description: str | None


def describe_columns(connection: psycopg.Connection, schema: str, table: str) -> list[Column]:
    """The columns of a table or view, in order.

    Raises:
        psycopg.errors.UndefinedTable: there is none of that name.
    """
    with connection.cursor(row_factory=class_row(Column)) as cursor:
        return cursor.execute(
            read_sql("catalog/columns.sql"),
            {"relation": sql.Identifier(schema, table).as_string(connection)},
        ).fetchall()


def count_rows(connection: psycopg.Connection, schema: str, table: str) -> int | None:
    """Rows of a table: exact when there are few, the planner's estimate when there are many, so
    that the cost stays flat; None where the planner has none yet."""
    row = connection.execute(
        read_sql("catalog/estimated_rows.sql"),
        {"relation": sql.Identifier(schema, table).as_string(connection)},
    ).fetchone()
    estimate = int(row[0]) if row is not None and row[0] else None
    # Counting opens every partition, however few rows it counts.
    if estimate is not None and estimate > _COUNT_EXACTLY_UP_TO:
        return estimate
    row = connection.execute(
        sql.SQL("SELECT count(*) FROM (SELECT FROM {} LIMIT %s) AS counted").format(
            sql.Identifier(schema, table)
        ),
        [_COUNT_EXACTLY_UP_TO + 1],
    ).fetchone()
    assert row is not None
    return int(row[0]) if row[0] <= _COUNT_EXACTLY_UP_TO else estimate


def preview_markdown(connection: psycopg.Connection, schema: str, table: str) -> str:
    """The rows of a table that were written last, as a Markdown table. Only the end of the table is
    read, or of its last partition that has rows."""
    last = connection.execute(
        read_sql("catalog/last_rows.sql"),
        {"relation": sql.Identifier(schema, table).as_string(connection)},
    ).fetchone()
    assert last is not None
    in_partition, first = last
    cursor = connection.execute(
        sql.SQL("SELECT * FROM {} WHERE {} AND ctid >= {} ORDER BY ctid DESC LIMIT {}").format(
            sql.Identifier(schema, table),
            sql.SQL(in_partition),
            sql.SQL("{}::tid").format(sql.Literal(first)),
            sql.Literal(_PREVIEWED),
        )
    )
    assert cursor.description is not None
    return markdown_table([column.name for column in cursor.description], cursor.fetchall())
