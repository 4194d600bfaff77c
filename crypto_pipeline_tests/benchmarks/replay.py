"""Replaying a landing zone: the bulk load against its limits and against other loaders.

Every loader runs in a process of its own, into a fresh database of one embedded server. Runs go
round by round, all loaders in each, so that a busy minute of the machine hits them alike.
"""

import atexit
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import psycopg
from psycopg.conninfo import make_conninfo
from rich.console import Console
from rich.table import Table

from crypto_pipeline.config.settings import Settings
from crypto_pipeline.warehouse.postgres import warehouse_conninfo
from crypto_pipeline_tests.benchmarks.data import COINS, make_landing_zone
from crypto_pipeline_tests.benchmarks.loaders import NOT_INSTALLED, Measured, save_rows


@dataclass(frozen=True)
class _Contestant:
    """A row of the table.

    Attributes:
        loader: Name in ``loaders.LOADERS``.
        label: What the table calls it.
        share: Most files that it is given; None for all. The slow ones would take an hour.
        target: Least ratio of our speed to its.
    """

    loader: str
    label: str
    share: int | None = None
    target: float | None = None


_OURS = _Contestant("ours", "bulk load, all of it")
_CONTESTANTS = (
    _OURS,
    _Contestant("copy_plain", "binary COPY, plain tables"),
    _Contestant("copy_keyed", "binary COPY, primary keys", target=0.5),
    _Contestant("parse", "exact parse alone"),
    _Contestant("copy_lines", "parse into COPY lines alone"),
    _Contestant("delta_append", "Delta gold (delta-rs), append"),
    _Contestant("delta_merge", "Delta gold (delta-rs), MERGE", share=400),
    _Contestant("sail", "Sail: files to gold", share=300),
    _Contestant("dlt_merge", "dlt, merge", share=40, target=12),
    _Contestant("pandas_to_sql", "pandas to_sql, no key", share=20),
    _Contestant("row_by_row", "row by row, ON CONFLICT", share=20),
)
_WIDTH = 100
_TARGET = 70_000
"""Records a second that issue 4 asks of the bulk load."""

_MOST_MB = 300
"""Memory that its process may hold, as issue 4 asks."""


@dataclass
class _Result:
    runs: list[Measured] = field(default_factory=list)
    problem: str | None = None

    @property
    def rate(self) -> float:
        return statistics.median(run.records / run.seconds for run in self.runs)


def run(count: int, runs: int, zone: Path | None, profile: bool) -> None:
    """Measure and print.

    Args:
        count: Files to load, of 1,000 records each.
        runs: How often; the table shows the medians.
        zone: Where the generated files are kept; by default they are thrown away.
        profile: Whether to print where the time of one more bulk load goes.
    """
    console = Console(width=_WIDTH)
    # A short path: a Unix socket lies in it.
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir="/tmp"))
    # What is registered first runs last: the server, whose end is registered later, stops before.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.chdir(folder)
    zone = folder / "zone" if zone is None else zone
    console.print(f"Making {count} landing files of {COINS} records")
    files = make_landing_zone(zone, count)
    size = sum(file.stat().st_size for file in files)
    # Without this process holding the server, each loader would start and stop it.
    server = _open_server(folder)
    results = {contestant.loader: _Result() for contestant in _CONTESTANTS}
    for number in range(runs):
        for contestant in _CONTESTANTS:
            console.print(f"Run {number + 1} of {runs}: {contestant.label}")
            _measure(contestant, zone, count, server, results[contestant.loader])
    _print(console, results, count, size, server)
    if profile:
        _print_profile(console, zone, count, server)


def _open_server(folder: Path) -> str:
    os.environ["DATA_DIR"] = str(folder / "d")
    for name in ("DATABASE_URL", "DB_HOST"):
        os.environ.pop(name, None)
    os.environ["DB_NAME"] = "bench"
    os.environ["COINGECKO_PLAN"] = "public"
    return warehouse_conninfo(Settings())


def _measure(contestant: _Contestant, zone: Path, count: int, server: str, result: _Result) -> None:
    if result.problem is not None:
        return
    files = min(count, contestant.share or count)
    rows = Path(os.environ["DATA_DIR"]) / "rows"
    with _Database(server, contestant.loader) as database:
        measured = _child(contestant.loader, zone, files, {"BENCH_ROWS": str(rows)})
        if isinstance(measured, Measured):
            result.runs.append(measured)
        else:
            result.problem = measured
        if contestant is _OURS and isinstance(measured, Measured) and not rows.exists():
            rows.mkdir()
            save_rows(make_conninfo(server, dbname=database), rows)


