"""Do the candles that Spark made equal PostgreSQL's?

By sums: how many, and the sum of each column, by month. The months that differ, or all of them if
asked, then candle by candle and column by column. What follows from another order of the same files
is reported separately, as of the facts: of two files that have one bucket, the first to be loaded
wins.
"""

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql
from psycopg.rows import dict_row

from crypto_pipeline.lakehouse.differences import Difference, Parity
from crypto_pipeline.lakehouse.gold_arrow import arrow_schema, copy_query, snapshot
from crypto_pipeline.lakehouse.schema import (
    CANDLE_TABLES,
    FACT_HOURLY,
    UNREPRESENTABLE_VALUES,
    LakeTable,
)
from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.lakehouse.spark.parity import add_halves, arrow, row_differences, sums_of
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse

Series = tuple[str, str, datetime]
"""Coin, currency, and the start of the hour or day."""


def compare_candles(warehouse: Warehouse, lake: Lake, *, rows: bool = False) -> Parity:
    """Compare all candles. While one side has a batch or a file that the other has not, or that is
    in no candle yet, that is said and nothing is compared.

    Args:
        warehouse: Where PostgreSQL's gold is.
        lake: The tables that Spark loaded.
        rows: Whether to compare all candles, and not only those of months whose sums differ.

    Returns:
        What was found; ``facts`` counts candles.
    """
    lake.create()
    with warehouse.connection() as connection, snapshot(connection):
        parity = Parity([], pending=_pending(connection, lake))
        if parity.pending:
            return parity
        compared: set[str] = set()
        for table in CANDLE_TABLES:
            ours, theirs = _postgres_sums(connection, table), _lake_sums(lake, table)
            parity.facts += sum(int(sums["candles"]) for sums in ours.values())
            compared |= ours.keys()
            for month in sorted(ours.keys() | theirs.keys()):
                if rows or ours.get(month) != theirs.get(month):
                    _compare_month(connection, lake, table, month, parity)
        parity.months = len(compared)
        return parity


def _pending(connection: psycopg.Connection, lake: Lake) -> int:
    """How many batches and files one side has in its candles and the other has not."""
    ours, theirs = set[str](), set[str]()
    for name, condition in (
        ("ingestion_batches", "candles_loaded_at IS NOT NULL"),
        ("history_batches", "status = 'completed' AND origin <> 'ohlc'"),
    ):
        ours |= {
            row[0]
            for row in connection.execute(
                sql.SQL("SELECT landing_file FROM {} WHERE {}").format(
                    sql.Identifier(name), sql.SQL(condition)
                )
            ).fetchall()
        }
        there = lake.table(name).where(condition).where("candles_loaded_at IS NOT NULL")
        theirs |= {row["landing_file"] for row in there.select("landing_file").collect()}
    return len(ours ^ theirs)


