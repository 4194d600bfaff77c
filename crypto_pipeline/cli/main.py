"""The verbs of ``crypto-pipeline``."""

import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import click
from prometheus_client import CollectorRegistry, generate_latest, write_to_textfile
from rich.console import Console
from rich.markup import escape

from crypto_pipeline.assets.bulk_load import LOAD_JOB, REPLAY_JOB
from crypto_pipeline.automation import AUDIT_JOB, HOURLY_JOB, INGEST_JOB, LOAD_LAKE_JOB
from crypto_pipeline.checks.scope import HOURS_TAG
from crypto_pipeline.cli import demo as demo_room
from crypto_pipeline.cli.doctor import Verdict, examine
from crypto_pipeline.cli.documentation import write_documentation
from crypto_pipeline.cli.health import HealthCollector, read_health
from crypto_pipeline.cli.home import open_dagster_home
from crypto_pipeline.cli.report import print_checks, print_query, print_rows
from crypto_pipeline.cli.runs import RunOutcome, complaints, errors_in_one_line, run_job
from crypto_pipeline.cli.unchecked import hours_loaded_since, last_audit, newest_batch
from crypto_pipeline.coingecko.client import CoinGeckoClient, request_budget
from crypto_pipeline.config.redaction import redact
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.dagster_internals import daemon_command
from crypto_pipeline.definitions import defs
from crypto_pipeline.lakehouse.differences import Parity
from crypto_pipeline.lakehouse.schema import LakeError
from crypto_pipeline.lakehouse.spark.resource import Spark
from crypto_pipeline.model.partitions import hourly, partition_key
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.quirks import RENAMED_AFTER
from crypto_pipeline.sandbox.server import serve
from crypto_pipeline.warehouse.migrations import newest_revision
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline.warehouse.roles import matrix_markdown, role_matrix

# In a pipe or a file there is no width to keep to.
console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160)

