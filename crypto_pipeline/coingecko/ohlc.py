"""The candles of one coin in one currency as CoinGecko makes them: an answer of
``/coins/{id}/ohlc``.

Source: CoinGecko's OpenAPI description: an array of ``[milliseconds, open, high, low, close]``, the
time that of closing.
"""

from itertools import pairwise
from statistics import median

from crypto_pipeline.coingecko.charts import ChartAnswer
from crypto_pipeline.coingecko.errors import api_error
from crypto_pipeline.coingecko.looks import looks_like
from crypto_pipeline.coingecko.points import LAST_TIME, Candles, HistoryError, PriceHistory
from crypto_pipeline.fetching.tolerant_json import MALFORMED, split_array
from crypto_pipeline.fetching.values import UNREADABLE, number_text

_PRICES = 4
_LONGEST_CANDLE = 30_000


def read_ohlc(answer: ChartAnswer) -> PriceHistory:
    """Read an answer of the endpoint.

    Raises:
        HistoryError: it has no candles.
    """
    body = answer.received
    try:
        elements = split_array(body)
    except MALFORMED:
        raise HistoryError(api_error(body) or looks_like(body)) from None
    rows: list[tuple[int | None, tuple[str | None, ...]]] = []
    malformed: dict[int, str] = {}
    for index, element in enumerate(elements):
        try:
            time, *values = split_array(element)
            ms = int(bytes(time))
            prices = tuple(None if bytes(v) == b"null" else number_text(bytes(v)) for v in values)
            if len(prices) != _PRICES or not 0 <= ms <= LAST_TIME:
                raise ValueError
        except (*MALFORMED, *UNREADABLE):
            malformed[index] = "the whole candle"
            rows.append((None, (None,) * _PRICES))
        else:
            rows.append((ms, prices))
    times = [time for time, _ in rows if time is not None]
    distances = [later - earlier for earlier, later in pairwise(times)]
    length = median(distances) // 60_000 if distances else _candle_minutes(answer.request["days"])
    texts = [bytes(element).decode(errors="replace").replace("\x00", "") for element in elements]
    return PriceHistory(
        origin="ohlc",
        source=answer.source,
        ingested_at=answer.ingested_at,
        requested_from=None,
        requested_to=None,
        minutes=min(int(length), _LONGEST_CANDLE) if rows and length >= 1 else None,
        points=Candles(rows, malformed, texts),
        unfinished=0,
    )


def _candle_minutes(days: str) -> int:
    """What CoinGecko documents: 30 minutes for 1 to 2 days, 4 hours up to 30, 4 days above."""
    if days.isdigit() and int(days) <= 2:
        return 30
    return 240 if days.isdigit() and int(days) <= 30 else 4 * 1440
