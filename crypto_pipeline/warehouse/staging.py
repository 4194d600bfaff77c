"""Staging: landing files decoded once, copied into temporary tables and checked by the rules.

What comes out are the relations ``staged_<table>``, the rows that every silver table should hold.
The silver assets hand them to storage as frames, hour by hour; the bulk load merges them as they
are.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TypeVar

import msgspec
import psycopg
from psycopg import sql

from crypto_pipeline.coingecko.copy_lines import LINE_COLUMNS, NULL, copy_lines
from crypto_pipeline.landing.landed import Landed, read_landed
from crypto_pipeline.landing.zone import LandingFile
from crypto_pipeline.model.registry import SILVER_TABLES, Table
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.load_report import Line, read_lines
from crypto_pipeline.warehouse.postgres import Warehouse, copy_rows, merge

T = TypeVar("T")

_CHUNK_BYTES = 4_000_000
"""Size of the files, as stored, that makes a transaction complete."""

_DATA_CLASSES = ("22", "23", "54")
"""Classes of SQLSTATE: data exception, integrity constraint violation, program limit exceeded."""

_NEVER = datetime.max.replace(tzinfo=timezone.utc)

_FILE_COLUMNS = (
    "file_id",
    "landing_file",
    "file_sha256",
    "partition_hour",
    "source",
    "vs_currency",
    "ingested_at",
    "ingested_at_origin",
    "request",
    "error",
    "failed",
    "max_rejected_share",
)
_COPY_RECORDS = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, NULL {})")
_RECORD_COLUMNS = sql.SQL(", ").join(
    map(sql.Identifier, ("file_id", "record_index", *LINE_COLUMNS))
)


@dataclass(frozen=True)
class DecodedFile:
    """A landing file in the staging tables' terms; one that failed has no records.

    Attributes:
        path: The file's path in the landing zone.
        sha256: SHA-256 of its bytes, hexadecimal; None if it could not be read.
        hour: The hour (UTC) under which it is kept.
        ingested_at: When it was fetched, UTC, if it says so.
        description: The values of ``staged_files``, from its path to whether it failed.
        records: The records as received.
        lines: The records as lines of COPY, one each.
    """

    path: str
    sha256: str | None
    hour: datetime
    ingested_at: datetime | None
    description: tuple[object, ...]
    records: list[msgspec.Raw]
    lines: list[bytes]

    @classmethod
    def of(cls, path: str, sha256: str | None, hour: datetime, landed: Landed) -> "DecodedFile":
        """What is in a file."""
        return cls(
            path=path,
            sha256=sha256,
            hour=hour,
            ingested_at=landed.ingested_at,
            description=(
                *(path, sha256, hour, landed.source, landed.vs_currency, landed.ingested_at),
                *(landed.time_origin, landed.request, landed.error, landed.failed),
            ),
            records=landed.records,
            lines=copy_lines(landed.records),
        )


def decode_files(files: Iterable[LandingFile]) -> list[DecodedFile]:
    """Read and decode landing files; needs no database."""
    # A copy each, so that the content it caches goes with it.
    return [_decode(replace(file)) for file in files]


def in_chunks(files: Iterable[LandingFile], size: int | None = None) -> Iterator[list[LandingFile]]:
    """Files in groups of some size in bytes, by default that of a transaction; an hour's together:
    their names need not be in their order."""
    hours = (list(hour) for _, hour in itertools.groupby(files, key=lambda file: file.hour))
    return groups_in_chunks(hours, lambda file: file.size, size or _CHUNK_BYTES)


def groups_in_chunks(
    groups: Iterable[Sequence[T]], size: Callable[[T], int], most: int = _CHUNK_BYTES
) -> Iterator[list[T]]:
    """What stands for files, in chunks; a group's together.

    Args:
        groups: The groups, in their order.
        size: Its size in bytes.
        most: Size that makes a chunk complete, by default that of a transaction.
    """
    chunk: list[T] = []
    left = most
    for group in groups:
        chunk += group
        left -= sum(map(size, group))
        if left <= 0:
            yield chunk
            chunk, left = [], most
    if chunk:
        yield chunk


def completed_files(warehouse: Warehouse, batches: Table) -> set[str]:
    """The landing files that are a completed batch in a table of batches."""
    query = sql.SQL("SELECT landing_file FROM {} WHERE status = 'completed'")
    with warehouse.connection() as connection:
        found = connection.execute(query.format(sql.Identifier(batches.name)))
        return {path for (path,) in found}


def load_to_silver(
    warehouse: Warehouse,
    files: Iterable[LandingFile],
    max_rejected_share: float,
    on_decoded: Callable[[Sequence[DecodedFile]], None] = lambda files: None,
) -> Iterator[tuple[list[LandingFile], list[Line]]]:
    """Load files into silver, a transaction a chunk.

    Yields:
        The files of a chunk, and the log lines of their batches.
    """
    for chunk in in_chunks(files):
        decoded = decode_files(chunk)
        on_decoded(decoded)
        yield chunk, load_decoded(warehouse, decoded, max_rejected_share)


def load_decoded(
    warehouse: Warehouse, files: Sequence[DecodedFile], max_rejected_share: float
) -> list[Line]:
    """Load files into silver, in one transaction. One on whose data a statement fails becomes a
    failed batch.

    Returns:
        The log lines of their batches.
    """
    with warehouse.load() as connection:
        try:
            with connection.transaction():
                stage(connection, files, max_rejected_share)
                _merge_staged(connection)
        except psycopg.Error as error:
            if not fails_on_data(error):
                raise
            stage(connection, _loadable(connection, files, max_rejected_share), max_rejected_share)
            _merge_staged(connection)
        return read_lines(connection)


def stage_loadable(
    connection: psycopg.Connection, files: Sequence[DecodedFile], max_rejected_share: float
) -> None:
    """As ``stage``, of files that are known to load: one on whose data a statement fails becomes a
    failed batch. It costs the writing of the rows once more."""
    try:
        with connection.transaction():
            stage(connection, files, max_rejected_share)
            with connection.transaction(force_rollback=True):
                _merge_staged(connection)
    except psycopg.Error as error:
        if not fails_on_data(error):
            raise
        stage(connection, _loadable(connection, files, max_rejected_share), max_rejected_share)


def fails_on_data(error: psycopg.Error) -> bool:
    """Whether a statement failed on the data that it was given: a value out of range, a row that a
    constraint refuses, a limit of PostgreSQL exceeded."""
    return (error.sqlstate or "")[:2] in _DATA_CLASSES


def refused(error: psycopg.Error) -> str:
    """Why a file fails whose data PostgreSQL refuses."""
    words = " ".join(str(error.diag.message_primary or error).split())
    return f"PostgreSQL refuses its data: {words} (SQLSTATE {error.sqlstate})"


def _loadable(
    connection: psycopg.Connection, files: Sequence[DecodedFile], max_rejected_share: float
) -> list[DecodedFile]:
    """The files, those on whose data a statement fails as failures: found by halving."""
    try:
        with connection.transaction(force_rollback=True):
            stage(connection, files, max_rejected_share)
            _merge_staged(connection)
    except psycopg.Error as error:
        if not fails_on_data(error):
            raise
        if len(files) == 1:
            (file,) = files
            failure = Landed.failure(refused(error))
            return [DecodedFile.of(file.path, file.sha256, file.hour, failure)]
        # In the order of loading, so that the first write of a bucket stays the first.
        ordered = sorted(files, key=lambda file: (file.ingested_at or _NEVER, file.path))
        half = len(ordered) // 2
        return [
            file
            for some in (ordered[:half], ordered[half:])
            for file in _loadable(connection, some, max_rejected_share)
        ]
    return list(files)


def _merge_staged(connection: psycopg.Connection) -> None:
    for table in SILVER_TABLES:
        connection.execute(
            sql.SQL("CREATE TEMPORARY VIEW {} AS SELECT * FROM {}").format(
                sql.Identifier(f"incoming_{table.name}"), sql.Identifier(f"staged_{table.name}")
            )
        )
        merge(connection, table)


def stage(
    connection: psycopg.Connection, files: Sequence[DecodedFile], max_rejected_share: float
) -> None:
    """Make the relations ``staged_<table>`` for a set of landing files, until the transaction
    ends."""
    staging = Staging(connection, max_rejected_share)
    staging.add(files)
    staging.finish()


class Staging:
    """The temporary tables of one transaction, filled with any number of files.

    Args:
        connection: In the transaction.
        max_rejected_share: A file of whose records a larger share is rejected fails.
    """

    def __init__(self, connection: psycopg.Connection, max_rejected_share: float) -> None:
        self._connection = connection
        self._max_rejected_share = str(max_rejected_share)
        self._files = 0
        connection.execute(read_sql("silver/stage.sql"))

    def add(self, files: Sequence[DecodedFile]) -> None:
        """Copy files and their records, and evaluate these against the rules."""
        first = self._files
        self._files += len(files)
        copy_rows(
            self._connection,
            "staged_files",
            _FILE_COLUMNS,
            (
                (number, *file.description, self._max_rejected_share)
                for number, file in enumerate(files, first)
            ),
        )
        partition = sql.Identifier(f"staged_records_{first}")
        self._connection.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE {} PARTITION OF staged_records FOR VALUES FROM ({}) TO ({})"
            ).format(partition, first, max(self._files, first + 1))
        )
        copy_records = _COPY_RECORDS.format(partition, _RECORD_COLUMNS, NULL)
        with self._connection.cursor().copy(copy_records) as copy:
            for number, file in enumerate(files, first):
                copy.write(
                    b"".join(b"%d,%d,%b" % (number, *line) for line in enumerate(file.lines))
                )
        self._connection.execute(
            read_sql("silver/evaluate_rules.sql"),
            {"first_file": first},
        )
        rejects = self._connection.execute(
            "SELECT file_id, record_index FROM violations"
            " WHERE rejected_by <> '{}' AND file_id >= %s",
            [first],
        ).fetchall()
        copy_rows(
            self._connection,
            "staged_rejects",
            ("file_id", "record_index", "record"),
            (
                (number, index, _text(files[number - first].records[index]))
                for number, index in rejects
            ),
        )

    def finish(self) -> None:
        """Make the relations ``staged_<table>``."""
        self._connection.execute(read_sql("silver/staged_rows.sql"))


def _text(record: msgspec.Raw) -> str:
    return bytes(record).decode(errors="replace")


def _decode(file: LandingFile) -> DecodedFile:
    sha256: str | None = None
    try:
        sha256 = file.sha256
        landed = read_landed(file.path, file.content)
    except OSError as problem:
        landed = Landed.failure(str(problem))
    return DecodedFile.of(file.path, sha256, file.hour, landed)