_recordings_option = click.option(
    "--recordings",
    type=click.Path(exists=True, path_type=Path),
    help="Play back recorded responses: a landing zone, or an archive or folder of bodies.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="crypto-pipeline")
def main() -> None:
    """A crypto market-data warehouse: CoinGecko to bronze, silver and gold.

    The configuration is read from the environment and from .env; see docs/CONFIGURATION.md.
    """
    # A person sees the outcome, in one line; the attempts before it are in the Dagster UI.
    logging.getLogger("crypto_pipeline").setLevel(logging.ERROR)


@main.command()
@click.option("--hours", default=6, show_default=True, type=click.IntRange(1, 10_000))
@_recordings_option
def demo(hours: int, recordings: Path | None) -> None:
    """Run the hourly job over several simulated hours of sandbox data."""
    with errors_in_one_line(complaints):
        played = demo_room.open_recordings(recordings)
        times = demo_room.demo_times(hours, played)
        if times[0] < hourly.start:
            raise click.UsageError(
                f"the first hour is that of {times[0]:%Y-%m-%d %H:%M} UTC, before HISTORY_START"
                f" ({hourly.start:%Y-%m-%d %H:%M} UTC)"
            )
        clock = SimulatedClock(times[0])
        failures: list[str] = []
        with demo_room.sandbox(played, clock):
            label = "Sandbox" if played is None else "Recorded"
            with open_dagster_home(Settings()) as instance:
                with Warehouse().connection() as connection:
                    console.print(f"{label} data into database [bold]{connection.info.dbname}[/]")
                for number, time in enumerate(times, start=1):
                    clock.set(time)
                    outcome = run_job(
                        instance, HOURLY_JOB, console, partition_key=partition_key(time)
                    )
                    failures += outcome.errors
                    console.print(
                        f"  hour {number} of {len(times)}, {time:%Y-%m-%d %H:%M} UTC: "
                        + (f"[red]{escape(outcome.errors[0])}[/]" if outcome.errors else "done")
                    )
                _report()
                failures += ["check failed"] * print_checks(console, outcome.checks)
        demo_room.explain(console, recordings)
    sys.exit(1 if failures else 0)


@main.command()
def run() -> None:
    """Fetch the current hour and carry it through bronze, silver and gold."""
    with errors_in_one_line(complaints), open_dagster_home(Settings()) as instance:
        outcome = run_job(instance, HOURLY_JOB, console, partition_key=_current_hour())
        _stop_on_errors(outcome)
        _report()
        _end_by_checks(outcome)


@main.command()
def ingest() -> None:
    """Fetch the current hour into the landing zone, and no further."""
    with errors_in_one_line(complaints), open_dagster_home(Settings()) as instance:
        outcome = run_job(instance, INGEST_JOB, console, partition_key=_current_hour())
        _stop_on_errors(outcome)
        console.print(f"Landed in {Settings().landing_uri}; `crypto-pipeline load` loads it.")


@main.command()
def load() -> None:
    """Load the landing files that the warehouse does not have yet."""
    _load_and_audit(LOAD_JOB)


@main.command()
def replay() -> None:
    """Empty silver and gold and load the whole landing zone again.

    A replay that was interrupted goes on where it stopped.
    """
    _load_and_audit(REPLAY_JOB)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON object.")
def status(as_json: bool) -> None:
    """Show what the warehouse holds.

    With --json, the status is 0 when all is well, 2 when something is wrong (see "problems"), and 1
    when the warehouse could not be asked.
    """
    with errors_in_one_line(complaints):
        if not as_json:
            _report()
            return
        with Warehouse().connection() as connection:
            health = read_health(connection)
        age = health.age
        summary = {
            "healthy": not health.problems,
            "problems": health.problems,
            "age_seconds": None if age is None else round(age.total_seconds()),
            **asdict(health),
        }
        click.echo(json.dumps(summary, default=_plain))
        sys.exit(2 if health.problems else 0)


@main.command()
def doctor() -> None:
    """Look for what could keep the pipeline from working here, and say what to do about it."""
    failed = False
    with errors_in_one_line(complaints):
        for finding in examine():
            colour = {"ok": "green", "warning": "yellow", "failed": "red"}[finding.verdict.value]
            state = escape(redact(f"{finding.subject}: {finding.state}"))
            console.print(
                f"[{colour}]{finding.verdict.value:8}[/]{state}",
                soft_wrap=True,
                highlight=False,
            )
            if finding.verdict is not Verdict.OK:
                console.print(
                    f"        -> {escape(finding.remedy)}", soft_wrap=True, highlight=False
                )
            failed |= finding.verdict is Verdict.FAILED
    sys.exit(1 if failed else 0)


@main.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write this file in one go, for node_exporter's textfile collector.",
)
def metrics(output: Path | None) -> None:
    """Print figures in Prometheus's text format: freshness, rows, rejects, requests, durations."""
    with errors_in_one_line(complaints), open_dagster_home(Settings()) as instance:
        with Warehouse().connection() as connection:
            health = read_health(connection)
        jobs = [job.name for job in defs.resolve_all_job_defs() if not job.name.startswith("__")]
        registry = CollectorRegistry()
        registry.register(
            HealthCollector(health, instance, jobs, request_budget(Settings()).used())
        )
        if output is None:
            click.echo(generate_latest(registry).decode(), nl=False)
        else:
            write_to_textfile(str(output), registry)


@main.command()
def migrate() -> None:
    """Bring the schema up to date, as the role that owns it, and no more."""
    with errors_in_one_line(complaints), Warehouse().connection() as connection:
        console.print(
            f"Database {connection.info.dbname} is at {newest_revision()}.", soft_wrap=True
        )


@main.command()
def roles() -> None:
    """Show what each of the database's roles may do, as a Markdown table."""
    with errors_in_one_line(complaints), Warehouse().connection() as connection:
        click.echo(matrix_markdown(role_matrix(connection)))


@main.command()
def lake() -> None:
    """Bring the lake, the star schema as Delta tables, up to the warehouse."""
    with errors_in_one_line(complaints), open_dagster_home(Settings()) as instance:
        outcome = run_job(instance, LOAD_LAKE_JOB, console)
        _stop_on_errors(outcome)
        console.print(f"The lake is at {Settings().lake_location}", soft_wrap=True)
        _end_by_checks(outcome)


@main.command()
@click.option("--full", is_flag=True, help="Row by row, not by counts, keys and sums.")
def parity(full: bool) -> None:
    """Compare all of the lake with PostgreSQL; status 1 if they differ."""
    with errors_in_one_line(complaints):
        found = _compare(Spark(), full=full)
        columns = ["where", "what", "PostgreSQL", "lake"]
        for title, some in (
            ("Differences", found.differences),
            ("Of another order of the same files", found.other_order),
        ):
            if some:
                print_rows(
                    console, title, columns, [list(vars(one).values()) for one in some[:100]]
                )
        console.print(
            f"{found.facts} facts of {found.months} months compared,"
            f" {len(found.differences)} differences, {found.pending} changes not in the lake yet"
        )
        sys.exit(1 if found.differences else 0)


