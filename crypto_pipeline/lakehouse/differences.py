"""What a comparison of a lake with PostgreSQL finds, whoever loads the lake."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from crypto_pipeline.lakehouse.schema import FACT
from crypto_pipeline.model.sql import read_sql


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same.

    Attributes:
        where: The table, and the month and batch or the key.
        what: The column, or the kind of difference.
        postgres: What PostgreSQL says.
        lake: What the lake says.
    """

    where: str
    what: str
    postgres: str
    lake: str


@dataclass
class Parity:
    """What a comparison found.

    Attributes:
        differences: What is not the same.
        facts: How many facts of PostgreSQL were compared.
        months: In how many months they are.
        waiting: Changes that the lake has not loaded yet; the facts of their batches were left out.
            For a lake that Spark loads: files that one side has in gold and the other not yet.
        unsettled: Whether some of them concern facts of other batches, so that a difference may be
            theirs.
        other_order: Differences that come of another order of the same files: buckets whose first
            record is another file's. Only a lake that Spark loads can have them.
    """

    differences: list[Difference]
    facts: int = 0
    months: int = 0
    waiting: int = 0
    unsettled: bool = False
    other_order: list[Difference] = field(default_factory=list)


def fact_sums(
    connection: psycopg.Connection,
    file: str,
    integers: Sequence[str],
    batches: Sequence[int] | None,
) -> list[dict[str, Any]]:
    """What PostgreSQL's facts come to, by month and batch.

    Args:
        connection: Where they are.
        file: The query, of ``sql/lake``.
        integers: The columns that are summed as they are; the decimals are made to fit the lake.
        batches: Only the facts of these batches; all if None.
    """

    def listed(names: Iterable[str]) -> sql.Composed:
        return sql.SQL(", ").join(sql.Identifier("f", name) for name in names)

    fits = [
        sql.SQL("lake.fit({}, {}, {}) AS {}").format(
            sql.Identifier("f", name), of.precision, of.scale, sql.Identifier(name)
        )
        for name, of in FACT.decimals.items()
    ]
    sums = [
        sql.SQL("sum({}) AS {}").format(sql.Identifier("f", name), sql.Identifier(name))
        for name in (*integers, *FACT.decimals)
    ]
    query = sql.SQL(read_sql(f"lake/{file}.sql")).format(
        integers=listed(integers),
        measures=listed(FACT.decimals),
        fits=sql.SQL(", ").join(fits),
        sums=sql.SQL(", ").join(sums),
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            query, {"batches": None if batches is None else list(batches)}
        ).fetchall()
