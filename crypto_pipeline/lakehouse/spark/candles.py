"""The candles on Spark: hourly and daily facts, made of snapshots and of points of price history.

A load makes the days anew of which a batch has something, each from all that it has. What a candle
is depends on nothing but that: so the order of loads does not matter, and one that dies is
repeated by the next. Candles are made on Spark's workers: no type of Spark holds a sum of prices.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from functools import reduce
from typing import Any, Final

import pyarrow as pa

from crypto_pipeline.coingecko.points import Granularity
from crypto_pipeline.lakehouse.schema import FACT_DAILY, FACT_HOURLY
from crypto_pipeline.lakehouse.spark.exact import EXACT, mean, to_decimal
from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.lakehouse.spark.marts import make_marts
from crypto_pipeline.lakehouse.spark.staging import (
    Staging,
    months_list,
    one_column,
    spark_schema,
)

_ROUNDS: Final = 3
"""How often candles are made for what other loads have brought meanwhile."""

_DAY: Final = Granularity.DAY.value
_BUCKETS_OF_HOUR: Final = 12
_HOURS_OF_DAY: Final = 24
_BEST_FIRST: Final = ("snapshot", "chart", "import")
_UTC: Final = pa.timestamp("us", "UTC")
_UNREPRESENTABLE: Final = pa.struct(
    [("column_name", pa.string()), ("exact_value", pa.string()), ("reason", pa.string())]
)
CANDLE_TYPES: Final[dict[str, pa.DataType]] = {
    "table_name": pa.string(),
    "crypto_id": pa.string(),
    "vs_currency": pa.string(),
    "start": _UTC,
    "source": pa.string(),
    **{name: pa.decimal128(of.precision, of.scale) for name, of in FACT_HOURLY.decimals.items()},
    "observations": pa.int32(),
    "origin": pa.string(),
    "unrepresentable": pa.list_(_UNREPRESENTABLE),
}
"""The columns of staged candles."""


@dataclass(frozen=True)
class Candle:
    """A candle with all digits of its values.

    Attributes:
        source: Label of the source of its first price.
        open_price: First price.
        high_price: Highest price.
        low_price: Lowest price.
        close_price: Last price.
        mean_price: Mean of the prices.
        market_cap: Last market capitalisation known.
        total_volume: Last volume known.
        observations: How many prices it is made of.
        coverage_share: Share of the period with an observation.
        origin: The best of what the prices are from.
    """

    source: str
    open_price: Decimal
    high_price: Decimal
    low_price: Decimal
    close_price: Decimal
    mean_price: Decimal
    market_cap: Decimal | None
    total_volume: Decimal | None
    observations: int
    coverage_share: Decimal
    origin: str


def load_candles(lake: Lake) -> int:
    """Bring the candles up to what silver and gold have; of how many batches and files."""
    batches = [row["batch_id"] for row in lake.run("candles/pending_batches").collect()]
    history = [row["history_batch_id"] for row in lake.run("candles/pending_history").collect()]
    if not batches and not history:
        return 0
    one_column(lake, "batch_id bigint", batches).createOrReplaceTempView("pending_candle_batches")
    one_column(lake, "history_batch_id bigint", history).createOrReplaceTempView(
        "pending_candle_history"
    )
    lake.view(
        "changed_days",
        "candles/changed_days",
        first_batch=str(min(batches, default=0)),
        last_batch=str(max(batches, default=0)),
        first_history_batch=str(min(history, default=0)),
        last_history_batch=str(max(history, default=0)),
    )
    for _ in range(_ROUNDS):
        known = _observed(lake)
        _make_candles(lake)
        make_marts(lake)
        # What another load has brought since may have come before these candles, or after them.
        if _observed(lake) == known:
            break
    else:
        # They stay pending.
        return 0
    if batches:
        lake.merge("candles/loaded_batches")
    if history:
        lake.merge("candles/loaded_history")
    return len(batches) + len(history)


def _observed(lake: Lake) -> tuple[int, int]:
    """How many batches and files candles are made of. No batch ever goes."""
    return (
        lake.table("ingestion_batches").where("gold_loaded_at IS NOT NULL").count(),
        lake.table("history_batches").where("status = 'completed'").count(),
    )


def _make_candles(lake: Lake) -> None:
    """Make the candles of ``changed_days``."""
    days: list[date] = sorted(
        row["day"] for row in lake.spark.table("changed_days").select("day").distinct().collect()
    )
    if not days:
        return
    bounds = {
        "months": months_list({f"{day:%Y-%m}" for day in days}),
        "first_day": days[0].isoformat(),
        "last_day": days[-1].isoformat(),
        "first_date_key": f"{days[0]:%Y%m%d}",
        "last_date_key": f"{days[-1]:%Y%m%d}",
    }
    observed = lake.run("candles/observations", **bounds)
    candles = observed.mapInArrow(candles_of_days, spark_schema(CANDLE_TYPES))
    with Staging(lake, "candles") as staging:
        staging.write("candles", candles)
        lake.view("left_out", "candles/left_out", **staging.names)
        if lake.spark.table("left_out").head(1):
            lake.merge("candles/unrepresentable_values")
        for table in (FACT_HOURLY, FACT_DAILY):
            lake.merge(f"candles/{table.name}", **bounds, **staging.names)


def candles_of_days(days: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Make the candles of rows with the observations of a day; a row for each candle."""
    for batch in days:
        rows: list[dict[str, Any]] = []
        for row in batch.to_pylist():
            whose = {name: row[name] for name in ("crypto_id", "vs_currency")}
            for table, start, candle in _of_day(row["day"], row["observations"]):
                rows.append({**whose, "table_name": table, "start": start, **_fitting(candle)})
        yield pa.RecordBatch.from_pylist(rows, pa.schema(list(CANDLE_TYPES.items())))


