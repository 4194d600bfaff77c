"""CoinGecko's own export of a coin's price history: a CSV with a row a day.

Source: three real exports.
"""

import csv
import io
import re
from datetime import datetime, timezone
from typing import Final

from crypto_pipeline.coingecko.looks import looks_like
from crypto_pipeline.coingecko.points import HistoryError, Points, PointsBuilder, to_ms

EXPORT_COLUMNS: Final = ("snapped_at", "price", "market_cap", "total_volume")
"""Columns of an export."""

_EXPORT_NAME = re.compile(
    r"(?P<symbol>.+)-(?P<currency>[a-z]{2,8})-(?:max|\d+[a-z]*)(?: ?\(\d+\))?\.csv(?:\.\w+)?"
)
_EXPORT_TIME = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?:\.\d{1,6})?)?(?: UTC|Z)?")
_NUMBER = re.compile(r"[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,3})?")


def export_columns(text: str) -> list[str]:
    """The names in the first line of a CSV, in lower case."""
    first = text.split("\n", 1)[0]
    return [name.strip().lower() for name in next(csv.reader([first]), [])]


def read_export(content: bytes) -> Points:
    """Read an export.

    Raises:
        HistoryError: it is none.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise HistoryError(looks_like(content)) from None
    columns = export_columns(text)
    missing = [name for name in EXPORT_COLUMNS if name not in columns]
    if missing:
        raise HistoryError(f"{looks_like(content)} (it lacks {', '.join(missing)})")
    at = [columns.index(name) for name in EXPORT_COLUMNS]
    builder = PointsBuilder()
    for row in csv.reader(io.StringIO(text.split("\n", 1)[1] if "\n" in text else "")):
        if not any(cell.strip() for cell in row):
            continue
        cells = [row[place].strip() if place < len(row) else "" for place in at]
        time = _export_time(cells[0])
        price, cap, volume = map(_cell, cells[1:])
        builder.add(time, price, cap, volume, ",".join(row))
    return builder.points()


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
    ms = to_ms(time.replace(tzinfo=timezone.utc))
    return ms if ms >= 0 else None


def name_of_export(name: str) -> tuple[str, str] | None:
    """The symbol and the currency that an export's name tells: ``btc-usd-max.csv``, also with the
    `` (1)`` of a browser that had one of the name already."""
    match = _EXPORT_NAME.fullmatch(name.lower())
    return None if match is None else (match["symbol"], match["currency"])
