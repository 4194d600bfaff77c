"""Price history: charts into silver and candles against the COPY limit, and the audit of all gaps.

The limit is COPY of the same points from memory into a table with their primary key, and no more,
measured beside each load in the same run. A load reads the landing files, evaluates every point,
puts it into its bucket, and makes the hourly and daily candles.
"""

import io
import os
import random
import shutil
import statistics
import tempfile
import threading
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import msgspec
import psutil
from rich.console import Console
from rich.table import Table

from crypto_pipeline.coingecko.charts import ChartAnswer
from crypto_pipeline.history.load import files_to_load, load_history
from crypto_pipeline.landing.price_history import keep_answer
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse

_START = datetime(2025, 1, 1, tzinfo=timezone.utc)
_HOURS = 89 * 24
_TARGET = 150_000
_TARGET_OF_COPY = 0.5
_TARGET_AUDIT = 10.0
_MOST_MB = 300


def run(coins: int, runs: int) -> None:
    """Measure and print.

    Args:
        coins: Coins with a year of hourly points each.
        runs: How often; the table shows the medians.
    """
    console = Console()
    folder = Path(tempfile.mkdtemp(prefix="history-benchmark-"))
    os.environ["DATA_DIR"] = str(folder / "data")
    zone = LandingZone(str(folder / "landing"))
    try:
        with console.status("making landing files ..."):
            points = _make_files(zone, coins)
        rates, limits, memory = [], [], []
        for number in range(runs):
            os.environ["DB_NAME"] = f"history_{number}"
            warehouse = Warehouse()
            files = files_to_load(warehouse, zone)
            with _Memory() as watched, console.status(f"load {number + 1} of {runs} ..."):
                began = time.perf_counter()
                assert load_history(warehouse, files, 0.5) == 0
                rates.append(points / (time.perf_counter() - began))
            memory.append(watched.most)
            with console.status("the COPY limit ..."):
                limits.append(points / _copy(warehouse))
        audits = [_audit(warehouse) for _ in range(runs)]
        table = Table(title=f"{points:,} points of {coins} coins, medians of {runs}")
        for column in ("what", "measured", "target"):
            table.add_column(column, justify="left" if column == "what" else "right")
        rate, limit = statistics.median(rates), statistics.median(limits)
        table.add_row("charts to silver and candles", f"{rate:,.0f} points/s", f"{_TARGET:,}")
        table.add_row("COPY with a primary key", f"{limit:,.0f} points/s", "")
        ratio = statistics.median(r / c for r, c in zip(rates, limits, strict=True))
        table.add_row("ratio to COPY", f"{ratio:.2f}", f">= {_TARGET_OF_COPY}")
        table.add_row("most memory of the loader", f"{max(memory):.0f} MB", f"< {_MOST_MB}")
        table.add_row(
            "audit of all gaps", f"{statistics.median(audits):.1f} s", f"< {_TARGET_AUDIT:.0f}"
        )
        console.print(table)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_files(zone: LandingZone, coins: int) -> int:
    """Four answers of 89 days for each coin, with one point in twenty lost."""
    points = 0
    for coin in range(coins):
        chance = random.Random(coin)
        price = 10 ** chance.uniform(-6, 4)
        for window in range(4):
            start = _START + window * timedelta(hours=_HOURS)
            series: tuple[list[object], list[object], list[object]] = ([], [], [])
            for hour in range(_HOURS):
                price *= 1 + chance.gauss(0, 0.004)
                if chance.random() < 0.05:
                    continue
                ms = int((start + timedelta(hours=hour)).timestamp()) * 1000
                ms += chance.randrange(3_285_000)
                for values, factor in zip(series, (1, 19_812_345.5, 312_345.25), strict=True):
                    values.append([ms, price * factor])
            points += len(series[0])
            names = ("prices", "market_caps", "total_volumes")
            end = start + timedelta(hours=_HOURS)
            keep_answer(
                zone,
                ChartAnswer(
                    ingested_at=_START + timedelta(days=400),
                    source="CoinGecko",
                    coin=f"coin-{coin:05d}",
                    request={
                        "vs_currency": "usd",
                        "from": str(int(start.timestamp())),
                        "to": str(int(end.timestamp()) - 1),
                    },
                    body=msgspec.Raw(msgspec.json.encode(dict(zip(names, series, strict=True)))),
                ),
            )
    return points


def _copy(warehouse: Warehouse) -> float:
    """Seconds of COPY of the loaded points, from memory, into a table with their key."""
    columns = (
        "crypto_id, vs_currency, granularity_minutes, bucket_time, observed_at, price, market_cap,"
        " total_volume, history_batch_id, point_index"
    )
    with warehouse.work() as connection:
        text = io.BytesIO()
        with connection.cursor().copy(
            f"COPY (SELECT {columns} FROM price_points) TO STDOUT"
        ) as out:
            for data in out:
                text.write(data)
        connection.execute(
            "CREATE TABLE copied (LIKE price_points INCLUDING DEFAULTS,"
            " PRIMARY KEY (crypto_id, vs_currency, granularity_minutes, bucket_time))"
        )
        body = text.getbuffer()
        began = time.perf_counter()
        with connection.cursor().copy(f"COPY copied ({columns}) FROM STDIN") as copy:
            for start in range(0, len(body), 1 << 18):
                copy.write(body[start : start + (1 << 18)])
        seconds = time.perf_counter() - began
        connection.execute("DROP TABLE copied")
    return seconds


def _audit(warehouse: Warehouse) -> float:
    """Seconds to find all gaps, of hours, as if every coin came from snapshots."""
    with warehouse.connection() as connection:
        connection.execute(
            "UPDATE history_series SET in_snapshots = true, first_hourly_day = first_day,"
            " first_hour = first_day::timestamp AT TIME ZONE 'UTC'"
        )
        connection.execute("ANALYZE")
        began = time.perf_counter()
        connection.execute("SELECT count(*), sum(missing_points) FROM analytics.v_gaps").fetchone()
        return time.perf_counter() - began


class _Memory:
    """The most memory that this process holds meanwhile, in MB."""

    def __enter__(self) -> "_Memory":
        self.most = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        process = psutil.Process()
        while not self._over.wait(0.05):
            self.most = max(self.most, process.memory_info().rss / 1e6)

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
