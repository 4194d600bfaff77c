"""Answers of further sources in the landing zone, and what a warehouse makes of them."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from crypto_pipeline.coinpaprika.client import COINPAPRIKA, CONTRACTS, LIVE_SOURCE, TICKERS
from crypto_pipeline.fetching.answer import SourceAnswer
from crypto_pipeline.landing.source_answers import keep_source_answer
from crypto_pipeline.landing.zone import LandingZone, StoredFile
from crypto_pipeline.quotes.load import LoadedAnswer, answers_to_load, load_answers
from crypto_pipeline.warehouse.postgres import Warehouse

START = datetime(2026, 3, 10, 5, 10, tzinfo=timezone.utc)
_PERIODS = ("15m", "30m", "1h", "6h", "12h", "24h", "7d", "30d", "1y")


def hour(number: float) -> datetime:
    """The time of an answer, in hours from the first."""
    return START + timedelta(hours=number)


def ticker(**changes: Any) -> dict[str, Any]:
    """A ticker as CoinPaprika documents it; a change of a quote's field is one of the US dollar."""
    quote: dict[str, Any] = {
        "price": 64295.07385111046,
        "volume_24h": 33645979019.117302,
        "volume_24h_change_24h": 20,
        "market_cap": 1267833146778,
        "market_cap_change_24h": 3.94,
        **{f"percent_change_{period}": 0.25 for period in _PERIODS},
        "ath_price": 73686.92856165291,
        "ath_date": "2024-03-14T07:07:09Z",
        "percent_from_price_ath": -12.73,
    }
    record = {
        "id": "btc-bitcoin",
        "name": "Bitcoin",
        "symbol": "BTC",
        "rank": 1,
        "total_supply": 19718978,
        "max_supply": 21000000,
        "beta_value": 0.978203,
        "first_data_at": "2010-07-17T00:00:00Z",
        "last_updated": "2026-03-10T05:08:35Z",
        "quotes": {"USD": quote | {name: changes[name] for name in quote if name in changes}},
    }
    return record | {name: value for name, value in changes.items() if name not in quote}


def land_body(
    zone: LandingZone,
    body: bytes,
    at: datetime = START,
    *,
    endpoint: str = TICKERS,
    path: str | None = None,
    request: Mapping[str, str] | None = None,
    source: str = LIVE_SOURCE,
    name: str = COINPAPRIKA,
) -> StoredFile:
    """Keep an answer with some body."""
    return keep_source_answer(
        zone,
        name,
        SourceAnswer(
            ingested_at=at,
            source=source,
            endpoint=endpoint,
            path=endpoint if path is None else path,
            request={"quotes": "USD"} if request is None else dict(request),
            headers={},
            body=body,
        ),
    )


def land(
    zone: LandingZone, tickers: Iterable[Any], at: datetime = START, **more: Any
) -> StoredFile:
    """Keep an answer with some tickers."""
    return land_body(zone, json.dumps(list(tickers)).encode(), at, **more)


def land_contracts(zone: LandingZone, platform: str, **addresses: str) -> StoredFile:
    """Keep an answer with the contracts of a platform, by coin; a hyphen is written ``__``."""
    body = [
        {"address": address, "id": coin.replace("__", "-"), "type": "ERC20"}
        for coin, address in addresses.items()
    ]
    return land_body(
        zone,
        json.dumps(body).encode(),
        endpoint=CONTRACTS,
        path=f"/contracts/{platform}",
        request={},
    )


def load(warehouse: Warehouse, zone: LandingZone, share: float = 0.5) -> list[LoadedAnswer]:
    """Load what is pending."""
    loaded: list[LoadedAnswer] = []
    load_answers(warehouse, zone, answers_to_load(warehouse, zone), share, loaded.append)
    return loaded
