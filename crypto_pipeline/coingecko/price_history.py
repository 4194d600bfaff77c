"""The reader of price history: tells a chart, candles and an export from one another."""

import msgspec

from crypto_pipeline.coingecko.capture import FILE_SOURCE
from crypto_pipeline.coingecko.charts import ChartAnswer, read_chart, read_chart_answer
from crypto_pipeline.coingecko.exports import export_columns, read_export
from crypto_pipeline.coingecko.looks import looks_like
from crypto_pipeline.coingecko.ohlc import read_ohlc
from crypto_pipeline.coingecko.points import (
    Granularity,
    HistoryError,
    Points,
    PriceHistory,
    from_ms,
    usual_granularity,
)
from crypto_pipeline.fetching.tolerant_json import MALFORMED, split_object


def is_history(content: bytes) -> bool:
    """Whether an uncompressed content is price history: an export, a chart, or our file of one."""
    start = content[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"{"):
        try:
            members = split_object(content).keys()
        except MALFORMED:
            return False
        return "prices" in members or {"coin", "body", "ingested_at"} <= members
    columns = export_columns(start.decode(errors="replace"))
    return {"snapped_at", "price"} <= set(columns)


def read_history(content: bytes) -> PriceHistory:
    """Read an uncompressed file of price history.

    Raises:
        HistoryError: it holds none.
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content.lstrip().startswith(b"{"):
        return _imported(read_export(content))
    try:
        members = split_object(content)
    except MALFORMED as problem:
        raise HistoryError(f"{looks_like(content)} ({problem})") from None
    if "coin" not in members:
        return _imported(read_chart(content))
    try:
        answer = msgspec.json.decode(content, type=ChartAnswer)
    except MALFORMED as problem:
        raise HistoryError(f"our file of an answer is damaged: {problem}") from None
    return read_ohlc(answer) if "days" in answer.request else read_chart_answer(answer)


def _imported(points: Points) -> PriceHistory:
    times = [time for time in points.times if time is not None]
    if not times:
        raise HistoryError("it has no point")
    newest = from_ms(max(times))
    return PriceHistory(
        origin="import",
        source=FILE_SOURCE,
        ingested_at=newest,
        requested_from=None,
        requested_to=None,
        # An export has a row a day, by default.
        minutes=(usual_granularity(times) or Granularity.DAY).value,
        points=points,
        unfinished=0,
    )
