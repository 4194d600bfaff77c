"""The request ledger: every request to a source, in the database, shared by all machines.

What a machine has asked for is entered from its log (``fetching/request_log.py``), whenever a
database is at hand. A backfill or repair takes its slots here as well, so that all processes of a
database together keep to the plan. The hourly fetch does not wait for it, and part of each budget
is kept free for it.
"""

import logging
import math
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from types import TracebackType

import psycopg

from crypto_pipeline.coingecko.client import NOT_ASKED, KeyUsage
from crypto_pipeline.coingecko.limits import DEFAULT_PER_MINUTE, DEFAULT_PER_MONTH, request_budget
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.fetching.budget import RequestBudget
from crypto_pipeline.fetching.request_log import COINGECKO, request_log
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse, copy_rows

_PER_PAGE = 250
_REQUESTS_BETWEEN_COUNTS = 100
_MOST_OF_A_MONTH = 0.8
"""Share of the month's credits that may be used at its end."""
_COLUMNS = (
    *("request_id", "sent_at", "plan", "endpoint", "http_status", "credits", "received_bytes"),
    *("duration_ms", "is_cached", "run_id", "api"),
)

_logger = logging.getLogger(__name__)


class BudgetSpentError(Exception):
    """The month's credits that are not kept for the hourly fetch are used up; the message says when
    it goes on."""


@dataclass(frozen=True)
class MonthUse:
    """How a month's credits are used.

    Attributes:
        limit: Credits of the month; None is no limit that is known.
        used: Those used so far.
        kept: Those that the hourly fetch needs for the rest of the month.
        elapsed_share: How much of the month is over, from 0 to 1.
        ends_at: When the next month begins, UTC.
    """

    limit: int | None
    used: int
    kept: int
    elapsed_share: float
    ends_at: datetime

    @property
    def free(self) -> int | None:
        """Credits for anything else; None without a limit."""
        return None if self.limit is None else max(0, self.limit - self.used - self.kept)

    @property
    def pace(self) -> float | None:
        """Share of the limit that will be used at the month's end if it goes on so."""
        if not self.limit or not self.elapsed_share:
            return None
        return self.used / self.elapsed_share / self.limit

    @property
    def is_on_pace(self) -> bool:
        """Whether credits will be left at the month's end, with some to spare."""
        return self.pace is None or self.pace <= _MOST_OF_A_MONTH


def enter_requests(warehouse: Warehouse) -> int:
    """Enter what this machine has asked for since the last time.

    Returns:
        How many requests.
    """
    with request_log(Settings()).take() as entries:
        if entries:
            with warehouse.connection() as connection, connection.transaction():
                connection.execute(
                    "CREATE TEMPORARY TABLE incoming_requests (LIKE api_requests) ON COMMIT DROP"
                )
                copy_rows(
                    connection,
                    "incoming_requests",
                    _COLUMNS,
                    (tuple(getattr(entry, name) for name in _COLUMNS) for entry in entries),
                )
                connection.execute(read_sql("history/enter_requests.sql"))
    return len(entries)


def month_use(
    connection: psycopg.Connection, settings: Settings, key: KeyUsage = NOT_ASKED
) -> MonthUse:
    """How the month's credits are used, by the ledger, and by what CoinGecko says of the key: the
    lower limit and the higher use of the two.

    Args:
        connection: To the warehouse.
        settings: Say the plan.
        key: What CoinGecko says, if it was asked.
    """
    now = datetime.now(timezone.utc)
    start = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = (start + timedelta(days=32)).replace(day=1)
    row = connection.execute(
        "SELECT coalesce(sum(credits), 0) FROM api_requests"
        " WHERE api = %s AND plan = %s AND sent_at >= %s",
        [COINGECKO, settings.coingecko_plan.value, start],
    ).fetchone()
    assert row is not None
    hours_left = math.ceil((end - now) / timedelta(hours=1))
    return MonthUse(
        limit=settings.coingecko_requests_per_month
        or _least(key.per_month, key.key_per_month)
        or DEFAULT_PER_MONTH[settings.coingecko_plan],
        used=max(int(row[0]), key.used or 0, key.key_used or 0),
        kept=hours_left * hourly_requests(settings),
        elapsed_share=(now - start) / (end - start),
        ends_at=end,
    )


def hourly_requests(settings: Settings) -> int:
    """How many requests an hourly fetch takes."""
    coins = len(settings.coingecko_ids) or settings.coingecko_top_n
    return math.ceil(coins / _PER_PAGE) * len(settings.currencies)


def requests_per_minute(settings: Settings, key: KeyUsage = NOT_ASKED) -> int | None:
    """How many requests a minute a backfill may make: what the hourly fetch leaves; None is no
    limit."""
    limit = (
        settings.coingecko_requests_per_minute
        or _least(key.per_minute, key.key_per_minute)
        or DEFAULT_PER_MINUTE[settings.coingecko_plan]
    )
    return None if limit is None else max(1, limit - hourly_requests(settings))


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit), default=None)


class SharedBudget:
    """The budget of a backfill or repair: a slot of the machine's, and one of the database's. Use
    it as a context manager.

    Args:
        warehouse: Has the ledger.
        settings: Say the plan and its limits.
        key: What CoinGecko says of the key.
    """

    def __init__(self, warehouse: Warehouse, settings: Settings, key: KeyUsage = NOT_ASKED) -> None:
        self._warehouse = warehouse
        self._settings = settings
        self._local: RequestBudget = request_budget(settings)
        self._key = key
        self._per_minute = requests_per_minute(settings, key)
        self._until_count = 0
        self._connecting = warehouse.connection()

    def __enter__(self) -> "SharedBudget":
        self._connection = self._connecting.__enter__()
        # Each statement is a transaction: a slot must be seen at once.
        self._connection.autocommit = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connecting.__exit__(kind, error, traceback)

    def acquire(self, request_id: str) -> None:
        """Take a slot, waiting for a free one as long as it takes.

        Raises:
            BudgetSpentError: the month has none left.
        """
        if self._until_count == 0:
            self._count_month()
        self._until_count -= 1
        waited = False
        while (seconds := self._reserve(request_id)) > 0:
            if not waited:
                _logger.info("%d requests a minute are used up: waiting", self._per_minute)
                waited = True
            time.sleep(seconds)
        self._local.acquire(request_id)

    def _reserve(self, request_id: str) -> float:
        row = self._connection.execute(
            "SELECT public.reserve_request(%s, %s, %s)",
            [request_id, self._settings.coingecko_plan.value, self._per_minute],
        ).fetchone()
        assert row is not None
        return float(row[0])

    def _count_month(self) -> None:
        enter_requests(self._warehouse)
        use = month_use(self._connection, self._settings, self._key)
        free = use.free
        if free == 0:
            raise BudgetSpentError(
                f"the month's {use.limit} credits are used up but for {use.kept} kept for the"
                f" hourly fetch ({use.used} used): the next month begins at {use.ends_at:%Y-%m-%d},"
                " or set COINGECKO_REQUESTS_PER_MONTH to what the plan has"
            )
        self._until_count = min(_REQUESTS_BETWEEN_COUNTS, free or _REQUESTS_BETWEEN_COUNTS)
