"""Does an hour cost the same, whatever is there? The hourly job and the usual reads by facts held.

A database for each size, filled by SQL as the bulk load fills a month: rows, then indexes, then
ATTACH. Filled rows are narrow, most columns that may be null are, so that a hundred million of them
fit on a small disk; those of the measured hours are as wide as always.

``--zone FOLDER`` keeps the databases for the next time, when the hours go on from
where they are.
"""

import atexit
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import psycopg
from psycopg import sql
from rich.console import Console
from rich.progress import track
from rich.table import Table

from crypto_pipeline.automation import HOURLY_JOB
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.definitions import defs
from crypto_pipeline.model.partitions import partition_key
from crypto_pipeline.model.registry import DIM_DATE, DIM_TIME
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.listing import CoinName, MarketsQuery, Page
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.quirks import RENAMED_COIN
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline.warehouse.postgres import Warehouse, connect, merge, warehouse_conninfo
from crypto_pipeline_tests.benchmarks.hourly import QUIET

SIZES = (1_000_000, 10_000_000, 100_000_000)
COINS = 1_000
"""Facts of an hour that is filled; the measured hours have the largest 250 of the same coins."""

FULL_DISK = 88
"""Percent of the disk from which on no month is filled: the table says how many facts there are."""
WORKERS = 2
_STEPS = {
    "silver": "silver",
    "silver_checks": "its checks",
    "gold": "gold",
    "gold_checks": "gold's checks",
    "candles": "candles",
    "marts": "marts",
    "candle_checks": "their checks, gaps among them",
}
WHOLE = "whole job"
_SCANNED = "rows of sequential scans"
_RENAMED = "hour in which a coin is renamed"


class ShortIds:
    """The sandbox's market with shorter ids: its own long ones would take a tenth more disk."""

    label = Market.label

    def __init__(self, market: Market) -> None:
        self._market = market

    def page(self, at: datetime, query: MarketsQuery) -> Page:
        page = self._market.page(at, query)
        return page._replace(body=page.body.replace(b'"id":"sandbox-coin-', b'"id":"sbx'))

    def coins(self, at: datetime) -> list[CoinName]:
        return [
            CoinName(coin.id.replace("sandbox-coin-", "sbx"), coin.symbol, coin.name)
            for coin in self._market.coins(at)
        ]


@dataclass
class Measured:
    """Figures of one size, in milliseconds but for the rows; by the name of their row."""

    facts: int
    figures: dict[str, float]


def run(sizes: Iterable[int], runs: int, folder: Path | None) -> None:
    """Fill what is missing, measure and print.

    Args:
        sizes: Facts of each database.
        runs: Rounds that count; the table shows the medians.
        folder: Where the databases are kept; by default they are thrown away.
    """
    console = Console(width=110)
    use_folder(folder)
    sizes = sorted(set(sizes))
    for size in sizes:
        use_database(size)
        fill(size, ROWS, console)
    print_figures(console, measure(sizes, runs, _READS, console), runs)


