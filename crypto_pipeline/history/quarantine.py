"""Replays of the quarantine of price history: rejected points from their landing files into silver.

A first point that was in quarantine changes what every later file of its coin was compared with. So
where a point is good now, all files of the coin in the currency are loaded once more, in the order
in which they came, in one transaction: all is as if the point had been good from the start.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row

from crypto_pipeline.history.load import (
    DecodedHistory,
    LoadedHistory,
    decode_file,
    load_staged,
    stage,
)
from crypto_pipeline.landing.price_history import HistoryFile
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline.warehouse.quarantine import (
    Replayed,
    ReplayedFile,
    Selection,
    not_what_was_loaded,
)
from crypto_pipeline.warehouse.staging import fails_on_data, groups_in_chunks

Series = tuple[str, str]
"""A coin's id and a currency."""


class _LostError(Exception):
    """A file that is loaded would not be once more."""


@dataclass(frozen=True)
class _File:
    """A row of ``sql/quarantine/history_files.sql`` or ``series_files.sql``."""

    landing_file: str
    crypto_id: str
    vs_currency: str
    file_sha256: str | None
    is_loaded: bool = False

    @property
    def series(self) -> Series:
        return self.crypto_id, self.vs_currency

    def decode(self, zone: LandingZone) -> DecodedHistory:
        stored = zone.stored_file(self.landing_file)
        return decode_file(HistoryFile(stored, self.crypto_id, self.vs_currency))


@dataclass(frozen=True)
class _Evaluated:
    """A row of ``sql/quarantine/evaluated_points.sql``."""

    landing_file: str
    crypto_id: str
    vs_currency: str
    waited: int
    mended: int
    failure: str | None


def replay_points(
    warehouse: Warehouse, zone: LandingZone, selection: Selection, max_rejected_share: float
) -> Iterator[Replayed]:
    """Replay the points that wait in quarantine, and with them all files of their coins.

    Args:
        warehouse: The warehouse.
        zone: Its landing zone.
        selection: What is looked at. Of a coin whose files are loaded once more, all that is good
            now leaves the quarantine.
        max_rejected_share: A file of whose points a larger share is rejected fails.
    """
    waiting = _files(warehouse, "history_files", dict(selection))
    mended: dict[Series, None] = {}
    for chunk in _chunks(zone, waiting):
        decoded, left = _decode(zone, chunk)
        told, good = _evaluate(warehouse, decoded, selection, max_rejected_share)
        mended.update(good)
        yield Replayed(told, [line for lines in left.values() for line in lines])
    for chunk in _chunks(zone, _files(warehouse, "series_files", _arrays(mended))):
        decoded, left = _decode(zone, chunk)
        for lines in left.values():
            yield Replayed([], lines)
        yield from _reload(
            warehouse,
            [file for file in chunk if file.series not in left],
            [file for file in decoded if _series(file) not in left],
            selection,
            max_rejected_share,
        )


def _files(warehouse: Warehouse, query: str, parameters: dict[str, Any]) -> list[list[_File]]:
    """The files that a query finds, each series' together, in the order in which they came."""
    with (
        warehouse.connection() as connection,
        connection.cursor(row_factory=class_row(_File)) as cursor,
    ):
        rows = cursor.execute(read_sql(f"quarantine/{query}.sql"), parameters).fetchall()
    files: dict[Series, list[_File]] = {}
    for file in rows:
        files.setdefault(file.series, []).append(file)
    return list(files.values())


def _arrays(series: Iterable[Series]) -> dict[str, list[str]]:
    """Series as parameters of a query."""
    return {
        "coins": [coin for coin, _ in series],
        "currencies": [currency for _, currency in series],
    }


def _series(file: DecodedHistory) -> Series:
    return file.file.coin, file.file.vs_currency


def _chunks(zone: LandingZone, groups: Sequence[Sequence[_File]]) -> Iterator[list[_File]]:
    """Files in chunks; a coin's in a currency are never parted."""
    return groups_in_chunks(groups, lambda file: zone.stored_file(file.landing_file).size)


