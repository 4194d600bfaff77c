"""Does Dagster's log stay flat? Its size, the UI's asset page and a run's start, after a month and
after a year of hourly runs, with retention.

Twelve hours are run. The others are copies of them, made by SQL: a block of twelve hours earlier
with each, with ids below those of the block after it, and run ids and hours of their own, in the
JSON too. The times inside the JSON stay; no query looks for them. The oldest month comes first, and
after each month what was then past RUN_RETENTION_DAYS is deleted, as the nightly job does, and the
tables are vacuumed, as autovacuum does.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import httpx
import psycopg
from rich.console import Console
from rich.table import Table

from crypto_pipeline.cli.home import open_dagster_home
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.warehouse.maintenance import drop_old_runs
from crypto_pipeline.warehouse.postgres import Warehouse, warehouse_conninfo
from crypto_pipeline_tests.benchmarks.log import SIZES, run_hours, vacuum
from crypto_pipeline_tests.programs import free_port
from crypto_pipeline_tests.waiting import wait_until

_BLOCK = 12
"""Hours that are run, and copied."""
_MONTH = 30 * 24 // _BLOCK
_MONTHS = 12
_RUNS = 5
_ASSET = "price_snapshots"

# The rows that were run, above the ids of all that comes; one number is enough for all tables.
_LIFT = 10_000_000
_PREPARE = f"""
CREATE SCHEMA run;
CREATE TABLE run.runs AS SELECT * FROM dagster.runs;
CREATE TABLE run.event_logs AS SELECT * FROM dagster.event_logs;
CREATE TABLE run.asset_event_tags AS SELECT * FROM dagster.asset_event_tags;
CREATE TABLE run.asset_check_executions AS SELECT * FROM dagster.asset_check_executions;
CREATE TABLE run.run_tags AS SELECT * FROM dagster.run_tags;
UPDATE dagster.runs SET id = id + {_LIFT};
UPDATE dagster.event_logs SET id = id + {_LIFT};
UPDATE dagster.asset_event_tags SET id = id + {_LIFT}, event_id = event_id + {_LIFT};
UPDATE dagster.asset_check_executions SET id = id + {_LIFT},
    materialization_event_storage_id = materialization_event_storage_id + {_LIFT};
UPDATE dagster.run_tags SET id = id + {_LIFT};
SELECT setval('dagster.runs_id_seq', 2 * {_LIFT}), setval('dagster.event_logs_id_seq', 2 * {_LIFT}),
    setval('dagster.asset_event_tags_id_seq', 2 * {_LIFT}),
    setval('dagster.asset_check_executions_id_seq', 2 * {_LIFT}),
    setval('dagster.run_tags_id_seq', 2 * {_LIFT});
CREATE FUNCTION run.run_id(of text, block integer) RETURNS text
    RETURN md5(of || block)::uuid::text;
CREATE FUNCTION run.hour(of text, block integer) RETURNS text
    RETURN to_char(
        to_timestamp(of, 'YYYY-MM-DD-HH24:MI') - make_interval(hours => {_BLOCK} * block),
        'YYYY-MM-DD-HH24:MI'
    );
CREATE FUNCTION run.at(of timestamp, block integer) RETURNS timestamp
    RETURN of - make_interval(hours => {_BLOCK} * block);
"""
# With ids that grow from block to block, up to that of the newest, block 1.
_ID = f"%(block)s * -10000 + {_LIFT} - 10000 + "
_COPY = f"""
INSERT INTO dagster.runs
SELECT {_ID} id, run.run_id(run_id, %(block)s), snapshot_id, pipeline_name, mode, status,
    replace(replace(run_body, run_id, run.run_id(run_id, %(block)s)),
        partition, run.hour(partition, %(block)s)),
    run.hour(partition, %(block)s), partition_set, run.at(create_timestamp, %(block)s),
    run.at(update_timestamp, %(block)s), start_time - 3600 * {_BLOCK} * %(block)s,
    end_time - 3600 * {_BLOCK} * %(block)s, backfill_id
FROM run.runs;
INSERT INTO dagster.run_tags
SELECT {_ID} id, run.run_id(run_id, %(block)s), key,
    CASE key WHEN 'dagster/partition' THEN run.hour(value, %(block)s) ELSE value END
FROM run.run_tags;
INSERT INTO dagster.event_logs
SELECT {_ID} e.id, run.run_id(e.run_id, %(block)s),
    replace(replace(event, e.run_id, run.run_id(e.run_id, %(block)s)),
        r.partition, run.hour(r.partition, %(block)s)),
    dagster_event_type, run.at(timestamp, %(block)s), step_key, asset_key,
    run.hour(e.partition, %(block)s)
FROM run.event_logs AS e JOIN run.runs AS r USING (run_id)
ORDER BY e.id;
INSERT INTO dagster.asset_event_tags
SELECT {_ID} id, {_ID} event_id, asset_key, key, value, run.at(event_timestamp, %(block)s)
FROM run.asset_event_tags;
INSERT INTO dagster.asset_check_executions
SELECT {_ID} id, asset_key, check_name, partition, run.run_id(run_id, %(block)s), execution_status,
    replace(evaluation_event, run_id, run.run_id(run_id, %(block)s)),
    run.at(evaluation_event_timestamp, %(block)s), evaluation_event_storage_id,
    materialization_event_storage_id, run.at(create_timestamp, %(block)s)
