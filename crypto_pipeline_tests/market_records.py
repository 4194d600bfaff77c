"""Records of ``/coins/markets`` and the landing files that hold them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
from upath import UPath

from crypto_pipeline.landing.zone import LandingFile, LandingZone

INGESTED_AT: Final = "2026-11-24T05:01:00Z"
"""A time at which the record of ``market_record`` is fresh."""

ABSENT: Final = object()
"""As a value: the record does not have the field."""

_encode = msgspec.json.Encoder(decimal_format="number").encode


def market_record(**overrides: object) -> dict[str, object]:
    """A record that breaks no rule, with the given fields changed.

    A ``Decimal`` becomes a JSON number with all its digits, a ``msgspec.Raw`` stands as it is.
    """
    record: dict[str, object] = {
        "id": "bitcoin",
        "symbol": "btc",
        "name": "Bitcoin",
        "image": "https://coin-images.coingecko.com/coins/images/1/large/bitcoin.png?1696501400",
        "current_price": 96000,
        "market_cap": 1903651242053,
        "market_cap_rank": 1,
        "fully_diluted_valuation": 2016000000000,
        "total_volume": 31265871423,
        "high_24h": 96763,
        "low_24h": 94871,
        "price_change_24h": 843.27,
        "price_change_percentage_24h": 0.88618,
        "market_cap_change_24h": 16612908517,
        "market_cap_change_percentage_24h": 0.88037,
        "circulating_supply": 19828293.0,
        "total_supply": 21000000.0,
        "max_supply": 21000000.0,
        "ath": 108786,
        "ath_change_percentage": -11.75364,
        "ath_date": "2025-01-20T09:11:54.494Z",
        "atl": 67.81,
        "atl_change_percentage": 141473.12437,
        "atl_date": "2013-07-06T00:00:00.000Z",
        "roi": None,
        "last_updated": "2026-11-24T05:00:31.123Z",
    }
    record.update(overrides)
    return {name: value for name, value in record.items() if value is not ABSENT}


def coin(number: int, **overrides: object) -> dict[str, object]:
    """A good record of a coin of its own."""
    return market_record(
        **{
            "id": f"coin-{number:04d}",
            "symbol": f"c{number:04d}",
            "name": f"Coin {number:04d}",
            "market_cap_rank": number + 1,
            **overrides,
        }
    )


def landing_json(
    records: Sequence[Mapping[str, object] | msgspec.Raw],
    ingested_at: str | datetime = INGESTED_AT,
    source: str = "CoinGecko",
    **extra: object,
) -> bytes:
    """A landing file in its plain form, which ``extra`` (``request``, ``error``) adds to."""
    return _encode(
        {"ingested_at": ingested_at, "source": source, **extra, "records": list(records)}
    )


def drop(zone: LandingZone, name: str, body: bytes) -> UPath:
    """Put a file into the landing zone as a person does: in its root, under no hour."""
    path = zone.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path


def landed(
    zone: LandingZone, records: Sequence[Mapping[str, object] | msgspec.Raw]
) -> list[LandingFile]:
    """Land records as a file, filed under its hour."""
    drop(zone, "records.json", landing_json(records))
    return zone.file_unfiled()
