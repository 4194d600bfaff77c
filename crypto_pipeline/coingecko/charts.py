"""The price history of one coin in one currency: an answer of ``/coins/{id}/market_chart/range``,
and CoinGecko's own export of a coin as CSV.

Sources: CoinGecko's OpenAPI description (three arrays of ``[milliseconds, number]``), and three
real exports. The text of a number is never converted, so it is exact by construction.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum
from itertools import pairwise
from statistics import median
from typing import Final

import msgspec

from crypto_pipeline.coingecko.capture import CURRENCY, FILE_SOURCE
from crypto_pipeline.coingecko.errors import error_from_body
from crypto_pipeline.coingecko.looks import looks_like
from crypto_pipeline.coingecko.schema import UNREADABLE, number_text
from crypto_pipeline.coingecko.tolerant_json import MALFORMED, split_array, split_object

MARKET_CHART_RANGE: Final = "/coins/{id}/market_chart/range"
OHLC: Final = "/coins/{id}/ohlc"

EXPORT_COLUMNS: Final = ("snapped_at", "price", "market_cap", "total_volume")
"""Columns of CoinGecko's export."""

SERIES: Final = ("prices", "market_caps", "total_volumes")
"""Arrays of a chart."""

_EXPORT_NAME = re.compile(
    r"(?P<symbol>.+)-(?P<currency>[a-z]{2,8})-(?:max|\d+[a-z]*)(?: ?\(\d+\))?\.csv(?:\.\w+)?"
)
_EXPORT_TIME = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?:\.\d{1,6})?)?(?: UTC|Z)?")
_NUMBER = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?")
_LAST_TIME: Final = 253_402_300_799_999
"""Milliseconds of the last moment that a datetime has."""
_MOST_SHOWN = 200
_PRICES = 4
_LONGEST_CANDLE = 30_000
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
class History:
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


def holds_prices(body: bytes) -> bool:
    """Whether a body, JSON as a whole or not, has the outline of a chart."""
    try:
        return "prices" in split_object(body)
    except MALFORMED:
        return False


def encode_answer(answer: ChartAnswer) -> bytes:
    """Serialise an answer; the body keeps its bytes."""
    return msgspec.json.encode(answer)


def name_of_export(name: str) -> tuple[str, str] | None:
    """The symbol and the currency that an export's name tells: ``btc-usd-max.csv``, also with the
    `` (1)`` of a browser that had one of the name already."""
    match = _EXPORT_NAME.fullmatch(name.lower())
    return None if match is None else (match["symbol"], match["currency"])


def is_history(content: bytes) -> bool:
    """Whether an uncompressed content is price history: an export, a chart, or our file of one."""
    start = content[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"{"):
        try:
            members = split_object(content).keys()
        except MALFORMED:
            return False
        return "prices" in members or {"coin", "body", "ingested_at"} <= members
    columns = _export_columns(start.decode(errors="replace"))
    return {"snapped_at", "price"} <= set(columns)


def read_history(content: bytes) -> History:
    """Read an uncompressed file of price history.

    Raises:
        HistoryError: it holds none.
    """
    content = content.removeprefix(b"\xef\xbb\xbf")
    if not content.lstrip().startswith(b"{"):
        return _read_export(content)
    try:
        members = split_object(content)
    except MALFORMED as problem:
        raise HistoryError(f"{looks_like(content)} ({problem})") from None
    if "coin" not in members:
        return _imported(_read_chart(content))
    try:
        answer = msgspec.json.decode(content, type=ChartAnswer)
        if "days" in answer.request:
            return _read_ohlc(answer)
        requested = [_from_seconds(answer.request[name]) for name in ("from", "to")]
    except (*MALFORMED, KeyError, ValueError, OverflowError, OSError) as problem:
        raise HistoryError(f"our file of an answer is damaged: {problem}") from None
    points = _read_chart(answer.body if answer.unreadable is None else answer.unreadable)
    times = [time for time in points.times if time is not None]
    granularity = _granularity(times) or _granularity_of_range(
        requested[0], requested[1], answer.ingested_at
    )
    whole = points
    if _ends_unfinished(points, granularity, answer):
        points = points.without_last()
    return History(
        origin="chart",
        source=answer.source,
        ingested_at=answer.ingested_at,
        requested_from=requested[0],
        requested_to=requested[1],
        minutes=granularity.value if times else None,
        points=points,
        unfinished=len(whole) - len(points),
    )


def _imported(points: Points) -> History:
    times = [time for time in points.times if time is not None]
    if not times:
        raise HistoryError("it has no point")
    newest = _from_ms(max(times))
    return History(
        origin="import",
        source=FILE_SOURCE,
        ingested_at=newest,
        requested_from=None,
        requested_to=None,
        # An export has a row a day, by default.
        minutes=(_granularity(times) or Granularity.DAY).value,
        points=points,
        unfinished=0,
    )


def _granularity(times: Sequence[int]) -> Granularity | None:
    """That of the usual distance between two points; None of too few to tell."""
    distances = [later - earlier for earlier, later in pairwise(times)]
    if len(distances) < 2:
        return None
    usual = median(distances)
    if usual < Granularity.HOUR.milliseconds / 2:
        return Granularity.FIVE_MINUTES
    return Granularity.HOUR if usual < Granularity.DAY.milliseconds / 2 else Granularity.DAY


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
    if (last - last % length + length) > _ms(answer.ingested_at):
        return True
    before = points.times[-2] if len(points) > 1 else None
    return before is not None and last - before < length / 2


