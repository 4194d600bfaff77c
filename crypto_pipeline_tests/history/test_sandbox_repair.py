"""A repair against the sandbox: an outage, lost points, a rename, a delisting, two currencies, a
limit, three kills; everything that the sandbox has, at the least cost."""

import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta, timezone

import msgspec
import pytest

from crypto_pipeline.coingecko.client import CoinGeckoClient
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.history.backfill import History
from crypto_pipeline.landing.landed import hour_of
from crypto_pipeline.landing.watch_list import watch_lists
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.conditions import Absence, Conditions, Outage, Rename
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.history.test_load import load
from crypto_pipeline_tests.pipeline import rows

START = datetime(2026, 6, 1, tzinfo=timezone.utc)
HOURS = 120
COINS = 12

_REPAIR = """
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.history.backfill import History
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
settings = Settings()
of = History(Warehouse(), LandingZone(settings.landing_uri), settings)
now = of.now()
of.load_pending()
print(of.fetch(of.plan(of.unexplained_gaps(), now), now))
"""


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


@pytest.mark.long
def test_a_repair_closes_every_gap_that_can_be_closed(
    warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "COINGECKO_PLAN": "sandbox",
        "COINGECKO_VS_CURRENCIES": "usd,eur",
        "COINGECKO_TOP_N": str(COINS),
        "COINGECKO_HISTORY_DAYS": "365",
    }.items():
        monkeypatch.setenv(name, value)
    market = Market(30, quirks=False)
    market.conditions = Conditions(
        reach_days=365,
        lost_share=0.05,
        outages=(Outage(at(40), at(70)),),
        renames=(Rename("dogecoin", at(20), "dog", "Dog"),),
        absences=(Absence("cardano", at(90)),),
    )
    clock = SimulatedClock(START, speed=0)
    with SandboxServer(market, clock=clock) as server:
        monkeypatch.setenv("COINGECKO_BASE_URL", server.base_url)
        for hour in range(HOURS):
            clock.set(at(hour) + timedelta(minutes=10))
            if market.conditions.is_down(clock.now()):
                continue
            with CoinGeckoClient.from_settings(Settings()) as client:
                hour = hour_of(clock.now())
                watched = watch_lists(zone, Settings().currencies, hour, None, 30)
                for currency, watch in watched.items():
                    zone.write(watch.noted(client.markets(currency, COINS, also=watch.due)))
        load(warehouse, zone)
        tracked = History(warehouse, zone, Settings()).tracked_coins()
        assert "cardano" in tracked

        market.conditions = msgspec.structs.replace(market.conditions, requests_per_minute=60)
        monkeypatch.setenv("COINGECKO_REQUESTS_PER_MINUTE", "60")
        server.requests.clear()
        command = [sys.executable, "-c", _REPAIR]
        for kill_at in (2, 6, 11):
            process = subprocess.Popen(command, env=os.environ.copy(), stdout=subprocess.DEVNULL)
            while process.poll() is None and server.requests.report()["requests"] < kill_at:
                pass
            process.send_signal(signal.SIGKILL)
            process.wait()
        subprocess.run(command, env=os.environ.copy(), check=True, stdout=subprocess.DEVNULL)

        asked = server.requests.report()
        # One for each coin and currency, and what was on its way at each kill.
        assert asked["requests"] <= 2 * len(tracked) + 3
        assert asked["by_status"] == {"200": asked["requests"]}
        assert asked["busiest_minute"] <= 60
        assert rows(warehouse, "SELECT count(*) FROM analytics.v_gaps WHERE NOT is_explained") == [
            (0,)
        ]
        # Whatever is not there, the sandbox has not.
        lost = rows(warehouse, "SELECT crypto_id, gap_start, gap_end FROM analytics.v_gaps")
        assert lost
        for coin, start, end in lost:
            with CoinGeckoClient.from_settings(Settings()) as client:
                body = bytes(
                    client.chart_range(coin, "usd", start, end - timedelta(seconds=1)).body
                )
            assert msgspec.json.decode(body)["prices"] == []

        server.requests.clear()
        subprocess.run(command, env=os.environ.copy(), check=True, stdout=subprocess.DEVNULL)
        assert server.requests.report()["requests"] == 0
