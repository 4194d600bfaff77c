"""What a run of the hourly job leaves in Dagster's log: bytes by table, and the largest events.

Hours of the demo, 250 coins. Dagster's tables are vacuumed after each hour, as autovacuum does
between two hours: here they follow one another in seconds.
"""

import os
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from crypto_pipeline.automation import HOURLY_JOB
from crypto_pipeline.cli.home import open_dagster_home
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.definitions import defs
from crypto_pipeline.model.partitions import partition_key
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline.warehouse.postgres import warehouse_conninfo
from crypto_pipeline_tests.benchmarks.hourly import QUIET

SIZES = """
SELECT relname, pg_total_relation_size(oid)
FROM pg_class
WHERE relnamespace = 'dagster'::regnamespace AND relkind = 'r'
"""
"""Bytes of each table, with its indexes and TOAST."""

_EVENTS = """
SELECT kind, count(*) / %(hours)s::float, sum(size) / %(hours)s
FROM (
    SELECT coalesce(dagster_event_type, 'log line') AS kind, pg_column_size(event) AS size
    FROM dagster.event_logs
    UNION ALL
    SELECT 'check ' || lower(execution_status), pg_column_size(evaluation_event)
    FROM dagster.asset_check_executions
) AS stored
GROUP BY kind
ORDER BY 3 DESC
"""


HOURS = 24
"""How many are measured; one more, before them, makes what is made once."""


def run() -> None:
    """Run the hours, measure what they leave, and print it."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp") as folder:
        os.chdir(folder)
        os.environ["DATA_DIR"] = str(Path(folder) / "data")
        run_hours(1)
        with psycopg.connect(warehouse_conninfo(Settings()), autocommit=True) as connection:
            vacuum(connection)
            before: dict[str, int] = dict(connection.execute(SIZES).fetchall())
            run_hours(HOURS, after=connection)
            after: dict[str, int] = dict(connection.execute(SIZES).fetchall())
            events = connection.execute(_EVENTS, {"hours": HOURS + 1}).fetchall()
    grown = {name: (size - before.get(name, 0)) / HOURS for name, size in after.items()}
    _print(grown, events)


def run_hours(count: int, after: psycopg.Connection | None = None) -> str:
    """Run the hourly job for the hours until now, where the settings say; with a connection,
    vacuum Dagster's tables after each.

    Returns:
        The last run.
    """
    first = datetime.now(timezone.utc).replace(minute=0, second=5) - timedelta(hours=count - 1)
    clock = SimulatedClock(first)
    with SandboxServer(clock=clock) as server:
        os.environ["COINGECKO_PLAN"] = "sandbox"
        os.environ["COINGECKO_BASE_URL"] = server.base_url
        with open_dagster_home(Settings()) as instance:
            hourly = defs.resolve_job_def(HOURLY_JOB)
            for number in range(count):
                clock.set(first + timedelta(hours=number))
                result = hourly.execute_in_process(
                    instance=instance, partition_key=partition_key(clock.now()), run_config=QUIET
                )
                assert result.success
                if after is not None:
                    vacuum(after)
    return result.run_id


def vacuum(connection: psycopg.Connection) -> None:
    """Vacuum Dagster's tables, and gather statistics."""
    for (name,) in connection.execute(
        "SELECT oid::regclass::text FROM pg_class"
        " WHERE relnamespace = 'dagster'::regnamespace AND relkind = 'r'"
    ).fetchall():
        connection.execute(f"VACUUM (ANALYZE) {name}")


def _print(grown: dict[str, float], events: list[tuple[str, float, float]]) -> None:
    table = Table(
        title=f"A run in schema dagster, bytes, mean of {HOURS} runs", title_justify="left"
    )
    for column in ("table", "bytes"):
        table.add_column(column, justify="right" if column == "bytes" else "left")
    for name, size in sorted(grown.items(), key=lambda item: -item[1]):
        if size:
            table.add_row(name, f"{size:,.0f}")
    table.add_row("all", f"{sum(grown.values()):,.0f}", style="bold")
    Console().print(table)
    table = Table(title="By kind, the JSON as it is stored", title_justify="left")
    for column in ("kind", "a run", "bytes"):
        table.add_column(column, justify="left" if column == "kind" else "right")
    for kind, number, size in events[:12]:
        table.add_row(kind, f"{number:.1f}", f"{size:,.0f}")
    Console().print(table)
