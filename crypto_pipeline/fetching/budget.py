"""The request budget: how often in some seconds this machine may ask a source."""

import logging
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

from filelock import FileLock
from pyrate_limiter import Rate, RateItem, SQLiteBucket

_MARGIN_MS = 1_000
"""A source sees a request later than we count it: without a margin, a slow request followed by a
quick one would make its minute hold one too many."""

_logger = logging.getLogger(__name__)


class Budget(Protocol):
    """Whatever gives a request its slot."""

    def acquire(self, request_id: str) -> None:
        """Take a slot, waiting for a free one as long as it takes."""


class RequestBudget:
    """A sliding window of requests, kept in a file that all processes share.

    The count is pyrate-limiter's SQLite bucket. Its ``Limiter`` is not used: that one dates a
    request that had to wait by the waits it planned instead of by the clock, and keeps a thread and
    a connection open, which does not survive a fork. Here every look at the bucket opens it under a
    file lock, so an instance has no state: it may be shared by threads, pickled and forked. The
    kernel frees the lock of a process that dies, and SQLite rolls back what it had begun.

    Args:
        path: The file; its folder is made if need be. Give each key, or IP address, its own.
        most: How many requests any window may hold; None is no limit.
        seconds: Length of the window.
    """

    def __init__(self, path: Path, most: int | None, seconds: int = 60) -> None:
        self._path = path
        self._most = most
        self._seconds = seconds
        self._window_ms = seconds * 1_000 + _MARGIN_MS

    def acquire(self, request_id: str = "request") -> None:
        """Take a slot, waiting for a free one as long as it takes.

        Args:
            request_id: The request's key; the count needs none.

        Raises:
            OSError: the folder cannot be made or the lock file cannot be opened.
            sqlite3.Error: the file is not a database or cannot be written.
        """
        if self._most is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        waited = False
        while (wait_ms := self._try_acquire(self._most)) is not None:
            if not waited:
                _logger.info(
                    "request budget of %d %s is used up: waiting %.1f s",
                    self._most,
                    "a minute" if self._seconds == 60 else f"in {self._seconds} s",
                    wait_ms / 1000,
                )
                waited = True
            time.sleep(wait_ms / 1000)

    def used(self) -> int | None:
        """Slots that were taken in the last window; None where there is no limit and so no count.

        Raises:
            sqlite3.Error: the file is not a database.
        """
        if self._most is None:
            return None
        if not self._path.exists():
            return 0
        with self._bucket(self._most) as bucket:
            bucket.leak(time.time_ns() // 1_000_000)
            return int(bucket.count())

    @contextmanager
    def _bucket(self, most: int) -> Iterator[SQLiteBucket]:
        rates = [Rate(most, self._window_ms)]
        with (
            FileLock(f"{self._path}.lock"),
            closing(SQLiteBucket.init_from_file(rates, db_path=str(self._path))) as bucket,
        ):
            yield bucket

    def _try_acquire(self, most: int) -> int | None:
        """Take a slot and return None, or return the milliseconds until one can be free."""
        with self._bucket(most) as bucket:
            now = time.time_ns() // 1_000_000
            newest = bucket.peek(0)
            if newest is not None and newest.timestamp > now + self._window_ms:
                # The clock was set back; entries from the future would block us until then.
                bucket.flush()
            bucket.leak(now)
            item = RateItem("request", now)
            if bucket.put(item):
                return None
            wait_ms = bucket.waiting(item)
            assert isinstance(wait_ms, int)  # awaitable for asynchronous buckets only
            return wait_ms + 1  # the oldest entry still counts in the millisecond it is named for
