"""The verbs of ``crypto-pipeline``.

Each imports what it needs when it runs: the help and the errors of usage come at once, and what
only asks the database does without Dagster and pandas.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
from rich.console import Console

from crypto_pipeline.cli.errors import NOTHING_TO_LOAD, complaints, errors_in_one_line

if TYPE_CHECKING:
    from datetime import datetime

    from crypto_pipeline.lakehouse.differences import Parity

# In a pipe or a file there is no width to keep to.
console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else 160)

_recordings_option = click.option(
    "--recordings",
    type=click.Path(exists=True, path_type=Path),
    help="Play back recorded responses: a landing zone, or an archive or folder of bodies.",
)

_host_option = click.option(
    "--host", default="127.0.0.1", show_default=True, help="The address at which it listens."
)


class _Moment(click.DateTime):
    """A time, UTC."""

    def convert(
        self, value: "str | datetime", param: click.Parameter | None, ctx: click.Context | None
    ) -> "datetime":
        from datetime import timezone

        return super().convert(value, param, ctx).replace(tzinfo=timezone.utc)


_MOMENT = _Moment(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="crypto-pipeline")
def main() -> None:
    """A crypto market-data warehouse: CoinGecko to bronze, silver and gold.

    The configuration is read from the environment and from .env; see docs/CONFIGURATION.md.
    """
    import logging

    # A person sees the outcome, in one line; the attempts before it are in the Dagster UI.
    logging.getLogger("crypto_pipeline").setLevel(logging.ERROR)


@main.command()
@click.option(
    "--hours",
    default=6,
    show_default=True,
    type=click.IntRange(1, 10_000),
    help="Hours over which the hourly job runs.",
)
@click.option(
    "--days",
    default=30,
    show_default=True,
    type=click.IntRange(0, 400),
    help="Days before those hours, loaded in bulk; none with --recordings.",
)
@_recordings_option
def demo(hours: int, days: int, recordings: Path | None) -> None:
    """Load simulated days of sandbox data in bulk, then run the hourly job over the last hours."""
    from functools import partial

    from crypto_pipeline.cli import demo as demo_room
    from crypto_pipeline.cli.demo_past import eventful_market, land_past
    from crypto_pipeline.landing.first_hour import expect_hour
    from crypto_pipeline.sandbox.clock import SimulatedClock

    with errors_in_one_line(complaints):
        played = demo_room.open_recordings(recordings)
        times = demo_room.demo_times(hours, played)
        past = [] if played is not None else demo_room.past_times(times[0], days)
        first = (past or times)[0]
        clock = SimulatedClock(first)
        expect_hour(first)
        market = eventful_market(past[0], times[-1]) if past else None
        with demo_room.sandbox(played or market, clock):
            from crypto_pipeline.cli.jobs import play

            label = "Sandbox" if played is None else "Recorded"
            land = partial(land_past, console, market, clock, past) if market else None
            well = play(console, label, clock, times, land)
        demo_room.explain(console, recordings)
    sys.exit(0 if well else 1)


@main.command()
def run() -> None:
    """Fetch the current hour and carry it through bronze, silver and gold."""
    with errors_in_one_line(complaints):
        time = _now()
        from crypto_pipeline.cli import jobs

        jobs.run(console, time)


@main.command()
def ingest() -> None:
    """Fetch the current hour into the landing zone, and no further."""
    with errors_in_one_line(complaints):
        time = _now()
        from crypto_pipeline.cli import jobs

        jobs.ingest(console, time)


@main.command()
def load() -> None:
    """Load the landing files that the warehouse does not have yet."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli.pending import nothing_to_do

        if nothing_to_do():
            from crypto_pipeline.cli.report import print_totals
            from crypto_pipeline.warehouse.postgres import Warehouse

            console.print(NOTHING_TO_LOAD)
            with Warehouse().connection() as connection:
                print_totals(console, connection)
            return
        from crypto_pipeline.cli import jobs

        jobs.load_and_audit(console, jobs.LOAD_JOB)


