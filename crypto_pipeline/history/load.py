"""The load of price history: landing files into silver and the candles, set-wise.

A transaction for some files: their points are copied, evaluated by the rules, put into their
buckets, compared with what was known, and made candles. A load that dies goes on with the files
that are no completed batch.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import psycopg
from psycopg import sql

from crypto_pipeline.coingecko.points import Candles, HistoryError, Points, PriceHistory
from crypto_pipeline.landing.compression import CompressionError
from crypto_pipeline.landing.landed import wrong_time
from crypto_pipeline.landing.price_history import HistoryFile, history_files, read_history_file
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.registry import DIM_DATE, DIM_SOURCE, DIM_TIME, HISTORY_BATCHES
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.candles import load_points
from crypto_pipeline.warehouse.postgres import Warehouse, copy_rows, merge
from crypto_pipeline.warehouse.staging import (
    completed_files,
    fails_on_data,
    groups_in_chunks,
    refused,
)

_FILE_COLUMNS = (
    *("file_id", "landing_file", "file_sha256", "origin", "crypto_id", "vs_currency"),
    *("granularity_minutes", "source", "requested_from", "requested_to", "ingested_at", "error"),
    *("failed", "points_fetched", "points_unfinished", "max_rejected_share"),
)
_NOTHING = Points((), (), (), ())

_CHUNK_BYTES = 3_000_000
"""Of the files of a transaction: charts lie compressed, and take twenty times the memory."""


@dataclass(frozen=True)
class LoadedHistory:
    """What became of a file of price history.

    Attributes:
        path: The file's path in the landing zone.
        crypto_id: The coin.
        vs_currency: The currency.
        status: ``completed`` or ``failed``.
        error: Why it failed.
        fetched: Points in it.
        loaded: Points that are new.
        duplicate: Points whose bucket was taken.
        rejected: Points in quarantine.
        restated: Duplicates with other values.
        warnings: Points by the warn rule that they break.
    """

    path: str
    crypto_id: str
    vs_currency: str
    status: str
    error: str | None
    fetched: int
    loaded: int
    duplicate: int
    rejected: int
    restated: int
    warnings: dict[str, int]

    def __str__(self) -> str:
        if self.status == "failed":
            return f"{self.path}: {self.error}"
        parts = [f"{self.fetched} points", f"{self.loaded} loaded"]
        parts += [
            f"{count} {what}"
            for what, count in (
                ("duplicate", self.duplicate),
                ("rejected", self.rejected),
                ("restated", self.restated),
            )
            if count
        ]
        parts += [f"{rule} {count}" for rule, count in self.warnings.items()]
        return f"{self.path}: {', '.join(parts)}"


@dataclass(frozen=True)
class DecodedHistory:
    """A file as it is staged; one that failed has no points.

    Attributes:
        file: The file.
        sha256: SHA-256 of its bytes, hexadecimal; None if it could not be read.
        history: What is in it.
        error: What is wrong with it.
    """

    file: HistoryFile
    sha256: str | None
    history: PriceHistory | None
    error: str | None

    @property
    def points(self) -> Points | Candles:
        """Its points, or candles."""
        return _NOTHING if self.history is None else self.history.points

    def failed(self, error: str) -> "DecodedHistory":
        """The same file, as one that cannot be loaded."""
        return DecodedHistory(self.file, self.sha256, None, error)

    def row(self, number: int, share: float) -> tuple[object, ...]:
        """The values of ``staged_history_files``."""
        place = (self.file.file.path, self.sha256)
        whose = (self.file.coin.replace("\x00", ""), self.file.vs_currency)
        told = self.history
        if told is None:
            error = (self.error or "").replace("\x00", "")
            nothing = (None,) * 5
            return (number, *place, None, *whose, *nothing, error, True, 0, 0, str(share))
        return (
            *(number, *place, told.origin, *whose, told.minutes, told.source),
            *(told.requested_from, told.requested_to, told.ingested_at, None, False),
            *(len(told.points) + told.unfinished, told.unfinished, str(share)),
        )


def files_to_load(warehouse: Warehouse, zone: LandingZone) -> list[HistoryFile]:
    """The files of price history that are no completed batch, by their paths."""
    loaded = completed_files(warehouse, HISTORY_BATCHES)
    return [file for file in history_files(zone) if file.file.path not in loaded]


def load_history(
    warehouse: Warehouse,
    files: Sequence[HistoryFile],
    max_rejected_share: float,
    on_loaded: Callable[[Sequence[LoadedHistory]], None] = lambda loaded: None,
) -> int:
    """Load files of price history into silver and the candles.

    Args:
        warehouse: The warehouse.
        files: The files; of one that is a completed batch nothing is loaded.
        max_rejected_share: A file of whose points a larger share is rejected fails.
        on_loaded: Called after each commit with what became of its files.

    Returns:
        How many files failed.
    """
    failed = 0
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="decoder") as decoder:
        chunks = groups_in_chunks(
            ([file] for file in files), lambda file: file.file.size, _CHUNK_BYTES
        )
        decoding = decoder.submit(_decode, next(chunks, []))
        while decoded := decoding.result():
            decoding = decoder.submit(_decode, next(chunks, []))
            for loaded in _load(warehouse, decoded, max_rejected_share):
                failed += sum(file.status == "failed" for file in loaded)
                on_loaded(loaded)
    return failed


def _decode(files: Sequence[HistoryFile]) -> list[DecodedHistory]:
    return [decode_file(file) for file in files]


def decode_file(file: HistoryFile) -> DecodedHistory:
    """Read and decode a file; what is wrong with it is in the answer."""
    sha256: str | None = None
    try:
        # A copy, so that the content it caches goes with it.
        stored = replace(file.file)
        sha256 = stored.sha256
        history = read_history_file(stored)
    except (OSError, CompressionError, HistoryError) as problem:
        return DecodedHistory(file, sha256, None, str(problem))
    wrong = wrong_time(history.ingested_at, history.source)
    if wrong is not None:
        return DecodedHistory(file, sha256, None, wrong)
    if "\x00" in file.coin:
        return DecodedHistory(file, sha256, None, "a NUL in the coin's id")
    return DecodedHistory(file, sha256, history, None)


def _load(
    warehouse: Warehouse, files: Sequence[DecodedHistory], max_rejected_share: float
) -> Iterator[list[LoadedHistory]]:
    """Load files in one transaction; in several where PostgreSQL refuses the data of one, which
    then becomes a failed batch."""
    try:
        with warehouse.load() as connection:
            stage(connection, files, max_rejected_share)
            loaded = load_staged(connection)
    except psycopg.Error as error:
        if not fails_on_data(error):
            raise
        if len(files) == 1:
            if files[0].history is None:
                raise
            yield from _load(warehouse, [files[0].failed(refused(error))], max_rejected_share)
            return
        half = len(files) // 2
        for some in (files[:half], files[half:]):
            yield from _load(warehouse, some, max_rejected_share)
        return
    yield loaded


def stage(
    connection: psycopg.Connection, files: Sequence[DecodedHistory], max_rejected_share: float
) -> None:
    """Copy files and their points into the staging tables, and evaluate these against the rules."""
    connection.execute(read_sql("history/stage.sql"))
    copy_rows(
        connection,
        "staged_history_files",
        _FILE_COLUMNS,
        (file.row(number, max_rejected_share) for number, file in enumerate(files)),
    )
    for staged, kind in (("staged_points", Points), ("staged_candles", Candles)):
        statement = sql.SQL("COPY {} FROM STDIN (FORMAT csv, NULL 'null')")
        with connection.cursor().copy(statement.format(sql.Identifier(staged))) as copy:
            for number, file in enumerate(files):
                if isinstance(file.points, kind):
                    copy.write(b"".join(file.points.lines(number)))
    connection.execute(read_sql("history/evaluate.sql"))
    rejected = connection.execute(
        "SELECT file_id, point_index FROM broken_points WHERE rejected_by <> '{}'"
    ).fetchall()
    copy_rows(
        connection,
        "staged_rejected_points",
        ("file_id", "point_index", "point"),
        ((number, index, files[number].points.text(index)) for number, index in rejected),
    )


def load_staged(connection: psycopg.Connection) -> list[LoadedHistory]:
    """Load what is staged into silver and the candles, in the transaction of a load."""
    connection.execute(read_sql("history/batches.sql"))
    connection.execute(read_sql("history/places.sql"))
    for table in (DIM_DATE, DIM_TIME, DIM_SOURCE):
        if table is not DIM_SOURCE:
            connection.execute(read_sql(f"gold/{table.name}.sql"))
        merge(connection, table)
    connection.execute(read_sql("history/sources.sql"))
    load_points(connection)
    connection.execute(read_sql("history/ohlc.sql"))
    connection.execute(read_sql("history/rejected.sql"))
    duplicates = connection.execute(
        "SELECT FROM history_batches JOIN staged_history_batches USING (history_batch_id)"
        " WHERE points_duplicate > 0 LIMIT 1"
    ).fetchone()
    if duplicates is not None:
        connection.execute(read_sql("history/corrections.sql"))
    return [
        LoadedHistory(*row) for row in connection.execute(read_sql("history/loaded.sql")).fetchall()
    ]
