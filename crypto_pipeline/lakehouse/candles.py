"""The candles of the lake: hourly and daily facts as Delta tables, written by delta-rs.

A candle says when it was written (``load_timestamp``), by a clock that goes on under the lock of
the loads: what is committed later has a later one. So each table knows by the newest that it has
what it lacks, and takes it by one MERGE a commit. A load that dies goes on where it was.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction
from psycopg import sql

from crypto_pipeline.lakehouse.delta import (
    APPLICATION,
    NOTHING_LOADED,
    Lake,
    Loaded,
    Step,
    retrying,
)
from crypto_pipeline.lakehouse.differences import Difference, Parity
from crypto_pipeline.lakehouse.gold_arrow import arrow_schema, copy_query, snapshot
from crypto_pipeline.lakehouse.queries import lake_queries
from crypto_pipeline.lakehouse.schema import CANDLE_TABLES, UNREPRESENTABLE_VALUES, LakeTable
from crypto_pipeline.warehouse.advisory_locks import AdvisoryLock, exclusive
from crypto_pipeline.warehouse.postgres import Warehouse

ROWS_A_COMMIT = 250_000
"""Candles that a commit brings, where those of one statement are not more."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_FIRST_MONTH = datetime(2000, 1, 1, tzinfo=timezone.utc)
_LAST_MONTH = datetime(3000, 1, 1, tzinfo=timezone.utc)


def load_candles(
    warehouse: Warehouse, lake: Lake, progress: Callable[[str], None] = lambda text: None
) -> dict[str, Loaded]:
    """Bring the lake's candles up to PostgreSQL's.

    Returns:
        What was done, by table.

    Raises:
        LakeError: the lake has columns of other types, or does not serve us.
        CommitFailedError: others committed first, ten times in a row.
    """
    return load_in_steps(warehouse, lake, CANDLE_TABLES, _load_next, "candles", progress)


def load_in_steps(
    warehouse: Warehouse,
    lake: Lake,
    tables: Sequence[LakeTable],
    load_next: Callable[[psycopg.Connection, Lake, LakeTable], Loaded | None],
    what: str,
    progress: Callable[[str], None],
) -> dict[str, Loaded]:
    """Load tables one after the other, each until there is nothing left for it.

    Args:
        warehouse: What is loaded from.
        lake: What is loaded.
        tables: The tables.
        load_next: Makes a commit of what follows the newest row; None if nothing does.
        what: The rows, in the words of the progress.
        progress: Called after each commit.
    """
    done = {table.name: Loaded() for table in tables}
    with (
        warehouse.connection() as others_wait,
        exclusive(others_wait, AdvisoryLock.LAKE_LOAD),
        warehouse.connection() as connection,
    ):
        for table in tables:
            more = True
            while more:
                for attempt in retrying():
                    with attempt, snapshot(connection):
                        loaded = load_next(connection, lake, table)
                more = loaded is not None
                if loaded is not None:
                    done[table.name] += loaded
                    progress(f"{table.name}: {done[table.name].rows_inserted} {what} added")
    return done


def _load_next(connection: psycopg.Connection, lake: Lake, table: LakeTable) -> Loaded | None:
    """Take what follows the newest candle that the lake has; None if nothing does."""
    after = loaded_until(lake.open(table))
    until = next_until(connection, table, after)
    if until is None:
        return None
    rows, left_out = _read_candles(connection, table, after, until)
    # A value that is unrepresentable no more goes with its candle.
    lake.synchronise(
        UNREPRESENTABLE_VALUES, left_out, Step(NOTHING_LOADED, []), _owners(table, rows)
    )
    return merge_rows(lake, table, rows, until)


def merge_rows(lake: Lake, table: LakeTable, rows: pa.Table, until: datetime) -> Loaded:
    """Bring the rows that were written up to a moment into the lake, in one commit, which knows
    that moment."""
    delta = lake.table(table)
    microseconds = (until - _EPOCH) // timedelta(microseconds=1)
    values = {name: f"source.{name}" for name in table.columns}
    metrics = (
        delta.merge(
            rows,
            predicate=_pruning(table, rows)
            + " AND ".join(f"target.{name} = source.{name}" for name in table.key),
            source_alias="source",
            target_alias="target",
            commit_properties=CommitProperties(
                custom_metadata={"loaded_until": until.isoformat()},
                app_transactions=[Transaction(APPLICATION, microseconds)],
            ),
        )
        .when_matched_update(values)
        .when_not_matched_insert(values)
        .execute()
    )
    return Loaded(
        commits=1,
        rows_inserted=metrics["num_target_rows_inserted"],
        rows_updated=metrics["num_target_rows_updated"],
        files_added=metrics["num_target_files_added"],
        files_removed=metrics["num_target_files_removed"],
    )


def _read_candles(
    connection: psycopg.Connection, table: LakeTable, after: datetime, until: datetime
) -> tuple[pa.Table, pa.Table]:
    """The candles that were written between two moments, and what of them the decimals cannot
    hold."""
    query = sql.SQL(
        "SELECT {}, measures_known FROM {} WHERE load_timestamp > %s AND load_timestamp <= %s"
    ).format(
        sql.SQL(", ").join(map(sql.Identifier, table.columns)),
        sql.Identifier("lake", table.name),
    )
    schema = arrow_schema(table).append(pa.field("measures_known", pa.int16(), nullable=False))
    rows = copy_query(connection, query, [after, until], schema)
    expected = pc.sum(rows.column("measures_known")).as_py() or 0
    rows = rows.drop_columns(["measures_known"])
    found = sum(len(rows) - rows.column(name).null_count for name in table.decimals)
    left_out = arrow_schema(UNREPRESENTABLE_VALUES).empty_table()
    if found != expected:
        left_out = copy_query(
            connection,
            sql.SQL(
                "SELECT {} FROM lake.unrepresentable_in_candles"
                " WHERE table_name = %s AND load_timestamp > %s AND load_timestamp <= %s"
            ).format(sql.SQL(", ").join(map(sql.Identifier, left_out.column_names))),
            [table.name, after, until],
            left_out.schema,
        )
    return rows, left_out


