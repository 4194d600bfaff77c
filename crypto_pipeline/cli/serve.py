"""Dagster's services: all of them for ``up``, or one in the place of this process."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import IO, NoReturn

import click
import dagster as dg
import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc
from rich.console import Console
from rich.markup import escape

from crypto_pipeline.alerts import one_line
from crypto_pipeline.cli.errors import complaints
from crypto_pipeline.cli.home import CODE_LOCATION, open_dagster_home
from crypto_pipeline.cli.ports import listening
from crypto_pipeline.config.redaction import redact
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.dagster_internals import FINISHED_STATUSES, daemon_command
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse

_GRPC_SERVICE = "DagsterApi"
"""Under this name a code server tells its health."""

_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_TO_END = 10.0
_LAST_LINES = 20
"""Of a service's output, to be shown if it dies."""

# Dagster discourages some of its own commands at every start.
_QUIET = {"PYTHONWARNINGS": "ignore"}

_COMMANDS = {
    "code": [
        *(sys.executable, "-m", "dagster", "code-server", "start"),
        *("-m", CODE_LOCATION),
    ],
    "webserver": [sys.executable, "-m", "dagster_webserver"],
    "daemon": daemon_command("run"),
    # Whether the daemon lives, as a status.
    "liveness": daemon_command("liveness-check"),
}


def become(kind: str, options: tuple[str, ...]) -> NoReturn:
    """Become one of Dagster's services.

    Args:
        kind: code, webserver, daemon or liveness.
        options: Dagster's, of the service.
    """
    settings = Settings()
    if settings.embedded:
        raise click.UsageError(
            "a service needs a PostgreSQL of your own: set DATABASE_URL or DB_HOST"
        )
    open_dagster_home(settings).dispose()
    # Dagster ignores SIGTERM where it finds SIGINT ignored, as in a shell's background.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # In place of this process, which an init system watches and signals.
    os.execv(sys.executable, [*_COMMANDS[kind], *options])  # noqa: S606


def up(console: Console, host: str, port: int, *, verbose: bool) -> NoReturn:
    """Run code server, webserver and daemon until one of them ends or a person ends them.

    Args:
        console: Where to say what happens.
        host: Of the UI.
        port: Of the UI.
        verbose: Whether to pass on all that the services print, not their warnings alone.
    """
    # Before anything starts: the webserver would find it out when all the rest runs.
    listening(host, port).close()
    # Both end the services. A shell that starts them in the background has SIGINT ignored, which
    # they would inherit, and Dagster ignores SIGTERM where it finds SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with open_dagster_home(Settings()) as instance:
        code_port = _free_port()
        workspace = Path(os.environ["DAGSTER_HOME"]) / "workspace.yaml"
        workspace.write_text(
            f"load_from:\n  - grpc_server:\n      host: 127.0.0.1\n      port: {code_port}\n"
            f"      location_name: {CODE_LOCATION}\n",
            encoding="utf-8",
        )
        code = [*_COMMANDS["code"], "-h", "127.0.0.1", "-p", str(code_port)]
        web = [*_COMMANDS["webserver"], "-h", host, "-p", str(port), "-w", str(workspace)]
        daemon = [*_COMMANDS["daemon"], "-w", str(workspace)]
        try:
            with _Services(console, verbose=verbose) as services:
                console.print("Starting Dagster ...")
                services.start("code server", code)
                # The others would find no code location.
                while not _is_loaded(code_port):
                    services.refuse_dead()
                    time.sleep(_SECONDS_BETWEEN_LOOKS)
                services.start("webserver", web)
                services.start("daemon", daemon)
                _watch(console, instance, services, f"http://{host}:{port}")
        except KeyboardInterrupt:
            console.print("Dagster stopped.")
            sys.exit(0)


