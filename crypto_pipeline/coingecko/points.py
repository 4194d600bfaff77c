"""What a file of price history says, whatever its form: points or candles, and what they are of.

The text of a number is never converted, so it is exact by construction.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum
from itertools import pairwise
from statistics import median
from typing import Final

from crypto_pipeline.fetching.values import UNREADABLE, number_text

LAST_TIME: Final = 253_402_300_799_999
"""Milliseconds of the last moment that a datetime has."""

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Granularity(int, Enum):
    """Minutes between two points of a chart."""

    FIVE_MINUTES = 5
    HOUR = 60
    DAY = 1440

    @property
    def milliseconds(self) -> int:
        """Its length."""
        return self.value * 60_000


class HistoryError(ValueError):
    """A file that holds no price history; the message says what it looks like."""


@dataclass(frozen=True)
class Points:
    """Points in the order of their file, by column.

    Attributes:
        times: Milliseconds since 1970, UTC; None where there is no time.
        prices: The texts of the prices, ``null`` where there is none.
        market_caps: Likewise.
        total_volumes: Likewise.
        malformed: What is wrong with the values of a point, by its position.
        texts: The text of a point as received, where it cannot be made of its values.
    """

    times: Sequence[int | None]
    prices: Sequence[bytes]
    market_caps: Sequence[bytes]
    total_volumes: Sequence[bytes]
    malformed: Mapping[int, str] = field(default_factory=dict)
    texts: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.times)

    def lines(self, file_id: int) -> Iterator[bytes]:
        """The points as lines of COPY (CSV, ``null`` for a missing value): file, position, time,
        price, market cap, volume, what is malformed."""
        rows = zip(self.times, self.prices, self.market_caps, self.total_volumes, strict=True)
        if not self.malformed:
            for index, (time, price, cap, volume) in enumerate(rows):
                assert time is not None
                yield b"%d,%d,%d,%b,%b,%b,null\n" % (file_id, index, time, price, cap, volume)
            return
        for index, (time, price, cap, volume) in enumerate(rows):
            ms = b"null" if time is None else b"%d" % time
            wrong = self.malformed.get(index)
            said = b"null" if wrong is None else b'"%b"' % wrong.replace('"', '""').encode()
            yield b"%d,%d,%b,%b,%b,%b,%b\n" % (file_id, index, ms, price, cap, volume, said)

    def text(self, index: int) -> str:
        """A point as received, for the quarantine."""
        if index in self.texts:
            return self.texts[index]
        values = (self.prices[index], self.market_caps[index], self.total_volumes[index])
        return f"[{self.times[index]}, {', '.join(bytes(v).decode() for v in values)}]"

    def without_last(self) -> "Points":
        """All but the last point, which has nothing wrong."""
        return Points(
            self.times[:-1],
            self.prices[:-1],
            self.market_caps[:-1],
            self.total_volumes[:-1],
            self.malformed,
            self.texts,
        )


@dataclass(frozen=True)
class Candles:
    """Candles in the order of their file: time of closing, open, high, low and close as texts, None
    where there is none.

    Attributes:
        rows: The values.
        malformed: What is wrong with the values of a candle, by its position.
        texts: The text of each candle as received.
    """

    rows: Sequence[tuple[int | None, tuple[str | None, ...]]]
    malformed: Mapping[int, str]
    texts: Sequence[str]

    def __len__(self) -> int:
        return len(self.rows)

    def lines(self, file_id: int) -> Iterator[bytes]:
        """The candles as lines of COPY (CSV, ``null`` for a missing value)."""
        for index, (time, prices) in enumerate(self.rows):
            values = ["null" if value is None else str(value) for value in (time, *prices)]
            wrong = self.malformed.get(index)
            said = "null" if wrong is None else f'"{wrong}"'
            yield f"{file_id},{index},{','.join(values)},{said}\n".encode()

    def text(self, index: int) -> str:
        """A candle as received, for the quarantine."""
        return self.texts[index]


@dataclass(frozen=True)
class PriceHistory:
    """What a file of price history says.

    Attributes:
        origin: ``chart``, ``ohlc`` or ``import``.
        source: Label of the data's origin.
        ingested_at: When it was fetched, UTC; of a file that does not say, its newest point.
        requested_from: Start of the range that was asked for, UTC; None of an import.
        requested_to: Its end.
        minutes: Length of its buckets or candles; None if there are none.
        points: The points that stand for a bucket; or candles.
        unfinished: How many more there are: the point of a chart that stands for now.
    """

    origin: str
    source: str
    ingested_at: datetime
    requested_from: datetime | None
    requested_to: datetime | None
    minutes: int | None
    points: Points | Candles
    unfinished: int


class PointsBuilder:
    """Points one by one, each value checked."""

    def __init__(self) -> None:
        self._times: list[int | None] = []
        self._columns: tuple[list[bytes], list[bytes], list[bytes]] = ([], [], [])
        self._malformed: dict[int, str] = {}
        self._texts: dict[int, str] = {}

    def add(
        self,
        time: int | None,
        price: bytes | None,
        cap: bytes | None,
        volume: bytes | None,
        text: str | None = None,
    ) -> None:
        """Add a point.

        Args:
            time: Milliseconds since 1970; None where there is no time.
            price: As received; None where there is none.
            cap: Likewise, the market cap.
            volume: Likewise, the volume.
            text: The whole point as received, where it is not made of these.
        """
        index = len(self._times)
        self._times.append(time)
        wrong = ["time"] if time is None else []
        shown = []
        for name, column, value in zip(
            ("price", "market_cap", "total_volume"),
            self._columns,
            (price, cap, volume),
            strict=True,
        ):
            shown.append("null" if value is None else value.decode(errors="replace"))
            try:
                number = b"null" if value in (None, b"null") else number_text(value).encode()
            except UNREADABLE:
                wrong.append(name)
                number = b"null"
            column.append(number)
        if wrong:
            self._malformed[index] = ",".join(wrong)
            self._texts[index] = f"[{time}, {', '.join(shown)}]"
        if text is not None:
            self._texts[index] = text
        if index in self._texts:
            # A NUL is no text of PostgreSQL.
            self._texts[index] = self._texts[index].replace("\x00", "")

    def points(self) -> Points:
        """The points so far."""
        return Points(self._times, *self._columns, self._malformed, self._texts)


def usual_granularity(times: Sequence[int]) -> Granularity | None:
    """That of the usual distance between two points; None of too few to tell."""
    distances = [later - earlier for earlier, later in pairwise(times)]
    if len(distances) < 2:
        return None
    usual = median(distances)
    if usual < Granularity.HOUR.milliseconds / 2:
        return Granularity.FIVE_MINUTES
    return Granularity.HOUR if usual < Granularity.DAY.milliseconds / 2 else Granularity.DAY


def to_ms(time: datetime) -> int:
    """Milliseconds since 1970."""
    return (time - _EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """The time, UTC, of milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=ms)
