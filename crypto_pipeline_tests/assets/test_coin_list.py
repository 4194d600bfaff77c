"""The list of coins through the graph: from the sandbox to the events, and what is in the way."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import dagster as dg
import pytest
from pytest_httpserver import HTTPServer

from crypto_pipeline.automation import COIN_LIST_JOB
from crypto_pipeline.definitions import defs
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.conditions import Absence, Conditions, Outage, Rename, Successor
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.pipeline import contents, load_landing_zone, rows
from crypto_pipeline_tests.retries import without_waiting

NOW = datetime(2026, 6, 15, 1, 20, tzinfo=timezone.utc)
DAY = timedelta(days=1)
OLD = "sandbox-coin-0075"


@pytest.fixture
def market() -> Market:
    return Market(80, quirks=False)


@pytest.fixture
def server(market: Market, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    with SandboxServer(market, clock=SimulatedClock(NOW, speed=0)) as running:
        monkeypatch.setenv("COINGECKO_PLAN", "sandbox")
        monkeypatch.setenv("COINGECKO_BASE_URL", running.base_url)
        yield running


def fetch(*, raise_on_error: bool = True) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(COIN_LIST_JOB).execute_in_process(raise_on_error=raise_on_error)


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {one.check_name: one.passed for one in result.get_asset_check_evaluations()}


def test_a_week_of_lists_tells_what_happened_to_the_coins(
    server: SandboxServer, market: Market, warehouse: Warehouse
) -> None:
    market.conditions = Conditions(
        absences=(Absence("dogecoin", NOW + DAY, NOW + 5 * DAY),),
        renames=(Rename("solana", NOW + 2 * DAY, "sun", "Solana"),),
        successors=(Successor(OLD, NOW + 3 * DAY, "new-coin"),),
    )
    for number in range(7):
        server.clock.set(NOW + number * DAY)
        checks = evaluations(fetch())
        assert all(checks.values()), checks
    # The sandbox says at once who is inactive.
    assert rows(
        warehouse,
        "SELECT crypto_id, event, happened_at, old_value, new_value FROM coin_events"
        " ORDER BY happened_at, crypto_id",
    ) == [
        ("dogecoin", "delisted", NOW + DAY, None, None),
        ("solana", "symbol changed", NOW + 2 * DAY, "sol", "sun"),
        ("new-coin", "listed", NOW + 3 * DAY, None, None),
        (OLD, "delisted", NOW + 3 * DAY, None, None),
        ("dogecoin", "relisted", NOW + 5 * DAY, None, None),
    ]
    assert rows(
        warehouse, "SELECT old_id, new_id, equal_contracts FROM coin_alias_suggestions"
    ) == [(OLD, "new-coin", 1)]
    assert rows(
        warehouse,
        "SELECT is_active, count(*) FROM analytics.v_coins GROUP BY is_active ORDER BY is_active",
    ) == [(False, 1), (True, len(market.coins(server.clock.now())))]
    # Asked twice a day, and every request is in the ledger.
    assert rows(
        warehouse, "SELECT endpoint, count(*) FROM api_requests GROUP BY endpoint ORDER BY endpoint"
    ) == [("/coins/list", 14)]
    # A replay of the landing zone gives the same.
    before = contents(warehouse)
    assert defs.resolve_job_def("replay_landing_zone").execute_in_process().success
    after = contents(warehouse)
    # The load of the landing zone makes the dimensions too.
    assert {name: after[name] for name in after if "dim_time" not in name} == {
        name: before[name] for name in before if "dim_time" not in name
    }


def test_what_a_run_fetched_another_load_can_load(
    server: SandboxServer, warehouse: Warehouse, zone: LandingZone
) -> None:
    """As after a kill between the two."""
    result = dg.materialize(
        [defs.get_assets_def("coin_list")], resources=defs.resources or {}, selection="coin_list"
    )
    assert result.success
    assert rows(warehouse, "SELECT count(*) FROM coin_listings") == [(0,)]
    assert load_landing_zone().success
    ((listed,),) = rows(warehouse, "SELECT count(*) FROM coin_listings WHERE is_active")
    assert listed >= 80
    assert len(list(zone.stored("coin_list"))) == 4


def test_a_list_that_is_still_the_same_is_not_sent_again_and_counts_as_an_answer(
    server: SandboxServer, warehouse: Warehouse, zone: LandingZone
) -> None:
    fetch()
    server.clock.set(NOW + timedelta(minutes=2))
    assert all(evaluations(fetch()).values())
    assert [asked.status for asked in server.requests.asked] == [200, 200, 304, 304]
    assert len(list(zone.stored("coin_list/bodies"))) == 2
    assert rows(
        warehouse,
        "SELECT is_active, ingested_at, body_sha256 = lag(body_sha256) OVER ("
        "PARTITION BY is_active ORDER BY ingested_at) FROM coin_list_batches ORDER BY 2, 1",
    ) == [
        (False, NOW, None),
        (True, NOW, None),
        (False, NOW + timedelta(minutes=2), True),
        (True, NOW + timedelta(minutes=2), True),
    ]
    assert rows(warehouse, "SELECT count(*) FROM coin_events") == [(0,)]
    assert rows(
        warehouse,
        "SELECT http_status, count(*), sum(credits) FROM api_requests"
        " WHERE endpoint = '/coins/list' GROUP BY 1 ORDER BY 1",
    ) == [(200, 2, 2), (304, 2, 0)]


def test_three_answers_that_are_the_same_delist_a_coin(
    server: SandboxServer, market: Market, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a plan that does not say who is inactive."""
    monkeypatch.setattr("crypto_pipeline.assets.coin_list.LISTS_INACTIVE_COINS", frozenset())
    market.conditions = Conditions(absences=(Absence("dogecoin", NOW + timedelta(hours=1)),))
    for minutes in (0, 60, 62, 64):
        server.clock.set(NOW + timedelta(minutes=minutes))
        fetch()
    assert [asked.status for asked in server.requests.asked] == [200, 200, 304, 304]
    assert rows(warehouse, "SELECT crypto_id, event, known_at FROM coin_events") == [
        ("dogecoin", "delisted", NOW + timedelta(minutes=64))
    ]


