"""Which batches a check looks at, and how an answer of wrong rows becomes a result."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from crypto_pipeline.partitions import partition_hour
from crypto_pipeline.storage.catalog import markdown_table
from crypto_pipeline.storage.postgres import Warehouse
from crypto_pipeline.storage.sql import read_sql

_PARTITION = "dagster/partition"
_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"
_SAMPLES = 5


def run_hours(tags: dict[str, str]) -> tuple[datetime, datetime] | None:
    """The hours of a run, from its tags: start, and end exclusive; None without partitions."""
    first = tags.get(_PARTITION, tags.get(_RANGE_START))
    last = tags.get(_PARTITION, tags.get(_RANGE_END))
    if first is None or last is None:
        return None
    return partition_hour(first), partition_hour(last) + timedelta(hours=1)


@contextmanager
def scoped_batches(
    warehouse: Warehouse, context: dg.AssetCheckExecutionContext
) -> Iterator[psycopg.Connection]:
    """A connection with the temporary table ``scoped_batches`` of the run's batches."""
    start, end = run_hours(dict(context.run.tags)) or (None, None)
    with warehouse.connection() as connection, connection.transaction():
        connection.execute(read_sql("checks/scoped_batches.sql"), {"start": start, "end": end})
        connection.execute("ANALYZE scoped_batches")
        yield connection


def check_result(
    connection: psycopg.Connection,
    spec: dg.AssetCheckSpec,
    wrong_rows: sql.Composed | str,
    severity: dg.AssetCheckSeverity,
) -> dg.AssetCheckResult:
    """Result of a check whose query answers the rows that are wrong, with their number and the
    first few of them."""
    query = sql.SQL(
        "WITH wrong AS ({}) SELECT count(*) OVER () AS wrong_rows, * FROM wrong LIMIT {}"
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            query.format(
                sql.SQL(wrong_rows) if isinstance(wrong_rows, str) else wrong_rows,
                sql.Literal(_SAMPLES),
            )
        ).fetchall()
    wrong = int(rows[0]["wrong_rows"]) if rows else 0
    metadata: dict[str, Any] = {"wrong_rows": wrong}
    if rows:
        columns = [name for name in rows[0] if name != "wrong_rows"]
        metadata["samples"] = dg.MarkdownMetadataValue(
            markdown_table(columns, [[row[name] for name in columns] for row in rows])
        )
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=not rows,
        severity=severity,
        metadata=metadata,
    )
