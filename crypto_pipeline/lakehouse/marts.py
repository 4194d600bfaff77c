"""The marts of the lake: Delta tables that delta-rs takes from PostgreSQL as it does the candles,
by when a row was written.

An amount that the decimals of the lake cannot hold is null here; of the candle that it comes from
``unrepresentable_values`` has all its digits.
"""

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql

from crypto_pipeline.lakehouse.candles import load_in_steps, loaded_until, merge_rows, next_until
from crypto_pipeline.lakehouse.delta import Lake, Loaded
from crypto_pipeline.lakehouse.differences import Difference, Parity
from crypto_pipeline.lakehouse.gold_arrow import arrow_schema, copy_query, snapshot
from crypto_pipeline.lakehouse.queries import lake_queries
from crypto_pipeline.lakehouse.schema import MART_TABLES, LakeTable
from crypto_pipeline.warehouse.postgres import Warehouse


def load_marts(
    warehouse: Warehouse, lake: Lake, progress: Callable[[str], None] = lambda text: None
) -> dict[str, Loaded]:
    """Bring the lake's marts up to PostgreSQL's.

    Returns:
        What was done, by table.

    Raises:
        LakeError: the lake has columns of other types, or does not serve us.
        CommitFailedError: others committed first, ten times in a row.
    """
    return load_in_steps(warehouse, lake, MART_TABLES, _load_next, "rows", progress)


def _load_next(connection: psycopg.Connection, lake: Lake, table: LakeTable) -> Loaded | None:
    """Take what follows the newest row that the lake has; None if nothing does."""
    after = loaded_until(lake.open(table))
    until = next_until(connection, table, after)
    if until is None:
        return None
    query = sql.SQL("SELECT {} FROM {} WHERE load_timestamp > %s AND load_timestamp <= %s").format(
        sql.SQL(", ").join(map(sql.Identifier, table.columns)), sql.Identifier("lake", table.name)
    )
    rows = copy_query(connection, query, [after, until], arrow_schema(table))
    return merge_rows(lake, table, rows, until)


def compare_marts(warehouse: Warehouse, lake: Lake) -> Parity:
    """Compare the lake's marts with PostgreSQL's: by month their number, the sum of each decimal
    and integer, and of each double how many there are, the least and the greatest: its sum would
    depend on the order. Months of which something is pending for the next load are left out.

    Returns:
        What was found; ``facts`` counts rows.

    Raises:
        LakeError: there is no lake.
    """
    parity = Parity([])
    months: set[str] = set()
    with lake_queries(lake) as queries, warehouse.connection() as connection, snapshot(connection):
        for table in MART_TABLES:
            delta = lake.open(table)
            if delta is None:
                continue
            values = _compared(table)
            names, listed = list(values), ", ".join(values.values())
            time = next(name for name, of in table.columns.items() if of in ("date", "timestamp"))
            ours = _by_month(
                connection.execute(
                    sql.SQL("SELECT snapshot_month, {} FROM {} GROUP BY 1").format(
                        sql.SQL(listed), sql.Identifier("lake", table.name)
                    )
                ).fetchall()
            )
            pending = connection.execute(
                sql.SQL("SELECT DISTINCT snapshot_month FROM {} WHERE load_timestamp > %s").format(
                    sql.Identifier("lake", table.name)
                ),
                [loaded_until(delta)],
            ).fetchall()
            query = (
                f"SELECT strftime({time}, '%Y-%m'), {listed} FROM analytics.{table.name} GROUP BY 1"  # noqa: S608
            )
            theirs = _by_month(queries.sql(query).fetchall())
            for month in sorted((ours.keys() | theirs.keys()) - {row[0] for row in pending}):
                nothing = (0, *[None] * (len(names) - 1))
                mine, its = ours.get(month, nothing), theirs.get(month, nothing)
                months.add(month)
                parity.facts += int(mine[0])
                parity.differences += [
                    Difference(f"{table.name} {month}", name, str(a), str(b))
                    for name, a, b in zip(names, mine, its, strict=True)
                    if a != b
                ]
    parity.months = len(months)
    return parity


def _compared(table: LakeTable) -> dict[str, str]:
    """What is compared of a month, as SQL of both engines, by its name."""
    summed = [*table.decimals, *table.integers]
    of_doubles = {
        f"{words} {name}": f"{function}({name})"
        for name in table.doubles
        for words, function in (("known", "count"), ("least", "min"), ("greatest", "max"))
    }
    return {"rows": "count(*)", **{name: f"sum({name})" for name in summed}, **of_doubles}


def _by_month(rows: list[tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    return {month: tuple(values) for month, *values in rows}
