"""Backfill and repair: asks for what is missing, within the budget, and loads it.

Every answer is a landing file before anything else happens to it. What was asked for and answered
is known from the batches, so that whatever ends a run, the next one asks for the rest only.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from itertools import product

from crypto_pipeline.coingecko.charts import ChartAnswer
from crypto_pipeline.coingecko.client import CoinGeckoClient, KeyUsage
from crypto_pipeline.coingecko.errors import BadRequest, CoinGeckoError, PlanError
from crypto_pipeline.coingecko.limits import history_days
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.history.load import LoadedHistory, files_to_load, load_history
from crypto_pipeline.history.planner import Series, Span, Window, plan, within
from crypto_pipeline.landing.landed import hour_of
from crypto_pipeline.landing.price_history import (
    HistoryFile,
    asked_for,
    keep_answer,
    read_answer,
)
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline.warehouse.request_ledger import (
    BudgetSpentError,
    MonthUse,
    SharedBudget,
    enter_requests,
    hourly_requests,
    month_use,
    requests_per_minute,
)

FIRST_MOMENT = datetime(2013, 4, 28, tzinfo=timezone.utc)
"""The first day of which CoinGecko has prices."""

_BEYOND_REACH = 10012
_NOT_FOUND = 404
_ANSWERS_PER_LOAD = 50
_HOUR = timedelta(hours=1)
_GONE = timedelta(days=7)
_REACH_TOLD = re.compile(r"past (\d+) days")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cost:
    """What a plan costs.

    Attributes:
        requests: How many requests.
        credits: Credits of the month: one a request.
        minutes: Minutes of asking, as many requests a minute as the budget leaves.
        days: Days until all is there, within the month's credits.
        missing: Hours that are missing.
    """

    requests: int
    credits: int
    minutes: int
    days: int
    missing: int

    def __str__(self) -> str:
        return (
            f"{self.missing} missing hours: {self.requests} requests, {self.credits} credits,"
            f" {self.minutes} minutes, complete in {self.days} days"
        )


@dataclass(frozen=True)
class Planned:
    """What a run sets out to do.

    Attributes:
        windows: The requests, in their order.
        beyond_reach: What the plan's charts do not reach, and why: it is not asked for.
    """

    windows: Sequence[Window]
    beyond_reach: Sequence[tuple[Series, Span, str]] = ()


@dataclass
class Outcome:
    """What a run did.

    Attributes:
        planned: Requests that it set out to make.
        made: Windows that were answered.
        refused: Windows that the source does not give.
        points: Points that were new.
        failed: Landing files that could not be loaded.
        stopped: Why it ended before the plan did; None if it did not.
    """

    planned: int
    made: int = 0
    refused: int = 0
    points: int = 0
    failed: int = 0
    stopped: str | None = None
    months: set[str] = field(default_factory=set)

    def __str__(self) -> str:
        text = (
            f"{self.made} of {self.planned} requests answered, {self.refused} refused,"
            f" {self.points} points loaded"
        )
        return text if self.stopped is None else f"{text}; stopped: {self.stopped}"


@dataclass(frozen=True)
class History:
    """Where price history is asked for, kept and loaded.

    Attributes:
        warehouse: The warehouse.
        zone: The landing zone.
        settings: Plan and limits.
    """

    warehouse: Warehouse
    zone: LandingZone
    settings: Settings

    def now(self) -> datetime:
        """The pipeline's clock, UTC: the server's for the sandbox plan.

        Raises:
            CoinGeckoError: the sandbox server cannot be reached.
        """
        with CoinGeckoClient.from_settings(self.settings) as client:
            return client.now()

    def _key_usage(self) -> KeyUsage:
        with CoinGeckoClient.from_settings(self.settings) as client:
            return client.key_usage()

    def load_pending(
        self, on_loaded: Callable[[Sequence[LoadedHistory]], None] = lambda loaded: None
    ) -> int:
        """Load the landing files of price history that are no completed batch.

        Returns:
            How many failed.
        """
        files = files_to_load(self.warehouse, self.zone)
        return load_history(self.warehouse, files, self.settings.max_rejected_share, on_loaded)

    def tracked_coins(self) -> list[str]:
        """The coins that snapshots have had, the largest first; one that goes on under another id
        by that."""
        with self.warehouse.connection() as connection:
            found = connection.execute(read_sql("history/tracked_coins.sql"))
            return [row[0] for row in found]

    def missing(
        self, coins: Sequence[str], currencies: Sequence[str], span: Span
    ) -> dict[Series, list[Span]]:
        """The hours of a span that are missing of some coins, and that the source can be asked
        for. A coin that goes on under another id is asked for under that one."""
        return self._spans(
            "history/missing_hours.sql",
            {
                "coins": list(coins),
                "currencies": list(currencies),
                "start": span.start,
                "end": span.end,
            },
        )

    def unexplained_gaps(self) -> dict[Series, list[Span]]:
        """The gaps that the source can be asked for."""
        return self._spans("history/unexplained_gaps.sql", {})

    def plan(self, missing: Mapping[Series, Sequence[Span]], now: datetime) -> Planned:
        """The requests for what is missing, as far as the plan reaches. It writes nothing."""
        reach = self._reach(now)
        if reach is None:
            return Planned(plan(missing, self.tracked_coins()))
        before = Span(datetime(1970, 1, 1, tzinfo=timezone.utc), reach)
        days = (now - reach).days
        beyond = [
            (series, part, f"the plan's charts reach {days} days back")
            for series, spans in missing.items()
            for part in within(spans, before)
        ]
        reached = Span(reach, hour_of(now))
        inside = {series: within(spans, reached) for series, spans in missing.items()}
        return Planned(plan(inside, self.tracked_coins()), beyond)

    def cost(self, planned: Planned, *, dry_run: bool = False) -> Cost:
        """What it costs, with the month's credits as they are.

        Args:
            planned: What is set out to be done.
            dry_run: Whether to write nothing: what this machine has asked for and not entered into
                the ledger is not counted then.
        """
        windows = planned.windows
        key = self._key_usage()
        if not dry_run:
            enter_requests(self.warehouse)
        with self.warehouse.connection() as connection:
            use = month_use(connection, self.settings, key)
        per_minute = requests_per_minute(self.settings, key)
        count = len(windows)
        minutes = 0 if per_minute is None else -(-count // per_minute)
        return Cost(
            requests=count,
            credits=count,
            minutes=minutes,
            days=_days_until_complete(count, minutes, use, hourly_requests(self.settings)),
            missing=sum(window.missing for window in windows),
        )

    def fetch(
        self,
        planned: Planned,
        now: datetime,
        run_id: str | None = None,
        on_progress: Callable[[str], None] = lambda text: None,
    ) -> Outcome:
        """Ask for windows, one after the other, and load what comes. What lies before the plan's
        reach is remembered as refused.

        It ends early, with what it has, when the month's credits are used up or CoinGecko cannot be
        had (no network, the rate limit exceeded for as many attempts as a request has).

        Raises:
            CoinGeckoError: it is of no use to ask again, as with a wrong key.
        """
        for series, span, reason in planned.beyond_reach:
            self._refuse(series, span, reason)
        outcome = Outcome(planned=len(planned.windows))
        left = list(reversed(planned.windows))
        landed: list[HistoryFile] = []
        with self._asking(landed, outcome, run_id) as client:
            while left:
                self._ask(client, left.pop(), left, landed, outcome, now)
                if len(landed) >= _ANSWERS_PER_LOAD:
                    self._load(landed, outcome)
                    on_progress(
                        f"{outcome.made + outcome.refused} of {outcome.planned} requests,"
                        f" {outcome.points} points"
                    )
        return outcome

    def fetch_candles(
        self,
        coins: Sequence[str],
        currencies: Sequence[str],
        days: str,
        now: datetime,
        run_id: str | None = None,
    ) -> Outcome:
        """Ask for CoinGecko's own candles of the last days, and load them. What was asked for on
        the day (UTC) of ``now`` is not asked for again.

        Raises:
            CoinGeckoError: it is of no use to ask again, as with a wrong key.
        """
        with self.warehouse.connection() as connection:
            coins = [
                row[0]
                for row in connection.execute(
                    read_sql("history/current_ids.sql"), {"coins": list(coins)}
                )
            ]
            asked = set(
                connection.execute(
                    "SELECT crypto_id, vs_currency FROM history_batches WHERE origin = 'ohlc'"
                    " AND status = 'completed' AND ingested_at >= %s AND landing_file LIKE %s",
                    [hour_of(now).replace(hour=0), f"%/ohlc-{days}-%"],
                ).fetchall()
            )
        left = [pair for pair in product(coins, currencies) if pair not in asked]
        outcome = Outcome(planned=len(left))
        landed: list[HistoryFile] = []
        with self._asking(landed, outcome, run_id) as client:
            for coin, currency in left:
                try:
                    known = self._known(Series(coin, currency), {"days": days})
                    answer = client.ohlc(coin, currency, days, known=known)
                except (BadRequest, PlanError) as error:
                    _logger.warning("no candles of %s in %s: %s", coin, currency, error)
                    outcome.refused += 1
                else:
                    landed.append(keep_answer(self.zone, answer)[0])
                    outcome.made += 1
        return outcome

    @contextmanager
    def _asking(
        self, landed: list[HistoryFile], outcome: Outcome, run_id: str | None
    ) -> Iterator[CoinGeckoClient]:
        """A client within the budget. However the block ends, what has landed is loaded; what may
        be had another time ends it early."""
        try:
            with (
                SharedBudget(self.warehouse, self.settings, self._key_usage()) as budget,
                CoinGeckoClient.from_settings(self.settings, run_id, budget) as client,
            ):
                yield client
        except BudgetSpentError as spent:
            outcome.stopped = str(spent)
        except CoinGeckoError as error:
            if not error.retryable:
                raise
            outcome.stopped = str(error)
        finally:
            self._load(landed, outcome)
        enter_requests(self.warehouse)

    def _ask(
        self,
        client: CoinGeckoClient,
        window: Window,
        left: list[Window],
        landed: list[HistoryFile],
        outcome: Outcome,
        now: datetime,
    ) -> None:
        series, span = window.series, window.span
        # The last hour's points, and not the first moment of the next.
        last = span.end - timedelta(seconds=1)
        bounds = {"from": f"{span.start.timestamp():.0f}", "to": f"{last.timestamp():.0f}"}
        try:
            answer = client.chart_range(
                series.coin,
                series.vs_currency,
                span.start,
                last,
                known=self._known(series, bounds),
                on_unreadable=lambda unreadable: landed.append(
                    keep_answer(self.zone, unreadable)[0]
                ),
            )
        except PlanError as error:
            if error.code != _BEYOND_REACH:
                raise
            outcome.refused += 1
            self._beyond_reach(window, left, error, now)
        except BadRequest as error:
            if error.status != _NOT_FOUND:
                raise
            outcome.refused += 1
            # One that is gone is asked for again after a while, and not every night.
            until = span.end if span.end < hour_of(now) - _GONE else span.end + _GONE
            gone = Span(span.start, until)
            self._refuse(series, gone, f"CoinGecko does not know the coin: {error.text}")
            for other in [one for one in left if one.series.coin == series.coin]:
                left.remove(other)
                outcome.refused += 1
                self._refuse(other.series, other.span, "CoinGecko does not know the coin")
        else:
            landed.append(keep_answer(self.zone, answer)[0])
            outcome.made += 1

    def _beyond_reach(
        self, window: Window, left: list[Window], error: PlanError, now: datetime
    ) -> None:
        """Remember what the plan does not reach. Where the answer says how far it does, what lies
        within is asked for; an older range of the series is not asked for at all."""
        told = _REACH_TOLD.search(error.text)
        # An hour to spare: it is later now than it was when the answer was made.
        reach = hour_of(now - timedelta(days=int(told[1]))) + 2 * _HOUR if told else window.span.end
        older = [one for one in left if one.series == window.series]
        for one in (window, *older):
            beyond = within([one.span], Span(FIRST_MOMENT, reach))
            for part in beyond:
                self._refuse(one.series, part, error.text or "the plan does not reach so far back")
            if one in left and beyond:
                left.remove(one)
            inside = Span(max(one.span.start, reach), one.span.end)
            if beyond and inside.start < inside.end:
                left.append(replace(one, span=inside, missing=min(one.missing, inside.hours)))

    def _load(self, landed: list[HistoryFile], outcome: Outcome) -> None:
        def count(loaded: Sequence[LoadedHistory]) -> None:
            outcome.points += sum(file.loaded for file in loaded)

        outcome.failed += load_history(
            self.warehouse, landed, self.settings.max_rejected_share, count
        )
        landed.clear()

    def _known(self, series: Series, request: Mapping[str, str]) -> ChartAnswer | None:
        """The newest answer to a request; None if there is none whose file can be read."""
        key = {
            "coin": series.coin,
            "currency": series.vs_currency,
            "asked": asked_for(request),
        }
        with self.warehouse.connection() as connection:
            found = connection.execute(read_sql("history/answer_before.sql"), key).fetchone()
        return None if found is None else read_answer(self.zone.stored_file(found[0]))

    def _reach(self, now: datetime) -> datetime | None:
        days = history_days(self.settings)
        return None if days is None else hour_of(now - timedelta(days=days)) + 2 * _HOUR

    @property
    def _plan_name(self) -> str:
        """The plan with how far it reaches: what one refuses, another may not."""
        days = history_days(self.settings)
        name = self.settings.coingecko_plan.value
        return name if days is None else f"{name}, {days} days"

    def _refuse(self, series: Series, span: Span, reason: str) -> None:
        with self.warehouse.connection() as connection:
            connection.execute(
                "INSERT INTO history_refusals"
                " (crypto_id, vs_currency, plan, refused_from, refused_to, reason)"
                " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                [
                    *(series.coin, series.vs_currency, self._plan_name),
                    *(span.start, span.end, reason),
                ],
            )

    def _spans(self, query: str, parameters: dict[str, object]) -> dict[Series, list[Span]]:
        found: dict[Series, list[Span]] = {}
        with self.warehouse.connection() as connection:
            rows: Iterable[tuple[str, str, datetime, datetime]] = connection.execute(
                read_sql(query), {**parameters, "plan": self._plan_name}
            ).fetchall()
        for coin, currency, start, end in rows:
            found.setdefault(Series(coin, currency), []).append(Span(start, end))
        return found


def _days_until_complete(requests: int, minutes: int, use: MonthUse, hourly: int) -> int:
    """Days until so many requests are made, within the credits of this month and the next ones."""
    if use.free is None or use.limit is None or requests <= use.free:
        return -(-minutes // (24 * 60))
    until_next = (use.ends_at - datetime.now(timezone.utc)).days + 1
    a_month = max(1, use.limit - 31 * 24 * hourly)
    return until_next + 31 * (-(-(requests - use.free) // a_month) - 1) + 1
