"""Files of price history into rows, on Spark's workers, by the reader that the warehouse uses.

``decode_history`` is the function of ``DataFrame.mapInArrow``. A file becomes one row with its
points inside. Of a point each number is kept with all its digits: what is made of it is computed
from them.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from crypto_pipeline.coingecko.points import HistoryError, Points, PriceHistory
from crypto_pipeline.coingecko.price_history import read_history
from crypto_pipeline.lakehouse.spark.decode import order_column, source_kind, text_column
from crypto_pipeline.lakehouse.spark.exact import order_key, plain_text, to_decimal
from crypto_pipeline.landing.compression import CompressionError, decompress
from crypto_pipeline.landing.landed import HISTORY_FOLDER, history_of, wrong_time
from crypto_pipeline.landing.repeated_answer import RepeatedAnswer, repeated_answer
from crypto_pipeline.model.registry import POINT_MEASURES

_UTC: Final = pa.timestamp("us", "UTC")


def _point_types() -> dict[str, pa.DataType]:
    types: dict[str, pa.DataType] = {"point_index": pa.int32(), "observed_at": _UTC}
    for column in POINT_MEASURES:
        assert column.kind is not None
        assert column.kind.decimal is not None
        of = column.kind.decimal
        types[column.name] = pa.decimal128(of.precision, of.scale)
        types[text_column(column.name)] = pa.string()
        types[order_column(column.name)] = pa.string()
    return {**types, "malformed": pa.string(), "point": pa.string()}


POINT_TYPES: Final = _point_types()
"""The fields of a decoded point."""

HISTORY_TYPES: Final[dict[str, pa.DataType]] = {
    "landing_file": pa.string(),
    "file_sha256": pa.string(),
    "origin": pa.string(),
    "crypto_id": pa.string(),
    "vs_currency": pa.string(),
    "granularity_minutes": pa.int16(),
    "source": pa.string(),
    "source_kind": pa.string(),
    "requested_from": _UTC,
    "requested_to": _UTC,
    "ingested_at": _UTC,
    "error": pa.string(),
    "failed": pa.bool_(),
    "points_fetched": pa.int32(),
    "points_unfinished": pa.int32(),
    "points": pa.list_(pa.struct(list(POINT_TYPES.items()))),
}
"""The columns of a decoded file."""

_NOTHING: Final = Points((), (), (), ())


def history_path(path: str) -> str:
    """What follows the landing zone's root in the path of a file of price history."""
    return path[max(path.rfind(f"{HISTORY_FOLDER}/"), 0) :]


def decode_history(files: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Decode rows of ``binaryFile`` (path, content): a row for each file."""
    for batch in files:
        for file in batch.to_pylist():
            yield _row(history_path(file["path"]), file["content"])


def _row(path: str, content: bytes) -> pa.RecordBatch:
    whose = history_of(path)
    assert whose is not None
    told, error = _read(path, content, whose[0])
    # What CoinGecko's own candles say is not loaded here.
    points = told.points if told and isinstance(told.points, Points) else _NOTHING
    unfinished = told.unfinished if told else 0
    described: dict[str, Any] = {
        "landing_file": path,
        "file_sha256": hashlib.sha256(content).hexdigest(),
        "origin": told and told.origin,
        "crypto_id": whose[0].replace("\x00", ""),
        "vs_currency": whose[1],
        "granularity_minutes": told and told.minutes,
        "source": told and told.source,
        "source_kind": told and source_kind(told.source),
        "requested_from": told and told.requested_from,
        "requested_to": told and told.requested_to,
        "ingested_at": told and told.ingested_at,
        "error": error and error.replace("\x00", ""),
        "failed": told is None,
        "points_fetched": len(points) + unfinished,
        "points_unfinished": unfinished,
    }
    decoded = _points(points)
    return pa.RecordBatch.from_arrays(
        [
            *(pa.array([value], HISTORY_TYPES[name]) for name, value in described.items()),
            pa.ListArray.from_arrays(pa.array([0, len(decoded)], pa.int32()), decoded),
        ],
        schema=pa.schema(list(HISTORY_TYPES.items())),
    )


def _read(path: str, content: bytes, coin: str) -> tuple[PriceHistory | None, str | None]:
    """What a file says; or what is wrong with it."""
    try:
        again = repeated_answer(path, content)
        if again is not None:
            return _without_points(again), None
        history = read_history(decompress(path, content))
    except (CompressionError, HistoryError) as problem:
        return None, str(problem)
    wrong = wrong_time(history.ingested_at, history.source)
    if wrong is None and "\x00" in coin:
        wrong = "a NUL in the coin's id"
    return (None, wrong) if wrong is not None else (history, None)


def _without_points(again: RepeatedAnswer) -> PriceHistory:
    """An answer that came again is a batch without points: the file that it names has them."""
    return PriceHistory(
        origin="ohlc" if "days" in again.request else "chart",
        source=again.source,
        ingested_at=again.ingested_at,
        requested_from=None,
        requested_to=None,
        minutes=None,
        points=_NOTHING,
        unfinished=0,
    )


def _points(points: Points) -> pa.StructArray:
    columns: dict[str, Any] = {
        "point_index": range(len(points)),
        "observed_at": [None if time is None else time * 1000 for time in points.times],
    }
    values = (points.prices, points.market_caps, points.total_volumes)
    for column, received in zip(POINT_MEASURES, values, strict=True):
        assert column.kind is not None
        assert column.kind.decimal is not None
        of = column.kind.decimal
        texts = [
            None if bytes(value) == b"null" else plain_text(bytes(value).decode())
            for value in received
        ]
        columns[column.name] = [None if text is None else to_decimal(text, of)[0] for text in texts]
        columns[text_column(column.name)] = texts
        columns[order_column(column.name)] = [
            None if text is None else order_key(text) for text in texts
        ]
    columns["malformed"] = [points.malformed.get(index) for index in range(len(points))]
    columns["point"] = [points.text(index) for index in range(len(points))]
    return pa.StructArray.from_arrays(
        [pa.array(columns[name], of) for name, of in POINT_TYPES.items()],
        fields=[pa.field(*item) for item in POINT_TYPES.items()],
    )
