"""What monitors are told, by the verbs they call."""

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from crypto_pipeline.cli import main
from crypto_pipeline.cli.home import open_dagster_home
from crypto_pipeline.coingecko.client import request_budget
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.definitions import defs
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.bulk_load import files_to_load, load_to_silver
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import load_landing_zone

NOW = datetime.now(timezone.utc)


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # What open_dagster_home sets goes with the test.
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", "")


def status() -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(main, ["status", "--json"])
    return done.exit_code, json.loads(done.stdout)


def drop_hour(zone: LandingZone, at: datetime, *records: dict[str, object]) -> None:
    body = landing_json(list(records) or [market_record(last_updated=at.isoformat())], at)
    drop(zone, f"{at:%d%H%M}.json", body)


def test_a_warehouse_of_today_is_healthy(warehouse: Warehouse, zone: LandingZone) -> None:
    worthless = market_record(id="worthless", current_price=None)
    drop_hour(zone, NOW, market_record(last_updated=NOW.isoformat()), worthless)
    load_landing_zone()
    code, told = status()
    assert (code, told["healthy"], told["problems"]) == (0, True, [])
    assert (told["kind"], told["rows"], told["coins"]) == ("live", 1, 1)
    assert (told["records_fetched"], told["records_loaded"], told["records_rejected"]) == (2, 1, 1)
    assert (told["in_quarantine"], told["records_replayed"]) == (1, 0)
    assert 0 <= told["age_seconds"] < 600
    assert told["newest_batch"]["status"] == "completed"
    assert datetime.fromisoformat(told["newest_data"]) <= datetime.fromisoformat(told["read_at"])


def test_an_empty_warehouse_is_not(warehouse: Warehouse) -> None:
    code, told = status()
    assert (code, told["problems"]) == (2, ["nothing was ever loaded"])
    assert told["newest_data"] is told["newest_batch"] is told["age_seconds"] is None


def test_old_data_a_failed_batch_and_one_that_waits_for_gold_are_problems(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    drop_hour(zone, NOW - timedelta(hours=5))
    broken = drop(zone, "broken.json", b"not JSON")
    assert broken
    zone.file_unfiled()
    for _ in load_to_silver(warehouse, files_to_load(warehouse, zone), 0.5):
        pass
    with warehouse.load() as connection:
        connection.execute("UPDATE ingestion_batches SET loaded_at = now() - interval '2 hours'")
    code, told = status()
    assert code == 2
    assert re.fullmatch(r"the newest data is 5\.\d hours old", told["problems"][0])
    assert told["problems"][1].startswith("the newest batch failed: ")
    assert told["problems"][2:] == ["1 batches are pending for gold"]


def test_a_currency_that_does_not_come_any_more_is_a_problem(
    warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    for hours, currency in ((0, "usd"), (5, "eur"), (1, "btc"), (9, "jpy")):
        at = NOW - timedelta(hours=hours)
        records = [market_record(last_updated=at.isoformat())]
        request = {"vs_currency": currency}
        drop(zone, f"{currency}.json", landing_json(records, at, request=request))
    load_landing_zone()
    monkeypatch.setenv("COINGECKO_VS_CURRENCIES", "usd,eur,btc")
    code, told = status()
    # Nobody asks for yen any more.
    assert (code, told["problems"]) == (
        2,
        ["the newest data in eur is 5.0 hours older than the rest"],
    )
    assert told["seconds_behind"] == {"usd": 0, "eur": 5 * 3600, "btc": 3600}
    said = CliRunner().invoke(main, ["metrics"]).output
    assert 'crypto_pipeline_seconds_behind{currency="eur"} 18000.0' in said
    # A coin is shown once: in the first currency.
    assert CliRunner().invoke(main, ["status"]).output.count("Bitcoin") == 1


def test_data_from_a_later_time_is_a_problem(warehouse: Warehouse, zone: LandingZone) -> None:
    drop_hour(zone, NOW + timedelta(hours=2))
    load_landing_zone()
    code, told = status()
    assert (code, told["records_loaded"]) == (2, 1)
    (problem,) = told["problems"]
    assert re.fullmatch(r"the newest data is [12]\.\d hours ahead of the database's clock", problem)


def test_a_warehouse_that_cannot_be_asked_is_another_status(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    done = CliRunner().invoke(main, ["status", "--json"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_metrics_are_what_prometheus_reads(
    warehouse: Warehouse, zone: LandingZone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_hour(zone, NOW, market_record(last_updated=NOW.isoformat()), market_record(id=""))
    drop(zone, "load.json", b"not JSON")
    with open_dagster_home(Settings()) as instance:
        defs.resolve_job_def("load_landing_zone").execute_in_process(instance=instance)
    # Of other tests, whose folder is the same.
    (Settings().data_dir / "request-budget-public.sqlite3").unlink(missing_ok=True)
    request_budget(Settings()).acquire()
    request_budget(Settings()).acquire()
    file = tmp_path / "crypto.prom"
    assert CliRunner().invoke(main, ["metrics", "--output", str(file)]).output == ""

    samples = {
        (sample.name.removeprefix("crypto_pipeline_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(file.read_text())
        for sample in family.samples
    }
    newest = samples["newest_data_timestamp_seconds",]
    assert abs(newest - NOW.timestamp()) < 1
    assert samples["rows",] == samples["coins",] == 1
    assert samples["healthy",] == 0
    assert samples["batches", "complete"] == samples["batches", "failed"] == 1
    assert samples["records_total", "loaded"] == samples["records_total", "rejected"] == 1
    assert samples["quarantine",] == 1
    assert samples["api_requests_last_minute",] == 2
    assert 0 < samples["run_duration_seconds", "load_landing_zone"] < 60
    assert samples["run_end_timestamp_seconds", "load_landing_zone", "SUCCESS"] > NOW.timestamp()
