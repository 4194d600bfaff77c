"""The marts on Spark: made of its own candles, in the load that makes these, before their batches
are marked as loaded. So a load that dies makes both again.

Spark knows no aliases of coins, which are PostgreSQL's.
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


def make_marts(lake: Lake) -> None:
    """Make what the candles of the view ``changed_days`` reach."""
    is_new = not lake.table(MART_TABLES[-2].name).head(1)
    if is_new:
        lake.view("mart_days", "marts/all_days")
    else:
        lake.spark.table("changed_days").createOrReplaceTempView("mart_days")
    for table in MART_TABLES:
        lake.merge(f"marts/{table.name}")


def compare_marts(warehouse: Warehouse, lake: Lake) -> Parity:
    """Compare all marts with PostgreSQL's, row by row: doubles to nine digits, all else exactly.
    While a person's alias is in force, its coin is left out, and so are the marts that compare
    coins. To be asked where the candles are equal.

    Returns:
        What was found; ``facts`` counts rows.
    """
    parity = Parity([])
    with warehouse.connection() as connection, snapshot(connection):
        renamed = [
            row[0] for row in connection.execute("SELECT DISTINCT crypto_id FROM coin_former_ids")
        ]
        for table in _OF_COINS if renamed else MART_TABLES:
            ours = _rows(table, _of_postgres(connection, table))
            theirs = _rows(table, lake.table(table.name).select(*_names(table)).toArrow())
            for key in sorted(ours.keys() | theirs.keys(), key=str):
                if key[0] in renamed:
                    continue
                parity.facts += key in ours
                parity.differences += _differences(table, key, ours.get(key), theirs.get(key))
    return parity


def _names(table: LakeTable) -> list[str]:
    return [name for name in table.columns if name not in ("load_timestamp", "snapshot_month")]


def _of_postgres(connection: psycopg.Connection, table: LakeTable) -> pa.Table:
    schema = arrow_schema(table)
    names = _names(table)
    query = sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier("lake", table.name)
    )
    return copy_query(connection, query, [], pa.schema([schema.field(name) for name in names]))


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