FROM run.asset_check_executions
ORDER BY id;
"""

_QUERIES = {
    "its events": """query($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset {
        assetMaterializations(limit: 100) { runId partition timestamp
            metadataEntries { label description } } } } }""",
    "its hours": """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) {
        ... on AssetNode { partitionStats { numMaterialized numPartitions numFailed }
            assetPartitionStatuses { ... on TimePartitionStatuses {
                ranges { startKey endKey status } } } } } }""",
    "its checks": """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) {
        ... on AssetNode { assetChecksOrError { ... on AssetChecks { checks { name
            executionForLatestMaterialization { status evaluation { success
                metadataEntries { label } } } } } } } } }""",
    "its state": """query($key: AssetKeyInput!) { assetsLatestInfo(assetKeys: [$key]) {
        latestMaterialization { timestamp runId } latestRun { id status } inProgressRunIds } }""",
    "a check's history": """query($key: AssetKeyInput!) { assetCheckExecutions(assetKey: $key,
        checkName: "price_present", limit: 25) { status timestamp evaluation { success } } }""",
    "newest runs": """query { runsOrError(limit: 25) { ... on Runs { results { id status jobName
        startTime endTime } } } }""",
}
"""What the page of an asset asks for, and the list of runs."""


def run() -> None:
    """Fill, measure and print."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp") as folder:
        os.chdir(folder)
        os.environ["DATA_DIR"] = str(Path(folder) / "data")
        run_hours(_BLOCK)
        warehouse, days = Warehouse(), Settings().run_retention_days
        measured: dict[str, dict[str, float]] = {}
        with (
            psycopg.connect(warehouse_conninfo(Settings()), autocommit=True) as connection,
            open_dagster_home(Settings()) as instance,
        ):
            connection.execute(_PREPARE)
            for month in range(_MONTHS):
                newer = (_MONTHS - month - 1) * _MONTH
                for block in range(newer + _MONTH, newer, -1):
                    # In one go, as psql would: a statement after the other.
                    for statement in _COPY.split(";")[:-1]:
                        connection.execute(statement, {"block": block})
                started = time.perf_counter()
                # As if it were the end of this month.
                drop_old_runs(warehouse, instance, days + newer * _BLOCK // 24)
                deleting = time.perf_counter() - started
                vacuum(connection)
                if month in (0, 5, _MONTHS - 1):
                    hours = (month + 1) * _MONTH * _BLOCK + _BLOCK
                    measured[f"{hours:,} hours"] = {
                        "deleting a month, s": deleting,
                        **_measure(connection, instance),
                    }
        _print(console, measured)


def _measure(connection: psycopg.Connection, instance: dg.DagsterInstance) -> dict[str, float]:
    sizes: dict[str, int] = dict(connection.execute(SIZES).fetchall())
    found = {
        "schema dagster, MB": sum(sizes.values()) / 1e6,
        "event_logs, MB": sizes["event_logs"] / 1e6,
        "asset_check_executions, MB": sizes["asset_check_executions"] / 1e6,
        "runs in the UI": instance.get_runs_count(),
        "hours materialized": len(instance.get_materialized_partitions(dg.AssetKey(_ASSET))),
    }
    with _webserver() as client:
        for name, query in _QUERIES.items():
            times = []
            for _ in range(_RUNS + 1):
                started = time.perf_counter()
                answer = client.post(
                    "/graphql", json={"query": query, "variables": {"key": {"path": [_ASSET]}}}
                ).json()
                times.append(time.perf_counter() - started)
                # An error is an object without any of the fields.
                assert all(answer["data"].values()), answer
            # The first one learns what there is.
            found[f"{name}, ms"] = statistics.median(times[1:]) * 1000
    found["start of a run, ms"] = statistics.median(_starts(instance)) * 1000
    return found


def _starts(instance: dg.DagsterInstance) -> Iterator[float]:
    """From the order to the first step."""
    for _ in range(3):
        ordered = time.time()
        run_id = run_hours(1)
        (record,) = instance.get_records_for_run(
            run_id, of_type=dg.DagsterEventType.STEP_START, limit=1
        ).records
        yield record.event_log_entry.timestamp - ordered


@contextmanager
def _webserver() -> Iterator[httpx.Client]:
    port = free_port()
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "dagster_webserver"),
            *("-m", "crypto_pipeline.definitions", "-p", str(port)),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            assert wait_until(lambda: _answers(client), 90, 0.5)
            yield client
    finally:
        server.terminate()
        server.wait()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/server_info").status_code == 200
    except httpx.TransportError:
        return False


def _print(console: Console, measured: dict[str, dict[str, float]]) -> None:
    table = Table(title="Dagster's log after", title_justify="left")
    table.add_column("")
    for size in measured:
        table.add_column(size, justify="right")
    for name in next(iter(measured.values())):
        table.add_row(name, *(f"{figures[name]:,.1f}" for figures in measured.values()))
    console.print(table)