def test_a_body_that_is_gone_is_asked_for_again(
    server: SandboxServer, warehouse: Warehouse, zone: LandingZone
) -> None:
    fetch()
    for body in list(zone.stored("coin_list/bodies")):
        body.uri.unlink()
    server.clock.set(NOW + timedelta(minutes=2))
    fetch()
    assert [asked.status for asked in server.requests.asked] == [200] * 4
    assert len(list(zone.stored("coin_list/bodies"))) == 2


def test_a_source_that_is_down_fails_the_run_in_one_line(
    server: SandboxServer, market: Market, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    without_waiting(monkeypatch)
    market.conditions = Conditions(outages=(Outage(NOW, NOW + DAY),))
    result = fetch(raise_on_error=False)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    said = str(failure.step_failure_data.user_failure_data.description)
    assert "HTTP 503" in said
    assert "\n" not in said


def test_a_plan_without_inactive_coins_has_the_active_ones(
    httpserver: HTTPServer, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/api/v3/coins/list"
    httpserver.expect_request(
        path, query_string={"include_platform": "true", "status": "inactive"}
    ).respond_with_json({"status": {"error_code": 10005, "error_message": "no"}}, 401)
    httpserver.expect_request(path, query_string={"include_platform": "true"}).respond_with_json(
        [{"id": "a", "symbol": "a", "name": "A"}]
    )
    monkeypatch.setenv("COINGECKO_PLAN", "pro")
    monkeypatch.setenv("COINGECKO_API_KEY", "CG-0123456789")
    monkeypatch.setenv("COINGECKO_BASE_URL", httpserver.url_for("/api/v3"))
    assert fetch().success
    assert rows(warehouse, "SELECT crypto_id, is_active FROM coin_listings") == [("a", True)]


def test_an_answer_that_is_no_list_is_kept_and_asked_for_again(
    httpserver: HTTPServer,
    warehouse: Warehouse,
    zone: LandingZone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    for body in ("<html>", '[{"id":"a","symbol":"a","name":"A"}]'):
        httpserver.expect_ordered_request("/api/v3/coins/list").respond_with_data(body)
    monkeypatch.setenv("COINGECKO_BASE_URL", httpserver.url_for("/api/v3"))
    result = fetch()
    assert result.success
    assert evaluations(result)["coin_lists_completed"] is False
    assert rows(
        warehouse, "SELECT status, coins_listed FROM coin_list_batches ORDER BY status"
    ) == [("completed", 1), ("failed", 0)]
    assert len([file for file in zone.stored("coin_list") if "/date=" in file.path]) == 2