def use_folder(folder: Path | None) -> None:
    """Keep the databases in a folder; by default in one that is thrown away."""
    if folder is None:
        # A short path: a Unix socket lies in it.
        folder = Path(tempfile.mkdtemp(prefix="bench-", dir="/tmp"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    for name in ("DATABASE_URL", "DB_HOST"):
        os.environ.pop(name, None)
    os.environ["DATA_DIR"] = str(folder / "d")
    os.environ["COINGECKO_PLAN"] = "sandbox"
    os.environ["COINGECKO_BASE_URL"] = "http://127.0.0.1/unused-while-filling"


def use_database(size: int) -> None:
    os.environ["DB_NAME"] = f"flat_{size}"


# -------------------------------------------------------------------------------------------------
# Filling
# -------------------------------------------------------------------------------------------------

HOURS = """
FROM generate_series(
    %(first)s::timestamptz, %(end)s::timestamptz - interval '1 hour', interval '1 hour'
) AS hour
"""
_BATCH_ID = "(extract(epoch FROM hour) / 3600)::bigint"

_SNAPSHOTS = f"""
INSERT INTO month_price_snapshots (
    crypto_id, vs_currency, snapshot_time, last_updated, name_id, batch_id, record_index,
    current_price
)
SELECT
    crypto_id, 'usd', hour, hour, name_id, {_BATCH_ID}, record_index, 1 + record_index %% 100
{HOURS}
CROSS JOIN (
    SELECT crypto_id, name_id, row_number() OVER (ORDER BY name_id)::integer - 1 AS record_index
    FROM cryptocurrency_names ORDER BY name_id
) AS coins
"""

_METRICS = """
INSERT INTO month_market_metrics (crypto_id, vs_currency, snapshot_time)
SELECT crypto_id, vs_currency, snapshot_time FROM month_price_snapshots
"""

_FACTS = """
INSERT INTO month_fact_crypto_price_metrics (
    date_key, time_key, crypto_key, source_key, crypto_id, vs_currency, snapshot_time,
    last_updated, batch_id, current_price
)
SELECT
    (
        date_part('year', s.utc) * 10000 + date_part('month', s.utc) * 100
        + date_part('day', s.utc)
    )::integer,
    date_part('hour', s.utc) * 100,
    c.crypto_key, o.source_key, s.crypto_id, s.vs_currency, s.snapshot_time, s.last_updated,
    s.batch_id, s.current_price
FROM (SELECT *, snapshot_time AT TIME ZONE 'UTC' AS utc FROM month_price_snapshots) AS s
JOIN analytics.dim_cryptocurrency AS c USING (crypto_id)
JOIN analytics.dim_source AS o ON o.source_name = %(source)s
"""

BATCHES = f"""
INSERT INTO ingestion_batches (
    batch_id, landing_file, file_sha256, partition_hour, source, vs_currency, ingested_at, status,
    records_fetched, records_loaded, gold_loaded_at, candles_loaded_at
)
SELECT
    {_BATCH_ID},
    to_char(hour AT TIME ZONE 'UTC', '"market_snapshots/date="YYYY-MM-DD"/hour="HH24"/0.json.gz"'),
    repeat('0', 64), hour, %(source)s, 'usd', hour + interval '5 seconds', 'completed',
    %(coins)s, %(coins)s, now(), now()
{HOURS}
"""

ROWS = {
    "price_snapshots": _SNAPSHOTS,
    "market_metrics": _METRICS,
    "analytics.fact_crypto_price_metrics": _FACTS,
}
"""How the months of each table are filled."""


def fill(size: int, rows: Mapping[str, str], console: Console) -> None:
    """Fill the database that the settings name with the months that it lacks, as far as the disk
    lets it.

    Args:
        size: Facts.
        rows: The statement that fills a month, by table.
        console: Where the progress is shown.
    """
    warehouse = Warehouse()
    with warehouse.load() as connection:
        newest = connection.execute(
            "SELECT max(partition_hour) FROM ingestion_batches WHERE records_fetched = %s", [COINS]
        ).fetchone()
        assert newest is not None
        if newest[0] is None:
            end = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
            # The hours that are measured follow, and may not be later than the present one.
            end -= timedelta(days=14)
        else:
            end = newest[0] + timedelta(hours=1)
        first = end - timedelta(hours=size // COINS)
        if newest[0] is None:
            fill_small_tables(connection, first, end)
        months = [
            month
            for month in months_between(first, end)
            if connection.execute(
                "SELECT month_partition(%s::regclass, %s)", [next(iter(rows)), month]
            ).fetchone()
            == (None,)
        ]
    if not months:
        return
    with closing(connect(warehouse_conninfo(Settings()))) as connection:
        connection.autocommit = True
        # Else it would vacuum what was just filled while hours are measured; the fill does it.
        connection.execute("ALTER SYSTEM SET autovacuum = off")
        connection.execute("SELECT pg_reload_conf()")
        with ThreadPoolExecutor(WORKERS) as pool:
            # The newest first: a fill that the disk stops has no hole, and can go on later.
            waiting = [
                pool.submit(
                    _fill_month, month, max(month, first), min(next_month(month), end), rows
                )
                for month in reversed(months)
            ]
            for future in track(waiting, f"Filling {size:,} facts", console=console):
                future.result()
        for table in rows:
            # A sample of all months; each has statistics of its own.
            connection.execute(f"ANALYZE ONLY {table}")
        connection.execute("VACUUM (ANALYZE) ingestion_batches, lake.changes")
        connection.execute("CHECKPOINT")


def months_between(first: datetime, end: datetime) -> list[datetime]:
    months = [first.replace(day=1, hour=0)]
    while next_month(months[-1]) < end:
        months.append(next_month(months[-1]))
    return months


def next_month(month: datetime) -> datetime:
    return (month + timedelta(days=31)).replace(day=1)


def fill_small_tables(connection: psycopg.Connection, first: datetime, end: datetime) -> None:
    coins = ShortIds(Market(COINS)).coins(end)
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO cryptocurrencies VALUES (%s, %s, %s, NULL, %s, %s)",
            [(coin.id, *_name(coin), first, end - timedelta(hours=1)) for coin in coins],
        )
        cursor.executemany(
            "INSERT INTO cryptocurrency_names (crypto_id, symbol, name) VALUES (%s, %s, %s)",
            [(coin.id, *_name(coin)) for coin in coins],
        )
    connection.execute("INSERT INTO data_origin (kind) VALUES ('sandbox')")
    connection.execute(
        "INSERT INTO analytics.dim_cryptocurrency"
        " (crypto_id, symbol, name, valid_from, valid_to, is_current)"
        " SELECT crypto_id, symbol, name, first_seen_at, '9999-12-31 00:00:00+00', true"
        " FROM cryptocurrencies"
    )
    connection.execute(
        "INSERT INTO analytics.dim_source (source_name, kind) VALUES (%s, 'sandbox')",
        [Market.label],
    )
    connection.execute(
        "CREATE TEMPORARY TABLE pending_snapshots ON COMMIT DROP AS SELECT hour AS snapshot_time"
        + HOURS,
        {"first": first, "end": end + timedelta(days=31)},
    )
    for table in (DIM_DATE, DIM_TIME):
        connection.execute(read_sql(f"gold/{table.name}.sql"))
        merge(connection, table)
    # The batches get the number of their hour.
    connection.execute(
        "SELECT setval(pg_get_serial_sequence('ingestion_batches', 'batch_id'), 1000000)"
    )


def _name(coin: CoinName) -> tuple[str, str]:
    # As it was before the market renamed it, so that an hour can tell the news.
    return ("rndr", "Render Token") if coin.id == RENAMED_COIN else (coin.symbol, coin.name)


def _fill_month(month: datetime, first: datetime, end: datetime, rows: Mapping[str, str]) -> None:
    if psutil.disk_usage(".").percent > FULL_DISK:
        return
    hours = {"first": first, "end": end, "source": Market.label, "coins": COINS}
    with Warehouse().work() as connection:
        connection.execute("SET LOCAL maintenance_work_mem = '256MB'")
        # Nothing here outlives a power failure worse than the whole fill would.
        connection.execute("SET LOCAL synchronous_commit = off")
        for parent, insert in rows.items():
            connection.execute("SELECT create_loading_month(%s::regclass, %s)", [parent, month])
            connection.execute(insert, hours)
        tables = []
        for parent in rows:
            connection.execute("SELECT index_loading_month(%s::regclass, %s)", [parent, month])
            name = connection.execute(
                "SELECT loading_month(%s::regclass, %s)", [parent, month]
            ).fetchone()
            assert name is not None
            connection.execute(f"ANALYZE {name[0]}")
        connection.execute("SELECT lock_warehouse()")
        connection.execute(BATCHES, hours)
        for parent in rows:
            connection.execute("SELECT attach_loading_month(%s::regclass, %s)", [parent, month])
            partition = connection.execute(
                "SELECT month_partition(%s::regclass, %s)::text", [parent, month]
            ).fetchone()
            assert partition is not None
            tables.append(partition[0])
    with closing(connect(warehouse_conninfo(Settings()))) as connection:
        connection.autocommit = True
        connection.execute(f"VACUUM {', '.join(tables)}")


# -------------------------------------------------------------------------------------------------
# Measuring
# -------------------------------------------------------------------------------------------------

_READS = {
    "v_latest_prices": "SELECT * FROM v_latest_prices",
    "last 1,000 hours of a coin": (
        "SELECT * FROM v_price_history WHERE crypto_id = 'bitcoin' AND vs_currency = 'usd'"
        " AND snapshot_time >= {since} ORDER BY snapshot_time"
    ),
    "last 1,000 facts of a coin": (
        "SELECT * FROM analytics.fact_crypto_price_metrics"
        " WHERE crypto_id = 'bitcoin' AND vs_currency = 'usd'"
        " ORDER BY snapshot_time DESC LIMIT 1000"
    ),
}


def measure(
    sizes: Sequence[int], runs: int, queries: Mapping[str, str], console: Console
) -> list[Measured]:
    """Round by round, all sizes in each, so that a busy minute hits them alike."""
    warehouse = Warehouse()
    last: dict[int, datetime] = {}
    hours: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
    reads: dict[int, list[dict[str, float]]] = {size: [] for size in sizes}
    facts: dict[int, int] = {}
    for size in sizes:
        use_database(size)
        facts[size], last[size] = one(
            warehouse, "SELECT sum(records_loaded), max(partition_hour) FROM ingestion_batches"
        )
    clock = SimulatedClock(datetime.now(timezone.utc))
    before, after = (
        ShortIds(Market(COINS, rename_at=rename_at))
        for rename_at in (datetime.max.replace(tzinfo=timezone.utc), None)
    )
    with (
        SandboxServer(before, clock=clock) as server,
        SandboxServer(after, clock=clock) as renamed,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        # The first round warms up, in the last one a coin is renamed.
        for number in track(range(runs + 2), "Measuring", console=console):
            os.environ["COINGECKO_BASE_URL"] = (renamed if number > runs else server).base_url
            for size in sizes:
                use_database(size)
                # An hour apart from what is filled, whose prices would all be said to have jumped.
                clock.set(last[size] + timedelta(hours=number + 2, seconds=5))
                hours[size].append(run_hour(warehouse, instance, partition_key(clock.now())))
                if number <= runs:
                    reads[size].append(_read(warehouse, last[size], queries))
    return [
        Measured(
            int(facts[size]),
            {
                **medians(hours[size][1:-1]),
                _RENAMED: hours[size][-1][WHOLE],
                **medians(reads[size][1:]),
            },
        )
        for size in sizes
    ]


def medians(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(round[name] for round in rounds) for name in rounds[0]}


def run_hour(warehouse: Warehouse, instance: dg.DagsterInstance, hour: str) -> dict[str, float]:
    job = defs.resolve_job_def(HOURLY_JOB)
    scanned = _scanned(warehouse)
    started = time.perf_counter()
    result = job.execute_in_process(instance=instance, partition_key=hour, run_config=QUIET)
    whole = 1000 * (time.perf_counter() - started)
    failed = [
        check.check_name
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.severity is dg.AssetCheckSeverity.ERROR
    ]
    assert result.success and not failed, failed
    steps = {
        str(event.step_key): event.step_success_data.duration_ms
        for event in result.all_node_events
        if event.is_step_success
    }
    return {
        **{name: steps[step] for step, name in _STEPS.items()},
        WHOLE: whole,
        _SCANNED: _scanned(warehouse) - scanned,
    }


def one(warehouse: Warehouse, query: str) -> tuple[Any, ...]:
    with warehouse.connection() as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row


def _scanned(warehouse: Warehouse) -> int:
    """Rows that sequential scans have read of the tables that grow."""
    (rows,) = one(
        warehouse,
        "SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname ~"
        " '^(price_snapshots|market_metrics|fact_crypto_price|ingestion_batches|changes)'",
    )
    return int(rows)


def _read(warehouse: Warehouse, last: datetime, queries: Mapping[str, str]) -> dict[str, float]:
    figures = {}
    since = sql.Literal(last - timedelta(hours=1000))
    with warehouse.connection() as connection:
        for name, text in queries.items():
            query = sql.SQL(text).format(since=since)
            # Without what would be measured with it: counting buffers takes time.
            explained = sql.SQL(
                "EXPLAIN (ANALYZE, TIMING OFF, BUFFERS OFF, FORMAT JSON) {}"
            ).format(query)
            # First what only a new session has to do: it does not know the months yet.
            connection.execute(query)
            row = connection.execute(explained).fetchone()
            assert row is not None
            (plan,) = row[0]
            figures[f"{name}, in the server"] = plan["Planning Time"] + plan["Execution Time"]
            started = time.perf_counter()
            assert connection.execute(query).fetchall()
            figures[f"{name}, with transfer"] = 1000 * (time.perf_counter() - started)
    return figures


def print_figures(console: Console, results: list[Measured], runs: int) -> None:
    smallest = results[0]
    table = Table(
        title=f"Hourly job of 250 coins, warm, and reads; medians of {runs} runs, ms",
        title_justify="left",
    )
    table.add_column("facts")
    for result in results:
        table.add_column(f"{result.facts:,}", justify="right")
        if result is not smallest:
            table.add_column("ratio", justify="right")
    for name, least in smallest.figures.items():
        cells = [f"{least:,.0f}"]
        for result in results[1:]:
            value = result.figures[name]
            cells += [f"{value:,.0f}", f"{value / least:.2f}" if least else ""]
        table.add_row(name, *cells, style="bold" if name == WHOLE else None)
    console.print(table)
