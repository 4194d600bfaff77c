"""The checks of price history and candles pass on a clean load, and find their damage."""

import random
from datetime import timedelta

import dagster as dg
import pytest

from crypto_pipeline.automation import AUDIT_JOB
from crypto_pipeline.definitions import defs
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.marts import load_marts
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.conftest import Filled
from crypto_pipeline_tests.history.test_gaps import land_hour
from crypto_pipeline_tests.history.test_load import START, at, land_chart, load
from crypto_pipeline_tests.market_records import drop, landing_json, market_record

_HOURLY = "analytics.fact_crypto_price_hourly"
_DAILY = "analytics.fact_crypto_price_daily"
_CHECKS = ("candle_checks", "price_history_checks")

DAMAGE = {
    "no_orphan_candle_keys": f"UPDATE {_HOURLY} SET date_key = 20010101",
    "candles_match_snapshots": f"UPDATE {_HOURLY} SET high_price = high_price * 2",
    "days_match_hours": f"UPDATE {_DAILY} SET low_price = low_price / 2",
    "returns_match_candles": "UPDATE analytics.mart_returns_hourly SET simple_return_1h = 7"
    " WHERE hour_start = '2026-01-01 05:00+00'",
    "market_matches_candles": "DELETE FROM analytics.mart_market_daily WHERE day = '2026-01-01'",
    "no_gaps": f"DELETE FROM {_HOURLY} WHERE hour_start = '2026-01-01 05:00+00'; UPDATE {_DAILY}"
    " SET coverage_share = round(9 / 24.0, 4) WHERE day = '2026-01-01'",
    "history_batches_completed": "UPDATE history_batches SET status = 'failed', error = 'x'",
    "history_batches_add_up": "DELETE FROM price_points WHERE point_index = 1",
    "point_references_exist": "UPDATE price_points SET history_batch_id = 99",
    "points_not_restated": "INSERT INTO price_corrections (crypto_id, vs_currency,"
    " granularity_minutes, bucket_time, known_from, history_batch_id, point_index, observed_at,"
    " price) SELECT crypto_id, vs_currency, granularity_minutes, bucket_time, now(),"
    " history_batch_id, point_index, observed_at, price * 2 FROM price_points",
    "market_cap_known": "UPDATE history_batches SET warnings = '{\"market_cap_known\": 3}'",
}
_WARNINGS = {"no_gaps", "points_not_restated", "market_cap_known"}
ANOMALIES = {
    "price_jumps": f"UPDATE {_HOURLY} SET close_price = close_price * 1.5, high_price = high_price"
    " * 2 WHERE hour_start = '2026-01-03 05:00+00' AND crypto_id = 'coin-1' AND vs_currency ="
    " 'usd'",
    "prices_move": f"UPDATE {_HOURLY} SET open_price = 5, high_price = 5, low_price = 5,"
    " close_price = 5 WHERE crypto_id = 'coin-1' AND vs_currency = 'usd'",
    "currencies_agree": f"UPDATE {_HOURLY} SET close_price = close_price * 1.1, high_price ="
    " high_price * 2 WHERE hour_start = '2026-01-03 05:00+00' AND crypto_id = 'coin-1' AND"
    " vs_currency = 'eur'",
}
"""What an anomaly is: of one coin in one hour."""


_ONCE = ("history_files_unchanged", "budget_on_pace")


_ALL = {*DAMAGE, *ANOMALIES, "price_matches_market_cap", *_ONCE}


def checks(*names: str) -> dict[str, dg.AssetCheckEvaluation]:
    """Run these checks."""
    graph = defs.resolve_asset_graph()
    keys = {key for key in graph.asset_check_keys if key.name in names}
    job = defs.resolve_job_def(AUDIT_JOB).get_subset(
        asset_selection=set(), asset_check_selection=keys
    )
    result = job.execute_in_process(raise_on_error=False)
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def _load_hours_and_a_chart(warehouse: Warehouse, zone: LandingZone) -> None:
    for number in range(10):
        land_hour(zone, number, [0])
    chance = random.Random(1)
    points = [(at(n), chance.randint(1, 9)) for n in range(5)]
    land_chart(zone, points, coin="coin-0000", source="CoinGecko sandbox")
    load(warehouse, zone)
    load_marts(warehouse)
    assert START - timedelta(days=4) == at(-96)


@pytest.fixture
def loaded(filled: Filled) -> Warehouse:
    """Ten hours of snapshots and a chart."""
    return filled(_load_hours_and_a_chart)


