"""Backfill and repair against a market that is known: everything that it has, at the least cost."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from pytest_httpserver import HTTPServer
from werkzeug import Response

from crypto_pipeline.cli.main import main
from crypto_pipeline.coingecko.errors import AuthenticationError
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.history.backfill import History
from crypto_pipeline.history.planner import Span
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline.warehouse.request_ledger import month_use
from crypto_pipeline_tests.history.chart_server import START, Charts, hour, serving
from crypto_pipeline_tests.history.test_load import land_chart
from crypto_pipeline_tests.pipeline import another_warehouse, contents, rows

HOURS = 200 * 24
YEAR = Span(START, hour(HOURS))


@pytest.fixture
def charts(
    httpserver: HTTPServer, warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Charts]:
    """A market of 200 days in which some hours were lost, of two coins, one listed late."""
    lost = set(range(500, 530)) | {1000, 3000}
    market = Charts(
        now=hour(HOURS) + timedelta(minutes=10),
        hours={
            "bitcoin": set(range(HOURS + 1)) - lost,
            "late coin": set(range(2500, HOURS + 1)) - lost,
        },
    )
    monkeypatch.setenv("COINGECKO_REQUESTS_PER_MINUTE", "6000")
    with serving(market, httpserver, monkeypatch) as served:
        yield served


def history(warehouse: Warehouse, zone: LandingZone) -> History:
    return History(warehouse, zone, Settings())


def backfill(of: History, span: Span = YEAR, coins: tuple[str, ...] = ("bitcoin",)) -> Any:
    now = of.now()
    of.load_pending()
    return of.fetch(of.plan(of.missing(coins, ["usd"], span), now), now)


def loaded_hours(warehouse: Warehouse, coin: str = "bitcoin") -> set[int]:
    found = rows(
        warehouse,
        "SELECT hour_start FROM analytics.fact_crypto_price_hourly"
        f" WHERE crypto_id = '{coin}' AND vs_currency = 'usd'",
    )
    return {(start - START) // timedelta(hours=1) for (start,) in found}


def test_all_hours_that_the_source_has_are_loaded_to_the_digit(
    charts: Charts, warehouse: Warehouse, zone: LandingZone
) -> None:
    outcome = backfill(history(warehouse, zone), coins=("bitcoin", "late coin"))
    assert outcome.stopped is None
    for coin in ("bitcoin", "late coin"):
        expected = {n for n in charts.hours[coin] if n < HOURS}
        assert loaded_hours(warehouse, coin) == expected
        texts = rows(
            warehouse,
            "SELECT bucket_time, price::text FROM price_points WHERE granularity_minutes = 60"
            f" AND crypto_id = '{coin}'",
        )
        for time, text in texts:
            assert text == charts.price(coin, (time - START) // timedelta(hours=1))
    # 200 days are three times 90 at the least.
    assert len(charts.asked) == 2 * 3


def test_nothing_is_asked_for_twice(
    charts: Charts, warehouse: Warehouse, zone: LandingZone
) -> None:
    backfill(history(warehouse, zone), coins=("bitcoin", "late coin"))
    charts.asked.clear()
    assert backfill(history(warehouse, zone), coins=("bitcoin", "late coin")).planned == 0
    assert charts.asked == []


def test_only_what_is_missing_is_asked_for(
    charts: Charts, warehouse: Warehouse, zone: LandingZone
) -> None:
    of = history(warehouse, zone)
    backfill(of, Span(hour(1000), hour(2000)))
    charts.asked.clear()
    backfill(of, Span(hour(500), hour(2500)))
    assert [(first, last + timedelta(seconds=1)) for _, _, first, last in charts.asked] == [
        # One request has room for both sides of what is there.
        (hour(500), hour(2500))
    ]


def test_the_newest_hours_come_first(
    charts: Charts, warehouse: Warehouse, zone: LandingZone
) -> None:
    backfill(history(warehouse, zone))
    ends = [last for _, _, _, last in charts.asked]
    assert ends == sorted(ends, reverse=True)
    assert ends[0] == hour(HOURS) - timedelta(seconds=1)


def test_what_lies_before_the_plans_reach_is_not_asked_for(
    charts: Charts, warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    charts.reach = timedelta(days=100)
    monkeypatch.setenv("COINGECKO_HISTORY_DAYS", "100")
    of = history(warehouse, zone)
    outcome = backfill(of)
    assert (outcome.stopped, charts.refusals) == (None, 0)
    assert min(loaded_hours(warehouse)) == 100 * 24 + 2
    ((reason, first),) = rows(warehouse, "SELECT reason, refused_from FROM history_refusals")
    assert reason == "the plan's charts reach 99 days back"
    assert first == START
    # With a plan that reaches further it is asked for after all.
    charts.reach = None
    monkeypatch.setenv("COINGECKO_HISTORY_DAYS", "400")
    backfill(history(warehouse, zone))
    assert min(loaded_hours(warehouse)) == 0


def test_a_plan_and_its_cost_write_nothing(
    charts: Charts, warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COINGECKO_HISTORY_DAYS", "100")
    of = history(warehouse, zone)
    now = of.now()
    before = contents(warehouse)
    planned = of.plan(of.missing(("bitcoin",), ["usd"], YEAR), now)
    assert of.cost(planned, dry_run=True).requests == 2
    assert contents(warehouse) == before
    assert rows(
        warehouse,
        "SELECT (SELECT count(*) FROM history_refusals), (SELECT count(*) FROM api_requests)",
    ) == [(0, 0)]
    of.fetch(planned, now)
    assert rows(warehouse, "SELECT count(*) FROM history_refusals") == [(1,)]


def test_a_boundary_that_the_answer_tells_is_no_failure(
    charts: Charts, warehouse: Warehouse, zone: LandingZone
) -> None:
    charts.reach = timedelta(days=100)
    outcome = backfill(history(warehouse, zone))
    assert outcome.stopped is None
    # The window across the boundary is asked for once more, from there on; older ones are not.
    assert (charts.refusals, outcome.refused) == (1, 1)
    assert min(loaded_hours(warehouse)) == 100 * 24 + 2
    assert backfill(history(warehouse, zone)).planned == 0
    ((reason,), *_) = rows(warehouse, "SELECT reason FROM history_refusals")
    assert reason.startswith("Your request exceeds the allowed time range.")


def test_a_coin_that_the_source_does_not_know_is_not_asked_for_again(
    charts: Charts, warehouse: Warehouse, zone: LandingZone
) -> None:
    of = history(warehouse, zone)
    outcome = backfill(of, coins=("no coin", "bitcoin"))
    assert (charts.refusals, outcome.refused, outcome.made) == (1, 3, 3)
    assert backfill(of, coins=("no coin",)).planned == 0


def test_the_empty_time_before_a_listing_is_remembered(
    charts: Charts, warehouse: Warehouse, zone: LandingZone
) -> None:
    of = history(warehouse, zone)
    backfill(of, Span(hour(0), hour(1000)), coins=("late coin",))
    assert rows(
        warehouse, "SELECT status, points_fetched, granularity_minutes FROM history_batches"
    ) == [("completed", 0, None)]
    assert backfill(of, Span(hour(0), hour(1000)), coins=("late coin",)).planned == 0


def test_a_rate_limit_that_does_not_end_stops_the_run_with_what_it_has(
    charts: Charts, warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = history(warehouse, zone)
    backfill(of, Span(hour(HOURS - 100), hour(HOURS)))
    limited = Response('{"status":{"error_code":429}}', 429, {"retry-after": "0"})
    charts.failing += [limited] * 5
    outcome = backfill(of)
    assert "rate limit" in outcome.stopped
    assert outcome.made == 0
    # It goes on from there.
    assert backfill(of).stopped is None
    assert loaded_hours(warehouse) == {n for n in charts.hours["bitcoin"] if n < HOURS}


def test_a_wrong_key_ends_it_at_once(
    charts: Charts, warehouse: Warehouse, zone: LandingZone
) -> None:
    charts.failing.append(Response('{"status":{"error_code":10002}}', 401))
    with pytest.raises(AuthenticationError):
        backfill(history(warehouse, zone))
    assert charts.asked == []


def test_the_months_credits_stop_a_backfill_before_the_hourly_fetch_lacks_any(
    charts: Charts, warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COINGECKO_TOP_N", "1")
    of = history(warehouse, zone)
    with warehouse.connection() as connection:
        kept = month_use(connection, Settings()).kept
    monkeypatch.setenv("COINGECKO_REQUESTS_PER_MONTH", str(kept + 4))
    of = history(warehouse, zone)
    cost = of.cost(of.plan(of.missing(["bitcoin", "late coin"], ["usd"], YEAR), of.now()))
    assert (cost.requests, cost.credits, cost.missing) == (6, 6, 2 * HOURS)
    assert cost.days > 1
    outcome = backfill(of, coins=("bitcoin", "late coin"))
    assert "are used up but for" in outcome.stopped
    # Three asked for the time.
    assert 0 < len(charts.asked) <= 4
    assert len(loaded_hours(warehouse)) > 0


def test_every_request_is_in_the_ledger(
    charts: Charts, warehouse: Warehouse, zone: LandingZone
) -> None:
    charts.failing.append(Response("{}", 500))
    backfill(history(warehouse, zone))
    assert rows(
        warehouse,
        "SELECT endpoint, http_status, credits, count(*), min(plan), count(duration_ms)"
        " FROM api_requests GROUP BY 1, 2, 3 ORDER BY 1, 2",
    ) == [
        ("/coins/{id}/market_chart/range", 200, 1, 3, "sandbox", 3),
        ("/coins/{id}/market_chart/range", 500, 0, 1, "sandbox", 1),
        ("/ping", 200, 1, 1, "sandbox", 1),
    ]


_BACKFILL = """
import sys
from datetime import datetime
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.history.backfill import History
from crypto_pipeline.history.planner import Span
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
settings = Settings()
of = History(Warehouse(), LandingZone(settings.landing_uri), settings)
span = Span(*map(datetime.fromisoformat, sys.argv[1:3]))
of.load_pending()
print(of.fetch(of.plan(of.missing(sys.argv[3:], ["usd"], span), of.now()), of.now()))
"""


@pytest.mark.long
def test_a_backfill_that_was_killed_goes_on_and_ends_with_the_same_tables(
    charts: Charts, warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    span = Span(hour(0), hour(HOURS))
    charts.hours |= {f"coin-{n}": set(range(0, HOURS, 7)) for n in range(8)}
    coins = [f"coin-{n}" for n in range(8)]
    command = [
        sys.executable,
        "-c",
        _BACKFILL,
        span.start.isoformat(),
        span.end.isoformat(),
        *coins,
    ]
    for kill_at in (1, 5, 13):
        process = subprocess.Popen(command, env=os.environ.copy(), stdout=subprocess.DEVNULL)
        while process.poll() is None and len(charts.asked) < kill_at:
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(charts.asked) < 24
    done = subprocess.run(
        command, env=os.environ.copy(), capture_output=True, text=True, check=True
    )
    assert "stopped" not in done.stdout
    # What was on its way when it was killed is asked for again, no more.
    assert len(charts.asked) <= 24 + 3
    for coin in coins:
        assert loaded_hours(warehouse, coin) == charts.hours[coin] - {HOURS}
    again = subprocess.run(
        command, env=os.environ.copy(), capture_output=True, text=True, check=True
    )
    assert re.match(r"0 of 0 requests", again.stdout)


@pytest.mark.long
def test_thirty_kills_leave_what_an_undisturbed_backfill_leaves(
    charts: Charts, warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At thirty moments from the start of the process to after its last commit."""
    coins = [f"coin-{n}" for n in range(20)]
    charts.hours |= {coin: set(range(n, HOURS, 3)) for n, coin in enumerate(coins)}
    span = (START.isoformat(), hour(HOURS).isoformat())
    command = [sys.executable, "-c", _BACKFILL, *span, *coins]
    for kill in range(30):
        process = subprocess.Popen(command, env=os.environ.copy(), stdout=subprocess.DEVNULL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.5 + 0.05 * kill)
        process.send_signal(signal.SIGKILL)
        process.wait()
    subprocess.run(command, env=os.environ.copy(), check=True, stdout=subprocess.DEVNULL)
    # Sixty requests, and at most one on its way at each kill.
    assert 60 <= len(charts.asked) <= 90
    for coin in coins:
        assert loaded_hours(warehouse, coin) == charts.hours[coin] - {HOURS}
    killed = contents(warehouse)
    undisturbed = another_warehouse(monkeypatch)
    History(undisturbed, zone, Settings()).load_pending()
    assert contents(undisturbed) == killed


def test_a_dry_run_writes_nothing(
    charts: Charts, warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COINGECKO_HISTORY_DAYS", "100")
    land_chart(zone, [(hour(HOURS - 2), 1)], asked_at=charts.now, source="CoinGecko sandbox")
    before = contents(warehouse)
    for verb in (("backfill", "--coins", "bitcoin"), ("repair",)):
        said = CliRunner().invoke(main, [*verb, "--dry-run"])
        assert said.exit_code == 0, said.output
        assert "1 landing files of price history are not loaded yet" in said.output
    assert contents(warehouse) == before
    assert rows(
        warehouse,
        "SELECT (SELECT count(*) FROM history_refusals), (SELECT count(*) FROM api_requests),"
        " (SELECT count(*) FROM history_batches)",
    ) == [(0, 0, 0)]
