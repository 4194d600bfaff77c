"""One screen that says whether it works, how fresh and complete it is, and what to do next."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from click.testing import CliRunner

from crypto_pipeline.cli import main
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.histories import load
from crypto_pipeline_tests.market_records import drop, landing_json, market_record

HOUR = timedelta(hours=1)
NOW = datetime.now(timezone.utc).replace(minute=0, second=5, microsecond=0)
MISSING = {3, 4, 40}
"""Hours before now without a fetch."""


def screen() -> str:
    done = CliRunner(env={"COLUMNS": "80"}).invoke(main, ["status"])
    assert done.exit_code == 0, done.output
    return done.stdout


def told() -> dict[str, Any]:
    return json.loads(CliRunner().invoke(main, ["status", "--json"]).stdout)


@pytest.fixture
def three_days(warehouse: Warehouse, zone: LandingZone) -> Warehouse:
    """Three days of two coins, but for three hours; in the newest files a bad record."""
    for ago in range(72):
        if ago in MISSING:
            continue
        at = NOW - ago * HOUR
        records = [market_record(id=coin, last_updated=at.isoformat()) for coin in ("a", "b")]
        if ago < 2:
            records.append(market_record(id="c", current_price=None))
        drop(zone, f"{ago:02d}.json", landing_json(records, at))
    load(warehouse, zone)
    with warehouse.load() as connection:
        connection.execute(
            "UPDATE ingestion_batches SET gold_loaded_at = coalesce(gold_loaded_at, now())"
        )
    return warehouse


def test_it_says_what_is_there_what_is_missing_and_what_to_type(
    three_days: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COINGECKO_PLAN", "demo")
    monkeypatch.setenv("COINGECKO_API_KEY", "CG-key")
    with three_days.connection() as connection:
        connection.execute(
            "INSERT INTO api_requests (request_id, sent_at, plan, credits)"
            " SELECT gen_random_uuid(), now(), 'demo', 1 FROM generate_series(1, 70)"
        )
    shown = screen()
    lines = shown.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert "working    yes" in shown
    assert "fresh      newest data of" in shown
    assert "last 24 hours: 91.67 % of 48 hours, 4 missing, 4 to be asked for" in shown
    assert "last 24 hours: price_present 2" in shown
    assert "70 of 10,000 credits used this month" in shown
    assert "Bitcoin 96000" in shown
    assert lines[-2:] == [
        "crypto-pipeline repair  # 6 hours are missing, to be had",
        "crypto-pipeline quarantine list  # 2 rejected lately wait",
    ]


def test_the_same_is_there_for_machines(three_days: Warehouse) -> None:
    summary = told()
    assert (summary["healthy"], summary["problems"]) == (True, [])
    day, month = summary["coverage"]
    assert (day["present"], day["missing"], day["not_asked_for"]) == (44, 4, 4)
    # 72 hours of two coins, of which the newest is not over.
    assert (month["present"], month["missing"]) == (136, 6)
    assert 0.95 < month["share"] < 0.96
    assert summary["rejected_last_day"] == [
        {"rule": "price_present", "kind": "record", "rejected": 2, "waiting": 2}
    ]
    assert (summary["budget"]["limit"], summary["budget"]["used"]) == (None, 0)
    assert [todo["command"] for todo in summary["next"]] == [
        "crypto-pipeline repair",
        "crypto-pipeline quarantine list",
    ]


def test_an_empty_warehouse_says_how_to_begin(warehouse: Warehouse) -> None:
    shown = screen()
    assert "no: nothing was ever loaded" in shown
    assert "last 30 days: no hour is expected" in shown
    assert shown.splitlines()[-1] == "crypto-pipeline run  # nothing was ever loaded"


def test_credits_that_run_out_are_said(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COINGECKO_REQUESTS_PER_MONTH", "100")
    with warehouse.connection() as connection:
        connection.execute(
            "INSERT INTO api_requests (request_id, sent_at, plan, credits)"
            " VALUES (gen_random_uuid(), now(), 'public', 99)"
        )
    assert told()["budget"]["free"] == 0
    assert "crypto-pipeline repair --dry-run  # the month's credits run out" in screen()


def test_a_failed_run_is_said(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        connection.execute("CREATE SCHEMA dagster")
        # The columns of Dagster's tables that are read.
        connection.execute(
            "CREATE TABLE dagster.runs (id bigint, pipeline_name text, status text,"
            " end_time double precision)"
        )
        connection.execute("CREATE TABLE dagster.asset_keys ()")
        connection.execute(
            "INSERT INTO dagster.runs VALUES (1, 'hourly_market_data', 'FAILURE', 1700000000),"
            " (2, '__ASSET_JOB', 'SUCCESS', 1700000000), (3, 'load_lake', 'STARTED', NULL)"
        )
    shown = screen()
    assert "last run: hourly_market_data, failure" in shown
    assert "crypto-pipeline doctor  # the run of hourly_market_data failed" in shown
    assert told()["last_run"]["status"] == "FAILURE"


@pytest.mark.long
def test_its_queries_do_not_read_the_history(three_days: Warehouse) -> None:
    """A hundred thousand old batches with their rejected records, some ten thousand pages."""
    before = _pages_read(three_days)
    with three_days.connection() as connection:
        connection.execute(
            "INSERT INTO ingestion_batches (landing_file, file_sha256, ingested_at_origin,"
            " partition_hour, source, vs_currency,"
            " ingested_at, request, status, records_fetched, records_loaded, records_duplicate,"
            " records_rejected, warnings, schema_drift, gold_loaded_at, candles_loaded_at)"
            " SELECT 'old/' || n, repeat('0', 64), 'envelope', t, 'CoinGecko', 'usd', t, '{}',"
            " 'completed', 2, 0, 1, 1, '{}', '{}', t, t FROM generate_series(1, 100000) AS s (n),"
            " LATERAL (SELECT timestamptz '2010-01-01 00:00Z' + n * interval '1 hour') AS l (t)"
        )
        connection.execute(
            "INSERT INTO rejected_records (batch_id, record_index, rules, rule_versions, reason,"
            " record) SELECT batch_id, 0, '{price_present}', '{1}', 'no price', repeat('x', 500)"
            " FROM ingestion_batches WHERE landing_file LIKE 'old/%'"
        )
    with three_days.connection() as connection:
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE ingestion_batches")
        connection.execute("VACUUM ANALYZE rejected_records")
    # An index is deeper.
    assert _pages_read(three_days) < 2 * before


def _pages_read(warehouse: Warehouse) -> int:
    pages = 0
    with warehouse.connection() as connection:
        for report in ("status", "coverage", "rejected_lately", "largest"):
            (plan,) = connection.execute(
                "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + read_sql(f"reports/{report}.sql"),
                {
                    "end": NOW,
                    "since": NOW - timedelta(days=1),
                    "currency": "usd",
                    "currencies": ["usd"],
                },
            ).fetchone() or (None,)
            pages += plan[0]["Plan"]["Shared Hit Blocks"] + plan[0]["Plan"]["Shared Read Blocks"]
    return pages
