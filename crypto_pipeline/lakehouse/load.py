"""Loads of the lake: what gold has and the lake lacks, in steps that a crash cannot half do.

The warehouse numbers the changes of its facts (``sql/migrations/0005_lake.sql``); the lake's fact
table knows the number of the last that it holds. A step takes the changes after it, and commits
them together with their number. The dimensions are small and compared whole, before the facts that
refer to them.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa
from psycopg.rows import dict_row

from crypto_pipeline.lakehouse.delta import (
    DeltaTable,
    Lake,
    Loaded,
    OvertakenError,
    Step,
    add_facts,
    loaded_change,
    replace_facts,
    retrying,
    update_facts,
)
from crypto_pipeline.lakehouse.gold_arrow import read_dimension, read_facts, snapshot
from crypto_pipeline.lakehouse.schema import (
    DIM_SOURCE,
    DIMENSIONS,
    FACT,
    LAKE_TABLES,
    UNREPRESENTABLE_VALUES,
    LakeError,
)
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.advisory_locks import AdvisoryLock, exclusive
from crypto_pipeline.warehouse.postgres import Warehouse

FACTS_A_COMMIT = 250_000
"""Facts that a step holds in memory and commits at once, where a batch has not more by itself."""

_CHANGES_A_COMMIT = 10_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Changes:
    """Changes of the facts that a step takes.

    Attributes:
        after: Number of the change before them.
        last: Number of the last of them.
        start: Whether what the lake holds is void.
        batch_ids: The batches that were loaded into gold, or none.
        coins: Otherwise coins, with the first and last snapshot that was changed.
    """

    after: int
    last: int
    start: bool
    batch_ids: list[int]
    coins: list[tuple[str, Any, Any]]


def load_lake(
    warehouse: Warehouse, lake: Lake, progress: Callable[[str], None] = _log.info
) -> dict[str, Loaded]:
    """Bring the lake up to the warehouse's gold.

    A lock serialises the loads of one warehouse. A commit that conflicts with another (of the
    maintenance, or of a writer that this database's lock does not reach) is tried again from the
    newest version.

    Args:
        warehouse: Where gold is.
        lake: Where it goes.
        progress: Called for each commit of facts.

    Returns:
        What was done, by table.

    Raises:
        LakeError: the lake belongs to another warehouse, or has columns of other types.
        CommitFailedError: others committed first, ten times in a row.
    """
    done = {table.name: Loaded() for table in LAKE_TABLES}
    with (
        warehouse.connection() as others_wait,
        exclusive(others_wait, AdvisoryLock.LAKE_LOAD),
        warehouse.connection() as connection,
    ):
        with snapshot(connection):
            _refuse_other_kinds(connection, lake)
        fact_table = lake.open(FACT)
        dimensions_of = -1
        more = True
        while more:
            for attempt in retrying():
                with attempt, snapshot(connection):
                    if attempt.retry_state.attempt_number > 1:
                        # Of another writer's commit, this version does not know.
                        fact_table = lake.open(FACT)
                    loaded = loaded_change(fact_table)
                    newest = _newest_change(connection, lake, loaded)
                    changes = next_changes(connection, loaded)
                    more = changes is not None
                    if not more and loaded < newest:
                        # A warehouse without a batch empties no lake.
                        continue
                    if changes is not None and not changes.start and fact_table is not None:
                        # Facts that have to be refused are, before the dimensions change.
                        fact_table = lake.ready(FACT, fact_table)
                    if newest != dimensions_of:
                        # They are of this moment: where that is ahead of the facts, of no batch.
                        with_facts = changes if changes and changes.last == newest else None
                        at = Step(newest, with_facts.batch_ids if with_facts else [])
                        for table in DIMENSIONS:
                            done[table.name] += lake.synchronise(
                                table, read_dimension(connection, table), at
                            )
                        dimensions_of = newest
                    if changes is not None:
                        fact_table = lake.ready(FACT, fact_table, replaceable=changes.start)
                        _load_facts(connection, lake, fact_table, changes, done)
                        progress(
                            f"{done[FACT.name].rows_inserted} facts added,"
                            f" {newest - changes.last} changes left"
                        )
    return done


def next_changes(connection: psycopg.Connection, after: int) -> Changes | None:
    """The changes that a lake takes next that has those up to ``after``; None if there are
    none, or nothing but a start."""
    arguments = {"after": after, "facts": FACTS_A_COMMIT, "changes": _CHANGES_A_COMMIT}
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(read_sql("lake/next_changes.sql"), arguments).fetchall()
    if not rows or [row["kind"] for row in rows] == ["start"]:
        return None
    batches = [row["batch_id"] for row in rows if row["kind"] == "batch"]
    return Changes(
        after=after,
        last=rows[-1]["change_id"],
        start=rows[0]["kind"] == "start",
        batch_ids=list(dict.fromkeys(batches)),
        coins=[
            (row["crypto_id"], row["first_snapshot"], row["last_snapshot"])
            for row in rows
            if row["kind"] == "coin"
        ],
    )


def _load_facts(
    connection: psycopg.Connection,
    lake: Lake,
    fact_table: DeltaTable,
    changes: Changes,
    done: dict[str, Loaded],
) -> None:
    if loaded_change(fact_table) != changes.after:
        # Another load committed before the table was created here, or given its columns.
        raise OvertakenError(f"{lake.location(FACT)} has gone on from change {changes.after}")
    if changes.coins:
        ranges: dict[str, tuple[Any, Any]] = {}
        for coin, first, last in changes.coins:
            known = ranges.get(coin, (first, last))
            ranges[coin] = min(first, known[0]), max(last, known[1])
        firsts, lasts = zip(*ranges.values(), strict=True)
        facts, left_out = read_facts(
            connection,
            "of_coins",
            {"coins": list(ranges), "firsts": list(firsts), "lasts": list(lasts)},
        )
    else:
        facts, left_out = read_facts(connection, "of_batches", {"batches": changes.batch_ids})
    step = Step(changes.last, changes.batch_ids)
    # A value that is unrepresentable no more goes with its fact.
    done[UNREPRESENTABLE_VALUES.name] += lake.synchronise(
        UNREPRESENTABLE_VALUES,
        left_out,
        step,
        # Those of the candles are left alone.
        _owners(None if changes.start else facts),
    )
    if changes.start:
        loaded = replace_facts(fact_table, facts, step)
    elif changes.coins:
        loaded = update_facts(fact_table, facts, step)
    else:
        loaded = add_facts(fact_table, facts, step)
    done[FACT.name] += loaded


def _owners(facts: pa.Table | None) -> pa.Table:
    """The facts as ``unrepresentable_values`` names them; of None, all that there are."""
    if facts is None:
        return pa.table({"table_name": [FACT.name]})
    return facts.select(list(FACT.key)).append_column(
        "table_name", pa.repeat(FACT.name, facts.num_rows)
    )


def _newest_change(connection: psycopg.Connection, lake: Lake, loaded: int) -> int:
    row = connection.execute(read_sql("lake/newest_change.sql")).fetchone()
    assert row is not None
    newest = int(row[0])
    if loaded > newest:
        raise LakeError(
            f"{lake.uri} holds changes that this warehouse does not have: it was loaded from"
            " another one, or this one was restored from a backup. Name another LAKE_URI, or let"
            " this warehouse replace what the lake holds: SELECT lake.start_over()"
        )
    return newest


def _refuse_other_kinds(connection: psycopg.Connection, lake: Lake) -> None:
    """Live, sandbox and recorded data never mix, in a lake either."""
    row = connection.execute("SELECT kind FROM data_origin").fetchone()
    sources = lake.open(DIM_SOURCE)
    if row is None or sources is None:
        return
    kinds = set(sources.to_pyarrow_table(columns=["kind"]).column("kind").to_pylist())
    others = kinds - {row[0], "unknown"}
    if others:
        raise LakeError(f"{lake.uri} holds {others.pop()} data, this warehouse {row[0]} data")