def _of_day(
    day: date, observations: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, datetime, Candle]]:
    by_hour: dict[datetime, dict[int, list[Mapping[str, Any]]]] = {}
    of_day = None
    for one in observations:
        minutes, at = one["minutes"], one["at"].astimezone(timezone.utc)
        if minutes == _DAY:
            of_day = one
            continue
        hour = at.replace(minute=0, second=0, microsecond=0)
        by_hour.setdefault(hour, {}).setdefault(minutes, []).append(one)
    hours = {}
    for hour, kinds in sorted(by_hour.items()):
        # Snapshots go before points of five minutes, those before the hourly point.
        hours[hour] = _of_observations(
            sorted(kinds[min(kinds)], key=lambda one: one["at"]), _BUCKETS_OF_HOUR
        )
        yield FACT_HOURLY.name, hour, hours[hour]
    start = datetime(day.year, day.month, day.day, tzinfo=timezone.utc)
    if hours:
        yield FACT_DAILY.name, start, _of_hours(list(hours.values()))
    elif of_day is not None:
        yield FACT_DAILY.name, start, _of_observations([of_day], _HOURS_OF_DAY)


def _of_observations(observations: Sequence[Mapping[str, Any]], buckets: int) -> Candle:
    """The candle of observations in time order, of a period with so many buckets."""
    prices = [Decimal(one["price"]) for one in observations]
    total = reduce(EXACT.add, prices)
    return Candle(
        source=observations[0]["source"],
        open_price=prices[0],
        high_price=max(prices),
        low_price=min(prices),
        close_price=prices[-1],
        mean_price=total if len(prices) == 1 else mean(total, len(prices)),
        market_cap=_last(_number(one["market_cap"]) for one in observations),
        total_volume=_last(_number(one["total_volume"]) for one in observations),
        observations=len(prices),
        coverage_share=_share(len(prices), buckets),
        origin=observations[0]["origin"],
    )


def _of_hours(hours: Sequence[Candle]) -> Candle:
    """The candle of a day from those of its hours in time order."""
    observations = sum(hour.observations for hour in hours)
    total = reduce(
        EXACT.add, (EXACT.multiply(hour.mean_price, Decimal(hour.observations)) for hour in hours)
    )
    return Candle(
        source=hours[0].source,
        open_price=hours[0].open_price,
        high_price=max(hour.high_price for hour in hours),
        low_price=min(hour.low_price for hour in hours),
        close_price=hours[-1].close_price,
        mean_price=hours[0].mean_price if len(hours) == 1 else mean(total, observations),
        market_cap=_last(hour.market_cap for hour in hours),
        total_volume=_last(hour.total_volume for hour in hours),
        observations=observations,
        coverage_share=_share(len(hours), _HOURS_OF_DAY),
        origin=min((hour.origin for hour in hours), key=_BEST_FIRST.index),
    )


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _last(values: Iterable[Decimal | None]) -> Decimal | None:
    """The last value that is known."""
    last = None
    for value in values:
        last = last if value is None else value
    return last


def _share(count: int, of: int) -> Decimal:
    return (Decimal(count) / of).quantize(Decimal("0.0001"))


def _fitting(candle: Candle) -> dict[str, Any]:
    """The candle as its table has it, and what of it has no place there."""
    row: dict[str, Any] = dict(vars(candle))
    left_out = []
    for name, of in FACT_HOURLY.decimals.items():
        if row[name] is None:
            continue
        exact = format(row[name], "f")
        row[name], reason = to_decimal(exact, of)
        if reason is not None:
            left_out.append({"column_name": name, "exact_value": exact, "reason": reason})
    return {**row, "unrepresentable": left_out or None}
