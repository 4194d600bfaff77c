"""The bulk load: landing files that the warehouse lacks, set-wise into silver and gold.

The same staging and the same SELECTs as the hourly assets, without frames in between and without a
run for every hour. A month that is new is built as a detached table and attached as a partition, in
one transaction (``partition_load.py``), some months side by side; the files of other months go
chunk by chunk. A load that dies goes on where it stopped.
"""

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import psycopg

from crypto_pipeline.landing.zone import LandingFile, LandingZone
from crypto_pipeline.model.registry import GOLD_TABLES, INGESTION_BATCHES
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.load_report import Line
from crypto_pipeline.warehouse.partition_load import (
    PartitionExistsError,
    can_attach_partition,
    load_partition,
)
from crypto_pipeline.warehouse.postgres import Warehouse, merge
from crypto_pipeline.warehouse.staging import (
    DecodedFile,
    completed_files,
    decode_files,
    fails_on_data,
    in_chunks,
    load_to_silver,
)

_STAGED_BYTES = 1_000_000
"""Size of the files, as stored, that are decoded at a time while a month is built."""

_MONTHS_AT_ONCE = 3
"""Months that are in work side by side: one is staged, which keeps this process's core and half of
another busy; one is built, by one session of the database; one is queued to be written."""


@dataclass(frozen=True)
class LoadedFiles:
    """What one transaction of the bulk load did.

    Attributes:
        files: The files it loaded.
        gold: Rows by table of the star schema, as its merge file counts them.
    """

    files: list[LandingFile]
    gold: dict[str, dict[str, int]]


def files_to_load(warehouse: Warehouse, zone: LandingZone) -> list[LandingFile]:
    """The files of the landing zone that are no completed batch, oldest first."""
    loaded = completed_files(warehouse, INGESTION_BATCHES)
    return [file for file in zone.files() if file.path not in loaded]


class _Stopped(Exception):
    """The load is over, by an error elsewhere or because nobody asks for more."""


@dataclass(frozen=True)
class _Place:
    """A month's place among those that are in work.

    Attributes:
        earlier: The load of the month before it.
        before: Set when that is staged.
        staged: Set when this one is.
    """

    earlier: Future[list[LoadedFiles]] | None
    before: threading.Event
    staged: threading.Event


def load_files(
    warehouse: Warehouse,
    files: list[LandingFile],
    max_rejected_share: float,
    on_decoded: Callable[[Sequence[DecodedFile]], None] = lambda files: None,
    on_loaded: Callable[[Sequence[Line]], None] = lambda lines: None,
) -> Iterator[LoadedFiles]:
    """Load files into silver and gold, month by month, in their order.

    Args:
        warehouse: The warehouse.
        files: Oldest first.
        max_rejected_share: A file of whose records a larger share is rejected fails.
        on_decoded: Called, from other threads, for every few files that were read.
        on_loaded: Called, from other threads, with the log lines of the batches of each
            transaction, right after its commit.
    """
    stopped = threading.Event()

    def decoded(
        chunks: Iterator[list[LandingFile]], before: threading.Event, staged: threading.Event
    ) -> Iterator[list[DecodedFile]]:
        # Python decodes on one core: two months at once would only keep each other waiting.
        before.wait()
        for chunk in _decoded(chunks):
            if stopped.is_set():
                raise _Stopped
            on_decoded(chunk)
            yield chunk
        staged.set()

    def load(month: datetime, of_month: list[LandingFile], place: _Place) -> list[LoadedFiles]:
        def wait_for_earlier() -> None:
            if place.earlier is not None:
                place.earlier.result()
            if stopped.is_set():
                raise _Stopped

        try:
            if can_attach_partition(warehouse, month):
                chunks = decoded(in_chunks(of_month, _STAGED_BYTES), place.before, place.staged)
                try:
                    loaded = load_partition(
                        warehouse, month, chunks, max_rejected_share, wait_for_earlier
                    )
                except PartitionExistsError:
                    pass
                except psycopg.Error as error:
                    # Chunk by chunk, the file is found whose data PostgreSQL refuses.
                    if not fails_on_data(error):
                        raise
                else:
                    on_loaded(loaded.lines)
                    return [LoadedFiles(of_month, loaded.gold)]
            wait_for_earlier()
            chunk_by_chunk = []
            for chunk, lines in load_to_silver(warehouse, of_month, max_rejected_share, on_decoded):
                on_loaded(lines)
                chunk_by_chunk.append(LoadedFiles(chunk, load_to_gold(warehouse)))
            return chunk_by_chunk
        finally:
            # However it ends: the next month waits for it.
            place.staged.set()

    with ThreadPoolExecutor(_MONTHS_AT_ONCE, thread_name_prefix="month") as pool:
        try:
            futures: list[Future[list[LoadedFiles]]] = []
            before = threading.Event()
            before.set()
            for month, of_month in itertools.groupby(files, key=_month):
                place = _Place(futures[-1] if futures else None, before, threading.Event())
                futures.append(pool.submit(load, month, list(of_month), place))
                before = place.staged
            for future in futures:
                yield from future.result()
        finally:
            stopped.set()


def _month(file: LandingFile) -> datetime:
    """Start of the month (UTC) with which a file is loaded.

    That of the next hour: a file of a month's last hour may have a record whose time, rounded, is
    the next month's, and its bucket is taken by whoever comes first.
    """
    following = file.hour + timedelta(hours=1)
    return datetime(following.year, following.month, 1, tzinfo=timezone.utc)


def load_to_gold(warehouse: Warehouse) -> dict[str, dict[str, int]]:
    """Load the batches that are pending for gold into the star schema, in one transaction.

    Returns:
        Rows by table, as its merge file counts them.
    """
    counts = {}
    with warehouse.load() as connection:
        connection.execute(read_sql("gold/pruned_views.sql"))
        connection.execute(read_sql("gold/pending.sql"))
        for table in GOLD_TABLES:
            connection.execute(read_sql(f"gold/{table.name}.sql"))
            counts[table.name] = merge(connection, table)
    return counts


def _decoded(chunks: Iterator[list[LandingFile]]) -> Iterator[list[DecodedFile]]:
    """Chunks, decoded; the next one is while this one is in use."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="decoder") as decoder:
        decoding = decoder.submit(decode_files, next(chunks, []))
        while decoded := decoding.result():
            decoding = decoder.submit(decode_files, next(chunks, []))
            yield decoded