def _decode(
    zone: LandingZone, files: Sequence[_File]
) -> tuple[list[DecodedHistory], dict[Series, list[str]]]:
    """The files that are what was loaded; of the others, by their series, what is wrong with
    them."""
    decoded: list[DecodedHistory] = []
    left: dict[Series, list[str]] = {}
    for file in files:
        read = file.decode(zone)
        wrong = not_what_was_loaded(read.sha256, file.file_sha256)
        if wrong is None:
            decoded.append(read)
        else:
            left.setdefault(file.series, []).append(f"{file.landing_file} {wrong}")
    return decoded, left


def _evaluate(
    warehouse: Warehouse,
    files: Sequence[DecodedHistory],
    selection: Selection,
    max_rejected_share: float,
) -> tuple[list[ReplayedFile], dict[Series, None]]:
    """What the rules say now of the points in quarantine: the series that have good ones, and what
    became of the files of the others."""
    if not files:
        return [], {}
    with warehouse.load() as connection:
        stage(connection, files, max_rejected_share)
        connection.execute(read_sql("quarantine/waiting_points.sql"), dict(selection))
        connection.execute(read_sql("quarantine/points.sql"))
        with connection.cursor(row_factory=class_row(_Evaluated)) as cursor:
            evaluated = cursor.execute(read_sql("quarantine/evaluated_points.sql")).fetchall()
        mended = {(file.crypto_id, file.vs_currency): None for file in evaluated if file.mended}
        corrected = _correct(connection, mended)
    told = [
        ReplayedFile(
            landing_file=file.landing_file,
            partition_hour=None,
            waited=file.waited,
            waiting=file.waited - corrected.get(file.landing_file, 0),
            corrected=corrected.get(file.landing_file, 0),
            loaded=0,
            duplicate=0,
            displaced=0,
            error=file.failure,
        )
        for file in evaluated
        if (file.crypto_id, file.vs_currency) not in mended
    ]
    return told, mended


def _correct(connection: psycopg.Connection, others: Iterable[Series]) -> dict[str, int]:
    """Resolve the points whose bucket a later file has, of all series but some; how many, by
    file."""
    corrected = connection.execute(read_sql("quarantine/corrected_points.sql"), _arrays(others))
    return dict(corrected.fetchall())


def _reload(
    warehouse: Warehouse,
    files: Sequence[_File],
    decoded: Sequence[DecodedHistory],
    selection: Selection,
    max_rejected_share: float,
) -> Iterator[Replayed]:
    """Load all files of some series once more, in one transaction; each series in one of its own
    where a file of one would be lost."""
    series = list(dict.fromkeys(file.series for file in files))
    if not series:
        return
    try:
        with warehouse.load() as connection:
            unloaded = connection.execute(
                "SELECT unload_history(%(coins)s::text[], %(currencies)s::text[])", _arrays(series)
            ).fetchone()
            if unloaded != (sum(file.is_loaded for file in files),):
                raise _LostError("another load has brought a file meanwhile: replay once more")
            stage(connection, decoded, max_rejected_share)
            connection.execute(read_sql("quarantine/waiting_points.sql"), dict(selection))
            _refuse_loss(files, load_staged(connection))
            corrected = _correct(connection, [])
            rows = connection.execute(read_sql("quarantine/replayed_points.sql")).fetchall()
    except (_LostError, psycopg.Error) as problem:
        if isinstance(problem, psycopg.Error) and not fails_on_data(problem):
            raise
        if len(series) == 1:
            yield Replayed([], [f"the points of {series[0][0]} stay in quarantine: {problem}"])
            return
        for one in series:
            yield from _reload(
                warehouse,
                [file for file in files if file.series == one],
                [file for file in decoded if _series(file) == one],
                selection,
                max_rejected_share,
            )
        return
    yield Replayed(
        [
            ReplayedFile(
                landing_file=path,
                partition_hour=None,
                waited=waited,
                waiting=waiting,
                corrected=corrected.get(path, 0),
                loaded=loaded,
                duplicate=duplicate,
                displaced=0,
                error=None,
            )
            for path, waited, waiting, loaded, duplicate in rows
        ],
        [],
    )


def _refuse_loss(files: Sequence[_File], loaded: Sequence[LoadedHistory]) -> None:
    """Refuse to leave out a file that is loaded."""
    kept = {file.landing_file for file in files if file.is_loaded}
    for file in loaded:
        if file.status == "failed" and file.path in kept:
            raise _LostError(f"{file.path} is loaded, and would fail now: {file.error}")
