"""What a file that holds no records looks like, and what to do about it, in words."""

import csv
import re

_FORMS = (
    "records are read from the JSON of /coins/markets: an array, an array under a key of an object,"
    " or one record a line"
)
_EXPORT_COLUMNS = ("snapped_at", "price", "market_cap", "total_volume")
_SEPARATORS = ",;\t|"
_MOST_COLUMNS = 8
_MOST_CHARACTERS = 200

_BINARY = (
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
)
_PYTHON = re.compile(
    rb"""^\s*[\[{].{0,200}?['"]?\w+['"]?\s*:\s*(?:'|None|True|False)|^\s*\[?\{'""", re.S
)


def looks_like(content: bytes) -> str:
    """What a content looks like and what to do, as one line; for one that could not be read."""
    start = content[:4096]
    if not content.strip():
        return f"an empty file of {len(content)} bytes: {_FORMS}"
    for magic, kind in _BINARY:
        if start.startswith(magic):
            return f"{kind}: {_FORMS}"
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "text in UTF-16: save it as UTF-8"
    if b"\x00" in start:
        return f"binary data: {_FORMS}"
    stripped = start.lstrip()
    if stripped[:1] == b"<":
        return f"HTML or XML, such as an error page: {_FORMS}"
    if _PYTHON.search(start):
        return (
            "the printed form of a Python list or dict, not JSON: write it with json.dump, or save"
            " the body of the response"
        )
    if stripped[:1] in (b"[", b"{"):
        return f"JSON that is cut off or malformed, in a file of {len(content)} bytes"
    return _table(start) or f"text: {_FORMS}"


def _table(start: bytes) -> str | None:
    """A table of text, by its first lines."""
    text = start.decode(errors="replace")
    lines = [line for line in text.splitlines()[:3] if line.strip()]
    if not lines:
        return None
    separator = max(_SEPARATORS, key=lines[0].count)
    if lines[0].count(separator) == 0 or (
        len(lines) > 1 and lines[1].count(separator) < lines[0].count(separator)
    ):
        return None
    columns = [name.strip() for name in next(csv.reader(lines[:1], delimiter=separator))]
    shown = ", ".join(columns[:_MOST_COLUMNS])[:_MOST_CHARACTERS]
    more = f" and {len(columns) - _MOST_COLUMNS} more" if len(columns) > _MOST_COLUMNS else ""
    return (
        f"a CSV with the columns {shown}{more}: of CSVs, CoinGecko's own export of a coin is"
        f" loaded, which has {', '.join(_EXPORT_COLUMNS)}; {_FORMS}"
    )
