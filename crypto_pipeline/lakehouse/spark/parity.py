"""Do the tables that Spark loaded equal PostgreSQL's?

The two number batches, coins and sources each for itself, so all is matched by business key: a
batch by its landing file, a fact by coin, currency and bucket. First by sums: of the files in
question counts, key sets and the sum of every column, by month, computed by the engines
themselves. The files that differ, or all of them if asked, then fact by fact and column by column.

One difference is no error: the first write wins, and the two may have loaded the same files in
another order. A bucket whose fact is of one file here and of another there is reported separately.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timezone
from decimal import Context
from functools import cached_property
from typing import Any, Final

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg.rows import class_row
from pyspark.sql import DataFrame

from crypto_pipeline.lakehouse.differences import Difference, Parity, fact_sums
from crypto_pipeline.lakehouse.gold_arrow import arrow_schema, read_dimension, read_facts, snapshot
from crypto_pipeline.lakehouse.schema import (
    DIM_CRYPTOCURRENCY,
    DIM_SOURCE,
    DIMENSIONS,
    FACT,
    UNREPRESENTABLE_VALUES,
    LakeTable,
)
from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse

_EXACT: Final = Context(prec=100)
_FACTS_AT_ONCE: Final = 100_000
_OWN_KEYS: Final = ("crypto_key", "source_key", "batch_id", "revised_at", "load_timestamp")
"""Columns that each side fills in for itself."""
_INTEGERS: Final = [name for name in FACT.integers if name not in _OWN_KEYS]
"""The columns of a fact that are summed as they are."""

Key = tuple[Any, ...]


@dataclass(frozen=True)
class _Batch:
    batch_id: int
    landing_file: str
    status: str
    in_gold: bool
    records_fetched: int
    records_loaded: int
    records_rejected: int
    records_retired: int = 0


@dataclass
class _Found:
    """What comparing rows found.

    Attributes:
        by_file: Differences, by the landing file of the fact.
        other_order: File of PostgreSQL's fact and of the lake's, by key of the fact.
    """

    by_file: dict[str, list[Difference]] = field(default_factory=lambda: defaultdict(list))
    other_order: dict[Key, tuple[str, str]] = field(default_factory=dict)


def compare(
    warehouse: Warehouse, lake: Lake, batches: Sequence[int] | None = None, *, rows: bool = False
) -> Parity:
    """Compare the facts, and of all batches also the dimensions.

    Args:
        warehouse: Where PostgreSQL's gold is.
        lake: The tables that Spark loaded.
        batches: Only the facts of these batches of PostgreSQL; all if None.
        rows: Whether to compare all facts row by row, and not only those whose sums differ.
    """
    lake.create()
    with warehouse.connection() as connection, snapshot(connection):
        return _Comparison(connection, lake, batches).run(rows=rows)


class _Comparison:
    def __init__(
        self, connection: psycopg.Connection, lake: Lake, batches: Sequence[int] | None
    ) -> None:
        self.connection = connection
        self.lake = lake
        self.all_batches = batches is None
        with connection.cursor(row_factory=class_row(_Batch)) as cursor:
            ours = cursor.execute(
                "SELECT batch_id, landing_file, status, gold_loaded_at IS NOT NULL AS in_gold,"
                " records_fetched, records_loaded, records_rejected, records_retired"
                " FROM ingestion_batches"
                " WHERE %(batches)s::bigint[] IS NULL OR batch_id = ANY (%(batches)s)",
                {"batches": None if batches is None else list(batches)},
            ).fetchall()
        self.ours = {batch.landing_file: batch for batch in ours}
        theirs = [_Batch(**row.asDict()) for row in lake.run("parity/batches").collect()]
        self.theirs = {
            batch.landing_file: batch
            for batch in theirs
            if self.all_batches or batch.landing_file in self.ours
        }
        self.parity = Parity([])

    def run(self, *, rows: bool) -> Parity:
        parity = self.parity
        files = self._files_of_both()
        suspects = self._differing_sums(files)
        for file in files:
            if self.ours[file].records_loaded != self.theirs[file].records_loaded:
                suspects[file].append(
                    self._of_batch(file, "records_loaded", self.ours[file], self.theirs[file])
                )
        found = _Found()
        for lot in self._lots(files if rows else sorted(suspects)):
            self._compare_rows(lot, found)
        self._classify(suspects, found)
        parity.other_order += [
            Difference(f"{FACT.name} {_named(key)}", "first of its bucket", *of)
            for key, of in sorted(found.other_order.items())
        ]
        if self.all_batches:
            self._compare_history()
        if self.all_batches and not parity.pending:
            self._compare_dimensions({str(key[0]) for key in found.other_order})
        return parity

    def _files_of_both(self) -> list[str]:
        """The files that are in gold on both sides; what else is with the others is noted."""
        both = []
        for file in sorted(self.ours.keys() | self.theirs.keys()):
            ours, theirs = self.ours.get(file), self.theirs.get(file)
            states = {_state(ours), _state(theirs)}
            if states <= {"gold"} and ours and theirs:
                both.append(file)
                for count in ("records_fetched", "records_rejected"):
                    if getattr(ours, count) != getattr(theirs, count):
                        self.parity.differences.append(self._of_batch(file, count, ours, theirs))
            elif states == {"gold", "failed"} and ours and theirs:
                self.parity.differences.append(self._of_batch(file, "status", ours, theirs))
            elif states & {"gold", "waiting"}:
                self.parity.pending += 1
        return both

    def _compare_history(self) -> None:
        """Of price history, which files each side has: the dimensions have their days, sources and
        currencies."""
        ours, theirs = (
            dict(rows)
            for rows in (
                self.connection.execute(
                    "SELECT landing_file, status FROM history_batches"
                    " WHERE origin IS DISTINCT FROM 'ohlc'"
                ).fetchall(),
                map(tuple, self.lake.run("parity/history_batches").collect()),
            )
        )
        for file in sorted(ours.keys() | theirs.keys()):
            states = {ours.get(file, "absent"), theirs.get(file, "absent")}
            if states == {"completed", "failed"}:
                difference = f"history_batches {file}", "status", ours[file], theirs[file]
                self.parity.differences.append(Difference(*difference))
            elif "completed" in states and states != {"completed"}:
                self.parity.pending += 1

    def _of_batch(self, file: str, what: str, ours: _Batch, theirs: _Batch) -> Difference:
        return Difference(
            f"ingestion_batches {file}", what, str(getattr(ours, what)), str(getattr(theirs, what))
        )

    def _differing_sums(self, files: list[str]) -> dict[str, list[Difference]]:
        """The sums that differ, by file."""
        differing: dict[str, list[Difference]] = defaultdict(list)
        if not files:
            return differing
        ours, theirs = self._postgres_sums(files), self._lake_sums(files)
        self.parity.facts = int(sum(sums["facts"] for sums in ours.values()))
        self.parity.months = len({month for month, _ in ours})
        retired = {file: self.ours[file].records_retired for file in files}
        for group in sorted(ours.keys() | theirs.keys()):
            month, file = group
            where = f"{FACT.name} {month}, {file}"
            here, there = ours.get(group, {"facts": 0}), theirs.get(group, {"facts": 0})
            if group not in ours and there["facts"] <= retired[file]:
                # What retention dropped, whole groups, the lake keeps.
                retired[file] -= int(there["facts"])
                continue
            found = [
                Difference(where, name, str(here[name]), str(there[name]))
                for name in here
                if name in there and here[name] != there[name]
            ]
            if found:
                differing[file] += found
        return differing

    def _postgres_sums(self, files: list[str]) -> dict[tuple[str, str], dict[str, Any]]:
        names = {self.ours[file].batch_id: file for file in files}
        rows = fact_sums(self.connection, "fact_sums_of_spark", list(names))
        return {(row.pop("snapshot_month"), names[row.pop("batch_id")]): row for row in rows}

    def _lake_sums(self, files: list[str]) -> dict[tuple[str, str], dict[str, Any]]:
        names = {self.theirs[file].batch_id: file for file in files}
        sums = [f"sum({name}) AS {name}" for name in _INTEGERS]
        sums += sums_of(FACT)
        batches = self._choose(files)
        rows = self.lake.run("parity/fact_sums", sums=", ".join(sums), **batches).collect()
        unrepresentable = {
            (row["snapshot_month"], row["batch_id"]): row["unrepresentable"]
            for row in self.lake.run("parity/unrepresentable_sums", **batches).collect()
        }
        found = {}
        for row in (row.asDict() for row in rows):
            group = row.pop("snapshot_month"), row.pop("batch_id")
            row["unrepresentable_values"] = unrepresentable.get(group, 0)
            add_halves(FACT, row)
            found[group[0], names[group[1]]] = row
        return found

    def _lots(self, files: Iterable[str]) -> Iterator[list[str]]:
        """The files in lots that have not too many facts for the memory."""
        lot: list[str] = []
        facts = 0
        for file in files:
            more = max(self.ours[file].records_loaded, self.theirs[file].records_loaded)
            if lot and facts + more > _FACTS_AT_ONCE:
                yield lot
                lot, facts = [], 0
            lot.append(file)
            facts += more
        if lot:
            yield lot

    def _choose(self, files: list[str]) -> dict[str, str]:
        """Make the lake's batches of these files the view that its statements join; their
        placeholders."""
        ids = [self.theirs[file].batch_id for file in files]
        chosen = self.lake.spark.createDataFrame(pa.table({"batch_id": pa.array(ids, pa.int64())}))
        chosen.createOrReplaceTempView("compared_batches")
        # By the range, files are left out; by the view, rows.
        return {"first_batch": str(min(ids)), "last_batch": str(max(ids))}

    def _compare_rows(self, files: list[str], found: _Found) -> None:
        batch_ids = [self.ours[file].batch_id for file in files]
        facts, unrepresentable = read_facts(self.connection, "of_batches", {"batches": batch_ids})
        chosen = self._choose(files)
        ours = _by_business_key(facts, self.ours, self.our_dimensions)
        theirs = _by_business_key(self._lake_rows(FACT, chosen), self.theirs, self.their_dimensions)
        here, there = _files(ours), _files(theirs)
        differing: dict[Key, list[Difference]] = defaultdict(list)
        for key, difference in row_differences(FACT, ours, theirs):
            if difference.what == "landing_file":
                found.other_order[key] = difference.postgres, difference.lake
            differing[key].append(difference)
        for key, file in self._in_lake(here.keys() - there.keys()).items():
            found.other_order[key] = here[key], file
        for key, file in self._in_postgres(there.keys() - here.keys()).items():
            found.other_order[key] = file, there[key]
        for key in self._retired(
            here, there, there.keys() - here.keys() - found.other_order.keys()
        ):
            del differing[key]
        for key, difference in row_differences(
            UNREPRESENTABLE_VALUES, unrepresentable, self._lake_rows(UNREPRESENTABLE_VALUES, chosen)
        ):
            fact = key[1:4]
            if fact in here and fact in there:
                differing[fact].append(difference)
        for key, differences in differing.items():
            # Another record of the same bucket says something else, and may.
            if key not in found.other_order:
                found.by_file[here.get(key) or there[key]] += differences

    def _retired(
        self, here: Mapping[Key, str], there: Mapping[Key, str], only_there: Iterable[Key]
    ) -> Iterator[Key]:
        """Facts that retention dropped, all of a file's month, and that the lake keeps."""
        months = defaultdict(list)
        for key in only_there:
            months[f"{key[2]:%Y-%m}", there[key]].append(key)
        held = {(f"{key[2]:%Y-%m}", file) for key, file in here.items()}
        left = {file: self.ours[file].records_retired for _, file in months}
        for group, keys in sorted(months.items()):
            left[group[1]] -= len(keys)
            if group not in held and left[group[1]] >= 0:
                yield from keys

    def _lake_rows(self, table: LakeTable, chosen: Mapping[str, str]) -> pa.Table:
        rows = self.lake.run("parity/rows_of_batches", table=table.name, **chosen)
        return arrow(rows, arrow_schema(table))

    def _in_lake(self, keys: Collection[Key]) -> dict[Key, str]:
        """Of which file the lake's facts with these keys are."""
        if not keys:
            return {}
        key_schema = pa.schema([arrow_schema(FACT).field(name) for name in FACT.key])
        values = map(list, zip(*keys, strict=True))
        sought = pa.table(
            [pa.array(column, of.type) for column, of in zip(values, key_schema, strict=True)],
            schema=key_schema,
        )
        self.lake.spark.createDataFrame(sought).createOrReplaceTempView("sought_keys")
        months = ", ".join(sorted({f"'{key[2]:%Y-%m}'" for key in keys}))
        found = self.lake.run("parity/facts_with_keys", months=months)
        return _files(arrow(found, key_schema.append(pa.field("landing_file", pa.string()))))

    def _in_postgres(self, keys: Collection[Key]) -> dict[Key, str]:
        """Of which file PostgreSQL's facts with these keys are."""
        if not keys:
            return {}
        coins, currencies, times = map(list, zip(*keys, strict=True))
        rows = self.connection.execute(
            read_sql("lake/facts_with_keys.sql"),
            {"coins": coins, "currencies": currencies, "times": times},
        ).fetchall()
        return {
            (coin, currency, time.astimezone(timezone.utc)): file
            for coin, currency, time, file in rows
        }

    def _classify(self, suspects: Mapping[str, list[Difference]], found: _Found) -> None:
        """Add what is a difference: the rows; and the sums that no row explains."""
        here, there = (
            Counter(files[side] for files in found.other_order.values()) for side in (0, 1)
        )
        for file in sorted(suspects.keys() | found.by_file.keys()):
            if file in found.by_file:
                self.parity.differences += found.by_file[file]
                continue
            ours, theirs = self.ours[file], self.theirs[file]
            more = ours.records_loaded - theirs.records_loaded
            explained = more == here[file] - there[file] and (here[file] or there[file])
            if not explained and not ours.records_retired:
                self.parity.differences += suspects[file]

    @cached_property
    def our_dimensions(self) -> tuple[pa.Table, ...]:
        return tuple(read_dimension(self.connection, table) for table in DIMENSIONS)

    @cached_property
    def their_dimensions(self) -> tuple[pa.Table, ...]:
        return tuple(
            arrow(self.lake.table(table.name), arrow_schema(table)) for table in DIMENSIONS
        )

    def _compare_dimensions(self, reordered: set[str]) -> None:
        """Where the first record of a bucket is another's, a version may begin with another too."""
        for table, ours, theirs in zip(
            DIMENSIONS, self.our_dimensions, self.their_dimensions, strict=True
        ):
            for key, difference in row_differences(table, ours, theirs):
                if table is DIM_CRYPTOCURRENCY and key[0] in reordered:
                    self.parity.other_order.append(difference)
                else:
                    self.parity.differences.append(difference)


