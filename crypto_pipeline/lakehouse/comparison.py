"""Does the lake equal PostgreSQL?

By sums: counts, key sets and the sum of every column, by month and batch. By rows: each fact,
column by column. The star schema is made to fit the lake's decimals by PostgreSQL
(``lake.to_decimal``), so both sides are compared exactly.

Two differences are none: what is pending for the next load, and facts of months that retention
dropped from PostgreSQL and that the lake keeps. A batch counts how many it lost so.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Context, Decimal
from typing import Any

import psycopg

from crypto_pipeline.lakehouse.delta import Lake
from crypto_pipeline.lakehouse.differences import Difference, Parity, fact_sums
from crypto_pipeline.lakehouse.gold_arrow import read_dimension, read_facts, snapshot
from crypto_pipeline.lakehouse.queries import lake_queries
from crypto_pipeline.lakehouse.schema import DIMENSIONS, FACT, UNREPRESENTABLE_VALUES, LakeTable
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse

# After the import of the lake, which says what to install.
import duckdb  # isort: skip
import pyarrow as pa  # isort: skip

_EXACT = Context(prec=100)
_FACTS_A_WINDOW = 250_000
"""Facts that a comparison by rows holds in memory at once, where a day has not more by itself."""

# By batch is how they are summed.
_INTEGERS = [name for name in FACT.integers if name != "batch_id"]
"""The columns of a fact that are summed as they are, keys included."""

_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'analytics'"

Group = tuple[str, int]
"""Month and batch."""


@dataclass(frozen=True)
class _Sides:
    connection: psycopg.Connection
    queries: duckdb.DuckDBPyConnection
    pending_batches: frozenset[int]


def compare_sums(warehouse: Warehouse, lake: Lake, batches: Sequence[int] | None = None) -> Parity:
    """Compare the dimensions, and of the facts counts, keys and sums, by month and batch.

    Args:
        warehouse: Where PostgreSQL's gold is.
        lake: The lake.
        batches: Only the facts of these batches; all if None.

    Raises:
        LakeError: there is no lake.
    """
    with _sides(warehouse, lake) as (sides, parity):
        parity.differences += _dimension_differences(sides)
        ours = _postgres_sums(sides, batches)
        theirs = _lake_sums(sides, batches)
        parity.facts = int(sum(sums["facts"] for sums in ours.values()))
        parity.months = len({month for month, _ in ours})
        retired = _retired(sides, theirs.keys() - ours.keys())
        for group in sorted(ours.keys() | theirs.keys()):
            where = f"{FACT.name} {group[0]}, batch {group[1]}"
            if group not in ours:
                facts = int(theirs[group]["facts"])
                # What retention dropped, whole groups, the lake keeps.
                retired[group[1]] -= facts
                if retired[group[1]] < 0:
                    parity.differences.append(Difference(where, "facts", "0", str(facts)))
            elif group not in theirs:
                parity.differences.append(
                    Difference(where, "facts", str(ours[group]["facts"]), "0")
                )
            else:
                parity.differences += [
                    Difference(where, name, str(ours[group][name]), str(theirs[group][name]))
                    for name in ours[group]
                    if ours[group][name] != theirs[group][name]
                ]
        return parity


def compare_rows(warehouse: Warehouse, lake: Lake) -> Parity:
    """Compare the dimensions and all facts row by row, some days at a time.

    Raises:
        LakeError: there is no lake.
    """
    with _sides(warehouse, lake) as (sides, parity):
        parity.differences += _dimension_differences(sides)
        by_group: dict[Group, int] = defaultdict(int)
        months: set[str] = set()
        for start, end in _windows(sides):
            facts, left_out = read_facts(sides.connection, "between", {"start": start, "end": end})
            months.update(facts.column("snapshot_month").unique().to_pylist())
            for table, rows in ((FACT, facts), (UNREPRESENTABLE_VALUES, left_out)):
                compared, found, only_in_lake = _row_differences(sides, table, rows, (start, end))
                parity.differences += found
                if table is FACT:
                    parity.facts += compared
                    for group, count in only_in_lake.items():
                        by_group[group] += count
        parity.months = len(months)
        held = _held(sides, by_group.keys())
        retired = _retired(sides, by_group.keys())
        for group, count in sorted(by_group.items()):
            retired[group[1]] -= count
            if group in held or retired[group[1]] < 0:
                where = f"{FACT.name} {group[0]}, batch {group[1]}"
                parity.differences.append(Difference(where, "only in the lake", "0", str(count)))
        return parity


@contextmanager
def _sides(warehouse: Warehouse, lake: Lake) -> Iterator[tuple[_Sides, Parity]]:
    # The lake first: what it has then, PostgreSQL has too.
    loaded = lake.loaded_change()
    with (
        lake_queries(lake) as queries,
        warehouse.connection() as connection,
        snapshot(connection),
    ):
        pending = connection.execute(
            read_sql("lake/pending_changes.sql"), {"after": loaded}
        ).fetchall()
        sides = _Sides(
            connection, queries, frozenset(batch for kind, batch in pending if kind == "batch")
        )
        unsettled = any(kind != "batch" for kind, _ in pending)
        yield sides, Parity([], pending=len(pending), unsettled=unsettled)


def _dimension_differences(sides: _Sides) -> list[Difference]:
    if sides.pending_batches:
        # They come with the dimensions that they are loaded with.
        return []
    found = []
    held = {name for (name,) in sides.queries.execute(_TABLES).fetchall()}
    for table in DIMENSIONS:
        wanted = read_dimension(sides.connection, table)
        if table.name not in held:
            # Of an earlier version, until it is loaded again.
            found.append(Difference(table.name, "rows", str(len(wanted)), "no table"))
            continue
        sides.queries.register("dimension", wanted)
        sides.queries.execute("CREATE OR REPLACE TEMPORARY TABLE wanted AS FROM dimension")
        found += _keyed_differences(sides, table, f"analytics.{table.name}")
    return found


def _postgres_sums(sides: _Sides, batches: Sequence[int] | None) -> dict[Group, dict[str, Any]]:
    return _by_group(fact_sums(sides.connection, "fact_sums", batches), sides)


def _lake_sums(sides: _Sides, batches: Sequence[int] | None) -> dict[Group, dict[str, Any]]:
    if batches is not None and not batches:
        return {}
    chosen = "true"
    if batches is not None:
        # By the range, files are left out; by the list, rows.
        listed = ", ".join(str(int(batch)) for batch in batches)
        chosen = f"batch_id BETWEEN {min(batches)} AND {max(batches)} AND batch_id IN ({listed})"
    # A sum of decimals has no more digits than they have: what is before the point and what is
    # after it are summed separately.
    halves = ", ".join(
        f"sum(trunc({name})::HUGEINT) AS {name}_whole, sum({name} - trunc({name})) AS {name}_rest"
        for name in FACT.decimals
    )
    integers = ", ".join(f"sum({name}) AS {name}" for name in _INTEGERS)
    query = f"""
        SELECT
            snapshot_month,
            batch_id,
            count(*) AS facts,
            sum(('0x' || left(md5(concat_ws(
                ' ', crypto_id, vs_currency, epoch_us(snapshot_time)
            )), 15))::BIGINT) AS keys,
            sum(epoch_us(last_updated)) AS last_updated,
            sum(epoch_us(load_timestamp)) AS load_timestamp,
            {integers},
            {halves}
        FROM lake_{FACT.name}
        WHERE {chosen}
        GROUP BY ALL
    """
    rows = _rows(sides.queries.execute(query))
    left_out = {
        (month, batch): count
        for month, batch, count in sides.queries.execute(
            f"SELECT strftime(snapshot_time, '%Y-%m'), batch_id, count(*)"
            f" FROM lake_{UNREPRESENTABLE_VALUES.name}"
            f" WHERE table_name = '{FACT.name}' AND {chosen} GROUP BY ALL"
        ).fetchall()
    }
    for row in rows:
        row["unrepresentable_values"] = left_out.get((row["snapshot_month"], row["batch_id"]), 0)
        for name in FACT.decimals:
            whole, rest = row.pop(f"{name}_whole"), row.pop(f"{name}_rest")
            row[name] = None if whole is None else _EXACT.add(Decimal(whole), rest)
    return _by_group(rows, sides)


def _by_group(rows: Sequence[dict[str, Any]], sides: _Sides) -> dict[Group, dict[str, Any]]:
    return {
        (row.pop("snapshot_month"), row.pop("batch_id")): row
        for row in rows
        if row["batch_id"] not in sides.pending_batches
    }


def _held(sides: _Sides, groups: Iterable[Group]) -> set[Group]:
    """The groups of these batches that PostgreSQL has facts of."""
    found = sides.connection.execute(
        "SELECT DISTINCT to_char(snapshot_time AT TIME ZONE 'UTC', 'YYYY-MM'), batch_id"
        " FROM analytics.fact_crypto_price_metrics WHERE batch_id = ANY (%s)",
        [list({batch for _, batch in groups})],
    )
    return set(found.fetchall())


def _retired(sides: _Sides, groups: Any) -> dict[int, int]:
    """How many facts retention took from each of the batches."""
    found = sides.connection.execute(
        "SELECT batch_id, records_retired FROM ingestion_batches WHERE batch_id = ANY (%s)",
        [list({batch for _, batch in groups})],
    ).fetchall()
    return defaultdict(int, found)


def _windows(sides: _Sides) -> list[tuple[datetime, datetime]]:
    """Spans of whole days that have some facts, but not too many for the memory, on either side."""
    query = "SELECT date_key, count(*) FROM {} GROUP BY date_key"
    ours = sides.connection.execute(query.format(f"analytics.{FACT.name}")).fetchall()
    theirs = sides.queries.execute(query.format(f"lake_{FACT.name}")).fetchall()
    days: dict[int, int] = {}
    for key, facts in (*ours, *theirs):
        days[key] = max(facts, days.get(key, 0))
    windows: list[tuple[datetime, datetime]] = []
    in_window = 0
    for key in sorted(days):
        day = datetime.strptime(str(key), "%Y%m%d").replace(tzinfo=timezone.utc)
        in_window += days[key]
        if windows and in_window <= _FACTS_A_WINDOW:
            windows[-1] = (windows[-1][0], day + timedelta(days=1))
        else:
            windows.append((day, day + timedelta(days=1)))
            in_window = days[key]
    return windows


def _row_differences(
    sides: _Sides, table: LakeTable, rows: pa.Table, window: tuple[datetime, datetime]
) -> tuple[int, list[Difference], Mapping[Group, int]]:
    """How many rows of a window were compared, how they differ, and how many facts only the lake
    has."""
    sides.queries.register("of_window", rows)
    pending = ", ".join(map(str, [*sides.pending_batches, -1]))
    sides.queries.execute(
        "CREATE OR REPLACE TEMPORARY TABLE wanted AS"
        f" SELECT * FROM of_window WHERE batch_id NOT IN ({pending})"
    )
    start, end = window
    # What of the candles is unrepresentable is compared with them.
    chosen = f"table_name = '{FACT.name}' AND "
    if table.partition_by:
        chosen = f"{table.partition_by} BETWEEN '{start:%Y-%m}' AND '{end:%Y-%m}' AND "
    sides.queries.execute(
        f"CREATE OR REPLACE TEMPORARY TABLE present AS SELECT * FROM lake_{table.name}"
        f" WHERE {chosen} snapshot_time >= TIMESTAMPTZ '{start.isoformat()}'"
        f" AND snapshot_time < TIMESTAMPTZ '{end.isoformat()}'"
        f" AND batch_id NOT IN ({pending})"
    )
    count = sides.queries.sql("FROM wanted").shape[0]
    differences = _keyed_differences(sides, table, "present", only_in_lake=table is not FACT)
    if table is not FACT:
        return count, differences, {}
    groups = sides.queries.execute(
        "SELECT snapshot_month, batch_id, count(*) FROM present"
        f" ANTI JOIN wanted USING ({', '.join(table.key)}) GROUP BY ALL"
    ).fetchall()
    return count, differences, {(month, batch): facts for month, batch, facts in groups}


def _keyed_differences(
    sides: _Sides, table: LakeTable, present: str, *, only_in_lake: bool = True
) -> list[Difference]:
    """How ``wanted`` differs from the relation ``present``, by key and column."""
    key = ", ".join(table.key)
    named = f"concat_ws(' ', '{table.name}', {key})"
    found: list[Difference] = []
    for where, what, ours, theirs in (
        ("wanted ANTI JOIN present USING ({key})", "only in PostgreSQL", "1", "0"),
        ("present ANTI JOIN wanted USING ({key})", "only in the lake", "0", "1"),
    ):
        if what == "only in the lake" and not only_in_lake:
            continue
        query = f"SELECT {named} FROM " + where.format(key=key).replace("present", present)
        found += [
            Difference(name, what, ours, theirs)
            for (name,) in sides.queries.execute(query).fetchall()
        ]
    twice = f"SELECT {named}, count(*) FROM {present} GROUP BY {key} HAVING count(*) > 1"
    found += [
        Difference(name, "rows of one key", "1", str(count))
        for name, count in sides.queries.execute(twice).fetchall()
    ]
    columns = [name for name in table.columns if name not in table.key]
    unequal = " OR ".join(f"w.{name} IS DISTINCT FROM p.{name}" for name in columns)
    values = ", ".join(
        f"{side}.{name}::VARCHAR AS {side}_{name}" for name in columns for side in ("w", "p")
    )
    query = (
        f"SELECT {named} AS named, {values} FROM wanted AS w JOIN {present} AS p USING ({key})"
        f" WHERE {unequal}"
    )
    for row in _rows(sides.queries.execute(query)):
        found += [
            Difference(row["named"], name, str(row[f"w_{name}"]), str(row[f"p_{name}"]))
            for name in columns
            if row[f"w_{name}"] != row[f"p_{name}"]
        ]
    return found


def _rows(result: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