class _Service:
    """A service in a child process; what it prints is passed on in part."""

    def __init__(
        self, name: str, command: list[str], environment: Mapping[str, str], *, verbose: bool
    ) -> None:
        self.name = name
        self._verbose = verbose
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        # In a group of its own: a terminal's Ctrl-C reaches us alone, and we end it in order.
        self.process = subprocess.Popen(  # noqa: S603
            command,
            env=dict(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        assert self.process.stdout is not None
        threading.Thread(target=self._pass_on, args=[self.process.stdout], daemon=True).start()

    def _pass_on(self, output: IO[str]) -> None:
        shown = True
        for line in output:
            shown = _is_shown(line, before=shown)
            self._last.append(line)
            if shown or self._verbose:
                sys.stderr.write(redact(line))
                sys.stderr.flush()

    @property
    def last_words(self) -> str:
        """The last line that says something."""
        said = [line.strip() for line in self._last if line.strip()]
        return redact(_COLOUR.sub("", said[-1])) if said else "it said nothing"

    def end(self, number: int) -> None:
        """Send a signal to it and to its own children."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_OF_A_RUN = " - dagster - "
"""The logger of runs: what became of them is said in a line each."""

_LEVEL = re.compile(r"\b(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b")


def _is_shown(line: str, *, before: bool) -> bool:
    """Whether a line of a service's output is a warning or worse, or belongs to one. What has no
    level of its own follows the line before it."""
    start = _COLOUR.sub("", line)[:200]
    level = _LEVEL.search(start)
    if level is None:
        return before
    return level[1] not in ("DEBUG", "INFO") and _OF_A_RUN not in start


class _Services:
    """The services that run; on the way out all are ended."""

    def __init__(self, console: Console, *, verbose: bool) -> None:
        self._console = console
        self._verbose = verbose
        self._running: list[_Service] = []

    def __enter__(self) -> "_Services":
        return self

    def __exit__(self, *_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            for service in self._running:
                service.end(number)
            end = time.monotonic() + _SECONDS_TO_END
            for service in self._running:
                try:
                    service.process.wait(max(0.0, end - time.monotonic()))
                except subprocess.TimeoutExpired:
                    self._console.print(f"Dagster's {service.name} does not end by itself.")

    def start(self, name: str, command: list[str]) -> None:
        """Start one more."""
        environment = {**os.environ, **_QUIET}
        self._running.append(_Service(name, command, environment, verbose=self._verbose))

    def refuse_dead(self) -> None:
        """End the program where a service has ended, and say why."""
        for service in self._running:
            status = service.process.poll()
            if status is not None:
                # What it said last may still be on its way.
                time.sleep(_SECONDS_BETWEEN_LOOKS)
                complaints.print(
                    f"[red]Dagster's {service.name} ended with status {status}:"
                    f" {escape(service.last_words)}[/]",
                    soft_wrap=True,
                )
                sys.exit(1)


def _watch(
    console: Console, instance: dg.DagsterInstance, services: _Services, url: str
) -> NoReturn:
    """Say what happens, until a service ends."""
    runs = _Runs(console, instance)
    serving = False
    while True:
        services.refuse_dead()
        if not serving and _answers(url):
            serving = True
            console.print(f"Dagster UI at {url} (Ctrl-C stops it)")
        runs.say_news()
        time.sleep(_SECONDS_BETWEEN_LOOKS)


class _Runs:
    """Says of every run when it starts and how it ended."""

    def __init__(self, console: Console, instance: dg.DagsterInstance) -> None:
        self._console = console
        self._instance = instance
        self._since = datetime.now(timezone.utc)
        self._said: dict[str, str] = {}

    def say_news(self) -> None:
        """A line for every run that started or ended since the last time."""
        records = self._instance.get_run_records(dg.RunsFilter(updated_after=self._since))
        for record in sorted(records, key=lambda record: record.create_timestamp):
            run = record.dagster_run
            name = " ".join(filter(None, [run.job_name, run.tags.get("dagster/partition")]))
            started = run.status is dg.DagsterRunStatus.STARTED or record.start_time is not None
            if started and run.run_id not in self._said:
                self._said[run.run_id] = "started"
                self._console.print(f"{name} started", highlight=False, soft_wrap=True)
            if run.status in FINISHED_STATUSES and self._said.get(run.run_id) != "ended":
                self._said[run.run_id] = "ended"
                self._console.print(f"{name} {self._end(record)}", highlight=False, soft_wrap=True)

    def _end(self, record: dg.RunRecord) -> str:
        if record.dagster_run.status is dg.DagsterRunStatus.CANCELED:
            return "was cancelled"
        if record.dagster_run.status is dg.DagsterRunStatus.FAILURE:
            return f"[red]failed: {escape(redact(self._reason(record.dagster_run.run_id)))}[/]"
        start, end = record.start_time or 0.0, record.end_time or 0.0
        with Warehouse().connection() as connection:
            row = connection.execute(
                read_sql("reports/loaded_between.sql"),
                {
                    "start": datetime.fromtimestamp(start, timezone.utc),
                    "end": datetime.fromtimestamp(end, timezone.utc),
                },
            ).fetchone()
        assert row is not None
        loaded, duplicate, rejected = row
        what = (
            ""
            if loaded is None
            else f"{loaded} loaded, {duplicate} skipped (duplicates), {rejected} rejected, "
        )
        return f"ended: {what}{end - start:.1f} s"

    def _reason(self, run_id: str) -> str:
        failures = self._instance.get_records_for_run(
            run_id,
            of_type={dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE},
            limit=1,
        ).records
        for record in failures:
            if record.event_log_entry.dagster_event is not None:
                return one_line(record.event_log_entry.dagster_event)
        return "see it in the Dagster UI"


def _is_loaded(port: int) -> bool:
    """Whether the code server has loaded the graph."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(service=_GRPC_SERVICE), timeout=1)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/server_info", timeout=1).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