def test_a_clean_load_passes(loaded: Warehouse) -> None:
    found = checks(*_ALL)
    assert set(found) == _ALL
    # The chart is of four days later.
    # Its prices are made up, and have nothing to do with the market cap.
    assert {name for name, check in found.items() if not check.passed} == {
        *("no_gaps", "price_matches_market_cap"),
    }


@pytest.mark.parametrize("check", DAMAGE)
def test_a_check_finds_its_damage(check: str, loaded: Warehouse) -> None:
    before = checks(check)[check]
    with loaded.connection() as connection:
        connection.execute(
            "ALTER TABLE history_batches DROP CONSTRAINT completed_batch_adds_up;"
            f"ALTER TABLE {_HOURLY} DROP CONSTRAINT prices_in_order;"
        )
        connection.execute(DAMAGE[check])
    found = checks(check)[check]
    assert not found.passed
    wrong = found.metadata["wrong_rows"].value
    assert wrong != before.metadata["wrong_rows"].value
    assert found.severity is (
        dg.AssetCheckSeverity.WARN if check in _WARNINGS else dg.AssetCheckSeverity.ERROR
    )


def _fill_quiet_market(warehouse: Warehouse, zone: LandingZone) -> None:
    with warehouse.connection() as connection:
        connection.execute(
            "SELECT ensure_month_partitions('analytics.fact_crypto_price_hourly',"
            " ARRAY['2026-01-01'::timestamptz])"
        )
        connection.execute(
            f"INSERT INTO {_HOURLY} SELECT 20260101, 0, -1, 'coin-' || c, v, h, p, p, p, p, p, 1,"
            " 1, 1, 0.0833, 'snapshot' FROM generate_series(1, 4) AS c,"
            " generate_series('2026-01-01'::timestamptz, '2026-01-03 23:00', '1 hour') AS h,"
            " (VALUES ('usd', 1.0), ('eur', 0.9)) AS r (v, rate),"
            " LATERAL (SELECT rate * c * (100 + extract(hour FROM h)::integer % 3) AS p) AS x"
        )
        connection.execute(
            "INSERT INTO history_series SELECT DISTINCT crypto_id, vs_currency,"
            f" '2026-01-01'::date, '2026-01-03'::date, '2026-01-01'::date, true FROM {_HOURLY}"
        )


@pytest.fixture
def quiet_market(filled: Filled) -> Warehouse:
    """Three days of four coins that move a little, in two currencies."""
    return filled(_fill_quiet_market)


@pytest.mark.parametrize("check", ANOMALIES)
def test_an_anomaly_is_warned_of(check: str, quiet_market: Warehouse) -> None:
    assert checks(check)[check].passed
    with quiet_market.connection() as connection:
        connection.execute(ANOMALIES[check])
    found = checks(check)[check]
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN
    # The jump, and back.
    assert found.metadata["wrong_rows"].value == (2 if check == "price_jumps" else 1)


def test_a_price_that_contradicts_the_market_cap_is_warned_of(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    # 96,000 dollars times 19,828,293 coins are the market cap of this record.
    drop(zone, "a.json", landing_json([market_record(market_cap=1903516128000)]))
    load(warehouse, zone)
    assert checks("price_matches_market_cap")["price_matches_market_cap"].passed
    with warehouse.connection() as connection:
        connection.execute(
            "UPDATE analytics.fact_crypto_price_metrics SET market_cap = market_cap * 1.2"
        )
    found = checks("price_matches_market_cap")["price_matches_market_cap"]
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.WARN


def test_a_landing_file_that_was_changed_is_found(loaded: Warehouse, zone: LandingZone) -> None:
    (file,) = zone.stored("price_history")
    file.uri.write_bytes(b"tampered")
    assert not checks("history_files_unchanged")["history_files_unchanged"].passed


def test_the_pace_of_the_month_is_warned_of(
    loaded: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COINGECKO_PLAN", "demo")
    monkeypatch.setenv("COINGECKO_API_KEY", "CG-0123456789")
    assert checks("budget_on_pace")["budget_on_pace"].passed
    with loaded.connection() as connection:
        connection.execute(
            "INSERT INTO api_requests (request_id, sent_at, plan, credits)"
            " SELECT gen_random_uuid(), now(), 'demo', 1 FROM generate_series(1, 10000)"
        )
    found = checks("budget_on_pace")["budget_on_pace"]
    assert not found.passed
    assert found.metadata["credits_used"].value == 10_000
