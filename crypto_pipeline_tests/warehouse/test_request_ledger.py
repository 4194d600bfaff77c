"""The request ledger: all machines of a database together keep to the plan."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import pytest

from crypto_pipeline.coingecko.client import KeyUsage
from crypto_pipeline.coingecko.limits import request_budget
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.fetching.request_log import new_request_id, request_log
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline.warehouse.request_ledger import (
    BudgetSpentError,
    SharedBudget,
    enter_requests,
    hourly_requests,
    month_use,
    requests_per_minute,
)
from crypto_pipeline_tests.fetching.test_request_log import entry
from crypto_pipeline_tests.pipeline import rows


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse) -> Settings:
    monkeypatch.setenv("COINGECKO_PLAN", "demo")
    monkeypatch.setenv("COINGECKO_API_KEY", "CG-0123456789")
    return Settings()


def reserve(warehouse: Warehouse, per_minute: int | None, request_id: str | None = None) -> float:
    with warehouse.connection() as connection:
        row = connection.execute(
            "SELECT reserve_request(%s, 'demo', %s)", [request_id or new_request_id(), per_minute]
        ).fetchone()
    assert row is not None
    return float(row[0])


def test_requests_of_a_machine_are_entered_once(demo: Settings, warehouse: Warehouse) -> None:
    log = request_log(demo)
    log.add(entry())
    log.add(entry(http_status=429, credits=0, is_cached=False, run_id="run"))
    assert enter_requests(warehouse) == 2
    assert enter_requests(warehouse) == 0
    assert rows(
        warehouse,
        "SELECT plan, endpoint, http_status, credits, received_bytes, duration_ms, is_cached,"
        " run_id FROM api_requests ORDER BY http_status",
    ) == [
        ("demo", "/coins/markets", 200, 1, 12, 3, None, None),
        ("demo", "/coins/markets", 429, 0, 12, 3, False, "run"),
    ]


def test_a_reserved_request_gets_its_outcome(demo: Settings, warehouse: Warehouse) -> None:
    request_id = new_request_id()
    assert reserve(warehouse, 5, request_id) == 0
    assert rows(warehouse, "SELECT endpoint, credits FROM api_requests") == [(None, 1)]
    request_log(demo).add(entry(request_id=request_id, http_status=500, credits=0))
    enter_requests(warehouse)
    assert rows(warehouse, "SELECT endpoint, http_status, credits FROM api_requests") == [
        ("/coins/markets", 500, 0)
    ]


def test_no_minute_holds_more_than_its_slots(demo: Settings, warehouse: Warehouse) -> None:
    """Ten processes ask for the last of five slots at once."""
    with ThreadPoolExecutor(10) as pool:
        waits = list(pool.map(lambda _: reserve(warehouse, 5), range(10)))
    assert sorted(waits)[:5] == [0] * 5
    assert all(50 < wait <= 61 for wait in sorted(waits)[5:])
    assert rows(warehouse, "SELECT count(*) FROM api_requests") == [(5,)]
    with warehouse.connection() as connection:
        connection.execute("UPDATE api_requests SET sent_at = sent_at - interval '60.9 seconds'")
    assert 0 <= reserve(warehouse, 5) < 0.2


def test_without_a_limit_nobody_waits(demo: Settings, warehouse: Warehouse) -> None:
    assert [reserve(warehouse, None) for _ in range(3)] == [0, 0, 0]


def test_the_hourly_fetch_has_its_part_of_each_minute(
    demo: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (hourly_requests(demo), requests_per_minute(demo)) == (1, 29)
    monkeypatch.setenv("COINGECKO_TOP_N", "1001")
    assert (hourly_requests(Settings()), requests_per_minute(Settings())) == (5, 25)
    monkeypatch.setenv("COINGECKO_REQUESTS_PER_MINUTE", "3")
    assert requests_per_minute(Settings()) == 1


def test_the_hourly_fetch_has_its_part_of_the_month(demo: Settings, warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        connection.execute(
            "INSERT INTO api_requests (request_id, sent_at, plan, credits) SELECT"
            " gen_random_uuid(), t, p, 1 FROM generate_series(1, 10) AS n,"
            " unnest(ARRAY[now(), now() - interval '32 days']) AS t,"
            " unnest(ARRAY['demo', 'pro']) AS p"
        )
        use = month_use(connection, demo)
    assert (use.limit, use.used) == (10_000, 10)
    now = datetime.now(timezone.utc)
    assert use.ends_at.day == 1
    assert abs(use.kept - (use.ends_at - now) / timedelta(hours=1)) <= 1
    assert use.free == 10_000 - 10 - use.kept


def test_what_coingecko_says_of_a_key_goes_before_what_its_plan_has(
    demo: Settings, warehouse: Warehouse
) -> None:
    key = KeyUsage(per_minute=500, per_month=400_000, used=7, key_per_minute=20, key_used=9)
    with warehouse.connection() as connection:
        use = month_use(connection, demo, key)
    assert (use.limit, use.used) == (400_000, 9)
    assert requests_per_minute(demo, key) == 19


def test_a_spent_month_says_when_it_goes_on(
    demo: Settings, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COINGECKO_REQUESTS_PER_MONTH", "1")
    with (
        SharedBudget(warehouse, Settings()) as budget,
        pytest.raises(BudgetSpentError, match="the next month begins at 20"),
    ):
        budget.acquire(new_request_id())


def test_a_slot_is_one_of_the_machines_too(demo: Settings, warehouse: Warehouse) -> None:
    with SharedBudget(warehouse, demo) as budget:
        began = time.monotonic()
        for _ in range(20):
            budget.acquire(new_request_id())
        assert time.monotonic() - began < 10
    assert request_budget(demo).used() == 20
    assert rows(warehouse, "SELECT count(*) FROM api_requests") == [(20,)]
