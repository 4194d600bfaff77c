"""Charts and candles of the simulated market: a point says what ``/coins/markets`` said then.

Source: CoinGecko's documentation. Points every five minutes for the last day, every hour for a
range of up to 90 days, every day (00:00 UTC) above; not on the grid, but some minutes after it; the
last one is now. Candles bear the time at which they close; they are made of the points of the
charts, so one that has no points is not there.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Literal, NamedTuple

from crypto_pipeline.sandbox import quirks as quirk
from crypto_pipeline.sandbox.conditions import Conditions
from crypto_pipeline.sandbox.json_numbers import amount_text, price_text
from crypto_pipeline.sandbox.listing import (
    Precision,
    QueryError,
    parse_currency,
    parse_precision,
)
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.simulated_coin import DAY_MS, HOUR_MS, MINUTE_MS, SimulatedCoin

OHLC_DAYS = ("1", "7", "14", "30", "90", "180", "365", "max")
"""Values of ``days`` of ``/coins/{id}/ohlc``; "max" is beyond the reach of a plan that has one."""

FIRST_MS = 1_367_107_200_000
"""The first day of which there are prices: 2013-04-28."""

_FIVE_MINUTES_MS = 5 * MINUTE_MS
_HALF_OFFSET_MS = 271_000
"""How late half of the hourly points are; measured on a real series."""

_DAY_COMPLETE_MS = 35 * MINUTE_MS
"""After midnight UTC, when the day before is there."""

# The longest ``days`` for which candles of an hour and of a day can be asked for.
_CANDLES: dict[str, tuple[int, int]] = {"hourly": (HOUR_MS, 90), "daily": (DAY_MS, 180)}

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class ReachError(Exception):
    """The range begins before the plan's reach."""


class PlanError(Exception):
    """The plan does not have what is asked for."""


class ChartQuery(NamedTuple):
    """A range of a chart, in milliseconds.

    Attributes:
        vs_currency: One of ``CURRENCIES``.
        start: First moment.
        end: Last moment.
        daily: Whether points of days are asked for, whatever the range.
        precision: Decimal places of prices; None is all digits, as in the real charts.
    """

    vs_currency: str
    start: int
    end: int
    daily: bool = False
    precision: Precision = None


class OhlcQuery(NamedTuple):
    """The candles of the last days.

    Attributes:
        vs_currency: One of ``CURRENCIES``.
        days: One of ``OHLC_DAYS``.
        length: Of a candle, in milliseconds.
        precision: As for ``ChartQuery``.
    """

    vs_currency: str
    days: str
    length: int
    precision: Precision = None


class _Prices(NamedTuple):
    """Prices of points, by time."""

    times: list[int]
    prices: list[float]

    def within(self, start: int, end: int) -> list[float]:
        """Those after a time, up to another."""
        return self.prices[bisect_right(self.times, start) : bisect_right(self.times, end)]


