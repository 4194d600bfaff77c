"""Charts and candles of the simulated market: a point says what ``/coins/markets`` said then.

Source: CoinGecko's documentation. Points every five minutes for the last day, every hour for a
range of up to 90 days, every day (00:00 UTC) above; not on the grid, but some minutes after it; the
last one is now. Candles bear the time at which they close.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from crypto_pipeline.sandbox import quirks as quirk
from crypto_pipeline.sandbox.conditions import Conditions
from crypto_pipeline.sandbox.json_numbers import amount_text, price_text
from crypto_pipeline.sandbox.listing import UNITS_PER_USD, QueryError
from crypto_pipeline.sandbox.market import SLOT_MS, Market
from crypto_pipeline.sandbox.simulated_coin import DAY_MS, HOUR_MS, MINUTE_MS, SimulatedCoin

OHLC_DAYS = ("1", "7", "14", "30", "90", "180", "365", "max")
"""Values of ``days`` of ``/coins/{id}/ohlc``."""

FIRST_MS = 1_367_107_200_000
"""The first day of which there are prices: 2013-04-28."""

_HALF_OFFSET_MS = 271_000
"""How late half of the hourly points are; measured on a real series."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class ReachError(Exception):
    """The range begins before the plan's reach."""


class ChartQuery(NamedTuple):
    """A range of a chart, in milliseconds.

    Attributes:
        vs_currency: A key of ``UNITS_PER_USD``.
        start: First moment.
        end: Last moment.
    """

    vs_currency: str
    start: int
    end: int


class Charts:
    """The past of a market.

    Args:
        market: Whose past it is.
        conditions: What is lost, restated, or out of reach.
    """

    def __init__(self, market: Market, conditions: Conditions) -> None:
        self._market = market
        self._conditions = conditions

    def chart(self, coin: SimulatedCoin, query: ChartQuery, at: datetime) -> bytes:
        """The body of a chart as it is answered at a time.

        Raises:
            ReachError: the range begins before the plan's reach.
        """
        now = _ms(at)
        self._check_reach(query.start, now)
        times = self._times(coin, query.start, min(query.end, now), now)
        if query.end >= now:
            times.append(now)
        rate, odd = UNITS_PER_USD[query.vs_currency], self._market.quirks
        columns: tuple[list[str], list[str], list[str]] = ([], [], [])
        for time in times:
            updated = coin.updated_at(time - time % SLOT_MS)
            factor = self._conditions.factor(coin.listed.id, _time(time), at)
            price = coin.price(updated) * rate * factor
            cap, volume = price * coin.listed.circulating, coin.volume(updated) * rate
            columns[0].append(f"[{time},{price_text(price, 'full', odd)}]")
            columns[1].append(f"[{time},{amount_text(cap, odd)}]")
            columns[2].append(f"[{time},{amount_text(volume, odd)}]")
        prices, caps, volumes = (",".join(column) for column in columns)
        return (
            f'{{"prices":[{prices}],"market_caps":[{caps}],"total_volumes":[{volumes}]}}'
        ).encode()

    def ohlc(self, coin: SimulatedCoin, vs_currency: str, days: str, at: datetime) -> bytes:
        """The body of the candles of the last days.

        Raises:
            ReachError: they begin before the plan's reach.
        """
        now = _ms(at)
        length, step = _candle(days)
        start = FIRST_MS if days == "max" else now - int(days) * DAY_MS
        self._check_reach(start, now)
        rate = UNITS_PER_USD[vs_currency]
        candles = []
        close = start - start % length + length
        while close <= now:
            prices = [
                coin.price(coin.updated_at(time - time % SLOT_MS)) * rate
                for time in range(close - length, close + 1, step)
            ]
            texts = (prices[0], max(prices), min(prices), prices[-1])
            shown = ",".join(
                price_text(price, "full", quirks=self._market.quirks) for price in texts
            )
            candles.append(f"[{close},{shown}]")
            close += length
        return f"[{','.join(candles)}]".encode()

    def _times(self, coin: SimulatedCoin, start: int, end: int, now: int) -> list[int]:
        """When the points of a range were made."""
        listed_at = coin.atl_at - 30 * DAY_MS
        step = _step(start, end, now)
        first = max(start, listed_at, FIRST_MS)
        found = []
        for grid in range(first - first % step, end + 1, step):
            time = grid + self._offset(coin, grid, step)
            if first <= time <= end and not self._is_lost(coin, grid):
                found.append(time)
        return found

    def _offset(self, coin: SimulatedCoin, grid: int, step: int) -> int:
        if step == DAY_MS:
            return 0
        most = 2 * _HALF_OFFSET_MS if step == HOUR_MS else 20_000
        return int(quirk.unit(self._market.seed, "offset", coin.listed.id, grid) * most)

    def _is_lost(self, coin: SimulatedCoin, grid: int) -> bool:
        hour = grid - grid % HOUR_MS
        if _time(hour) in self._conditions.lost:
            return True
        share = self._conditions.lost_share
        return share > 0 and quirk.unit(self._market.seed, "lost", coin.listed.id, hour) < share

    def _check_reach(self, start: int, now: int) -> None:
        reach = self._conditions.reach_days
        if reach is not None and start < now - reach * DAY_MS:
            raise ReachError