def sums_of(table: LakeTable) -> list[str]:
    """Expressions that sum a table's decimals, in two halves each."""
    sums = []
    for name, of in table.decimals.items():
        # A sum of decimals has no more digits than they have, so what is before the point and what
        # is after it have sums of their own. The latter by its text: a difference of two such
        # decimals would lose its last digit in Spark, and Sail 0.7 gets a remainder wrong.
        sums += [
            f"sum(CAST(CASE WHEN {name} < 0 THEN ceil({name}) ELSE floor({name}) END"
            f" AS DECIMAL(38, 0))) AS {name}_whole",
            f"sum(CASE WHEN {name} > -1 AND {name} < 1 THEN {name} ELSE CAST(concat("
            f"CASE WHEN {name} < 0 THEN '-0.' ELSE '0.' END,"
            f" substring_index(CAST({name} AS STRING), '.', -1))"
            f" AS DECIMAL({of.precision}, {of.scale})) END) AS {name}_rest",
        ]
    return sums


def add_halves(table: LakeTable, row: dict[str, Any]) -> None:
    """Put the sums of a table's decimals in the place of their halves."""
    for name in table.decimals:
        whole, rest = row.pop(f"{name}_whole"), row.pop(f"{name}_rest")
        row[name] = None if whole is None else _EXACT.add(whole, rest)