def _compare(spark: Spark, *, full: bool) -> Parity:
    if spark.selected:
        parity = spark.compare(Warehouse(), rows=full)
        if parity is None:
            raise LakeError(
                "a job in Databricks loads the lake: its tables cannot be read from here"
            )
        return parity
    # Here and not above: the other verbs work without the packages of the extra "lake".
    from crypto_pipeline.lakehouse.comparison import compare_rows, compare_sums  # noqa: PLC0415
    from crypto_pipeline.lakehouse.delta import Lake  # noqa: PLC0415

    compare = compare_rows if full else compare_sums
    return compare(Warehouse(), Lake.from_settings(Settings()))


@main.command()
@click.argument("statement")
def sql(statement: str) -> None:
    """Ask the lake: run SQL (DuckDB's) on its tables, analytics.dim_* and analytics.fact_*."""
    with errors_in_one_line(complaints):
        # Here and not above: the other verbs work without the packages of the extra "lake".
        from crypto_pipeline.lakehouse.delta import Lake  # noqa: PLC0415
        from crypto_pipeline.lakehouse.queries import QueryError, lake_queries  # noqa: PLC0415

        with lake_queries(Lake.from_settings(Settings())) as queries:
            try:
                result = queries.execute(statement)
                columns = [column[0] for column in result.description]
                print_rows(console, None, columns, result.fetchall())
            except QueryError as error:
                complaints.print(f"[red]{escape(redact(str(error)))}[/]", soft_wrap=True)
                sys.exit(1)


@main.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def docs(folder: Path) -> None:
    """Write the parts of the documentation that come from the schema and the code."""
    with errors_in_one_line(complaints), Warehouse().connection() as connection:
        for path in write_documentation(connection, folder):
            console.print(str(path))


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=3000, show_default=True)
@click.option("--sandbox", "use_sandbox", is_flag=True, help="Sandbox data instead of CoinGecko's.")
@_recordings_option
def up(host: str, port: int, use_sandbox: bool, recordings: Path | None) -> None:
    """Serve the Dagster UI and daemon, with the hourly schedule running."""
    with errors_in_one_line(complaints):
        if use_sandbox or recordings is not None:
            played = demo_room.open_recordings(recordings)
            start = played.times[0] if played is not None else None
            with demo_room.sandbox(played, SimulatedClock(start)):
                _serve_dagster(host, port)
        else:
            _serve_dagster(host, port)


_SERVICES = {
    "code": [
        *(sys.executable, "-m", "dagster", "code-server", "start"),
        *("-m", "crypto_pipeline.definitions"),
    ],
    "webserver": [sys.executable, "-m", "dagster_webserver"],
    "daemon": daemon_command("run"),
    # Whether the daemon lives, as a status.
    "liveness": daemon_command("liveness-check"),
}


