"""The local half of the request ledger: every attempt of this machine, until the database has it.

An attempt is a line appended to a file, so that a fetch depends on no database and waits for none.
Entering them into the database's ledger is in ``warehouse/request_ledger.py``.
"""

import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
from filelock import FileLock

from crypto_pipeline.config.settings import Settings

COINGECKO = "coingecko"
"""CoinGecko's name in the request ledger."""

_logger = logging.getLogger(__name__)


class RequestEntry(msgspec.Struct, frozen=True):
    """One attempt.

    Attributes:
        request_id: Its key.
        sent_at: When it was sent, UTC.
        plan: The plan whose budget it counts for.
        endpoint: The path, with names in braces for what varies.
        http_status: HTTP status; None if there was no answer.
        credits: What it costs of the month: one for each answer with HTTP 200.
        received_bytes: Size of the body as received.
        duration_ms: Until the whole answer was there.
        is_cached: Whether the answer came from a cache of the source's, where it says.
        run_id: Dagster's run that asked.
        api: Name of the source; an older version's lines, which have none, are of CoinGecko.
    """

    request_id: str
    sent_at: datetime
    plan: str
    endpoint: str
    http_status: int | None
    credits: int
    received_bytes: int
    duration_ms: int
    is_cached: bool | None
    run_id: str | None
    api: str = COINGECKO


def new_request_id() -> str:
    """A key for a request."""
    return str(uuid.uuid4())


class RequestLog:
    """A file of attempts that the database does not have yet; shared by all processes.

    Args:
        path: The file; its folder is made if need be.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, entry: RequestEntry) -> None:
        """Append an attempt. What keeps it from being written does not keep a fetch from going on:
        it is logged as a warning."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._lock():
                self._append(msgspec.json.encode(entry) + b"\n")
        except OSError as problem:
            _logger.warning("a request could not be written down: %s", problem)

    @contextmanager
    def take(self) -> Iterator[list[RequestEntry]]:
        """The attempts so far; they are forgotten when the block ends without an error."""
        if not self._path.parent.is_dir():
            yield []
            return
        taken = self._path.with_suffix(".taken")
        with FileLock(f"{self._path}.taker.lock"):
            with self._lock():
                # What a process that died had taken comes first.
                if not taken.exists() and self._path.exists():
                    self._path.rename(taken)
            entries = []
            for line in taken.read_bytes().splitlines() if taken.exists() else []:
                try:
                    entries.append(msgspec.json.decode(line, type=RequestEntry))
                except (msgspec.DecodeError, UnicodeDecodeError):
                    # The last line of a process that died while it wrote.
                    _logger.warning("a line of %s is unreadable and was left out", taken)
            yield entries
            taken.unlink(missing_ok=True)

    def _append(self, line: bytes) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)

    def _lock(self) -> FileLock:
        return FileLock(f"{self._path}.lock")


def request_log(settings: Settings) -> RequestLog:
    """The machine's log for the warehouse of the settings, in ``data_dir``."""
    return RequestLog(settings.data_dir / f"requests-{settings.database_name}.jsonl")
