"""The price history of one coin in one currency as CoinGecko tells it: an answer of
``/coins/{id}/market_chart/range``.

Source: CoinGecko's OpenAPI description: three arrays of ``[milliseconds, number]``.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Final

import msgspec

from crypto_pipeline.coingecko.errors import api_error
from crypto_pipeline.coingecko.looks import looks_like
from crypto_pipeline.coingecko.points import (
    LAST_TIME,
    Granularity,
    HistoryError,
    Points,
    PointsBuilder,
    PriceHistory,
    to_ms,
    usual_granularity,
)
from crypto_pipeline.fetching.tolerant_json import MALFORMED, split_array, split_object

MARKET_CHART_RANGE: Final = "/coins/{id}/market_chart/range"
OHLC: Final = "/coins/{id}/ohlc"

SERIES: Final = ("prices", "market_caps", "total_volumes")
"""Arrays of a chart."""

_MOST_SHOWN = 200


class ChartAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answer of the chart or candle endpoint with all that is needed to read it later: its
    landing file.

    Attributes:
        ingested_at: When the request was sent, UTC.
        source: Label of the data's origin.
        coin: The coin's id.
        request: Query parameters as sent; never a key.
        headers: The response headers worth keeping, names in lower case.
        body: The answer byte for byte.
        unreadable: The answer where it is no JSON as a whole; ``body`` is then null.
    """

    ingested_at: datetime
    source: str
    coin: str
    request: dict[str, str]
    body: msgspec.Raw
    headers: dict[str, str] = {}
    unreadable: bytes | None = None

    @property
    def received(self) -> bytes:
        """What came, JSON or not."""
        return bytes(self.body) if self.unreadable is None else self.unreadable


def holds_prices(body: bytes) -> bool:
    """Whether a body, JSON as a whole or not, has the outline of a chart."""
    try:
        return "prices" in split_object(body)
    except MALFORMED:
        return False


def encode_answer(answer: ChartAnswer) -> bytes:
    """Serialise an answer; the body keeps its bytes."""
    return msgspec.json.encode(answer)


def read_chart_answer(answer: ChartAnswer) -> PriceHistory:
    """Read an answer of the endpoint.

    Raises:
        HistoryError: it has no points, or does not say what was asked for.
    """
    try:
        start, end = (
            datetime.fromtimestamp(int(answer.request[name]), timezone.utc)
            for name in ("from", "to")
        )
    except (KeyError, ValueError, OverflowError, OSError) as problem:
        raise HistoryError(f"our file of an answer is damaged: {problem}") from None
    points = read_chart(answer.received)
    times = [time for time in points.times if time is not None]
    granularity = usual_granularity(times) or _granularity_of_range(start, end, answer.ingested_at)
    unfinished = _ends_unfinished(points, granularity, answer)
    return PriceHistory(
        origin="chart",
        source=answer.source,
        ingested_at=answer.ingested_at,
        requested_from=start,
        requested_to=end,
        minutes=granularity.value if times else None,
        points=points.without_last() if unfinished else points,
        unfinished=int(unfinished),
    )


def _granularity_of_range(start: datetime, end: datetime, asked_at: datetime) -> Granularity:
    """What CoinGecko documents for a range: five minutes for the last day, hours up to 90 days,
    days above."""
    if end - start > timedelta(days=90):
        return Granularity.DAY
    if end - start <= timedelta(days=1) and asked_at - end < timedelta(minutes=5):
        return Granularity.FIVE_MINUTES
    return Granularity.HOUR


def _ends_unfinished(points: Points, granularity: Granularity, answer: ChartAnswer) -> bool:
    """Whether the last point stands for now: its bucket was not over, or it comes too soon after
    the one before (an answer from a cache has the now of its making)."""
    if not points or len(points) - 1 in points.malformed or points.times[-1] is None:
        return False
    last, length = points.times[-1], granularity.milliseconds
    if (last - last % length + length) > to_ms(answer.ingested_at):
        return True
    before = points.times[-2] if len(points) > 1 else None
    return before is not None and last - before < length / 2


_Series = list[tuple[int, msgspec.Raw]]


class _Body(msgspec.Struct):
    prices: _Series
    market_caps: _Series
    total_volumes: _Series


_decode_body = msgspec.json.Decoder(_Body).decode


def read_chart(body: bytes) -> Points:
    """Read the body of an answer.

    Raises:
        HistoryError: it has no points.
    """
    try:
        chart = _decode_body(body)
    except MALFORMED:
        return _any_chart(body)
    columns = [
        list(zip(*series, strict=True)) or [(), ()]
        for series in (chart.prices, chart.market_caps, chart.total_volumes)
    ]
    times = columns[0][0]
    if any(other != times for other, _ in columns[1:]) or not _are_plain(times, columns):
        return _any_chart(body)
    (_, prices), (_, caps), (_, volumes) = columns
    return Points(times, prices, caps, volumes)


def _are_plain(times: Sequence[int], columns: Sequence[Sequence[Sequence[object]]]) -> bool:
    """Whether all values are numbers of a usual size, or null: JSON that has no other character."""
    if times and not 0 <= min(times) <= max(times) <= LAST_TIME:
        return False
    for _, values in columns:
        if not values:
            continue
        text = b",".join(values)  # type: ignore[arg-type]
        if text.translate(None, b"0123456789.,-+eEnul"):
            return False
        if max(map(len, values)) > 60:  # type: ignore[arg-type]
            return False
        if any(
            len(rest.partition(b",")[0].lstrip(b"+-")) > 2
            for rest in text.replace(b"E", b"e").split(b"e")[1:]
        ):
            return False
    return True


def _any_chart(body: bytes) -> Points:
    """A chart value by value: each point by its time, with what the arrays say of it."""
    try:
        members = split_object(body)
        series = [split_array(members[name]) if name in members else [] for name in SERIES]
    except MALFORMED:
        raise HistoryError(api_error(body) or looks_like(body)) from None
    if "prices" not in members:
        raise HistoryError(
            api_error(body) or f"it has no array prices ({', '.join(members)[:_MOST_SHOWN]})"
        )
    caps, volumes = (_by_time(some) for some in series[1:])
    builder = PointsBuilder()
    seen: set[int] = set()
    for element in series[0]:
        time, price = _pair(element)
        if time is None:
            builder.add(None, price, None, None, bytes(element).decode(errors="replace"))
            continue
        seen.add(time)
        builder.add(time, price, caps.get(time), volumes.get(time))
    for time in sorted((caps.keys() | volumes.keys()) - seen):
        builder.add(time, None, caps.get(time), volumes.get(time))
    return builder.points()


def _pair(element: msgspec.Raw) -> tuple[int | None, bytes | None]:
    """Time and value of ``[time, value]``; no time of anything else."""
    try:
        time, value = split_array(element)
        ms = int(bytes(time))
    except (*MALFORMED, ValueError):
        return None, None
    return (ms if 0 <= ms <= LAST_TIME else None), bytes(value)


def _by_time(series: Sequence[msgspec.Raw]) -> dict[int, bytes | None]:
    pairs = map(_pair, series)
    return {time: value for time, value in pairs if time is not None}
