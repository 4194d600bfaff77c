"""The load of the answers of further sources: each from its landing file into silver, set-wise.

A transaction for each answer. A quote is what a source says at a time; the first write wins. No
snapshot of CoinGecko is touched: the tables are others.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from crypto_pipeline.landing.bodies import BodyError
from crypto_pipeline.landing.source_answers import (
    AnswerFileError,
    LandedAnswer,
    read_answer_body,
    read_source_answer,
    source_answer_files,
)
from crypto_pipeline.landing.zone import LandingZone, StoredFile
from crypto_pipeline.model.registry import QUOTE_BATCHES
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.quotes.sources import FURTHER_SOURCES, NOT_LOADED, FurtherSource, Reading
from crypto_pipeline.warehouse.data_origin import OriginError, claim_origin
from crypto_pipeline.warehouse.postgres import Warehouse, copy_rows
from crypto_pipeline.warehouse.staging import completed_files, fails_on_data, refused


class UnknownAnswerError(ValueError):
    """An answer that no decoder is known for; the message says what is unknown."""


class ShareRejectedError(ValueError):
    """An answer too much of which is wrong; the message says how much, and what."""


@dataclass(frozen=True)
class LoadedAnswer:
    """What became of an answer.

    Attributes:
        path: Its landing file.
        status: ``completed`` or ``failed``.
        error: Why it failed.
        fetched: Items in it.
        loaded: Items that became a row.
        rejected: Items in quarantine.
    """

    path: str
    status: str
    error: str | None
    fetched: int = 0
    loaded: int = 0
    rejected: int = 0

    def __str__(self) -> str:
        if self.status == "failed":
            return f"{self.path}: {self.error}"
        rejected = f", {self.rejected} rejected" if self.rejected else ""
        return f"{self.path}: {self.fetched} items, {self.loaded} new{rejected}"


def answers_to_load(warehouse: Warehouse, zone: LandingZone) -> list[StoredFile]:
    """The landing files of answers that are no completed batch, oldest first for each source."""
    loaded = completed_files(warehouse, QUOTE_BATCHES)
    return [file for file in source_answer_files(zone) if file.path not in loaded]


def load_answers(
    warehouse: Warehouse,
    zone: LandingZone,
    files: Sequence[StoredFile],
    max_rejected_share: float,
    on_loaded: Callable[[LoadedAnswer], None] = lambda loaded: None,
) -> int:
    """Load answers into silver.

    Args:
        warehouse: The warehouse.
        zone: Where their bodies are.
        files: The landing files.
        max_rejected_share: An answer of whose items a larger share is rejected fails.
        on_loaded: Called after each commit with what became of an answer.

    Returns:
        How many failed.
    """
    failed = 0
    for file in files:
        loaded = _load(warehouse, zone, file, max_rejected_share)
        failed += loaded.status == "failed"
        on_loaded(loaded)
    return failed


def _load(warehouse: Warehouse, zone: LandingZone, file: StoredFile, share: float) -> LoadedAnswer:
    answer: LandedAnswer | None = None
    # A copy, so that the content it caches goes with it.
    file = replace(file)
    try:
        answer = read_source_answer(file)
        with warehouse.load() as connection:
            return _load_answer(connection, zone, file, answer, share)
    except (
        *(AnswerFileError, BodyError, OriginError, OSError),
        *(ShareRejectedError, UnknownAnswerError),
    ) as problem:
        error = str(problem)
    except psycopg.Error as problem:
        if not fails_on_data(problem):
            raise
        error = refused(problem)
    error = error.replace("\x00", "")
    with warehouse.load() as connection:
        _write_batch(connection, file, answer, _batch_key(connection, file), error=error)
    return LoadedAnswer(file.path, "failed", error)


def _load_answer(
    connection: psycopg.Connection,
    zone: LandingZone,
    file: StoredFile,
    answer: LandedAnswer,
    share: float,
) -> LoadedAnswer:
    claim_origin(connection, answer.source)
    source, reading = _reading(file, answer)
    batch = _batch_key(connection, file)
    if reading is None:
        _write_batch(connection, file, answer, batch)
        return LoadedAnswer(file.path, "completed", None)
    try:
        records = source.records(read_answer_body(zone, file, answer))
        about = reading.about(answer)
    except BodyError:
        raise
    except (ValueError, LookupError) as problem:
        raise UnknownAnswerError(str(problem)) from None
    staged = f"staged_{reading.kind}"
    connection.execute(read_sql("quotes/stage.sql"))
    copy_rows(connection, staged, reading.columns, reading.decode(records))
    connection.execute("ANALYZE staged_quotes, staged_contracts, staged_candles")
    parameters = {
        **about,
        "source": answer.source,
        "ingested_at": answer.ingested_at,
        "quote_batch_id": batch,
    }
    connection.execute(read_sql(f"quotes/evaluate_{reading.kind}.sql"), parameters)
    fetched = _count(connection, f"SELECT count(*) FROM {staged}")  # noqa: S608 - one of three
    rejected = connection.execute(read_sql("quotes/rejected.sql")).fetchall()
    if len(rejected) > share * fetched:
        raise ShareRejectedError(
            f"{len(rejected)} of {fetched} items are rejected, more than the share of {share}"
            f" allowed; the first: item {rejected[0][0]}: {rejected[0][5]}"
        )
    connection.execute(read_sql("quotes/months.sql"))
    loaded = _count(connection, read_sql(f"quotes/merge_{reading.kind}.sql"), parameters)
    drift = _count_drift(connection)
    _write_batch(
        connection,
        file,
        answer,
        batch,
        counts=(fetched, loaded, len(rejected)),
        currencies=source.currencies(answer),
        drift=drift,
    )
    copy_rows(
        connection,
        "rejected_quotes",
        (
            *("quote_batch_id", "item_index", "source_coin_id", "vs_currency", "rules", "reason"),
            "record",
        ),
        (
            (batch, item, coin, currency, rules, reason, _text(records[record]))
            for item, record, coin, currency, rules, reason in rejected
        ),
    )
    connection.execute(read_sql("quotes/source.sql"), parameters)
    return LoadedAnswer(file.path, "completed", None, fetched, loaded, len(rejected))


def _reading(file: StoredFile, answer: LandedAnswer) -> tuple[FurtherSource, Reading | None]:
    name = file.path.split("/")[1]
    source = FURTHER_SOURCES.get(name)
    if source is None:
        raise UnknownAnswerError(f"no source of the name {name} is known")
    reading = source.readings.get(answer.endpoint)
    if reading is None and answer.endpoint not in NOT_LOADED:
        raise UnknownAnswerError(f"no endpoint {answer.endpoint} of {name} is known")
    return source, reading


def _batch_key(connection: psycopg.Connection, file: StoredFile) -> int:
    return _count(connection, read_sql("quotes/batch_key.sql"), {"landing_file": file.path})


def _count(
    connection: psycopg.Connection, query: str, parameters: Mapping[str, Any] | None = None
) -> int:
    row = connection.execute(query, parameters).fetchone()
    assert row is not None
    return int(row[0])


def _count_drift(connection: psycopg.Connection) -> Any:
    row = connection.execute(read_sql("quotes/drift.sql")).fetchone()
    assert row is not None
    return row[0]


def _text(record: msgspec.Raw) -> str:
    # A NUL is legal in JSON, and not in a PostgreSQL text.
    return bytes(record).decode(errors="replace").replace("\x00", "")


def _write_batch(
    connection: psycopg.Connection,
    file: StoredFile,
    answer: LandedAnswer | None,
    batch: int,
    *,
    error: str | None = None,
    counts: tuple[int, int, int] = (0, 0, 0),
    currencies: Sequence[str] = (),
    drift: Mapping[str, int] | None = None,
) -> None:
    try:
        sha256 = file.sha256
    except OSError:
        sha256 = None
    fetched, loaded, rejected = counts
    connection.execute(
        read_sql("quotes/batch.sql"),
        {
            "quote_batch_id": batch,
            "landing_file": file.path,
            "file_sha256": sha256,
            "body_sha256": None if answer is None else answer.body_sha256,
            "source": None if answer is None else answer.source,
            "endpoint": None if answer is None else answer.endpoint,
            "request": Jsonb({} if answer is None else answer.request),
            "vs_currencies": list(currencies),
            "ingested_at": None if answer is None else answer.ingested_at,
            "error": error,
            "fetched": fetched,
            "loaded": loaded,
            "rejected": rejected,
            "drift": Jsonb(dict(drift or {}), dumps=json.dumps),
        },
    )


def total(loaded: Sequence[LoadedAnswer]) -> dict[str, int]:
    """What became of answers together."""
    counts: Counter[str] = Counter()
    for one in loaded:
        counts.update(
            {
                "answers": 1,
                "answers_failed": one.status == "failed",
                "items_loaded": one.loaded,
                "items_rejected": one.rejected,
            }
        )
    return dict(counts)