class Charts:
    """The past of a market as it is answered at a time.

    Args:
        market: Whose past it is; its conditions say what is lost, restated, or out of reach.
        at: When it is asked for.
    """

    def __init__(self, market: Market, at: datetime) -> None:
        self._market = market
        self._conditions = market.conditions
        self._at = at
        self._now = _ms(at)
        self._lost = frozenset(_ms(hour) // HOUR_MS for hour in self._conditions.lost)

    def chart(self, coin: SimulatedCoin, query: ChartQuery) -> bytes:
        """The body of a chart.

        Raises:
            ReachError: the range begins before the plan's reach.
        """
        self._check_reach(query.start)
        end = min(query.end, self._now)
        step = DAY_MS if query.daily else _step(query.start, end, self._now)
        times = self._times(coin, query.start, end, step)
        if query.start <= self._now <= query.end and self._market.has_price(coin):
            times += [self._now] if self._is_listed(coin)(self._now) else []
        odd = self._market.quirks
        digits = "full" if query.precision is None else query.precision
        factor = self._factor(coin)
        rate_at = self._market.currencies.units_per_usd
        columns: tuple[list[str], list[str], list[str]] = ([], [], [])
        for time in times:
            quote = self._market.quote(coin, time)
            rate, restated = rate_at(query.vs_currency, quote.updated), factor(time)
            price = quote.price * rate * restated
            cap = "null" if quote.cap is None else amount_text(quote.cap * rate * restated, odd)
            columns[0].append(f"[{time},{price_text(price, digits, odd)}]")
            columns[1].append(f"[{time},{cap}]")
            columns[2].append(f"[{time},{amount_text(quote.volume * rate, odd)}]")
        prices, caps, volumes = (",".join(column) for column in columns)
        return (
            f'{{"prices":[{prices}],"market_caps":[{caps}],"total_volumes":[{volumes}]}}'
        ).encode()

    def ohlc(self, coin: SimulatedCoin, query: OhlcQuery) -> bytes:
        """The body of candles.

        Raises:
            ReachError: they begin before the plan's reach.
        """
        start = FIRST_MS if query.days == "max" else self._now - int(query.days) * DAY_MS
        self._check_reach(start)
        length = query.length
        first = start - start % length
        # With the last day before, for the price at which the first candle opens.
        prices = self._prices(coin, query.vs_currency, first - DAY_MS, length)
        opens = prices.within(first - DAY_MS - 1, first)
        odd, digits = self._market.quirks, query.precision
        candles = []
        for close in range(first + length, self._now + 1, length):
            if length >= DAY_MS and self._now < close + _DAY_COMPLETE_MS:
                break
            within = prices.within(close - length, close)
            if not within:
                continue
            # A candle opens where the one before closed.
            shown = [opens[-1], *within] if opens else within
            texts = (
                price_text(price, "full" if digits is None else digits, odd)
                for price in (shown[0], max(shown), min(shown), within[-1])
            )
            candles.append(f"[{close},{','.join(texts)}]")
            opens = within
        return f"[{','.join(candles)}]".encode()

    def _prices(self, coin: SimulatedCoin, currency: str, start: int, length: int) -> _Prices:
        """The prices of all points that charts have from a time on, fine enough for candles."""
        steps = [DAY_MS, HOUR_MS]
        if length < HOUR_MS:
            steps.append(_FIVE_MINUTES_MS)
        times = sorted(
            {time for step in steps for time in self._times(coin, start, self._now, step)}
        )
        factor = self._factor(coin)
        rate_at = self._market.currencies.units_per_usd
        prices = []
        for time in times:
            quote = self._market.quote(coin, time)
            prices.append(quote.price * rate_at(currency, quote.updated) * factor(time))
        return _Prices(times, prices)

    def _times(self, coin: SimulatedCoin, start: int, end: int, step: int) -> list[int]:
        """When the points of a range were made."""
        if not self._market.has_price(coin):
            return []
        first = max(start, coin.listed_at, FIRST_MS)
        if step == DAY_MS:
            end = min(end, self._now - _DAY_COMPLETE_MS)
        is_listed = self._is_listed(coin)
        found = []
        for grid in range(first - first % step, end + 1, step):
            time = grid + self._offset(coin, grid, step)
            if first <= time <= end and not self._is_lost(coin, grid) and is_listed(time):
                found.append(time)
        return found

    def _offset(self, coin: SimulatedCoin, grid: int, step: int) -> int:
        if step == DAY_MS:
            return 0
        most = 2 * _HALF_OFFSET_MS if step == HOUR_MS else 20_000
        return int(quirk.unit(self._market.seed, "offset", coin.listed.id, grid) * most)

    def _is_lost(self, coin: SimulatedCoin, grid: int) -> bool:
        hour = grid // HOUR_MS
        if hour in self._lost:
            return True
        share = self._conditions.lost_share
        return share > 0 and (
            quirk.unit(self._market.seed, "lost", coin.listed.id, hour * HOUR_MS) < share
        )

    def _is_listed(self, coin: SimulatedCoin) -> Callable[[int], bool]:
        id, conditions = coin.listed.id, self._conditions
        if any(absence.coin == id for absence in conditions.absences):
            return lambda time: conditions.is_listed(id, _time(time))
        return lambda time: True

    def _factor(self, coin: SimulatedCoin) -> Callable[[int], float]:
        """By what the prices of a coin are multiplied."""
        id, conditions, at = coin.listed.id, self._conditions, self._at
        if any(one.coin == id for one in conditions.restatements):
            return lambda time: conditions.factor(id, _time(time), at)
        return lambda time: 1.0

    def _check_reach(self, start: int) -> None:
        reach = self._conditions.limits.reach_days
        if reach is not None and start < self._now - reach * DAY_MS:
            raise ReachError


def parse_range(parameters: Mapping[str, str], conditions: Conditions) -> ChartQuery:
    """Check the parameters of ``market_chart/range``.

    Raises:
        QueryError: one is missing or wrong.
        PlanError: the plan has no such interval.
    """
    start, end = (
        _moment(name, parameters.get(name), conditions.is_paid) for name in ("from", "to")
    )
    if start > end:
        raise QueryError("invalid range: from is after to")
    currency, precision = parse_currency(parameters), parse_precision(parameters)
    # The parameter is not one of the free plans.
    daily = conditions.is_paid and _interval(parameters) == "daily"
    return ChartQuery(currency, start, end, daily, precision)


def parse_days(parameters: Mapping[str, str], at: datetime) -> ChartQuery:
    """Check the parameters of ``market_chart``.

    Raises:
        QueryError: one is missing or wrong.
        PlanError: no plan but the largest has such an interval.
    """
    days = parameters.get("days")
    if days is None:
        raise QueryError("Missing parameter days")
    now = _ms(at)
    if days == "max":
        start = FIRST_MS
    elif days.isascii() and days.isdigit() and len(days) <= 6:
        start = now - int(days) * DAY_MS
    else:
        raise QueryError("invalid days")
    currency, precision = parse_currency(parameters), parse_precision(parameters)
    return ChartQuery(currency, start, now, _interval(parameters) == "daily", precision)


def parse_ohlc(parameters: Mapping[str, str], conditions: Conditions) -> OhlcQuery:
    """Check the parameters of ``ohlc``.

    Raises:
        QueryError: one is missing or wrong.
        PlanError: the plan does not let choose the candle's length.
    """
    days = parameters.get("days")
    if days not in OHLC_DAYS:
        raise QueryError("invalid days")
    currency, precision = parse_currency(parameters), parse_precision(parameters)
    interval = parameters.get("interval")
    if interval is None:
        return OhlcQuery(currency, days, _usual_candle(days), precision)
    if interval not in _CANDLES:
        raise QueryError("invalid interval")
    if not conditions.is_paid:
        raise PlanError
    length, most = _CANDLES[interval]
    if days == "max" or int(days) > most:
        raise QueryError("invalid days")
    return OhlcQuery(currency, days, length, precision)


def cached_for(query: ChartQuery) -> timedelta:
    """How long CoinGecko serves a chart from its cache."""
    length = query.end - query.start
    if length <= DAY_MS:
        return timedelta(seconds=30)
    return timedelta(minutes=30) if length <= 90 * DAY_MS else timedelta(hours=12)


def _step(start: int, end: int, now: int) -> int:
    if end - start > 90 * DAY_MS:
        return DAY_MS
    from_now = end >= now - _FIVE_MINUTES_MS
    return _FIVE_MINUTES_MS if end - start <= DAY_MS and from_now else HOUR_MS


def _usual_candle(days: str) -> int:
    if days == "max" or int(days) > 30:
        return 4 * DAY_MS
    return 4 * HOUR_MS if int(days) > 2 else 30 * MINUTE_MS


def _interval(parameters: Mapping[str, str]) -> Literal["daily"] | None:
    interval = parameters.get("interval")
    if interval in ("5m", "hourly"):
        # CoinGecko keeps these for its plan Enterprise.
        raise PlanError
    if interval not in (None, "daily"):
        raise QueryError("invalid interval")
    return "daily" if interval else None


def _moment(name: str, text: str | None, may_be_a_date: bool) -> int:
    """Seconds since 1970, or a date or time as ISO 8601 has it."""
    if text is None:
        raise QueryError(f"Missing parameter {name}")
    if text.isascii() and text.isdigit() and len(text) <= 11:
        return int(text) * 1000
    if not may_be_a_date:
        raise QueryError(f"invalid {name}")
    try:
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise QueryError(f"invalid {name}") from None
    return _ms(time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time)


def _ms(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(milliseconds=1)


def _time(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)