@main.command()
def replay() -> None:
    """Empty silver and gold and load the whole landing zone again.

    A replay that was interrupted goes on where it stopped.
    """
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli import jobs

        jobs.load_and_audit(console, jobs.REPLAY_JOB)


_rule_option = click.option(
    "--rule", "rules", multiple=True, help="What this rule rejected; may be given several times."
)
_since_option = click.option(
    "--since", type=_MOMENT, help="Of files that were fetched then or later, UTC."
)


@main.group()
def quarantine() -> None:
    """Records and points that a rule rejected: look at them, and load what is good now."""


@quarantine.command(name="list")
@_rule_option
@_since_option
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON object a rule.")
def list_quarantine(rules: tuple[str, ...], since: "datetime | None", as_json: bool) -> None:
    """Show what waits in quarantine, by rule: how much, the newest, an example."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli import quarantine as quarantine_room

        quarantine_room.list_quarantine(console, rules, since, as_json=as_json)


@quarantine.command(name="show")
@click.argument("identifier", metavar="ID|BATCH")
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON object a record.")
def show_quarantined(identifier: str, as_json: bool) -> None:
    """Show a record as it came, why it was rejected, and its file and place.

    ID is a batch and a place in it, such as 12:0; BATCH alone shows all of its records. Points of
    price history have an h before it: h3:0.
    """
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli import quarantine as quarantine_room

        quarantine_room.show(console, identifier, as_json=as_json)


@quarantine.command(name="replay")
@_rule_option
@_since_option
def replay_quarantine(rules: tuple[str, ...], since: "datetime | None") -> None:
    """Load what no rule rejects any more, as if it had been good from the start, and check it.

    After a rule or the decoder was mended, or a corrected file was loaded. What has left the
    quarantine is marked, and kept.
    """
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli import quarantine as quarantine_room

        quarantine_room.replay(console, rules, since)


@main.command(name="import")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--coin", help="The coin's id, such as bitcoin, where the name does not tell it.")
@click.option("--currency", help="The currency, such as usd, where the name does not tell it.")
def import_(files: tuple[str, ...], coin: str | None, currency: str | None) -> None:
    """Import price history that you have: CoinGecko's export of a coin (CSV), or a saved chart.

    The name of an export tells symbol and currency: btc-usd-max.csv.
    """
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli import history

        history.import_files(console, files, coin, currency)


@main.command()
@click.option("--coins", help="Comma-separated ids; by default all that snapshots have had.")
@click.option("--currencies", help="Comma-separated codes; by default the configured ones.")
@click.option("--from", "start", type=_MOMENT, help="First moment, UTC; by default the plan's.")
@click.option("--to", "end", type=_MOMENT, help="Last moment, UTC; by default now.")
@click.option(
    "--ohlc",
    type=click.Choice(["1", "7", "14", "30", "90", "180", "365"]),
    help="CoinGecko's own candles of so many days, too: a request for each coin and currency.",
)
@click.option("--dry-run", is_flag=True, help="Say what it costs, and ask for nothing.")
def backfill(
    coins: str | None,
    currencies: str | None,
    start: "datetime | None",
    end: "datetime | None",
    ohlc: str | None,
    dry_run: bool,
) -> None:
    """Ask CoinGecko for the hours that are missing of some coins, and load them.

    Newest first, within the request budget. What was asked for before costs nothing.
    """
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli import history

        history.backfill(
            console, _listed(coins), _listed(currencies), start, end, ohlc, dry_run=dry_run
        )


@main.command()
@click.option("--coins", help="Comma-separated ids; by default all.")
@click.option("--all", "every", is_flag=True, help="Those too that the source does not have.")
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON object a gap.")
def gaps(coins: str | None, every: bool, as_json: bool) -> None:
    """Show what is missing of the price history; status 2 if the source was not asked for some."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli import history

        history.gaps(console, _listed(coins), every=every, as_json=as_json)


