"""The landing zone that the benchmarks load: the sandbox's market, a file every six hours.

The same number of files gives the same bytes. Files that are there already are not made again, so a
folder that is kept makes the next benchmark start at once.
"""

import gzip
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta, timezone
from functools import cache, partial
from pathlib import Path

import msgspec

from crypto_pipeline.coingecko.capture import Capture, ResponseMeta, encode_capture
from crypto_pipeline.sandbox.listing import MAX_PER_PAGE, MarketsQuery
from crypto_pipeline.sandbox.market import Market

COINS = 1_000
"""Records of a file."""

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
"""First hour; on the way, at ``_RENAME_AT``, a coin changes its symbol and name."""

STEP = timedelta(hours=6)
"""From one file to the next: a year is 1,460 of them. Months of history are what a load has to do
with, and at an hour a file there would be six times as many."""

_RENAME_AT = START + timedelta(hours=30)
_SEED = 1
_PROCESSES = 2
_FETCHED = timedelta(minutes=12, seconds=33)


def make_landing_zone(folder: Path, count: int) -> list[Path]:
    """Write those of the first ``count`` files that are missing.

    Args:
        folder: Root of the landing zone; made when missing.
        count: How many files, of ``COINS`` records each.

    Returns:
        The files, oldest first.
    """
    times = [START + number * STEP for number in range(count)]
    paths = [_path(folder, hour) for hour in times]
    missing = [hour for hour, path in zip(times, paths, strict=True) if not path.exists()]
    if missing:
        with ProcessPoolExecutor(_PROCESSES) as pool:
            list(pool.map(partial(_write, folder), missing, chunksize=4))
    return paths


def _path(folder: Path, hour: datetime) -> Path:
    name = f"{hour + _FETCHED:%Y%m%dT%H%M%S%fZ}-{_SEED:08x}.json.gz"
    return folder / "market_snapshots" / f"date={hour:%Y-%m-%d}" / f"hour={hour:%H}" / name


@cache
def _market() -> Market:
    return Market(COINS, seed=_SEED, rename_at=_RENAME_AT)


def _write(folder: Path, hour: datetime) -> None:
    ingested_at = hour + _FETCHED
    records: list[msgspec.Raw] = []
    responses: list[ResponseMeta] = []
    for page in range(1, COINS // MAX_PER_PAGE + 1):
        query = MarketsQuery("usd", per_page=MAX_PER_PAGE, page=page)
        body = _market().page(ingested_at, query).body
        records += msgspec.json.decode(body, type=list[msgspec.Raw])
        responses.append(ResponseMeta(page, ingested_at, MAX_PER_PAGE))
    capture = Capture(
        ingested_at=ingested_at,
        source=Market.label,
        records=records,
        request={"vs_currency": "usd", "order": "market_cap_desc", "per_page": str(MAX_PER_PAGE)},
        responses=responses,
    )
    path = _path(folder, hour)
    path.parent.mkdir(parents=True, exist_ok=True)
    # As the landing zone does it: a file appears whole.
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(gzip.compress(encode_capture(capture), compresslevel=6, mtime=0))
    temporary.replace(path)
