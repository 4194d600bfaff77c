"""Do the marts that Spark made equal PostgreSQL's?

Spark knows no aliases of coins, and adds up in another order.
"""

from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from crypto_pipeline.lakehouse.differences import Difference, Parity
from crypto_pipeline.lakehouse.gold_arrow import arrow_schema, copy_query, snapshot
from crypto_pipeline.lakehouse.schema import MART_TABLES, LakeTable
from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.warehouse.postgres import Warehouse

_OF_COINS = MART_TABLES[:2]
"""The marts that say of a coin what does not depend on others."""

_RELATIVE, _ABSOLUTE = 1e-9, 1e-12
"""Two doubles that differ by less come of another order of sums, or of another logarithm."""


def compare_marts(warehouse: Warehouse, lake: Lake, *, rows: bool = False) -> Parity:
    """Compare all marts with PostgreSQL's: by month their number and the sum of each number, and
    the months that differ, or all of them if asked, row by row: doubles to nine digits, all else
    exactly. While a person's alias is in force, its coin is left out, and so are the marts that
    compare coins. To be asked where the candles are equal.

    Args:
        warehouse: Where PostgreSQL's gold is.
        lake: The tables that Spark loaded.
        rows: Whether to compare all rows, and not only those of months whose sums differ.

    Returns:
        What was found; ``facts`` counts rows.
    """
    lake.create()
    parity = Parity([])
    months: set[str] = set()
    with warehouse.connection() as connection, snapshot(connection):
        renamed = [
            row[0] for row in connection.execute("SELECT DISTINCT crypto_id FROM coin_former_ids")
        ]
        for table in _OF_COINS if renamed else MART_TABLES:
            ours, theirs = _postgres_sums(connection, table), _lake_sums(lake, table)
            parity.facts += sum(int(sums[0]) for sums in ours.values())
            months |= ours.keys()
            for month in sorted(ours.keys() | theirs.keys()):
                if rows or not _all_equal(ours.get(month), theirs.get(month)):
                    here = _rows(table, _month_of_postgres(connection, table, month))
                    there = _rows(table, _month_of_lake(lake, table, month))
                    for key in sorted(here.keys() | there.keys(), key=str):
                        if key[0] not in renamed:
                            parity.differences += _differences(
                                table, key, here.get(key), there.get(key)
                            )
    parity.months = len(months)
    return parity


Sums = dict[str, tuple[Any, ...]]


def _postgres_sums(connection: psycopg.Connection, table: LakeTable) -> Sums:
    query = sql.SQL("SELECT snapshot_month, {} FROM {} GROUP BY snapshot_month").format(
        sql.SQL(_summed(table, "double precision")), sql.Identifier("lake", table.name)
    )
    return {month: tuple(sums) for month, *sums in connection.execute(query).fetchall()}


def _lake_sums(lake: Lake, table: LakeTable) -> Sums:
    values = {"sums": _summed(table, "double"), "table": table.name, "month": _month(table)}
    found = lake.run("parity/candle_sums", **values).collect()
    return {month: tuple(sums) for month, _, *sums in found}


def _summed(table: LakeTable, double: str) -> str:
    """How many there are of each number and their sum, as SQL of both engines."""
    numbers = [*table.decimals, *table.integers, *table.doubles]
    sums = (f"count({name}), sum(CAST({name} AS {double}))" for name in numbers)
    return ", ".join(["count(*)", *sums])


def _month(table: LakeTable) -> str:
    return table.partition_by or "date_format(day, 'yyyy-MM')"


def _all_equal(ours: tuple[Any, ...] | None, theirs: tuple[Any, ...] | None) -> bool:
    return ours is not None and theirs is not None and all(map(_equal, ours, theirs))


def _names(table: LakeTable) -> list[str]:
    return [name for name in table.columns if name not in ("load_timestamp", "snapshot_month")]


def _month_of_postgres(connection: psycopg.Connection, table: LakeTable, month: str) -> pa.Table:
    schema = arrow_schema(table)
    names = _names(table)
    query = sql.SQL("SELECT {} FROM {} WHERE snapshot_month = %s").format(
        sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier("lake", table.name)
    )
    return copy_query(connection, query, [month], pa.schema([schema.field(n) for n in names]))


def _month_of_lake(lake: Lake, table: LakeTable, month: str) -> pa.Table:
    rows = lake.table(table.name).where(f"{_month(table)} = '{month}'")
    return rows.select(*_names(table)).toArrow()


def _rows(table: LakeTable, rows: pa.Table) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {tuple(row[name] for name in table.key): row for row in rows.to_pylist()}


def _differences(
    table: LakeTable,
    key: tuple[Any, ...],
    ours: dict[str, Any] | None,
    theirs: dict[str, Any] | None,
) -> list[Difference]:
    where = f"{table.name} {' '.join(map(str, key))}"
    if ours is None or theirs is None:
        return [Difference(where, "rows", str(int(ours is not None)), str(int(theirs is not None)))]
    return [
        Difference(where, name, str(ours[name]), str(theirs[name]))
        for name in ours
        if not _equal(ours[name], theirs[name])
    ]


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= max(_ABSOLUTE, _RELATIVE * max(abs(one), abs(other)))
    return bool(one == other)
