"""The command line: how long a person waits for an answer, and what ``load`` takes beside its
load."""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.benchmarks.data import COINS, make_landing_zone

_FLOOR = [sys.executable, "-c", "import click, rich.console"]
_CLI = [sys.executable, "-m", "crypto_pipeline.cli"]
_ASKED = (
    ("--help",),
    ("--version",),
    ("no-such-verb",),
    ("status",),
    ("status", "--json"),
    ("metrics",),
    ("sql", "SELECT count(*) FROM analytics.fact_crypto_price_metrics"),
    ("load",),
)
"""The last one has nothing to load."""

_JOBS = """
SELECT pipeline_name, end_time - start_time FROM dagster.runs WHERE status = 'SUCCESS' ORDER BY id
"""


def run(files: int, runs: int, zone: Path | None) -> None:
    """Load some files by the command, then ask each verb a few times, and print both.

    Args:
        files: Landing files of 1,000 records.
        runs: How often each verb is asked; the median counts.
        zone: Where the files are kept; made anew if None.
    """
    console = Console()
    folder = Path(tempfile.mkdtemp(prefix="cp-bench-"))
    try:
        make_landing_zone(zone or folder / "landing", files)
        os.environ["DATA_DIR"] = str(folder / "data")
        os.environ["LANDING_ZONE_URI"] = str(zone or folder / "landing")
        whole, _ = _time([*_CLI, "load"])
        subprocess.run([*_CLI, "lake"], capture_output=True)
        with Warehouse().connection() as connection:
            jobs = dict(reversed(connection.execute(_JOBS).fetchall()))
        load, audit = float(jobs["load_landing_zone"]), float(jobs["audit"])
        console.print(
            f"load of {files} files of {COINS} records: {whole:.1f} s, of which {load:.1f} s the"
            f" load and {audit:.1f} s its checks; {whole / load:.2f} times the load"
        )
        _print_verbs(console, runs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _print_verbs(console: Console, runs: int) -> None:
    table = Table("command", "processor s", "s", "x click and rich")
    floor = statistics.median(_time(_FLOOR)[1] for _ in range(runs))
    table.add_row("python -c 'import click, rich.console'", f"{floor:.2f}", "", "1.0")
    for arguments in _ASKED:
        times = [_time([*_CLI, *arguments]) for _ in range(runs)]
        wall = statistics.median(seconds for seconds, _ in times)
        processor = statistics.median(seconds for _, seconds in times)
        table.add_row(
            f"crypto-pipeline {' '.join(arguments)[:40]}",
            f"{processor:.2f}",
            f"{wall:.2f}",
            f"{processor / floor:.1f}",
        )
    console.print(table)


def _time(command: list[str]) -> tuple[float, float]:
    """Seconds of a program, and of a processor with its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    subprocess.run(command, capture_output=True)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