# ---- Candles


def _read_ohlc(answer: ChartAnswer) -> History:
    body = bytes(answer.body) if answer.unreadable is None else answer.unreadable
    try:
        elements = split_array(body)
    except MALFORMED:
        error = error_from_body(body)
        raise HistoryError(
            looks_like(body) if error is None else f"the API answered with an error: {error}"
        ) from None
    rows: list[tuple[int | None, tuple[str | None, ...]]] = []
    malformed: dict[int, str] = {}
    for index, element in enumerate(elements):
        try:
            time, *values = split_array(element)
            ms = int(bytes(time))
            prices = tuple(None if bytes(v) == b"null" else number_text(bytes(v)) for v in values)
            if len(prices) != _PRICES or not 0 <= ms <= _LAST_TIME:
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
    return History(
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


# ---- Charts

_Series = list[tuple[int, msgspec.Raw]]


class _Body(msgspec.Struct):
    prices: _Series
    market_caps: _Series
    total_volumes: _Series


_decode_body = msgspec.json.Decoder(_Body).decode


def _read_chart(body: bytes | msgspec.Raw) -> Points:
    try:
        chart = _decode_body(body)
    except MALFORMED:
        return _any_chart(bytes(body))
    columns = [list(zip(*series, strict=True)) or [(), ()] for series in _series_of(chart)]
    times = columns[0][0]
    if any(other != times for other, _ in columns[1:]) or not _are_plain(times, columns):
        return _any_chart(bytes(body))
    (_, prices), (_, caps), (_, volumes) = columns
    return Points(times, prices, caps, volumes)


def _series_of(chart: _Body) -> tuple[_Series, _Series, _Series]:
    return chart.prices, chart.market_caps, chart.total_volumes


def _are_plain(times: Sequence[int], columns: Sequence[Sequence[Sequence[object]]]) -> bool:
    """Whether all values are numbers of a usual size, or null: JSON that has no other character."""
    if times and not 0 <= min(times) <= max(times) <= _LAST_TIME:
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
        error = error_from_body(body)
        raise HistoryError(
            looks_like(body) if error is None else f"the API answered with an error: {error}"
        ) from None
    if "prices" not in members:
        error = error_from_body(body)
        raise HistoryError(
            f"it has no array prices ({', '.join(members)[:_MOST_SHOWN]})"
            if error is None
            else f"the API answered with an error: {error}"
        )
    caps, volumes = (_by_time(some) for some in series[1:])
    builder = _Builder()
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
    return (ms if 0 <= ms <= _LAST_TIME else None), bytes(value)


def _by_time(series: Sequence[msgspec.Raw]) -> dict[int, bytes | None]:
    pairs = map(_pair, series)
    return {time: value for time, value in pairs if time is not None}


class _Builder:
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
        return Points(self._times, *self._columns, self._malformed, self._texts)


# ---- Exports


def _export_columns(text: str) -> list[str]:
    first = text.split("\n", 1)[0]
    return [name.strip().lower() for name in next(csv.reader([first]), [])]


def _read_export(content: bytes) -> History:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise HistoryError(looks_like(content)) from None
    columns = _export_columns(text)
    missing = [name for name in EXPORT_COLUMNS if name not in columns]
    if missing:
        raise HistoryError(f"{looks_like(content)} (it lacks {', '.join(missing)})")
    at = [columns.index(name) for name in EXPORT_COLUMNS]
    builder = _Builder()
    for row in csv.reader(io.StringIO(text.split("\n", 1)[1] if "\n" in text else "")):
        if not any(cell.strip() for cell in row):
            continue
        cells = [row[place].strip() if place < len(row) else "" for place in at]
        time = _export_time(cells[0])
        price, cap, volume = map(_cell, cells[1:])
        builder.add(time, price, cap, volume, ",".join(row))
    return _imported(builder.points())


def _cell(text: str) -> bytes | None:
    """The number in a cell as JSON has it; an empty cell is none."""
    if not text:
        return None
    return text.removeprefix("+").encode() if _NUMBER.fullmatch(text) else f'"{text}"'.encode()


def _export_time(text: str) -> int | None:
    if _EXPORT_TIME.fullmatch(text) is None:
        return None
    try:
        time = datetime.fromisoformat(text.removesuffix(" UTC").removesuffix("Z"))
    except ValueError:
        return None
    ms = _ms(time.replace(tzinfo=timezone.utc))
    return ms if ms >= 0 else None


def _ms(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(milliseconds=1)


def _from_ms(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)


def _from_seconds(text: str) -> datetime:
    return _EPOCH + timedelta(seconds=int(text))


def is_currency(text: str) -> bool:
    """Whether a text has the form of a currency's code."""
    return CURRENCY.fullmatch(text) is not None


__all__ = [
    "EXPORT_COLUMNS",
    "MARKET_CHART_RANGE",
    "OHLC",
    "Candles",
    "ChartAnswer",
    "Granularity",
    "History",
    "HistoryError",
    "Points",
    "encode_answer",
    "holds_prices",
    "is_currency",
    "is_history",
    "name_of_export",
    "read_history",
]
