"""Replays of the quarantine: rejected records from their landing files into silver and gold.

A record is replayed when no rule rejects it any more: the rule was mended, or the decoder. It goes
where it would be if it had been good from the start: into its bucket, even if a later record has
taken that meanwhile, with its own batch's number. What became of it is kept beside it, for ever.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from crypto_pipeline.landing.zone import LandingFile, LandingZone
from crypto_pipeline.model.registry import (
    CRYPTOCURRENCIES,
    CRYPTOCURRENCY_NAMES,
    INGESTION_BATCHES,
    REJECTED_RECORDS,
)
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.bulk_load import load_to_gold
from crypto_pipeline.warehouse.load_report import Line
from crypto_pipeline.warehouse.postgres import Warehouse, merge
from crypto_pipeline.warehouse.staging import Staging, decode_files, groups_in_chunks


class Selection(TypedDict):
    """What of the quarantine is meant.

    Attributes:
        rules: Names of rules; a record that was rejected by one of them is meant. None for all.
        since: Of files that were fetched at this time (UTC) or later. None for all.
    """

    rules: list[str] | None
    since: datetime | None


@dataclass(frozen=True)
class ReplayedFile:
    """What became of the records, or the points, of a file that waited in quarantine.

    Attributes:
        landing_file: Its path in the landing zone.
        partition_hour: The hour (UTC) under which it is kept; None of one of price history.
        waited: Records that waited and were asked for.
        waiting: Of these, those that rules still reject.
        corrected: Of these, those that a later file has good.
        loaded: Records that have their bucket now; of a failed file, all that it holds.
        duplicate: Records whose bucket an earlier one has.
        displaced: Of those loaded, the ones whose bucket a later record had.
        error: Why the file still fails, or why its fetch ended early.
    """

    landing_file: str
    partition_hour: datetime | None
    waited: int
    waiting: int
    corrected: int
    loaded: int
    duplicate: int
    displaced: int
    error: str | None

    @property
    def line(self) -> Line:
        """What is logged of it."""
        counts = (
            (self.loaded, "loaded"),
            (self.duplicate, "duplicate"),
            (self.corrected, "corrected by a later file"),
            (self.waiting, "still rejected"),
        )
        told = ", ".join(f"{count} {what}" for count, what in counts if count)
        why = f" ({self.error})" if self.error and self.waiting else ""
        return Line(
            logging.INFO, f"{self.landing_file}: of {self.waited} in quarantine {told}{why}"
        )


@dataclass(frozen=True)
class Replayed:
    """What a transaction of a replay did.

    Attributes:
        files: The files of whose records it replayed some, or tried to.
        left: The files that it left, a line each with the reason.
    """

    files: list[ReplayedFile]
    left: list[str]


@dataclass(frozen=True)
class _Waiting:
    """A row of ``sql/quarantine/files.sql``."""

    landing_file: str
    file_sha256: str | None
    corrections: list[str]


def replay_records(
    warehouse: Warehouse, zone: LandingZone, selection: Selection, max_rejected_share: float
) -> Iterator[Replayed]:
    """Replay the records that wait in quarantine, in a transaction for some files.

    Silver and gold change together; the candles follow (``warehouse/candles.py``). What a replay
    that died has not done, the next one does.

    Args:
        warehouse: The warehouse.
        zone: Its landing zone.
        selection: What is replayed.
        max_rejected_share: A file that failed because a larger share was rejected stays so.
    """
    with (
        warehouse.connection() as connection,
        connection.cursor(row_factory=class_row(_Waiting)) as cursor,
    ):
        waiting = cursor.execute(read_sql("quarantine/files.sql"), dict(selection)).fetchall()

    def size(file: _Waiting) -> int:
        return sum(zone.file(path).size for path in (file.landing_file, *file.corrections))

    for chunk in groups_in_chunks(([file] for file in waiting), size):
        yield _replay(warehouse, zone, chunk, selection, max_rejected_share)


def _replay(
    warehouse: Warehouse,
    zone: LandingZone,
    waiting: Sequence[_Waiting],
    selection: Selection,
    max_rejected_share: float,
) -> Replayed:
    sha256 = {file.landing_file: file.file_sha256 for file in waiting}
    paths = dict.fromkeys(
        path for file in waiting for path in (file.landing_file, *file.corrections)
    )
    decoded, left = [], []
    for file in decode_files(_files(zone, paths)):
        wrong = not_what_was_loaded(file.sha256, sha256[file.path]) if file.path in sha256 else None
        if wrong is None:
            decoded.append(file)
        else:
            left.append(f"{file.path} {wrong}")
    if not decoded:
        return Replayed([], left)
    with warehouse.load() as connection:
        staging = Staging(connection, max_rejected_share)
        staging.add(decoded)
        connection.execute(read_sql("quarantine/waiting.sql"), dict(selection))
        connection.execute(read_sql("quarantine/mended.sql"))
        staging.finish()
        _merge(connection)
        load_to_gold(warehouse)
        connection.execute(read_sql("quarantine/facts.sql"))
        with connection.cursor(row_factory=class_row(ReplayedFile)) as cursor:
            files = cursor.execute(read_sql("quarantine/replayed.sql")).fetchall()
    return Replayed(files, left)


def _files(zone: LandingZone, paths: dict[str, None]) -> Iterator[LandingFile]:
    return (zone.file(path) for path in paths)


def not_what_was_loaded(sha256: str | None, loaded_sha256: str | None) -> str | None:
    """Why a file is not the one whose records are in quarantine, with the remedy; None if it is.

    Args:
        sha256: SHA-256 of its bytes; None if it cannot be read.
        loaded_sha256: That of the bytes that were loaded.
    """
    if sha256 is None:
        return "cannot be read: put it back into the landing zone, then replay the quarantine again"
    if sha256 != loaded_sha256:
        return (
            "is not the file that was loaded: its SHA-256 differs. Put that one back, and drop a"
            " corrected file in beside it, under another name"
        )
    return None


def _merge(connection: psycopg.Connection) -> None:
    for table in (INGESTION_BATCHES, CRYPTOCURRENCIES, CRYPTOCURRENCY_NAMES, REJECTED_RECORDS):
        connection.execute(
            sql.SQL("CREATE TEMPORARY VIEW {} AS SELECT * FROM {}").format(
                sql.Identifier(f"incoming_{table.name}"), sql.Identifier(f"staged_{table.name}")
            )
        )
    for table in (INGESTION_BATCHES, CRYPTOCURRENCIES, CRYPTOCURRENCY_NAMES):
        merge(connection, table)
    connection.execute(read_sql("quarantine/records.sql"))
    merge(connection, REJECTED_RECORDS)
    connection.execute(
        "SELECT revise_version_starts(array_agg(crypto_id), array_agg(held_last_updated))"
        " FROM replayed_records WHERE takes_bucket AND held_by IS NOT NULL HAVING count(*) > 0"
    )
