"""A small market whose figures can be worked out by hand, and the dashboard of it on loopback.

Three coins in dollars, two of them in euros at half the price, over 78 hours. Of hour ``n``:
bitcoin costs 100 + n, ethereum 50 - n / 4, the tiny coin 0.0000000423. Their caps stay 600, 300 and
100, their volumes 60, 30 and 10. Hours 30 to 34 were not fetched; in hour 10 the tiny coin has no
price; in hour 40 Ether becomes Ethereum.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from threading import Thread
from time import sleep

import uvicorn

from crypto_pipeline.dashboard.app import Budget, create_app
from crypto_pipeline.dashboard.reader import Reader
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.histories import load
from crypto_pipeline_tests.market_records import drop, landing_json, market_record

START = datetime(2026, 11, 20, tzinfo=timezone.utc)
HOURS = 78
OUTAGE = range(30, 35)
TINY = Decimal("0.0000000423")


def at(hour: int) -> datetime:
    """The start of an hour of the market."""
    return START + timedelta(hours=hour)


def fill(warehouse: Warehouse, zone: LandingZone, source: str = "CoinGecko") -> None:
    """Load the market."""
    for hour in range(HOURS):
        if hour in OUTAGE:
            continue
        for currency, factor in (("usd", Decimal(1)), ("eur", Decimal("0.5"))):
            updated = at(hour) + timedelta(minutes=10)
            records = [
                market_record(
                    id=id,
                    symbol=symbol,
                    name=name,
                    current_price=None if price is None else price * factor,
                    market_cap=cap,
                    total_volume=volume,
                    last_updated=updated.isoformat(),
                )
                for id, symbol, name, price, cap, volume in _coins(hour)
                if currency == "usd" or id != "tiny"
            ]
            drop(
                zone,
                f"{hour:03d}-{currency}.json",
                landing_json(
                    records,
                    updated + timedelta(seconds=30),
                    source,
                    request={"vs_currency": currency},
                ),
            )
    load(warehouse, zone)


def _coins(hour: int) -> Iterator[tuple[str, str, str, Decimal | None, int, int]]:
    yield "bitcoin", "btc", "Bitcoin", Decimal(100 + hour), 600, 60
    name = "Ether" if hour < 40 else "Ethereum"
    yield "ethereum", "eth", name, Decimal(50) - Decimal(hour) / 4, 300, 30
    yield "tiny", "tny", "Tiny", None if hour == 10 else TINY, 100, 10


@contextmanager
def served(reader: Reader, budget: Budget) -> Iterator[str]:
    """The dashboard in a thread; its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(reader, budget, "127.0.0.1"), log_level="warning", ws="none", lifespan="off"
        )
    )
    thread = Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
