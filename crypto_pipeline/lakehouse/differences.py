"""What a comparison of a lake with PostgreSQL finds, whoever loads the lake."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import dict_row

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
        pending: Changes that the lake has not loaded yet; the facts of their batches were left out.
            For a lake that Spark loads: files that one side has in gold and the other not yet.
        unsettled: Whether some of them concern facts of other batches, so that a difference may be
            theirs.
        other_order: Differences that come of another order of the same files: buckets whose first
            record is another file's. Only a lake that Spark loads can have them.
    """

    differences: list[Difference]
    facts: int = 0
    months: int = 0
    pending: int = 0
    unsettled: bool = False
    other_order: list[Difference] = field(default_factory=list)


def fact_sums(
    connection: psycopg.Connection, file: str, batches: Sequence[int] | None
) -> list[dict[str, Any]]:
    """What PostgreSQL's facts come to, by month and batch; decimals as the lake has them.

    Args:
        connection: Where they are.
        file: The query, of ``sql/lake``.
        batches: Only the facts of these batches; all if None.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            read_sql(f"lake/{file}.sql"), {"batches": None if batches is None else list(batches)}
        ).fetchall()