# -h is Dagster's option for a host.
@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("kind", type=click.Choice(list(_SERVICES)))
@click.argument("dagster_options", nargs=-1, type=click.UNPROCESSED)
def service(kind: str, dagster_options: tuple[str, ...]) -> NoReturn:
    """Become one of Dagster's services, with DAGSTER_OPTIONS; see docs/DEPLOYMENT.md.

    It needs a PostgreSQL that outlives it: DATABASE_URL or DB_*.
    """
    with errors_in_one_line(complaints):
        settings = Settings()
        if settings.embedded:
            raise click.UsageError(
                "a service needs a PostgreSQL of your own: set DATABASE_URL or DB_HOST"
            )
        open_dagster_home(settings).dispose()
        # Dagster ignores SIGTERM where it finds SIGINT ignored, as in a shell's background.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        # In place of this process, which an init system watches and signals.
        os.execv(sys.executable, [*_SERVICES[kind], *dagster_options])  # noqa: S606


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8765, show_default=True)
@click.option("--seed", default=1, show_default=True, help="Another seed, another market.")
@click.option("--coins", default=1000, show_default=True, type=click.IntRange(min=10))
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M%z"]),
    help="Simulated time at the start, such as 2024-01-01T00:00Z; by default the real time,"
    " or the first recording's.",
)
@click.option("--speed", default=1.0, show_default=True, help="Simulated seconds a second.")
@_recordings_option
def sandbox(
    host: str,
    port: int,
    seed: int,
    coins: int,
    start: datetime | None,
    speed: float,
    recordings: Path | None,
) -> None:
    """Serve a CoinGecko-shaped API with made-up or recorded data on loopback."""
    with errors_in_one_line(complaints):
        played = demo_room.open_recordings(recordings)
        if start is None and played is not None:
            start = played.times[0]
        clock = SimulatedClock(start, speed)
        console.print(
            f"Sandbox at http://{host}:{port}/api/v3. To use it:\n"
            f"  export COINGECKO_PLAN=sandbox COINGECKO_BASE_URL=http://{host}:{port}/api/v3"
        )
        try:
            serve(
                played or Market(coins, seed=seed, rename_at=clock.start + RENAMED_AFTER),
                clock=clock,
                host=host,
                port=port,
            )
        except KeyboardInterrupt:
            console.print("Sandbox stopped.")


def _load_and_audit(job: str) -> NoReturn:
    with errors_in_one_line(complaints), open_dagster_home(Settings()) as instance:
        known, checked = newest_batch(), last_audit(instance)
        errors = _print_errors(run_job(instance, job, console))
        if not errors and Settings().has_lake:
            errors = _print_errors(run_job(instance, LOAD_LAKE_JOB, console))
        if hours_loaded_since(known) is None and not errors:
            console.print("Nothing to load: the warehouse has every file of the landing zone.")
        # With what was loaded before and never checked: a load that was stopped left that.
        unchecked = known if errors else checked and known and min(checked, known)
        hours = hours_loaded_since(unchecked)
        if hours is None:
            if not errors:
                _report()
            sys.exit(1 if errors else 0)
        audit = run_job(instance, AUDIT_JOB, console, tags={HOURS_TAG: hours})
        _stop_on_errors(audit)
        _report()
        _end_by_checks(audit, failed=errors)


def _end_by_checks(outcome: RunOutcome, *, failed: bool = False) -> NoReturn:
    wrong = print_checks(console, outcome.checks)
    if wrong:
        # In words, too: the last line is what a scheduler mails.
        complaints.print(f"[red]{wrong} checks of severity ERROR failed[/]")
    sys.exit(1 if wrong or failed else 0)


def _plain(value: object) -> object:
    """A value of PostgreSQL as JSON has it."""
    return value.isoformat() if isinstance(value, datetime) else int(str(value))


def _current_hour() -> str:
    with CoinGeckoClient.from_settings(Settings()) as client:
        return partition_key(client.now())


def _stop_on_errors(outcome: RunOutcome) -> None:
    if _print_errors(outcome):
        sys.exit(1)


def _print_errors(outcome: RunOutcome) -> bool:
    for error in outcome.errors:
        complaints.print(f"[red]{escape(error)}[/]", soft_wrap=True)
    return bool(outcome.errors)


def _report() -> None:
    with Warehouse().connection() as connection:
        print_query(console, connection, "Warehouse", "totals")
        print_query(console, connection, "Newest batches", "batches")
        print_query(console, connection, "Largest coins", "top_prices")


def _serve_dagster(host: str, port: int) -> NoReturn:
    # Both end the service. A shell that starts it in the background has SIGINT ignored, which the
    # child would inherit, and Dagster ignores SIGTERM where it finds SIGINT ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with open_dagster_home(Settings()):
        console.print(f"Dagster UI at http://{host}:{port} (Ctrl-C stops it)")
        command = [sys.executable, "-m", "dagster", "dev", "-m", "crypto_pipeline.definitions"]
        # Dagster discourages its own command at every start, in favour of one for another layout.
        quiet = {"PYTHONWARNINGS": "ignore:Function `dev_command` is superseded"}
        server = subprocess.Popen(  # noqa: S603
            [*command, "-h", host, "-p", str(port)], env={**os.environ, **quiet}
        )
        try:
            code = server.wait()
        except KeyboardInterrupt:
            # A terminal's Ctrl-C reached the child too, a plain kill only us.
            server.terminate()
            code = 0
            server.wait()
        sys.exit(code)