def _postgres_sums(connection: psycopg.Connection, table: LakeTable) -> dict[str, dict[str, Any]]:
    decimals = [sql.Identifier(name) for name in table.decimals]
    query = sql.SQL(
        "SELECT snapshot_month, count(*) AS candles, {},"
        " sum(measures_known) - sum(num_nonnulls({})) AS unrepresentable_values"
        " FROM {} GROUP BY snapshot_month"
    ).format(
        sql.SQL(", ").join(
            sql.SQL("sum({0}) AS {0}").format(name)
            for name in (*map(sql.Identifier, _summed(table)), *decimals)
        ),
        sql.SQL(", ").join(decimals),
        sql.Identifier("lake", table.name),
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        return {row.pop("snapshot_month"): row for row in cursor.execute(query).fetchall()}


def _lake_sums(lake: Lake, table: LakeTable) -> dict[str, dict[str, Any]]:
    sums = [*(f"sum({name}) AS {name}" for name in _summed(table)), *sums_of(table)]
    found = {}
    values = {"sums": ", ".join(sums), "table": table.name, "month": _month(table)}
    for row in lake.run("parity/candle_sums", **values).collect():
        of_month = row.asDict()
        add_halves(table, of_month)
        month = of_month.pop("snapshot_month")
        found[month] = {**of_month, "unrepresentable_values": 0}
    left_out = lake.table("unrepresentable_values").where(f"table_name = '{table.name}'")
    months = left_out.selectExpr("date_format(snapshot_time, 'yyyy-MM') AS month")
    for row in months.groupBy("month").count().collect():
        found.setdefault(row["month"], {})["unrepresentable_values"] = row["count"]
    return found


def _summed(table: LakeTable) -> list[str]:
    """The integers that both sides have."""
    return [name for name in table.integers if name != "source_key"]


def _month(table: LakeTable) -> str:
    return table.partition_by or f"date_format({table.key[-1]}, 'yyyy-MM')"


def _compare_month(
    connection: psycopg.Connection, lake: Lake, table: LakeTable, month: str, parity: Parity
) -> None:
    schema = arrow_schema(table).append(pa.field("source_name", pa.string()))
    query = sql.SQL(
        "SELECT {}, s.source_name FROM {} AS c LEFT JOIN analytics.dim_source AS s"
        " USING (source_key) WHERE c.snapshot_month = %s"
    ).format(
        sql.SQL(", ").join(sql.Identifier("c", name) for name in table.columns),
        sql.Identifier("lake", table.name),
    )
    ours = copy_query(connection, query, [month], schema)
    there = lake.run("parity/candles", table=table.name, month=_month(table), of=month)
    found = list(row_differences(table, ours, arrow(there, schema)))
    found += _unrepresentable_differences(connection, lake, table, month)
    reordered = _reordered(connection, lake, table, month) if found else set()
    for key, difference in found:
        of_order = _series(key) in reordered
        (parity.other_order if of_order else parity.differences).append(difference)


def _unrepresentable_differences(
    connection: psycopg.Connection, lake: Lake, table: LakeTable, month: str
) -> Iterator[tuple[Any, Difference]]:
    schema = arrow_schema(UNREPRESENTABLE_VALUES)
    query = sql.SQL(
        "SELECT {} FROM lake.unrepresentable_in_candles WHERE table_name = %s"
        " AND snapshot_time >= %s::timestamp AT TIME ZONE 'UTC'"
        " AND snapshot_time < (%s::timestamp + interval '1 month') AT TIME ZONE 'UTC'"
    ).format(sql.SQL(", ").join(map(sql.Identifier, schema.names)))
    first = f"{month}-01"
    ours = copy_query(connection, query, [table.name, first, first], schema)
    there = lake.table(UNREPRESENTABLE_VALUES.name).where(
        f"table_name = '{table.name}' AND date_format(snapshot_time, 'yyyy-MM') = '{month}'"
    )
    for key, difference in row_differences(UNREPRESENTABLE_VALUES, ours, arrow(there, schema)):
        yield key[1:4], difference


def _series(key: tuple[Any, ...]) -> Series:
    """The key of a candle; a day as the time of its start."""
    coin, currency, start = key
    if not isinstance(start, datetime):
        start = datetime(start.year, start.month, start.day, tzinfo=timezone.utc)
    return coin, currency, start


def _reordered(
    connection: psycopg.Connection, lake: Lake, table: LakeTable, month: str
) -> set[Series]:
    """The candles of a month with a snapshot or point of one file here and of another there."""
    ours = connection.execute(read_sql("lake/observations.sql"), {"month": month}).fetchall()
    theirs = lake.run("parity/observations", of=month).toArrow().to_pylist()
    here = {(*row[:3], row[3].astimezone(timezone.utc)): row[4] for row in ours}
    there = {
        (row["crypto_id"], row["vs_currency"], row["minutes"], row["at"]): row["landing_file"]
        for row in theirs
    }
    found = set()
    for key in here.keys() & there.keys():
        if here[key] != there[key]:
            coin, currency, _, at = key
            start = at.replace(minute=0, second=0, microsecond=0)
            if table is not FACT_HOURLY:
                start = start.replace(hour=0)
            found.add((coin, currency, start))
    return found