class _Database:
    """A database for one run, dropped after it."""

    def __init__(self, server: str, name: str) -> None:
        self._server = server
        self._name = f"bench_{name}"

    def __enter__(self) -> str:
        self._execute(f"DROP DATABASE IF EXISTS {self._name} WITH (FORCE)")
        # Nothing left to write of what ran before.
        self._execute("CHECKPOINT")
        os.environ["DB_NAME"] = self._name
        return self._name

    def __exit__(self, *error: object) -> None:
        os.environ["DB_NAME"] = "bench"
        self._execute(f"DROP DATABASE IF EXISTS {self._name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement.encode())


def _child(loader: str, zone: Path, files: int, environment: Mapping[str, str]) -> Measured | str:
    """What a loader measured in a process of its own, or why it did not."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "crypto_pipeline_tests.benchmarks.loaders",
            loader,
            zone,
            str(files),
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == NOT_INSTALLED:
        return "not installed"
    if done.returncode != 0:
        sys.stderr.write(done.stderr)
        return "failed"
    return msgspec.json.decode(done.stdout.rstrip().rsplit("\n", 1)[-1], type=Measured)


def _print(
    console: Console, results: Mapping[str, _Result], count: int, size: int, server: str
) -> None:
    ours = results[_OURS.loader]
    runs = len(ours.runs)
    table = Table(
        title=f"{count * COINS:,} records in {count} files, {size / 1e6:.0f} MB gzip;"
        f" medians of {runs} runs",
        title_justify="left",
    )
    for column in ("loader", "files", "records/s", "us a record", "least", "most", "ours is"):
        table.add_column(column, justify="left" if column == "loader" else "right")
    for contestant in _CONTESTANTS:
        result = results[contestant.loader]
        if result.problem is not None or not ours.runs:
            table.add_row(contestant.label, result.problem or "")
            continue
        rates = [run.records / run.seconds for run in result.runs]
        table.add_row(
            contestant.label,
            str(min(count, contestant.share or count)),
            f"{result.rate:,.0f}",
            f"{1e6 / result.rate:.1f}",
            f"{min(rates):,.0f}",
            f"{max(rates):,.0f}",
            "" if contestant is _OURS else f"{ours.rate / result.rate:.2f} x",
            style="bold" if contestant is _OURS else None,
        )
    console.print(table)
    if ours.runs:
        _print_targets(console, results)
    _print_one_more_file(console, results)
    with psycopg.connect(server) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    assert row is not None
    console.print(
        f"{os.cpu_count()} cores, PostgreSQL {row[0]} (embedded, as it comes),"
        f" Python {sys.version.split()[0]}, {sys.platform}"
    )


def _print_targets(console: Console, results: Mapping[str, _Result]) -> None:
    ours = results[_OURS.loader]
    peak = max(run.peak_mb for run in ours.runs)
    worker = max(run.peak_worker_mb for run in ours.runs)
    console.print(
        f"Peak memory of the bulk load's process {peak:.0f} MB"
        + (f", of its largest child {worker:.0f} MB" if worker else "")
    )
    verdict = "met" if max(peak, worker) < _MOST_MB else "missed"
    console.print(f"Target under {_MOST_MB} MB: {verdict} ({peak:.0f})")
    verdict = "met" if ours.rate >= _TARGET else "missed"
    console.print(f"Target {_TARGET:,} records/s: {verdict} ({ours.rate:,.0f})")
    for contestant in _CONTESTANTS:
        result = results[contestant.loader]
        if contestant.target is not None and result.problem is None:
            ratio = ours.rate / result.rate
            verdict = "met" if ratio >= contestant.target else "missed"
            console.print(
                f"Target {contestant.target:g} x {contestant.label}: {verdict} ({ratio:.2f})"
            )


def _print_one_more_file(console: Console, results: Mapping[str, _Result]) -> None:
    for contestant in _CONTESTANTS:
        seconds = [
            run.file_seconds
            for run in results[contestant.loader].runs
            if run.file_seconds is not None
        ]
        if seconds:
            median = statistics.median(seconds)
            console.print(f"One more file of {COINS:,} records, {contestant.label}: {median:.2f} s")


def _print_profile(console: Console, zone: Path, count: int, server: str) -> None:
    with _Database(server, "profile"):
        measured = _child(_OURS.loader, zone, count, {"BENCH_PROFILE": "1"})
    if not isinstance(measured, Measured):
        return
    table = Table(
        title=f"Where one bulk load's time goes, {measured.seconds:.1f} s", title_justify="left"
    )
    table.add_column("statement", no_wrap=True)
    table.add_column("us a record", justify="right")
    table.add_column("share", justify="right")
    rows = sorted(measured.statements.items(), key=lambda item: -item[1])
    rows.append(("all else: decoding, waiting", measured.seconds - sum(dict(rows).values())))
    for name, seconds in rows:
        if seconds > 0.002 * measured.seconds:
            table.add_row(
                name[:68],
                f"{seconds / measured.records * 1e6:.2f}",
                f"{seconds / measured.seconds:.1%}",
            )
    console.print(table)
