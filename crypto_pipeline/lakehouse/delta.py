"""The lake: the star schema as Delta tables in a folder or an object store, written by delta-rs.

Every commit is atomic for one table. The fact table's commits carry the number of the last change
of the warehouse that they hold (a Delta transaction identifier, which the protocol keeps for ever),
so that a load that starts again finds what it did, and of two that commit the same one fails.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from crypto_pipeline.config.settings import Settings
from crypto_pipeline.lakehouse.schema import FACT, FORMER_COLUMNS, LakeError, LakeTable

try:
    import duckdb
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.dataset as pa_dataset
    from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
    from deltalake import Schema as DeltaSchema
    from deltalake.exceptions import CommitFailedError, TableNotFoundError
except ModuleNotFoundError as error:
    # Not from the error: of a failed run, a person sees the last cause.
    raise LakeError(
        f"the lake needs {error.name}, which is not installed: pip install 'crypto-pipeline[lake]'"
    ) from None

from crypto_pipeline.lakehouse.gold_arrow import arrow_schema

APPLICATION = "crypto-pipeline"
"""Under this name the fact table knows the number of the last change that it holds."""

NOTHING_LOADED = -1
"""Number of the last change in a lake that was never loaded."""

KEEP_UNREFERENCED = timedelta(days=7)
"""How long a file stays that no version in use refers to: for readers of an older version."""

_TARGET_FILE_BYTES = 256 * 2**20

__all__ = [
    "CommitFailedError",
    "DeltaTable",
    "Lake",
    "Loaded",
    "OvertakenError",
    "Step",
    "TableState",
    "add_facts",
    "loaded_change",
    "replace_facts",
    "retrying",
    "update_facts",
]


class OvertakenError(Exception):
    """Another load has committed facts since this one looked what the lake holds."""


@dataclass(frozen=True)
class TableState:
    """What a table is at one version: its live files, their bytes and rows."""

    version: int
    files: int
    bytes: int
    rows: int


@dataclass
class Loaded:
    """What commits did to a table."""

    commits: int = 0
    rows_inserted: int = 0
    rows_updated: int = 0
    rows_deleted: int = 0
    files_added: int = 0
    files_removed: int = 0
    files_scanned: int = 0
    last_change: int = NOTHING_LOADED
    batch_ids: list[int] = field(default_factory=list)

    def __iadd__(self, other: "Loaded") -> "Loaded":
        for name, value in vars(other).items():
            mine = getattr(self, name)
            setattr(self, name, max(mine, value) if name == "last_change" else mine + value)
        return self


@dataclass(frozen=True)
class Step:
    """What one commit brings.

    Attributes:
        last_change: Number of the last change of the warehouse in it.
        batch_ids: The batches that it loads.
    """

    last_change: int
    batch_ids: Sequence[int]

    def commit(self, table: LakeTable) -> CommitProperties:
        """What the commit says of itself: for people, and of facts for the next load."""
        return CommitProperties(
            custom_metadata={
                "batch_ids": json.dumps(list(self.batch_ids)),
                "last_change": str(self.last_change),
            },
            app_transactions=[Transaction(APPLICATION, self.last_change)]
            if table is FACT
            else None,
        )


@dataclass(frozen=True)
class Lake:
    """The Delta tables below one location.

    Attributes:
        uri: A folder, or a location such as ``s3://bucket/path``. Credentials come from the usual
            places of its kind: environment variables, profiles, the machine's identity.
    """

    uri: str

    @classmethod
    def from_settings(cls, settings: Settings) -> "Lake":
        """The lake that the configuration names."""
        return cls(settings.lake_location)

    def location(self, table: LakeTable) -> str:
        """Where a table lies."""
        return f"{self.uri.rstrip('/')}/{table.name}"

    @property
    def _storage_options(self) -> dict[str, str]:
        """What delta-rs would do otherwise than the tools of the store."""
        scheme = self.uri.partition("://")[0]
        # An endpoint that is http:// is meant so.
        if scheme in ("az", "abfs", "abfss"):
            return {"azure_allow_http": "true"}
        if scheme not in ("s3", "s3a"):
            return {}
        return {
            # Of a store with an endpoint of its own it would know no profile, and no role but that
            # of the machine.
            "aws_force_credential_load": "true",
            "aws_allow_http": "true",
        }

    def open(self, table: LakeTable) -> DeltaTable | None:
        """The newest version of a table as it is; None where there is none.

        Raises:
            LakeError: the folder or the store does not serve us.
        """
        try:
            return DeltaTable(self.location(table), storage_options=self._storage_options)
        except TableNotFoundError:
            return None
        except OSError as error:
            raise LakeError(f"{self.location(table)}: {_one_line(error)}") from None

    def table(self, table: LakeTable) -> DeltaTable:
        """The newest version of a table, which is created, or given the columns that it lacks.

        Raises:
            LakeError: a column has another type, or is one of an earlier version.
        """
        return self.ready(table, self.open(table))

    def ready(
        self, table: LakeTable, delta: DeltaTable | None, *, replaceable: bool = False
    ) -> DeltaTable:
        """A table as it was opened; the newest version where it had to be created, or be given the
        columns that it lacks.

        Args:
            table: The table.
            delta: Its version; None where there is none.
            replaceable: Whether all its rows are about to be written anew. One of an earlier
                version is then replaced by an empty one.

        Raises:
            LakeError: a column has another type, or is one of an earlier version.
        """
        if delta is None:
            delta = self._create(table, "ignore")
        former = FORMER_COLUMNS.get(table.name, frozenset())
        gone = [column.name for column in delta.schema().fields if column.name in former]
        if gone and not replaceable:
            raise LakeError(
                f"{self.location(table)} was written by an earlier version, with the columns"
                f" {', '.join(gone)}: run `SELECT lake.start_over()` in the warehouse's database,"
                " and load the lake again"
            )
        if gone:
            delta = self._create(table, "overwrite")
        present = {column.name: column for column in delta.schema().fields}
        missing = []
        for column in DeltaSchema.from_arrow(arrow_schema(table)).fields:
            if column.name not in present:
                # The rows that are there have no value for it.
                missing.append(type(column)(column.name, column.type, nullable=True))
            elif present[column.name].type != column.type:
                raise LakeError(
                    f"{self.location(table)}: column {column.name} is"
                    f" {present[column.name].type}, not {column.type}; the lake's tables only"
                    " ever gain columns"
                )
        if missing:
            delta.alter.add_columns(missing)
            delta.update_incremental()
        return delta

    def _create(self, table: LakeTable, mode: Literal["ignore", "overwrite"]) -> DeltaTable:
        delta = DeltaTable.create(
            self.location(table),
            schema=DeltaSchema.from_arrow(arrow_schema(table)),
            mode=mode,
            partition_by=[table.partition_by] if table.partition_by else None,
            name=table.name,
            description=table.description,
            storage_options=self._storage_options,
        )
        delta.update_incremental()
        return delta

    def loaded_change(self) -> int:
        """Number of the last change of the warehouse that the facts hold."""
        return loaded_change(self.open(FACT))

    def state(self, table: LakeTable) -> TableState | None:
        """Size of a table, from its log; None where there is none."""
        delta = self.open(table)
        if delta is None:
            return None
        files = pa.table(delta.get_add_actions(flatten=True))
        return TableState(
            version=delta.version(),
            files=files.num_rows,
            bytes=pc.sum(files.column("size_bytes")).as_py() or 0,
            rows=pc.sum(files.column("num_records")).as_py() or 0,
        )

    def dataset(self, table: LakeTable) -> pa_dataset.Dataset:
        """A table's rows, for Arrow, DuckDB and Polars.

        Raises:
            LakeError: there is no such table.
        """
        delta = self.open(table)
        if delta is None:
            raise LakeError(f"there is no table {self.location(table)} yet: load the lake")
        return delta.to_pyarrow_dataset()

    def synchronise(
        self, table: LakeTable, rows: pa.Table, step: Step, owners: pa.Table | None = None
    ) -> Loaded:
        """Make the table hold these rows and no others, by one MERGE of what differs.

        Args:
            table: A small table: it is read whole.
            rows: What it should hold, each business key once.
            step: What the commit says that it is of.
            owners: Where given, a row goes only if these have one with all the same values, in the
                columns that they have.
        """
        delta = self.ready(table, self.open(table), replaceable=owners is None)
        columns = list(table.columns)
        present = delta.to_pyarrow_table(columns=columns)
        if not present.num_rows and not rows.num_rows:
            return Loaded()
        changes = _differences(table, present, rows, owners)
        if not changes.num_rows:
            return Loaded()
        values = {name: f"source.{name}" for name in columns}
        metrics = (
            delta.merge(
                changes,
                predicate=" AND ".join(f"target.{name} = source.{name}" for name in table.key),
                source_alias="source",
                target_alias="target",
                commit_properties=step.commit(table),
            )
            .when_matched_delete("source.gone")
            .when_matched_update(values)
            .when_not_matched_insert(values, "NOT source.gone")
            .execute()
        )
        return _merged(metrics, step)

    def maintain(self, table: LakeTable) -> dict[str, Any]:
        """Merge a table's small files, delete those that no version of the last days refers to, and
        write a checkpoint, so that readers need not go through the log.

        Returns:
            What was done, in files.
        """
        for attempt in retrying():
            with attempt:
                done = self._maintain(table)
        return done

    def _maintain(self, table: LakeTable) -> dict[str, Any]:
        delta = self.open(table)
        if delta is None:
            return {}
        compacted = delta.optimize.compact(target_size=_TARGET_FILE_BYTES)
        vacuumed = delta.vacuum(
            retention_hours=int(KEEP_UNREFERENCED / timedelta(hours=1)),
            dry_run=False,
            # By default it takes what a commit has removed alone, and leaves for ever what a load
            # wrote that was killed before its commit.
            full=True,
        )
        delta.update_incremental()
        delta.create_checkpoint()
        delta.cleanup_metadata()
        return {
            "files_merged": compacted["numFilesRemoved"],
            "files_written": compacted["numFilesAdded"],
            "files_deleted": len(vacuumed),
        }


def loaded_change(facts: DeltaTable | None) -> int:
    """Number of the last change of the warehouse that this version of the fact table holds."""
    change = None if facts is None else facts.transaction_version(APPLICATION)
    return NOTHING_LOADED if change is None else change


def replace_facts(delta: DeltaTable, facts: pa.Table, step: Step) -> Loaded:
    """Put facts in the place of all that the table holds. ``delta`` is then the new version.

    Raises:
        CommitFailedError: another load has committed since the table was opened.
    """
    return _write(delta, facts, step, "overwrite")


def add_facts(delta: DeltaTable, facts: pa.Table, step: Step) -> Loaded:
    """Bring facts in by their business key. ``delta`` is then the new version.

    Where no fact has a key of theirs they are appended, which writes their files and touches no
    other. The commit fails if a load has committed since the table was opened, so it is as exact as
    a MERGE, which is what happens where there is such a fact.

    Raises:
        CommitFailedError: another load has committed since the table was opened.
    """
    if facts.num_rows and _has_any(delta, facts):
        return _merge_facts(delta, facts, step, insert=True)
    return _write(delta, facts, step, "append")


def update_facts(delta: DeltaTable, facts: pa.Table, step: Step) -> Loaded:
    """Bring changed facts in: those that the lake has. A fact that it lacks comes with its batch.
    ``delta`` is then the new version.

    Raises:
        CommitFailedError: another load has committed since the table was opened.
    """
    return _merge_facts(delta, facts, step, insert=False)


def _has_any(delta: DeltaTable, facts: pa.Table) -> bool:
    """Whether the table has a fact with the key of one of these. Reads the keys of the row
    groups, of the files, of the months, that may have one by their statistics."""
    months = facts.column("snapshot_month").unique().to_pylist()
    dataset = delta.to_pyarrow_dataset(file_pruning_predicate=[("snapshot_month", "in", months)])
    at_days = None
    for first, last in _ranges(facts.column("snapshot_time")):
        at = pc.field("snapshot_time")
        in_range = (at >= pa.scalar(first)) & (at <= pa.scalar(last))
        at_days = in_range if at_days is None else at_days | in_range
    key = list(FACT.key)
    found = dataset.to_table(columns=key, filter=at_days)
    if not found.num_rows:
        return False
    found = found.cast(pa.schema([arrow_schema(FACT).field(name) for name in key]))
    return bool(found.join(facts.select(key), key, join_type="left semi").num_rows)


def _merge_facts(
    delta: DeltaTable,
    facts: pa.Table,
    step: Step,
    *,
    insert: bool,
) -> Loaded:
    values = {name: f"source.{name}" for name in FACT.columns}
    merger = delta.merge(
        facts,
        predicate=_pruning(facts)
        + "".join(f" AND target.{name} = source.{name}" for name in FACT.key),
        source_alias="source",
        target_alias="target",
        commit_properties=step.commit(FACT),
    ).when_matched_update(values)
    if insert:
        merger = merger.when_not_matched_insert(values)
    return _merged(merger.execute(), step)


def _one_line(error: OSError) -> str:
    """What a store says, without the colours of a terminal; its own words where it sent some."""
    text = " ".join(re.sub(r"\x1b\[\d+m|↳", "", str(error)).split())
    if told := re.search(r"<Code>(.*?)</Code> ?<Message>(.*?)</Message>", text):
        # Azure adds the request's id and time.
        return f"{told[2].partition(' RequestId:')[0]} ({told[1]})"
    # Google: delta-rs has taken the colons out.
    if told := re.search(r'"code":? (\d+),.*?"message":? "(.*?)"', text):
        return f"{told[2]} ({told[1]})"
    return text


def retrying() -> Retrying:
    """Attempts at what commits: one that conflicts with another writer's commit is made again, from
    the newest version, ten times at most."""
    return Retrying(
        retry=retry_if_exception_type((CommitFailedError, OvertakenError)),
        wait=wait_random_exponential(multiplier=0.1, max=10),
        stop=stop_after_attempt(10),
        reraise=True,
    )


def _write(
    delta: DeltaTable, facts: pa.Table, step: Step, mode: Literal["append", "overwrite"]
) -> Loaded:
    before = delta.get_add_actions(flatten=True).num_rows
    write_deltalake(
        delta, facts, mode=mode, schema_mode="merge", commit_properties=step.commit(FACT)
    )
    kept = before if mode == "append" else 0
    return Loaded(
        commits=1,
        rows_inserted=len(facts),
        files_added=delta.get_add_actions(flatten=True).num_rows - kept,
        files_removed=before - kept,
        last_change=step.last_change,
        batch_ids=list(step.batch_ids),
    )


def _merged(metrics: Mapping[str, Any], step: Step) -> Loaded:
    return Loaded(
        commits=1,
        rows_inserted=metrics["num_target_rows_inserted"],
        rows_updated=metrics["num_target_rows_updated"],
        rows_deleted=metrics["num_target_rows_deleted"],
        files_added=metrics["num_target_files_added"],
        files_removed=metrics["num_target_files_removed"],
        files_scanned=metrics["num_target_files_scanned"],
        last_change=step.last_change,
        batch_ids=list(step.batch_ids),
    )


def _differences(
    table: LakeTable, present: pa.Table, wanted: pa.Table, owners: pa.Table | None
) -> pa.Table:
    """The rows that the table lacks or has otherwise, and, marked as gone, those that it has too
    many."""
    key = ", ".join(table.key)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("present", present)
        connection.register("wanted", wanted)
        owned = ""
        if owners is not None:
            connection.register("owners", owners)
            owned = f"SEMI JOIN owners USING ({', '.join(owners.column_names)})"
        query = f"""
            SELECT *, false AS gone FROM (SELECT * FROM wanted EXCEPT SELECT * FROM present)
            UNION ALL
            SELECT *, true AS gone
            FROM (SELECT * FROM present {owned}) ANTI JOIN wanted USING ({key})
        """
        schema = arrow_schema(table).append(pa.field("gone", pa.bool_(), nullable=False))
        return connection.sql(query).to_arrow_table().cast(schema)


def _ranges(times: pa.ChunkedArray) -> list[tuple[datetime, datetime]]:
    """The first and last time of each day that has one: most facts are of one hour, a few of days
    long past."""
    days: dict[object, list[datetime]] = {}
    for time in times.unique().to_pylist():
        days.setdefault(time.date(), []).append(time)
    return [(min(of_day), max(of_day)) for of_day in days.values()]


def _pruning(facts: pa.Table) -> str:
    """Condition on the target alone, by which files are left out: the month is their folder, the
    time is in their statistics."""
    months = ", ".join(
        f"'{month}'" for month in facts.column("snapshot_month").unique().to_pylist()
    )
    extremes = pc.min_max(facts.column("snapshot_time")).as_py()
    first, last = (
        f"arrow_cast('{extremes[end].isoformat()}', 'Timestamp(Microsecond, Some(\"UTC\"))')"
        for end in ("min", "max")
    )
    return (
        f"target.snapshot_month IN ({months})"
        f" AND target.snapshot_time >= {first} AND target.snapshot_time <= {last}"
    )