@main.command()
@click.option("--dry-run", is_flag=True, help="Say what it costs, and ask for nothing.")
def repair(dry_run: bool) -> None:
    """Close the gaps, in as few requests as can be, within the request budget."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli import history

        history.repair(console, dry_run=dry_run)


@main.group()
def coins() -> None:
    """Show which coins there are, what happened to them, and under which id they go on."""


@coins.command(name="fetch")
def coins_fetch() -> None:
    """Fetch the list of coins, load it and check it, as the schedule does every day."""
    with errors_in_one_line(complaints):
        # The clock, and whether the source answers at all.
        _now()
        from crypto_pipeline.cli import jobs

        jobs.fetch_coin_list(console)


@coins.command(name="list")
@click.option("--search", help="A part of id, symbol, name or contract address.")
@click.option("--inactive", is_flag=True, help="Only those that CoinGecko no longer follows.")
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON object a coin.")
def coins_list(search: str | None, inactive: bool, as_json: bool) -> None:
    """Show the coins that are known, from the list of coins and from snapshots."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli.coins import show_coins

        show_coins(console, search, inactive=inactive, as_json=as_json)


@coins.command(name="events")
@click.option("--coins", help="Comma-separated ids; by default all.")
@click.option(
    "--since", type=_MOMENT, help="What happened, or came to be known, from then on, UTC."
)
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON object an event.")
def coins_events(coins: str | None, since: "datetime | None", as_json: bool) -> None:
    """Show what happened to the coins: listed, renamed, delisted ..., the newest first."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli.coins import show_events

        show_events(console, _listed(coins), since, as_json=as_json)


@coins.command(name="aliases")
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON object an alias.")
def coins_aliases(as_json: bool) -> None:
    """Show which ids may be one coin, by equal contracts, and which people have confirmed."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli.coins import show_aliases

        show_aliases(console, as_json=as_json)


@coins.command(name="confirm")
@click.argument("old")
@click.argument("new")
def coins_confirm(old: str, new: str) -> None:
    """Confirm that the coin with the id OLD goes on as NEW."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli.coins import confirm

        confirm(console, old, new)


@coins.command(name="revoke")
@click.argument("old")
def coins_revoke(old: str) -> None:
    """Take back that the coin with the id OLD goes on under another id."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli.coins import revoke

        revoke(console, old)


@main.group()
def sources() -> None:
    """Show what sources beside CoinGecko say, and confirm which of their coins is which of ours."""


@sources.command(name="fetch")
def sources_fetch() -> None:
    """Fetch what they say now, load it, compute the consensus and check it, as the schedules do."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.config.settings import Settings

        if not Settings().has_further_source:
            raise click.ClickException("no further source is on: set COINPAPRIKA_PLAN")
        from crypto_pipeline.cli import jobs

        jobs.fetch_further_sources(console)


@sources.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON object a source.")
def sources_list(as_json: bool) -> None:
    """Show the sources that this database has answers of, and how many of their coins are
    mapped."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli.sources import show_sources

        show_sources(console, as_json=as_json)


@sources.command(name="mappings")
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON object a mapping.")
def sources_mappings(as_json: bool) -> None:
    """Show which coin is which: what people confirmed, and what is suggested, with the
    evidence."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli.sources import show_mappings

        show_mappings(console, as_json=as_json)


_source_option = click.option("--source", help="Label of the source; not needed of the only one.")


@sources.command(name="confirm")
@click.argument("source_coin_id", required=False)
@click.argument("coin", required=False)
@click.option("--suggested", is_flag=True, help="All suggestions that nothing speaks against.")
@_source_option
def sources_confirm(
    source_coin_id: str | None, coin: str | None, suggested: bool, source: str | None
) -> None:
    """Confirm that the source's coin SOURCE_COIN_ID is our COIN."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli.sources import confirm, confirm_all

        if suggested and source_coin_id is None:
            confirm_all(console, source)
        elif source_coin_id is not None and coin is not None and not suggested:
            confirm(console, source_coin_id, coin, source)
        else:
            raise click.UsageError("name SOURCE_COIN_ID and COIN, or give --suggested")


