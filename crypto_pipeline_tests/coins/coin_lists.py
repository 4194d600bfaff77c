"""Answers of the list of coins in the landing zone."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec

from crypto_pipeline.coingecko.coin_list import CoinListAnswer
from crypto_pipeline.coins.load import LoadedCoinList, files_to_load, load_coin_lists
from crypto_pipeline.landing.coin_list import keep_coin_list
from crypto_pipeline.landing.zone import LandingZone, StoredFile
from crypto_pipeline.warehouse.postgres import Warehouse

START = datetime(2026, 1, 5, 1, 20, tzinfo=timezone.utc)

Coin = Mapping[str, Any]


def day(number: float) -> datetime:
    """The time of the answer of a day, counted from the first."""
    return START + timedelta(days=number)


def coin(crypto_id: str, symbol: str = "", name: str = "", **platforms: str | None) -> Coin:
    """A coin as the list has it."""
    return {
        "id": crypto_id,
        "symbol": symbol or crypto_id[:3],
        "name": name or crypto_id.title(),
        "platforms": platforms,
    }


def others(count: int = 20) -> list[Coin]:
    """Coins to which nothing happens, so that one more or less is no short answer."""
    return [coin(f"other-{number}") for number in range(count)]


def land_body(
    zone: LandingZone,
    body: bytes,
    at: datetime,
    *,
    is_active: bool = True,
    source: str = "CoinGecko",
) -> StoredFile:
    """Keep an answer with some body."""
    return keep_coin_list(
        zone,
        CoinListAnswer(
            ingested_at=at,
            source=source,
            is_active=is_active,
            request={"include_platform": "true"},
            headers={"etag": 'W/"1"'},
            body=body,
        ),
    )


def land(
    zone: LandingZone, coins: Iterable[Coin], at: datetime, *, is_active: bool = True
) -> StoredFile:
    """Keep an answer with some coins."""
    return land_body(zone, msgspec.json.encode(list(coins)), at, is_active=is_active)


def load(warehouse: Warehouse, zone: LandingZone, share: float = 0.5) -> list[LoadedCoinList]:
    """Load what is pending."""
    loaded: list[LoadedCoinList] = []
    load_coin_lists(warehouse, zone, files_to_load(warehouse, zone), share, loaded.append)
    return loaded