def parse_range(parameters: Mapping[str, str]) -> ChartQuery:
    """Check the parameters of ``market_chart/range``.

    Raises:
        QueryError: one is missing or wrong.
    """
    start, end = (_moment(name, parameters.get(name)) for name in ("from", "to"))
    if start > end:
        raise QueryError("invalid range: from is after to")
    return ChartQuery(_currency(parameters), start, end)


def parse_days(parameters: Mapping[str, str], at: datetime) -> ChartQuery:
    """Check the parameters of ``market_chart``.

    Raises:
        QueryError: one is missing or wrong.
    """
    days = parameters.get("days")
    if days is None:
        raise QueryError("Missing parameter days")
    now = _ms(at)
    if days == "max":
        return ChartQuery(_currency(parameters), FIRST_MS, now)
    if not days.isascii() or not days.isdigit():
        raise QueryError("invalid days")
    return ChartQuery(_currency(parameters), now - int(days) * DAY_MS, now)


def parse_ohlc(parameters: Mapping[str, str]) -> tuple[str, str]:
    """Check the parameters of ``ohlc``: currency and days.

    Raises:
        QueryError: one is missing or wrong.
    """
    days = parameters.get("days")
    if days not in OHLC_DAYS:
        raise QueryError("invalid days")
    return _currency(parameters), days


def cached_for(query: ChartQuery) -> timedelta:
    """How long CoinGecko serves a chart from its cache."""
    length = query.end - query.start
    if length <= DAY_MS:
        return timedelta(seconds=30)
    return timedelta(minutes=30) if length <= 90 * DAY_MS else timedelta(hours=12)


def _step(start: int, end: int, now: int) -> int:
    if end - start > 90 * DAY_MS:
        return DAY_MS
    from_now = end >= now - 5 * MINUTE_MS
    return 5 * MINUTE_MS if end - start <= DAY_MS and from_now else HOUR_MS


def _candle(days: str) -> tuple[int, int]:
    """Length of a candle, and the distance of the prices that it is made of."""
    if days == "max" or int(days) > 30:
        return 4 * DAY_MS, 4 * HOUR_MS
    return (4 * HOUR_MS, 30 * MINUTE_MS) if int(days) > 2 else (30 * MINUTE_MS, 5 * MINUTE_MS)


def _currency(parameters: Mapping[str, str]) -> str:
    currency = parameters.get("vs_currency")
    if currency is None:
        raise QueryError("Missing parameter vs_currency", 422)
    if currency.lower() not in UNITS_PER_USD:
        raise QueryError("invalid vs_currency", 400)
    return currency.lower()


def _moment(name: str, text: str | None) -> int:
    """Seconds since 1970, or a date or time as ISO 8601 has it."""
    if text is None:
        raise QueryError(f"Missing parameter {name}")
    if text.isascii() and text.isdigit() and len(text) <= 11:
        return int(text) * 1000
    try:
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise QueryError(f"invalid {name}") from None
    return _ms(time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time)


def _ms(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(milliseconds=1)


def _time(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)