@sources.command(name="revoke")
@click.argument("source_coin_id")
@_source_option
def sources_revoke(source_coin_id: str, source: str | None) -> None:
    """Take back which coin the source's SOURCE_COIN_ID is."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli.sources import revoke

        revoke(console, source_coin_id, source)


@main.command()
@click.option("--json", "as_json", is_flag=True, help="For machines: one JSON object.")
def status(as_json: bool) -> None:
    """Show whether it works, how fresh and complete it is, what was rejected, and what to do next.

    With --json, the status is 0 when all is well, 2 when something is wrong (see "problems"), and 1
    when the warehouse could not be asked.
    """
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli.status import print_status, status_for_machines

        if not as_json:
            print_status(console)
            return
        healthy, text = status_for_machines()
        click.echo(text)
        sys.exit(0 if healthy else 2)


@main.command()
def doctor() -> None:
    """Look for what could keep the pipeline from working here, and say what to do about it."""
    from rich.markup import escape

    failed = False
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli.doctor import Verdict, examine
        from crypto_pipeline.config.redaction import redact

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
    with errors_in_one_line(complaints):
        from prometheus_client import CollectorRegistry, generate_latest, write_to_textfile

        from crypto_pipeline.cli.health import HealthCollector, read_health, read_runs
        from crypto_pipeline.coingecko.limits import request_budget
        from crypto_pipeline.config.settings import Settings
        from crypto_pipeline.warehouse.postgres import Warehouse

        with Warehouse().connection() as connection:
            settings = Settings()
            health = read_health(connection, settings.currencies)
            runs = read_runs(connection)
        registry = CollectorRegistry()
        registry.register(HealthCollector(health, runs, request_budget(settings).used()))
        if output is None:
            click.echo(generate_latest(registry).decode(), nl=False)
        else:
            write_to_textfile(str(output), registry)


@main.command()
def migrate() -> None:
    """Bring the schema up to date, as the role that owns it, and no more."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.warehouse.migrations import newest_revision
        from crypto_pipeline.warehouse.postgres import Warehouse

        with Warehouse().connection() as connection:
            console.print(
                f"Database {connection.info.dbname} is at {newest_revision()}.", soft_wrap=True
            )


@main.command()
def roles() -> None:
    """Show what each of the database's roles may do, as a Markdown table."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.warehouse.postgres import Warehouse
        from crypto_pipeline.warehouse.roles import matrix_markdown, role_matrix

        with Warehouse().connection() as connection:
            click.echo(matrix_markdown(role_matrix(connection)))


@main.command()
def lake() -> None:
    """Bring the lake, the star schema as Delta tables, up to the warehouse."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.config.settings import Settings

        settings = Settings()
        if not settings.has_lake:
            # For this process: the graph has the lake if it is in use.
            os.environ["LAKE_URI"] = settings.lake_location
        from crypto_pipeline.cli import jobs

        jobs.lake(console)


