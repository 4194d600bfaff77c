"""``python -m crypto_pipeline_tests.faults``: kills and errors at counted points of every verb.

Each verb is run undisturbed first, which counts its points. Then it is run again and again from the
same state, with a fault at another point each time, and what a person or a schedule would run next
is run after it. What there is then is compared with what the undisturbed run left.

At least once each line of code that comes to a point is disturbed, in whichever verb comes to it
first, and points at even distances of each verb besides.
"""

import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, Queue

import click
import psycopg

from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline.warehouse.embedded import embedded_server
from crypto_pipeline_tests.faults.harness import Result, Stage, Verb, firsts, undisturbed
from crypto_pipeline_tests.faults.interposition import FAULTS, KILL, Plan, Point
from crypto_pipeline_tests.faults.report import Counted, keep, kept_of, report, write_into
from crypto_pipeline_tests.faults.verbs import NOW, VERBS

_REPOSITORY = Path(__file__).parents[2]
_PAGE = _REPOSITORY / "docs" / "RELIABILITY.md"
_KEPT = _REPOSITORY / "build" / "faults"
"""What came of the last run of each verb."""


@contextlib.contextmanager
def open_stage(market: Market | None = None) -> Iterator[Stage]:
    """A stage with a server of its own, in memory where there is room."""
    places = [Path("/dev/shm"), Path(tempfile.gettempdir())]
    place = next(path for path in places if path.is_dir() and os.access(path, os.W_OK))
    folder = Path(tempfile.mkdtemp(prefix="cf-", dir=place))
    try:
        server = embedded_server(folder / "data" / "postgres")
        make_fast(server.conninfo)
        clock = SimulatedClock(NOW, speed=0)
        with SandboxServer(market or Market(20), clock=clock) as source:
            stage = Stage(server.conninfo, folder / "data", folder, source)
            try:
                yield stage
            finally:
                stage.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def make_fast(server: str) -> None:
    """Let a server not wait for the disk: its clients are killed here, and not it."""
    with psycopg.connect(server, autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
        connection.execute("SELECT pg_reload_conf()")


class _Covered:
    """The lines of code that were disturbed already, in all verbs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kinds: set[tuple[str, str]] = set()

    def choose(self, points: list[Point], besides: int) -> list[Point]:
        """Of a verb's points the first of each line that no verb has come to before, and some at
        even distances."""
        with self._lock:
            new = [
                point
                for point in firsts(points)
                if point.is_ours and (point.kind, point.place) not in self._kinds
            ]
            self._kinds |= {(point.kind, point.place) for point in points}
        spread = {points[n * len(points) // besides] for n in range(min(besides, len(points)))}
        wanted = {*new, *spread}
        return [point for point in dict.fromkeys(points) if point in wanted]


def disturb(
    stage: Stage,
    verb: Verb,
    kills: _Covered,
    errors: _Covered,
    besides: int,
    most_errors: int | None,
) -> None:
    """Disturb one verb at all chosen points, and keep what comes of each."""
    points, expected = undisturbed(verb, stage)
    lines = {(point.kind, point.place) for point in points}
    counted = Counted(verb.name, len(points), len(lines))
    plans = [Plan(point, KILL) for point in kills.choose(points, besides)]
    can_fail = [point for point in points if FAULTS[point.group]]
    failing = errors.choose(can_fail, besides // 2)
    if most_errors is not None and len(failing) > most_errors:
        failing = [failing[n * len(failing) // most_errors] for n in range(most_errors)]
    for number, point in enumerate(failing):
        faults = FAULTS[point.group]
        plans.append(Plan(point, faults[number % len(faults)]))
    results: list[Result] = []
    for number, plan in enumerate(plans, start=1):
        result = stage.disturb(verb, plan, expected)
        results.append(result)
        keep(_KEPT, counted, results)
        if result.reached and not result.is_well:
            click.echo(f"{verb.name}: {plan}\n    {result.ended.code} {result.ended.told}")
            click.echo(f"    {result.difference.what[:600]}")
        if number % 20 == 0:
            click.echo(f"{verb.name}: {number} of {len(plans)}")


@click.command()
@click.option(
    "--verb",
    "names",
    multiple=True,
    type=click.Choice([verb.name for verb in VERBS]),
    help="Only these, in this order; may be given several times.",
)
@click.option(
    "--besides",
    default=12,
    show_default=True,
    type=click.IntRange(1),
    help="Points of each verb at even distances: so many kills, and half as many errors.",
)
@click.option("--errors", "most_errors", type=click.IntRange(0), help="Most errors of each verb.")
@click.option("--workers", default=2, show_default=True, help="Verbs at a time.")
@click.option(
    "--write",
    is_flag=True,
    help="Put the tables into docs/RELIABILITY.md, with what the last run said of other verbs.",
)
def main(
    names: tuple[str, ...], besides: int, most_errors: int | None, workers: int, write: bool
) -> None:
    """Disturb the verbs, and say what came of it; status 1 if anything was lost or left."""
    waiting: Queue[Verb] = Queue()
    verbs = {verb.name: verb for verb in VERBS}
    for name in names or verbs:
        waiting.put(verbs[name])
    kills, errors = _Covered(), _Covered()

    def work() -> None:
        with open_stage() as stage:
            while True:
                try:
                    verb = waiting.get_nowait()
                except Empty:
                    return
                try:
                    disturb(stage, verb, kills, errors, besides, most_errors)
                except Exception as error:
                    # At once, and not when all the others have ended.
                    click.echo(f"{verb.name}: {error}")
                    raise

    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work) for _ in range(workers)]:
            done.result()
    kept = [found for verb in VERBS if (found := kept_of(_KEPT, verb.name)) is not None]
    tables = report(kept)
    click.echo(tables)
    if write:
        write_into(_PAGE, tables)
    if not all(result.is_well for one in kept for result in one.results if result.reached):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