def arrow(rows: DataFrame, schema: pa.Schema) -> pa.Table:
    """Rows of Spark, of which any column may be null."""
    return (
        rows.toArrow()
        .select(schema.names)
        .cast(pa.schema([of.with_nullable(True) for of in schema]))
    )


def _state(batch: _Batch | None) -> str:
    """Where a file is: in gold, on its way, failed, or not there, which is as good as failed."""
    if batch is None:
        return "absent"
    if batch.status == "failed":
        return "failed"
    return "gold" if batch.in_gold else "waiting"


def _by_business_key(
    facts: pa.Table, batches: Mapping[str, _Batch], dimensions: Iterable[pa.Table]
) -> pa.Table:
    """Facts with what their surrogate keys stand for."""
    by_name = {table.name: rows for table, rows in zip(DIMENSIONS, dimensions, strict=True)}
    coins, sources = by_name[DIM_CRYPTOCURRENCY.name], by_name[DIM_SOURCE.name]
    meanings: list[tuple[str, str, Mapping[Any, Any]]] = [
        ("landing_file", "batch_id", {b.batch_id: file for file, b in batches.items()}),
        ("symbol", "crypto_key", _mapping(coins, "crypto_key", "symbol")),
        ("name", "crypto_key", _mapping(coins, "crypto_key", "name")),
        ("version_of", "crypto_key", _mapping(coins, "crypto_key", "crypto_id")),
        ("source", "source_key", _mapping(sources, "source_key", "source_name")),
    ]
    for name, surrogate, meaning in meanings:
        values = [meaning.get(value) for value in facts.column(surrogate).to_pylist()]
        facts = facts.append_column(name, pa.array(values, pa.string()))
    return facts


