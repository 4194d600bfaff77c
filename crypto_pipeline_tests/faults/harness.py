"""Runs a verb from one state, again and again, with a fault at another point each time, and
compares what there is after the next run with what an undisturbed one leaves."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from deltalake import DeltaTable
from psycopg import sql

from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline.warehouse.postgres import connect
from crypto_pipeline_tests.faults.interposition import KILL, Plan, Point
from crypto_pipeline_tests.pipeline import Contents, contents_of

_RANDOM_PART = re.compile(r"-[0-9a-f]{8}(?=\.json\.gz)|\d{8}T\d{6}\.\d{3}Z")
"""What differs from run to run in the name of a landing file or a backup."""

_UNFINISHED = """
SELECT 'run ' || pipeline_name || ' is ' || status FROM dagster.runs
WHERE status NOT IN ('SUCCESS', 'FAILURE', 'CANCELED')
"""

_STUCK = """
SELECT 'batch ' || landing_file || ' is ' || status FROM ingestion_batches
WHERE status NOT IN ('completed', 'failed') OR status = 'completed' AND gold_loaded_at IS NULL
"""


class Ended(NamedTuple):
    """How a verb ended: its exit code, negative for a signal, and what it printed."""

    code: int
    out: str
    err: str
    points: list[Point]

    @property
    def told(self) -> str:
        """The last line that a person saw of what went wrong."""
        return self._lines[-1].strip() if self._lines else ""

    @property
    def is_in_a_line(self) -> bool:
        """Whether that was all."""
        return len(self._lines) == 1

    @property
    def _lines(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.strip()]


@dataclass(frozen=True)
class Verb:
    """A verb, and the state from which it is run.

    Attributes:
        name: What the table calls it.
        arguments: Of the command line.
        prepare: Makes the state: drops files, runs verbs.
        recover: What a person or a schedule runs after a fault, in order; by default the verb.
        environment: Variables beside the usual ones.
        empty: Whether the database has not even tables before.
        code: Exit code of an undisturbed run: 1, where a file of the state is broken.
    """

    name: str
    arguments: tuple[str, ...]
    prepare: Callable[["Stage"], None]
    recover: Callable[["Stage"], Sequence[tuple[str, ...]]] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    empty: bool = False
    code: int = 0


class State(NamedTuple):
    """All that a verb may have changed.

    Attributes:
        tables: The rows of the warehouse, and of the lake.
        files: Digest of each file of the landing zone and the backups, by its name.
        stuck: What waits for ever.
    """

    tables: Contents
    files: Counter[tuple[str, str]]
    stuck: list[str]


class Difference(NamedTuple):
    """What a state has too little or too much of, beside an undisturbed one: rows, and files."""

    lost: int
    doubled: int
    orphans: int
    stuck: int
    what: str

    @property
    def is_none(self) -> bool:
        """Whether the states are equal."""
        return not (self.lost or self.doubled or self.orphans or self.stuck)


class Result(NamedTuple):
    """What came of one fault.

    Attributes:
        reached: Whether the run came to the point at all.
        ended: How the disturbed run ended.
        difference: What the next run did not make good.
    """

    verb: str
    plan: Plan
    reached: bool
    ended: Ended
    difference: Difference

    @property
    def is_well(self) -> bool:
        """Whether nothing was lost or left, and an error was told in words."""
        killed = self.ended.code == -signal.SIGKILL
        in_words = killed or "Traceback" not in self.ended.err
        return self.difference.is_none and in_words and (killed or self.plan.fault != KILL)


class Stage:
    """One server, one warm process, and one folder of files in which verbs are run.

    Args:
        server: Connection string of the embedded server, as its superuser.
        data_dir: The ``DATA_DIR`` in which it is.
        folder: For the files.
        source: The CoinGecko that is asked; None where no verb asks.
        modules: What the warm process imports; by default all that verbs need.
    """

    def __init__(
        self,
        server: str,
        data_dir: Path,
        folder: Path,
        source: SandboxServer | None,
        modules: Sequence[str] = (),
    ) -> None:
        self._server = server
        self._data_dir = data_dir
        self._source = source
        self._verb_environment: dict[str, str] = {}
        self.folder = folder / "stage"
        self._kept = folder / "kept"
        self._database = "fault_stage"
        graph = folder / "graph"
        # The graph has a lake if there is one when it is imported.
        (graph / "lake" / "crypto_warehouse").mkdir(parents=True)
        self._warm = subprocess.Popen(
            [sys.executable, "-m", "crypto_pipeline_tests.faults.warm", *modules],
            cwd=Path(__file__).parents[2],
            env={**os.environ, "DATA_DIR": str(graph), "PYTHONWARNINGS": "ignore"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End the warm process, and drop the databases."""
        self._warm.communicate()
        for database in ("fault_stage", "fault_kept"):
            self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", database)

    def set_time(self, time: datetime) -> None:
        """Set the clock of the source, which is that of the verbs that ask it."""
        assert self._source is not None
        self._source.clock.set(time)

    @property
    def landing(self) -> Path:
        """The landing zone."""
        return self.folder / "landing"

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """A connection to the warehouse as it is, which migrates nothing."""
        with connect(psycopg.conninfo.make_conninfo(self._server, dbname=self._database)) as one:
            yield one

    def begin(self, verb: Verb) -> None:
        """Make the state from which the verb is run, and keep it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("landing", "home", "work"):
            (self.folder / name).mkdir(parents=True)
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", self._database)
        if verb.empty:
            self._execute("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0", self._database)
        self._verb_environment = dict(verb.environment)
        verb.prepare(self)
        shutil.rmtree(self._kept, ignore_errors=True)
        shutil.copytree(self.folder, self._kept)
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", "fault_kept")
        self._copy_database(self._database, "fault_kept")

    def copy_database(self, template: str) -> None:
        """Begin with what another database holds."""
        self._copy_database(template, self._database)

    def reset(self) -> None:
        """Go back to the state that is kept."""
        shutil.rmtree(self.folder)
        # With the times of the files, by which some are filed.
        shutil.copytree(self._kept, self.folder)
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", self._database)
        self._copy_database("fault_kept", self._database)

    def run(self, *arguments: str, plan: Plan = Plan(None, None)) -> Ended:  # noqa: B008
        """Run a verb in a process of its own."""
        trace = self.folder.parent / "trace"
        trace.unlink(missing_ok=True)
        out, err = self.folder.parent / "out", self.folder.parent / "err"
        order = {
            "arguments": list(arguments),
            "environment": {
                **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
                "DATA_DIR": str(self._data_dir),
                "DB_NAME": self._database,
                "LANDING_ZONE_URI": str(self.landing),
                "BACKUP_DIR": str(self.folder / "backups"),
                "DAGSTER_HOME": str(self.folder / "home"),
                "DAGSTER_DISABLE_TELEMETRY": "1",
                **({"COINGECKO_BASE_URL": self._source.base_url} if self._source else {}),
                **self._verb_environment,
            },
            "folder": str(self.folder / "work"),
            "out": str(out),
            "err": str(err),
            "trace": str(trace),
            "watched": [str(self.folder), str(self._data_dir)],
            "point": None if plan.point is None else list(plan.point),
            "fault": plan.fault,
        }
        assert self._warm.stdin is not None
        assert self._warm.stdout is not None
        self._warm.stdin.write(json.dumps(order) + "\n")
        self._warm.stdin.flush()
        code = int(self._warm.stdout.readline())
        return Ended(code, out.read_text(), err.read_text(), _read_points(trace))

    def well(self, *arguments: str, code: int = 0) -> None:
        """Run a verb undisturbed, which must end as it should."""
        ended = self.run(*arguments)
        assert ended.code == code, f"{arguments}: {ended.code}\n{ended.out}\n{ended.err}"

    def state(self) -> State:
        """All that there is now."""
        with self.connection() as connection:
            tables = contents_of(connection)
            stuck = [row[0] for row in connection.execute(_STUCK)]
            with_dagster = connection.execute("SELECT to_regclass('dagster.runs')").fetchone()
            if with_dagster != (None,):
                stuck += [row[0] for row in connection.execute(_UNFINISHED)]
        for log in sorted(self.folder.glob("lake/**/_delta_log")):
            rows = DeltaTable(log.parent).to_pyarrow_table().to_pylist()
            tables[f"lake.{log.parent.name}"] = sorted(map(_without_load_time, rows), key=repr)
        files: Counter[tuple[str, str]] = Counter()
        for top in ("landing", "backups"):
            for path in (self.folder / top).rglob("*"):
                if path.is_file():
                    files[_named(path.relative_to(self.folder), path.read_bytes())] += 1
        scratch = (
            "SELECT 'database ' || datname FROM pg_database WHERE datname ~ '^crypto_pipeline_'"
        )
        with psycopg.connect(self._server) as connection:
            stuck += [row[0] for row in connection.execute(scratch)]
        return State(tables, files, stuck)

    def disturb(self, verb: Verb, plan: Plan, expected: State) -> Result:
        """Run the verb from the kept state with a fault, then what comes after it, and compare."""
        self.reset()
        ended = self.run(*verb.arguments, plan=plan)
        reached = plan.point in ended.points
        for arguments in recovery(verb, self):
            again = self.run(*arguments)
            if again.code != verb.code:
                words = f"the next `{' '.join(arguments)}` ended with {again.code}: {again.told}"
                return Result(verb.name, plan, reached, ended, Difference(0, 0, 0, 1, words))
        return Result(verb.name, plan, reached, ended, compare(expected, self.state()))

    def _copy_database(self, source: str, target: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [source],
            )
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                    sql.Identifier(target), sql.Identifier(source)
                )
            )

    def _execute(self, statement: str, database: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(database)))


def recovery(verb: Verb, stage: Stage) -> Sequence[tuple[str, ...]]:
    """What is run after the verb, disturbed or not."""
    return (verb.arguments,) if verb.recover is None else verb.recover(stage)


def undisturbed(verb: Verb, stage: Stage) -> tuple[list[Point], State]:
    """The points of the verb, and what there is after it and what comes after it."""
    stage.begin(verb)
    ended = stage.run(*verb.arguments)
    assert ended.code == verb.code, f"{verb.name}: {ended.code}\n{ended.out}\n{ended.err}"
    for arguments in recovery(verb, stage):
        stage.well(*arguments, code=verb.code)
    return ended.points, stage.state()


def compare(expected: State, found: State) -> Difference:
    """What a state lacks, or has too much of."""
    lost = doubled = 0
    words = []
    for table in sorted({*expected.tables, *found.tables}):
        before = Counter(map(_row_text, expected.tables.get(table, [])))
        after = Counter(map(_row_text, found.tables.get(table, [])))
        too_few, too_many = before - after, after - before
        lost += sum(too_few.values())
        doubled += sum(too_many.values())
        words += [f"{table} lacks {row}" for row in too_few]
        words += [f"{table} has {row}" for row in too_many]
    gone, orphans = expected.files - found.files, found.files - expected.files
    words += [f"file {name} is lost" for name, _ in gone]
    words += [f"file {name} is left" for name, _ in orphans]
    words += found.stuck
    return Difference(
        lost + sum(gone.values()),
        doubled,
        sum(orphans.values()),
        len(found.stuck),
        "; ".join(words[:4]),
    )


def firsts(points: Sequence[Point]) -> list[Point]:
    """Of each kind and line the first point, in order."""
    return list({(point.kind, point.place): point for point in reversed(points)}.values())[::-1]


def _read_points(trace: Path) -> list[Point]:
    if not trace.exists():
        return []
    parts = (line.split("\t") for line in trace.read_text().splitlines())
    return [Point(kind, place, int(occurrence)) for kind, place, occurrence in parts]


def _named(path: Path, content: bytes) -> tuple[str, str]:
    """A file's name and digest, as far as they are the same in every run."""
    name = _RANDOM_PART.sub("", str(path))
    is_backup = path.parts[0] == "backups"
    return name, "" if is_backup else hashlib.sha256(content).hexdigest()


def _row_text(row: dict[str, Any]) -> str:
    return _RANDOM_PART.sub("", repr(row))


def _without_load_time(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "load_timestamp"}
