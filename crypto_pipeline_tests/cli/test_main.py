"""The command line as a person uses it: in a process of its own."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from click.testing import CliRunner

from crypto_pipeline.cli import main
from crypto_pipeline.definitions import defs
from crypto_pipeline.lakehouse.delta import Lake
from crypto_pipeline.lakehouse.schema import FACT
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.partitions import partition_key
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.market_records import coin, drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import load_landing_zone, rows
from crypto_pipeline_tests.programs import crypto_pipeline
from crypto_pipeline_tests.waiting import wait_until

_UNREACHABLE = {"COINGECKO_PLAN": "sandbox", "COINGECKO_BASE_URL": "http://127.0.0.1:9/api/v3"}


def test_every_verb_has_help() -> None:
    overview = CliRunner().invoke(main, ["--help"]).output
    for verb in (
        *("demo", "run", "up", "ingest", "load", "status", "sandbox", "docs"),
        *("lake", "parity", "sql"),
    ):
        assert re.search(rf"^  {verb} +\S", overview, re.MULTILINE), verb
        done = CliRunner().invoke(main, [verb, "--help"])
        assert done.exit_code == 0
        assert "Usage:" in done.output


@pytest.mark.long
@pytest.mark.usefixtures("warehouse")
def test_the_demo_shows_batches_prices_and_checks(postgres_folder: Path) -> None:
    done = crypto_pipeline("demo", "--days", "0", "--hours", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "hour 2 of 2" in done.stdout
    assert "Bitcoin" in done.stdout
    assert "facts_match_snapshots" in done.stdout
    assert "crypto-pipeline up --sandbox" in done.stdout


@pytest.mark.long
def test_the_demos_past_has_hours_in_three_currencies_an_outage_and_a_rename(
    warehouse: Warehouse, postgres_folder: Path
) -> None:
    for hours in ("1", "2"):
        # The second finds the days before in the landing zone.
        done = crypto_pipeline("demo", "--days", "3", "--hours", hours)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        assert "the days before, in bulk, " in done.stdout
    hours_of = (
        "SELECT vs_currency, count(DISTINCT hour_start) FROM analytics.fact_crypto_price_hourly"
        " WHERE crypto_id = 'bitcoin' GROUP BY 1 ORDER BY 1"
    )
    assert [currency for currency, _ in rows(warehouse, hours_of)] == ["btc", "eur", "usd"]
    outage = (
        "SELECT missing_points FROM analytics.v_gaps"
        " WHERE crypto_id = 'bitcoin' AND vs_currency = 'usd' AND reason = 'not fetched'"
    )
    assert rows(warehouse, outage) == [(7,)]
    events = "SELECT event FROM coin_events WHERE crypto_id = 'render-token' ORDER BY 1"
    assert rows(warehouse, events) == [("renamed",), ("symbol changed",)]
    assert rows(warehouse, "SELECT count(*) > 250 FROM coin_listings") == [(True,)]
    assert rows(warehouse, "SELECT kind FROM analytics.dim_source WHERE source_key > 0") == [
        ("sandbox",)
    ]


@pytest.mark.long
@pytest.mark.usefixtures("warehouse")
def test_a_source_that_cannot_be_reached_is_one_clear_line(zone: LandingZone) -> None:
    drop(zone, "kept.json", landing_json([market_record()]))
    done = crypto_pipeline("run", **_UNREACHABLE)
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert "cannot reach CoinGecko at 127.0.0.1" in done.stderr
    assert len(list(zone.root.rglob("*.json"))) == 1


@pytest.mark.usefixtures("warehouse")
def test_a_wrong_setting_is_one_clear_line_without_its_value() -> None:
    done = crypto_pipeline("run", COINGECKO_API_KEY="CG-secret")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "COINGECKO_PLAN" in done.stderr
    assert "CG-secret" not in done.stdout + done.stderr


def test_a_database_without_password_is_refused() -> None:
    done = crypto_pipeline("status", DB_HOST="localhost")
    assert done.returncode == 1
    assert "DB_PASSWORD" in done.stderr


@pytest.mark.long
@pytest.mark.usefixtures("warehouse")
def test_dropped_files_are_loaded_and_shown(zone: LandingZone) -> None:
    drop(zone, "dropped.json", landing_json([market_record(), coin(1, current_price=-3.5)]))
    done = crypto_pipeline("load")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    first, second, _ = done.stdout.split("\n", 2)
    assert re.fullmatch(
        r"Batch \d+ completed: 1 loaded, 0 skipped \(duplicates\), 1 failed quality checks", first
    )
    assert second == (
        "Data quality failure for crypto_id=coin-0001: current_price has invalid value -3.5"
    )
    assert "Bitcoin" in done.stdout
    assert "Bitcoin" in crypto_pipeline("status").stdout


@pytest.mark.long
@pytest.mark.usefixtures("warehouse")
def test_a_file_that_fails_keeps_no_other_from_the_lake(zone: LandingZone, tmp_path: Path) -> None:
    drop(zone, "good.json", landing_json([market_record()]))
    drop(zone, "broken.json", b'{"market')
    done = crypto_pipeline("load", LAKE_URI=str(tmp_path / "lake"))
    assert done.returncode == 1
    assert "broken.json" in done.stderr
    assert Lake(str(tmp_path / "lake")).dataset(FACT).count_rows() == 1


@pytest.mark.long
def test_a_load_names_files_that_failed_and_checks_what_a_stopped_one_left(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    drop(zone, "good.json", landing_json([market_record()]))
    load_landing_zone()
    with warehouse.load() as connection:
        connection.execute("DELETE FROM analytics.fact_crypto_price_metrics")
    drop(zone, "broken.json", b'{"market')

    done = crypto_pipeline("load")

    assert done.returncode == 1
    assert re.search(
        r"^Batch \d+ failed: market_snapshots/\S+/broken\.json: \S.* truncated",
        done.stderr,
        re.MULTILINE,
    )
    assert "broken.json" not in re.sub(r"Newest batches.*", "", done.stdout, flags=re.DOTALL)
    assert "good.json" not in done.stderr
    # Of the hour of the other file, which no command has checked.
    assert re.search(r"facts_match_snapshots +failed", done.stdout)
    assert "checks of severity ERROR failed" in done.stderr


@contextmanager
def _up(port: str) -> Iterator["subprocess.Popen[str]"]:
    server = subprocess.Popen(
        [sys.executable, "-m", "crypto_pipeline.cli", "up", "--sandbox", "--port", port],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/server_info")
        yield server
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)


def _ask(port: str, query: str, **variables: object) -> Any:
    answer = httpx.post(
        f"http://127.0.0.1:{port}/graphql",
        json={"query": query, "variables": variables},
        timeout=60,
    )
    return answer.json()["data"]


_LAUNCH = """mutation($job: String!, $hour: String!) {
  launchPipelineExecution(executionParams: {
    selector: {repositoryLocationName: "crypto_pipeline.definitions",
               repositoryName: "__repository__", pipelineName: $job},
    executionMetadata: {tags: [{key: "dagster/partition", value: $hour}]}
  }) { __typename ... on PythonError { message } }
}"""


_TIMELINE = """{ runsOrError { ... on Runs { results {
    runId pipelineName status
    repositoryOrigin { repositoryLocationName }
    tags { key value }
} } } }"""

_OF_JOB = """query($job: String!) { pipelineOrError(params: {
    repositoryLocationName: "crypto_pipeline.definitions", repositoryName: "__repository__",
    pipelineName: $job
}) { ... on Pipeline { runs { runId } } } }"""

_REEXECUTE = """mutation($run: String!) {
  launchPipelineReexecution(reexecutionParams: {parentRunId: $run, strategy: ALL_STEPS}) {
    __typename ... on PythonError { message } ... on LaunchRunSuccess { run { runId } }
  }
}"""


@pytest.mark.long
@pytest.mark.usefixtures("warehouse")
def test_a_run_of_the_command_line_is_in_the_ui_like_any_other() -> None:
    """Under its job and in the timeline, with who launched it; and it can be re-executed."""
    port = "3918"
    with _up(port):
        assert crypto_pipeline("load", CRYPTO_PIPELINE_LAUNCHER="cron").returncode == 0
        (ours,) = _runs_of(port, "load_landing_zone")
        assert ours["status"] == "SUCCESS"
        assert ours["repositoryOrigin"] == {"repositoryLocationName": "crypto_pipeline.definitions"}
        assert {"key": "user", "value": "cron"} in ours["tags"]
        of_job = _ask(port, _OF_JOB, job="load_landing_zone")["pipelineOrError"]["runs"]
        assert of_job == [{"runId": ours["runId"]}]

        again = _ask(port, _REEXECUTE, run=ours["runId"])["launchPipelineReexecution"]
        assert again["__typename"] == "LaunchRunSuccess", again
        assert wait_until(
            lambda: _runs_of(port, "load_landing_zone")[0]["status"] == "SUCCESS", 60, 0.2
        )
        assert _runs_of(port, "load_landing_zone")[0]["runId"] == again["run"]["runId"]


def _runs_of(port: str, job: str) -> list[dict[str, Any]]:
    """The newest first."""
    runs = _ask(port, _TIMELINE)["runsOrError"]["results"]
    return [run for run in runs if run["pipelineName"] == job]


@pytest.mark.long
@pytest.mark.usefixtures("warehouse")
def test_up_serves_the_ui_until_it_is_told_to_stop_and_says_a_line_of_each_runs_start_and_end() -> (
    None
):
    port = "3917"
    hour = partition_key(datetime.now(timezone.utc))
    with _up(port) as server:
        query = "{ assetNodes { assetKey { path } } schedulesOrError(repositorySelector:"
        query += ' {repositoryName: "__repository__", repositoryLocationName:'
        query += ' "crypto_pipeline.definitions"}) { ... on Schedules { results { name'
        query += " scheduleState { status } } } } }"
        answer = _ask(port, query)
        # The lake is not in use here.
        assert {tuple(node["assetKey"]["path"]) for node in answer["assetNodes"]} == {
            tuple(key.path) for key in defs.resolve_all_asset_keys() if key.path[0] != "lake"
        }
        states = {
            schedule["name"]: schedule["scheduleState"]["status"]
            for schedule in answer["schedulesOrError"]["results"]
        }
        assert states["hourly_schedule"] == "RUNNING"
        for of, job in ((hour, "hourly_market_data"), ("2026-11-01-00:00", "ingest_market_data")):
            launched = _ask(port, _LAUNCH, job=job, hour=of)
            assert launched["launchPipelineExecution"]["__typename"] == "LaunchRunSuccess"
        assert server.stdout is not None
        lines: list[str] = []
        while sum(" ended: " in line or " failed: " in line for line in lines) < 2:
            lines.append(server.stdout.readline().rstrip())
    assert server.returncode == 0
    lines += server.stdout.read().splitlines()
    assert lines[:2] == [
        "Starting Dagster ...",
        f"Dagster UI at http://127.0.0.1:{port} (Ctrl-C stops it)",
    ]
    assert lines[-1] == "Dagster stopped."
    ended = r"ended: 248 loaded, 0 skipped \(duplicates\), 2 rejected, \d+\.\d s"
    # The schedule may have had its own run of the hour.
    of_runs = lines[2:-1]
    assert f"hourly_market_data {hour} started" in of_runs
    assert any(re.fullmatch(rf"hourly_market_data {hour} {ended}", line) for line in of_runs)
    assert "ingest_market_data 2026-11-01-00:00 started" in of_runs
    assert any(
        line.startswith(
            "ingest_market_data 2026-11-01-00:00 failed: no landing file for 2026-11-01 00:00 UTC"
        )
        for line in of_runs
    )
    assert all(re.match(r"\w+( [\d:-]+)? (started|ended: |failed: )", line) for line in of_runs)


@pytest.mark.long
@pytest.mark.usefixtures("warehouse")
def test_up_ends_when_one_of_its_services_dies() -> None:
    with _up("3916") as server:
        (webserver,) = (
            child
            for child in psutil.Process(server.pid).children(recursive=True)
            if "dagster_webserver" in child.cmdline()
        )
        webserver.kill()
        output, _ = server.communicate(timeout=60)
    assert server.returncode == 1
    assert "Dagster's webserver ended with status -9: " in output
    assert not psutil.pid_exists(webserver.pid)


def test_up_refuses_a_port_that_is_taken_before_anything_starts() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = CliRunner().invoke(main, ["up", "--port", str(port)])
    assert done.exit_code == 1
    assert done.output == (
        f"port {port} of 127.0.0.1 cannot be used (Address already in use): end the program that"
        " has it, or choose another port with --port\n"
    )


def _wait_for(url: str) -> None:
    for _ in range(240):
        try:
            httpx.get(url, timeout=1).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.25)
    raise TimeoutError(url)