def _owners(table: LakeTable, rows: pa.Table) -> pa.Table:
    """The candles as ``unrepresentable_values`` names them."""
    *whose, start = table.key
    times = rows.column(start).cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
    return (
        rows.select(whose)
        .append_column("snapshot_time", times)
        .append_column("table_name", pa.repeat(table.name, rows.num_rows))
    )


def loaded_until(delta: DeltaTable | None) -> datetime:
    """Up to which moment a table has what was written."""
    version = None if delta is None else delta.transaction_version(APPLICATION)
    return _EPOCH + timedelta(microseconds=version or 0)


def next_until(
    connection: psycopg.Connection, table: LakeTable, after: datetime
) -> datetime | None:
    """Up to which moment a commit takes candles: all of a statement together."""
    row = connection.execute(
        sql.SQL(
            "SELECT max(load_timestamp) FROM (SELECT load_timestamp FROM {} WHERE load_timestamp >"
            " %s ORDER BY load_timestamp LIMIT %s) AS next"
        ).format(sql.Identifier("analytics", table.name)),
        [after, ROWS_A_COMMIT],
    ).fetchone()
    assert row is not None
    return None if row[0] is None else row[0]


def _pruning(table: LakeTable, rows: pa.Table) -> str:
    """Condition on the target alone, by which files are left out: the month is their folder."""
    if table.partition_by is None:
        return ""
    months = pc.unique(rows.column(table.partition_by)).to_pylist()
    listed = ", ".join(f"'{month}'" for month in months)
    return f"target.{table.partition_by} IN ({listed}) AND "


def compare_candles(
    warehouse: Warehouse, lake: Lake, hours: tuple[datetime, datetime] | None = None
) -> Parity:
    """Compare the lake's candles with PostgreSQL's: their number and the sum of each column, by
    month. What is pending for the next load is left out.

    Args:
        warehouse: Where PostgreSQL's gold is.
        lake: The lake.
        hours: Only the months of these hours, from the first to before the last, UTC; all if None.

    Returns:
        What was found; ``facts`` counts candles.

    Raises:
        LakeError: there is no lake.
    """
    parity = Parity([])
    months: set[str] = set()
    first, last = (_FIRST_MONTH, _LAST_MONTH) if hours is None else _whole_months(*hours)
    with (
        lake_queries(lake) as queries,
        warehouse.connection() as connection,
        snapshot(connection),
    ):
        for table in CANDLE_TABLES:
            delta = lake.open(table)
            if delta is None:
                continue
            until = loaded_until(delta)
            start = table.key[-1]
            # Without a zone, as the lake's times are, UTC; of days the date.
            bounds = f"{start} >= TIMESTAMP '{first:%Y-%m-%d}' AND {start} < '{last:%Y-%m-%d}'"
            names = ["count", *table.decimals, "observations"]
            sums = ", ".join(f"sum({name})" for name in names[1:])
            known = ", ".join(table.decimals)
            ours = _by_month(
                connection.execute(
                    sql.SQL(
                        "SELECT snapshot_month, count(*), {}, sum(measures_known)"
                        " - sum(num_nonnulls({})) FROM {} WHERE load_timestamp <= %s"
                        " AND {} >= %s AND {} < %s GROUP BY snapshot_month"
                    ).format(
                        sql.SQL(sums),
                        sql.SQL(known),
                        sql.Identifier("lake", table.name),
                        *[sql.Identifier(start)] * 2,
                    ),
                    [
                        until,
                        *((first, last) if table.partition_by else (first.date(), last.date())),
                    ],
                ).fetchall()
            )
            # A candle that was made anew since is pending, and so is what is left of the old one.
            changed = connection.execute(
                sql.SQL("SELECT DISTINCT snapshot_month FROM {} WHERE load_timestamp > %s").format(
                    sql.Identifier("lake", table.name)
                ),
                [until],
            ).fetchall()
            query = f"""
                SELECT strftime({start}, '%Y-%m') AS month, count(*), {sums}, (
                    SELECT count(*) FROM analytics.{UNREPRESENTABLE_VALUES.name}
                    WHERE table_name = '{table.name}' AND strftime(snapshot_time, '%Y-%m') = month
                )
                FROM analytics.{table.name}
                WHERE {bounds}
                GROUP BY month
            """  # noqa: S608
            theirs = _by_month(queries.sql(query).fetchall())
            names.append("unrepresentable_values")
            for month in sorted((ours.keys() | theirs.keys()) - {row[0] for row in changed}):
                mine, its = ours.get(month), theirs.get(month)
                months.add(month)
                parity.facts += int(mine[0]) if mine else 0
                if mine is None or its is None:
                    counts = (str(mine[0]) if mine else "0", str(its[0]) if its else "0")
                    parity.differences.append(
                        Difference(f"{table.name} {month}", "candles", *counts)
                    )
                    continue
                parity.differences += [
                    Difference(f"{table.name} {month}", name, str(a), str(b))
                    for name, a, b in zip(names, mine, its, strict=True)
                    if a != b
                ]
    parity.months = len(months)
    return parity


def _whole_months(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The start of the first month, and that of the month after the last."""
    first, after = start.replace(day=1), (end.replace(day=1) + timedelta(days=31)).replace(day=1)
    return first.replace(hour=0), after.replace(hour=0)


def _by_month(rows: list[tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    return {month: tuple(values) for month, *values in rows}