def _mapping(rows: pa.Table, key: str, value: str) -> dict[Any, Any]:
    return dict(zip(rows.column(key).to_pylist(), rows.column(value).to_pylist(), strict=True))


def _keys(rows: pa.Table, key: Sequence[str]) -> list[Key]:
    return list(zip(*(rows.column(name).to_pylist() for name in key), strict=True))


def _files(facts: pa.Table) -> dict[Key, str]:
    return dict(zip(_keys(facts, FACT.key), facts.column("landing_file").to_pylist(), strict=True))


def row_differences(
    table: LakeTable, ours: pa.Table, theirs: pa.Table
) -> Iterator[tuple[Key, Difference]]:
    """How rows differ, by key and column, but for what each side fills in for itself."""
    keys = [_keys(rows, table.key) for rows in (ours, theirs)]
    here, there = ({one: number for number, one in enumerate(side)} for side in keys)

    def difference(one: Key, what: str, postgres: Any, lake: Any) -> tuple[Key, Difference]:
        return one, Difference(f"{table.name} {_named(one)}", what, str(postgres), str(lake))

    for one, rows in Counter(keys[1]).items():
        if rows > 1:
            yield difference(one, "rows of one key", 1, rows)
    for one in here.keys() - there.keys():
        yield difference(one, "only in PostgreSQL", 1, 0)
    for one in there.keys() - here.keys():
        yield difference(one, "only in the lake", 0, 1)
    both = [one for one in here if one in there]
    of_both = (
        ours.take(pa.array([here[one] for one in both], pa.int64())),
        theirs.take(pa.array([there[one] for one in both], pa.int64())),
    )
    for column in ours.column_names:
        if column in table.key or column in _OWN_KEYS:
            continue
        left, right = (rows.column(column).combine_chunks() for rows in of_both)
        unequal = pc.or_(
            pc.fill_null(pc.not_equal(left, right), False),
            pc.xor(pc.is_null(left), pc.is_null(right)),
        )
        for number in pc.indices_nonzero(unequal).to_pylist():
            yield difference(both[number], column, left[number].as_py(), right[number].as_py())


def _named(key: Key) -> str:
    return " ".join(str(part) for part in key)
