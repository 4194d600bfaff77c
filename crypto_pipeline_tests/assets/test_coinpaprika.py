"""CoinPaprika through the graph: from the sandbox by HTTP to the consensus, and the way back."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import dagster as dg
import pytest

from crypto_pipeline.definitions import defs, resources
from crypto_pipeline.further_sources import CONSENSUS_JOB, DAILY_JOB, QUOTES_JOB, further_sources
from crypto_pipeline.quotes.mappings import confirm_suggested
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.conditions import Conditions, Deviation
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.pipeline import contents, rows, run_hour

NOW = datetime(2026, 6, 15, 1, 10, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
SOURCE = "CoinPaprika sandbox"

pytestmark = pytest.mark.long


@pytest.fixture
def market() -> Market:
    return Market(20, quirks=False)


@pytest.fixture
def server(market: Market, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    with SandboxServer(market, clock=SimulatedClock(NOW, speed=0)) as running:
        monkeypatch.setenv("COINGECKO_PLAN", "sandbox")
        monkeypatch.setenv("COINGECKO_BASE_URL", running.base_url)
        monkeypatch.setenv("COINGECKO_TOP_N", "20")
        monkeypatch.setenv("COINPAPRIKA_PLAN", "sandbox")
        monkeypatch.setenv("COINPAPRIKA_BASE_URL", running.coinpaprika_url)
        yield running


def run(*jobs: str) -> dict[str, bool]:
    """Run jobs of the code location with CoinPaprika on; what their checks found."""
    both = dg.Definitions.merge(defs, *further_sources(resources))
    found = {}
    for job in jobs:
        result = both.resolve_job_def(job).execute_in_process()
        found |= {one.check_name: one.passed for one in result.get_asset_check_evaluations()}
    return found


def test_from_two_sources_to_their_consensus_and_back(
    server: SandboxServer, market: Market, warehouse: Warehouse
) -> None:
    run_hour(NOW)
    snapshots = rows(warehouse, "SELECT * FROM price_snapshots ORDER BY crypto_id")
    checks = run(QUOTES_JOB, DAILY_JOB)
    assert all(checks.values()), checks
    # The same market, so the same prices; the label is that of made-up data down to the dimension.
    assert confirm_suggested(warehouse, SOURCE, "me") == 20
    server.clock.set(NOW + timedelta(minutes=5))
    checks = run(DAILY_JOB, CONSENSUS_JOB)
    assert all(checks.values()), checks
    assert rows(
        warehouse,
        "SELECT count(*), min(source_count), max(spread_share) < 0.001"
        " FROM analytics.fact_crypto_price_consensus",
    ) == [(20, 2, True)]
    assert rows(warehouse, "SELECT count(*), min(day), max(day)::text FROM quoted_candles") == [
        (20, NOW.date() - timedelta(days=1), "2026-06-14")
    ]
    assert rows(
        warehouse,
        "SELECT source_name, kind FROM analytics.dim_source WHERE source_key > 0 ORDER BY 1",
    ) == [("CoinGecko sandbox", "sandbox"), (SOURCE, "sandbox")]
    # Whatever the second source says, CoinGecko's rows are as they were.
    assert rows(warehouse, "SELECT * FROM price_snapshots ORDER BY crypto_id") == snapshots

    # Of two sources that part nobody can say who is wrong: the check warns.
    market.conditions = Conditions(deviations=(Deviation("bitcoin", 1.1),))
    server.clock.set(NOW + HOUR)
    run_hour(NOW + HOUR)
    checks = run(QUOTES_JOB, CONSENSUS_JOB)
    assert [name for name, passed in checks.items() if not passed] == ["sources_agree"]
    assert rows(
        warehouse,
        "SELECT crypto_id, hour_start, round(spread_share, 1), source_count, left_out"
        " FROM analytics.fact_crypto_price_consensus WHERE spread_share > 0.02",
    ) == [("bitcoin", datetime(2026, 6, 15, 2, tzinfo=timezone.utc), Decimal("0.1"), 2, {})]

    before = contents(warehouse)
    defs.resolve_job_def("replay_landing_zone").execute_in_process()
    after = contents(warehouse)
    assert [name for name in before if after[name] != before[name]] == []
    assert set(rows(warehouse, "SELECT DISTINCT api, plan FROM api_requests")) == {
        ("coingecko", "sandbox"),
        ("coinpaprika", "sandbox"),
    }
