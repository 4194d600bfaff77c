"""The request budget: how often a minute this machine may ask CoinGecko."""

import logging
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

from filelock import FileLock
from pyrate_limiter import Rate, RateItem, SQLiteBucket

from crypto_pipeline.config.settings import Plan, Settings

DEFAULT_PER_MINUTE: dict[Plan, int | None] = {
    Plan.PUBLIC: 5,
    Plan.DEMO: 30,
    Plan.PRO: 250,
    Plan.SANDBOX: None,
}
"""Requests a minute by plan; None is no limit.

The lowest figures that CoinGecko publishes: keyless access is shared by all users of an IP address
and has no promised rate; Demo is 30 on the pricing page (100 in newer documentation); 250 is the
smallest paid plan. They move, hence COINGECKO_REQUESTS_PER_MINUTE.
"""

DEFAULT_PER_MONTH: dict[Plan, int | None] = {
    Plan.PUBLIC: None,
    Plan.DEMO: 10_000,
    Plan.PRO: 100_000,
    Plan.SANDBOX: None,
}
"""Credits a month by plan; None is no figure that is published. Demo's is on the pricing page, as
is that of the smallest paid plan; hence COINGECKO_REQUESTS_PER_MONTH."""

LISTS_INACTIVE_COINS = frozenset({Plan.PRO, Plan.SANDBOX})
"""Plans that answer ``/coins/list`` for the inactive coins too, by CoinGecko's documentation."""

_HISTORY_DAYS: dict[Plan, int | None] = {
    Plan.PUBLIC: 365,
    Plan.DEMO: 365,
    Plan.PRO: 730,
    Plan.SANDBOX: None,
}
"""Days back that a plan's charts reach; None is all there is. 730 are those of the smallest paid
plan; hence COINGECKO_HISTORY_DAYS."""


def history_days(settings: Settings) -> int | None:
    """Days back that the plan's charts reach; None is all there is."""
    return settings.coingecko_history_days or _HISTORY_DAYS[settings.coingecko_plan]


# CoinGecko sees a request later than we count it: without a margin, a slow request followed by a
# quick one would make its minute hold one too many.
_WINDOW_MS = 61_000

_logger = logging.getLogger(__name__)


class Budget(Protocol):
    """Whatever gives a request its slot."""

    def acquire(self, request_id: str) -> None:
        """Take a slot, waiting for a free one as long as it takes."""


class RequestBudget:
    """A sliding one-minute window of requests, kept in a file that all processes share.

    The count is pyrate-limiter's SQLite bucket. Its ``Limiter`` is not used: that one dates a
    request that had to wait by the waits it planned instead of by the clock, and keeps a thread and
    a connection open, which does not survive a fork. Here every look at the bucket opens it under a
    file lock, so an instance has no state: it may be shared by threads, pickled and forked. The
    kernel frees the lock of a process that dies, and SQLite rolls back what it had begun.

    Args:
        path: The file; its folder is made if need be. Give each key, or IP address, its own.
        per_minute: How many requests any minute may hold; None is no limit.
    """

    def __init__(self, path: Path, per_minute: int | None) -> None:
        self._path = path
        self._per_minute = per_minute

    def acquire(self, request_id: str = "request") -> None:
        """Take a slot, waiting for a free one as long as it takes.

        Args:
            request_id: The request's key; the count needs none.

        Raises:
            OSError: the folder cannot be made or the lock file cannot be opened.
            sqlite3.Error: the file is not a database or cannot be written.
        """
        if self._per_minute is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        waited = False
        while (wait_ms := self._try_acquire(self._per_minute)) is not None:
            if not waited:
                _logger.info(
                    "request budget of %d a minute is used up: waiting %.1f s",
                    self._per_minute,
                    wait_ms / 1000,
                )
                waited = True
            time.sleep(wait_ms / 1000)

    def used(self) -> int | None:
        """Slots that were taken in the last minute; None where there is no limit and so no count.

        Raises:
            sqlite3.Error: the file is not a database.
        """
        if self._per_minute is None:
            return None
        if not self._path.exists():
            return 0
        with self._bucket(self._per_minute) as bucket:
            bucket.leak(time.time_ns() // 1_000_000)
            return int(bucket.count())

    @contextmanager
    def _bucket(self, per_minute: int) -> Iterator[SQLiteBucket]:
        rates = [Rate(per_minute, _WINDOW_MS)]
        with (
            FileLock(f"{self._path}.lock"),
            closing(SQLiteBucket.init_from_file(rates, db_path=str(self._path))) as bucket,
        ):
            yield bucket

    def _try_acquire(self, per_minute: int) -> int | None:
        """Take a slot and return None, or return the milliseconds until one can be free."""
        with self._bucket(per_minute) as bucket:
            now = time.time_ns() // 1_000_000
            newest = bucket.peek(0)
            if newest is not None and newest.timestamp > now + _WINDOW_MS:
                # The clock was set back; entries from the future would block us until then.
                bucket.flush()
            bucket.leak(now)
            item = RateItem("request", now)
            if bucket.put(item):
                return None
            wait_ms = bucket.waiting(item)
            assert isinstance(wait_ms, int)  # awaitable for asynchronous buckets only
            return wait_ms + 1  # the oldest entry still counts in the millisecond it is named for


def request_budget(settings: Settings) -> RequestBudget:
    """The machine's budget for the plan, in ``data_dir``."""
    plan = settings.coingecko_plan
    return RequestBudget(
        settings.data_dir / f"request-budget-{plan.value}.sqlite3",
        settings.coingecko_requests_per_minute or DEFAULT_PER_MINUTE[plan],
    )