@main.command()
@click.option("--full", is_flag=True, help="Row by row, not by counts, keys and sums.")
def parity(full: bool) -> None:
    """Compare all of the lake with PostgreSQL; status 1 if they differ."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli.report import print_rows

        found, candles, marts = _compare(full=full)
        columns = ["where", "what", "PostgreSQL", "lake"]
        differences = [*found.differences, *candles.differences, *marts.differences]
        other_order = [*found.other_order, *candles.other_order]
        for title, some in (
            ("Differences", differences),
            ("Of another order of the same files", other_order),
        ):
            if some:
                print_rows(
                    console, title, columns, [list(vars(one).values()) for one in some[:100]]
                )
        for compared, of in (
            (f"{found.facts} facts of {found.months} months", found),
            (f"{candles.facts} candles of {candles.months} months", candles),
            (f"{marts.facts} rows of marts of {marts.months} months", marts),
        ):
            console.print(
                f"{compared} compared, {len(of.differences)} differences,"
                f" {of.pending} changes not in the lake yet"
            )
        sys.exit(1 if differences else 0)


def _compare(*, full: bool) -> "tuple[Parity, Parity, Parity]":
    """The comparisons of the star schema, of the candles, and of the marts."""
    from crypto_pipeline.config.settings import Settings
    from crypto_pipeline.lakehouse.schema import LakeError
    from crypto_pipeline.lakehouse.spark.resource import Spark
    from crypto_pipeline.warehouse.postgres import Warehouse

    spark = Spark()
    if spark.selected:
        parity = spark.compare(Warehouse(), rows=full)
        candles = spark.compare_candles(Warehouse(), rows=full)
        marts = spark.compare_marts(Warehouse(), rows=full)
        if parity is None or candles is None or marts is None:
            raise LakeError(
                "a job in Databricks loads the lake: its tables cannot be read from here"
            )
        return parity, candles, marts
    from crypto_pipeline.lakehouse.candles import compare_candles
    from crypto_pipeline.lakehouse.comparison import compare_rows, compare_sums
    from crypto_pipeline.lakehouse.delta import Lake
    from crypto_pipeline.lakehouse.marts import compare_marts

    compare = compare_rows if full else compare_sums
    warehouse, lake = Warehouse(), Lake.from_settings(Settings())
    return (
        compare(warehouse, lake),
        compare_candles(warehouse, lake),
        compare_marts(warehouse, lake),
    )


@main.command()
@click.argument("statement")
def sql(statement: str) -> None:
    """Ask the lake: run SQL (DuckDB's) on its tables, analytics.dim_* and analytics.fact_*."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli.without_pandas import hide_pandas

        hide_pandas()
        from rich.markup import escape

        from crypto_pipeline.cli.report import print_rows
        from crypto_pipeline.config.redaction import redact
        from crypto_pipeline.config.settings import Settings
        from crypto_pipeline.lakehouse.delta import Lake
        from crypto_pipeline.lakehouse.queries import QueryError, lake_queries

        with lake_queries(Lake.from_settings(Settings())) as queries:
            try:
                result = queries.execute(statement)
                columns = [column[0] for column in result.description]
                print_rows(console, None, columns, result.fetchall())
            except QueryError as error:
                complaints.print(f"[red]{escape(redact(str(error)))}[/]", soft_wrap=True)
                sys.exit(1)


@main.command()
@click.argument("what", metavar="TABLE|QUERY")
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file: .parquet, .csv or .arrow.",
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def export(what: str, target: Path, force: bool, quiet: bool) -> None:
    """Write a table, a view or a query of the warehouse to a file, exact.

    TABLE is a name such as fact_crypto_price_daily or analytics.v_coins; what has a space is a
    query. Decimals stay decimals, times are in UTC; see docs/TOOLS.md.
    """
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli.export import export_to_file

        export_to_file(console, what, target, force=force, quiet=quiet)


@main.command()
@click.option("--keep", type=click.IntRange(1), help="Backups that stay; by default BACKUP_KEEP.")
@click.option("--no-verify", is_flag=True, help="Do not restore it to compare it.")
def backup(keep: int | None, no_verify: bool) -> None:
    """Back up the embedded database, while it is in use, and compare the backup with it.

    A folder in BACKUP_DIR, which is there when it is whole; see docs/BACKUP.md.
    """
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli import backup as backup_room

        backup_room.back_up(console, keep, verify=not no_verify)


@main.command()
@click.argument("backup", required=False, type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace a database that holds data.")
@click.option("--check", is_flag=True, help="Restore it, compare it, and leave the database alone.")
def restore(backup: Path | None, force: bool, check: bool) -> None:
    """Put a backup in the place of the embedded database, once it is restored and compared.

    BACKUP is its folder, or its name in BACKUP_DIR; by default the newest.
    """
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli import backup as backup_room

        if check:
            backup_room.check(console, backup)
        else:
            backup_room.restore(console, backup, force=force)


@main.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def docs(folder: Path) -> None:
    """Write the parts of the documentation that come from the schema and the code."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli.documentation import write_documentation
        from crypto_pipeline.warehouse.postgres import Warehouse

        with Warehouse().connection() as connection:
            for path in write_documentation(connection, folder):
                console.print(str(path))


@main.command()
@_host_option
@click.option("--port", default=3000, show_default=True, help="Its port.")
@click.option("--sandbox", "use_sandbox", is_flag=True, help="Sandbox data instead of CoinGecko's.")
@_recordings_option
@click.option("--verbose", is_flag=True, help="Show all that Dagster's services print.")
def up(host: str, port: int, use_sandbox: bool, recordings: Path | None, verbose: bool) -> None:
    """Serve the Dagster UI and daemon, with the hourly schedule running."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli.serve import up as serve_dagster

        if not use_sandbox and recordings is None:
            serve_dagster(console, host, port, verbose=verbose)
        from crypto_pipeline.cli import demo as demo_room
        from crypto_pipeline.landing.first_hour import expect_hour
        from crypto_pipeline.sandbox.clock import SimulatedClock

        played = demo_room.open_recordings(recordings)
        start = played.times[0] if played is not None else None
        if start is not None:
            expect_hour(start)
        with demo_room.sandbox(played, SimulatedClock(start)):
            serve_dagster(console, host, port, verbose=verbose)


@main.command()
@_host_option
@click.option("--port", default=8050, show_default=True, help="Its port.")
@click.option("--sandbox", "use_sandbox", is_flag=True, help="The sandbox's data, as of the demo.")
def dashboard(host: str, port: int, use_sandbox: bool) -> None:
    """Serve the market dashboard: charts of gold and of the pipeline, read-only.

    Without live data on the embedded server, it shows the sandbox's.
    """
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli.dashboard import serve_dashboard

        serve_dashboard(console, host, port, sandbox=use_sandbox)


# -h is Dagster's option for a host.
@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": ["--help"]})
@click.argument("kind", type=click.Choice(["code", "webserver", "daemon", "liveness"]))
@click.argument("dagster_options", nargs=-1, type=click.UNPROCESSED)
def service(kind: str, dagster_options: tuple[str, ...]) -> NoReturn:
    """Become one of Dagster's services, with DAGSTER_OPTIONS; see docs/DEPLOYMENT.md.

    It needs a PostgreSQL that outlives it: DATABASE_URL or DB_*.
    """
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli.serve import become

        become(kind, dagster_options)


@main.command()
@_host_option
@click.option("--port", default=8765, show_default=True, help="Its port.")
@click.option("--seed", default=1, show_default=True, help="Another seed, another market.")
@click.option(
    "--coins",
    default=1000,
    show_default=True,
    type=click.IntRange(min=10),
    help="How many coins it lists.",
)
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
    start: "datetime | None",
    speed: float,
    recordings: Path | None,
) -> None:
    """Serve a CoinGecko-shaped API with made-up or recorded data on loopback."""
    with errors_in_one_line(complaints):
        from crypto_pipeline.cli.demo import open_recordings
        from crypto_pipeline.sandbox.clock import SimulatedClock
        from crypto_pipeline.sandbox.market import Market
        from crypto_pipeline.sandbox.quirks import RENAMED_AFTER
        from crypto_pipeline.sandbox.server import serve

        played = open_recordings(recordings)
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


def _now() -> "datetime":
    """The pipeline's clock, by which the current hour is a partition."""
    from crypto_pipeline.coingecko.client import CoinGeckoClient
    from crypto_pipeline.config.settings import Settings
    from crypto_pipeline.landing.first_hour import expect_hour

    with CoinGeckoClient.from_settings(Settings()) as client:
        time = client.now()
    expect_hour(time)
    return time
