"""The load of the list of coins: each answer from its landing file into silver, set-wise.

A transaction for each answer. It holds from its time until that of the next answer, which may be
there already, so the same answers give the same tables in whatever order they are loaded. One that
says the same as the answer before it changes nothing, and its body is not even read.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from crypto_pipeline.coingecko.coin_list import CoinList, CoinListError, read_coin_list
from crypto_pipeline.landing.bodies import BodyError
from crypto_pipeline.landing.coin_list import (
    CoinListFileError,
    LandedCoinList,
    coin_list_files,
    read_body,
    read_coin_list_file,
)
from crypto_pipeline.landing.zone import LandingZone, StoredFile
from crypto_pipeline.model.registry import COIN_LIST_BATCHES
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.data_origin import OriginError, claim_origin
from crypto_pipeline.warehouse.postgres import Warehouse, copy_rows
from crypto_pipeline.warehouse.staging import completed_files, fails_on_data, refused

_MOST_FLAWS = 100
"""Flaws of an answer that are kept in its batch; all are in its body."""

_MOST_OF_A_TEXT = 1_000


@dataclass(frozen=True)
class LoadedCoinList:
    """What became of an answer.

    Attributes:
        path: Its landing file.
        status: ``completed`` or ``failed``.
        error: Why it failed.
        listed: Coins in it.
        rejected: Elements that are no coin.
        changed: Rows of listings and contracts that it added or changed; 0 where it says the same
            as the answer before it.
    """

    path: str
    status: str
    error: str | None
    listed: int
    rejected: int
    changed: int

    def __str__(self) -> str:
        if self.status == "failed":
            return f"{self.path}: {self.error}"
        rejected = f", {self.rejected} elements rejected" if self.rejected else ""
        return f"{self.path}: {self.listed} coins{rejected}, {self.changed} rows changed"


def files_to_load(warehouse: Warehouse, zone: LandingZone) -> list[StoredFile]:
    """The landing files of answers that are no completed batch, oldest first."""
    loaded = completed_files(warehouse, COIN_LIST_BATCHES)
    return [file for file in coin_list_files(zone) if file.path not in loaded]


def load_coin_lists(
    warehouse: Warehouse,
    zone: LandingZone,
    files: Sequence[StoredFile],
    max_rejected_share: float,
    on_loaded: Callable[[LoadedCoinList], None] = lambda loaded: None,
) -> int:
    """Load answers into silver.

    Args:
        warehouse: The warehouse.
        zone: Where their bodies are.
        files: The landing files.
        max_rejected_share: An answer of whose elements a larger share is no coin fails.
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


def _load(
    warehouse: Warehouse, zone: LandingZone, file: StoredFile, share: float
) -> LoadedCoinList:
    answer: LandedCoinList | None = None
    # A copy, so that the content it caches goes with it.
    file = replace(file)
    try:
        answer = read_coin_list_file(file)
        with warehouse.load() as connection:
            return _load_answer(connection, zone, file, answer, share)
    except (BodyError, CoinListError, CoinListFileError, OriginError, OSError) as problem:
        error = str(problem)
    except psycopg.Error as problem:
        if not fails_on_data(problem):
            raise
        error = refused(problem)
    with warehouse.load() as connection:
        return _write_batch(connection, file, answer, None, error.replace("\x00", ""), 0)


def _load_answer(
    connection: psycopg.Connection,
    zone: LandingZone,
    file: StoredFile,
    answer: LandedCoinList,
    share: float,
) -> LoadedCoinList:
    claim_origin(connection, answer.source)
    key = {
        "is_active": answer.is_active,
        "ingested_at": answer.ingested_at,
        "landing_file": file.path,
    }
    found = connection.execute(read_sql("coins/neighbours.sql"), key).fetchone()
    assert found is not None
    body_before, next_at = found
    if body_before == answer.body_sha256:
        return _write_same(connection, file, answer)
    coins = read_coin_list(read_body(zone, answer.body_sha256))
    if coins.rejected > share * coins.fetched:
        raise CoinListError(
            f"{coins.rejected} of {coins.fetched} elements are no coin, more than the share of"
            f" {share} allowed; the first: {_first_rejected(coins)}"
        )
    connection.execute(read_sql("coins/stage.sql"))
    copy_rows(connection, "staged_coins", ("crypto_id", "symbol", "name"), iter(coins.coins))
    copy_rows(
        connection,
        "staged_contracts",
        ("crypto_id", "platform", "contract_address"),
        iter(coins.contracts),
    )
    connection.execute("ANALYZE staged_coins, staged_contracts")
    changed = connection.execute(
        read_sql("coins/merge.sql"), {**key, "next_at": next_at}
    ).fetchone()
    assert changed is not None
    return _write_batch(connection, file, answer, coins, None, sum(changed))


def _first_rejected(coins: CoinList) -> str:
    first = next(flaw for flaw in coins.flaws if flaw.is_rejected)
    return f"element {first.index}: {first.reason}"


def _write_same(
    connection: psycopg.Connection, file: StoredFile, answer: LandedCoinList
) -> LoadedCoinList:
    """The batch of an answer that says what the one before it said."""
    row = connection.execute(
        "SELECT coins_fetched, coins_listed, coins_rejected, flaws FROM coin_list_batches"
        " WHERE body_sha256 = %s AND status = 'completed' LIMIT 1",
        [answer.body_sha256],
    ).fetchone()
    assert row is not None
    fetched, listed, rejected, flaws = row
    _insert_batch(connection, file, answer, None, (fetched, listed, rejected), flaws)
    return LoadedCoinList(file.path, "completed", None, listed, rejected, 0)


def _write_batch(
    connection: psycopg.Connection,
    file: StoredFile,
    answer: LandedCoinList | None,
    coins: CoinList | None,
    error: str | None,
    changed: int,
) -> LoadedCoinList:
    counts = (0, 0, 0) if coins is None else (coins.fetched, len(coins.coins), coins.rejected)
    flaws = [] if coins is None else [asdict(flaw) for flaw in coins.flaws[:_MOST_FLAWS]]
    for flaw in flaws:
        flaw["text"] = flaw["text"][:_MOST_OF_A_TEXT]
    _insert_batch(connection, file, answer, error, counts, flaws)
    status = "completed" if error is None else "failed"
    return LoadedCoinList(file.path, status, error, counts[1], counts[2], changed)


def _insert_batch(
    connection: psycopg.Connection,
    file: StoredFile,
    answer: LandedCoinList | None,
    error: str | None,
    counts: tuple[int, int, int],
    flaws: Any,
) -> None:
    try:
        sha256 = file.sha256
    except OSError:
        sha256 = None
    fetched, listed, rejected = counts
    connection.execute(
        read_sql("coins/batch.sql"),
        {
            "landing_file": file.path,
            "file_sha256": sha256,
            "body_sha256": None if answer is None else answer.body_sha256,
            "is_active": None if answer is None else answer.is_active,
            "source": None if answer is None else answer.source,
            "request": Jsonb({} if answer is None else answer.request),
            "ingested_at": None if answer is None else answer.ingested_at,
            "error": error,
            "fetched": fetched,
            "listed": listed,
            "rejected": rejected,
            "flaws": Jsonb(flaws, dumps=json.dumps),
        },
    )
