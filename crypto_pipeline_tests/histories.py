"""Landing files of some months, and a load of them all."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import msgspec

from crypto_pipeline.coingecko.charts import ChartAnswer
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.history.load import files_to_load as history_to_load
from crypto_pipeline.history.load import load_history
from crypto_pipeline.landing.price_history import keep_answer, keep_import
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.bulk_load import files_to_load, load_files
from crypto_pipeline.warehouse.candles import load_candles_of_snapshots
from crypto_pipeline.warehouse.marts import load_marts
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.market_records import landing_json, market_record

_COINS = 6


def load(warehouse: Warehouse, zone: LandingZone) -> int:
    """Load what is waiting; how many transactions that took."""
    zone.file_unfiled()
    transactions = len(list(load_files(warehouse, files_to_load(warehouse, zone), 0.5)))
    load_candles_of_snapshots(warehouse)
    load_marts(warehouse)
    return transactions


def load_all() -> None:
    """Load what waits where the settings say, snapshots and price history."""
    warehouse, zone = Warehouse(), LandingZone(Settings().landing_uri)
    load(warehouse, zone)
    load_history(warehouse, history_to_load(warehouse, zone), 0.5)
    load_marts(warehouse)


def history(seed: int) -> Iterator[tuple[str, bytes]]:
    """Files of three months with all that decides which record wins: buckets shared within a file
    and between files, coins that are not updated for long, records of the next month in a month's
    last minutes, names that change, bad records, a broken file, files of one time."""
    chance = random.Random(seed)
    times = [
        datetime(2026, 3, 1, 0, 10, tzinfo=timezone.utc),
        *(
            datetime(2026, month, chance.randint(1, 28), chance.randrange(24), tzinfo=timezone.utc)
            for month in (3, 4, 4, 5)
            for _ in range(2)
        ),
        datetime(2026, 3, 31, 22, 59, 59, tzinfo=timezone.utc),
        datetime(2026, 3, 31, 23, 57, 0, tzinfo=timezone.utc),
        datetime(2026, 3, 31, 23, 58, 30, tzinfo=timezone.utc),
        datetime(2026, 4, 1, 0, 0, 30, tzinfo=timezone.utc),
        datetime(2026, 4, 1, 0, 0, 30, tzinfo=timezone.utc),
        datetime(2026, 4, 30, 23, 59, 59, tzinfo=timezone.utc),
    ]
    for number, ingested_at in enumerate(times):
        records = []
        for _ in range(_COINS * 2):
            coin = chance.randrange(_COINS)
            age = chance.choice([-240, -60, 0, 30, 60, 150, 300, 7_200, 90_000, 40 * 86_400])
            name = chance.choice(["First", "First", "Second"]) if coin == 0 else f"Coin {coin}"
            records.append(
                market_record(
                    id=f"coin-{coin}",
                    symbol=f"c{coin}",
                    name=name,
                    current_price=chance.choice([1, 2, 3, None]) if coin == 1 else number + 1,
                    last_updated=(ingested_at - timedelta(seconds=age)).isoformat(),
                )
            )
        yield f"{chance.randrange(10**6):06d}-{number}.json", landing_json(records, ingested_at)
    yield "broken.json", b'{"ingested_at":"2026-04-02T00:00:00Z","source":"CoinGecko","records":7}'


def crowded(seed: int) -> Iterator[tuple[str, bytes]]:
    """Files of an hour in which three coins, in two currencies, have few buckets and change their
    names all the time: who has a bucket decides when a version of a coin begins, and whether it is
    one."""
    chance = random.Random(seed)
    start = datetime(2026, 5, 31, 23, 30, tzinfo=timezone.utc)
    for number in range(14):
        ingested_at = start + timedelta(minutes=4 * number)
        records = []
        for coin in range(3):
            updated = ingested_at - timedelta(
                seconds=60 * chance.randrange(20) + chance.randrange(3)
            )
            # At an instant a coin has one name.
            name = random.Random(f"{seed} {coin} {updated}").choice(["First", "Second"])
            records.append(
                market_record(
                    id=f"coin-{coin}",
                    symbol=f"c{coin}",
                    name=name,
                    current_price=number + 1,
                    market_cap=chance.randint(1, 10**6),
                    last_updated=updated.isoformat(),
                )
            )
        yield (
            f"{number:02d}-{chance.randrange(10**6)}.json",
            landing_json(
                records,
                ingested_at,
                request={"vs_currency": chance.choice(["usd", "usd", "eur"])},
            ),
        )


def land_charts(zone: LandingZone, seed: int, part: int) -> None:
    """Charts and exports of two days of three coins, by five minutes, hours and days: buckets that
    files share, values that a later file restates, by more than the tolerance and by less."""
    chance = random.Random(f"{seed} {part}")
    start = datetime(2026, 1, 30, tzinfo=timezone.utc)
    for number in range(8):
        coin = chance.choice(["one", "two", "three"])
        step, points = chance.choice([(5, 30), (60, 40), (60, 40), (1440, 3)])
        first = start + timedelta(minutes=step * chance.randrange(6))
        times = [
            first + timedelta(minutes=step * n, seconds=chance.choice([0, 0, 7]))
            for n in range(points)
        ]
        values = [
            chance.choice([100, 100, 100, 100.05, 100.2, 150, None if step == 5 else 0, -1])
            for _ in times
        ]
        if step == 1440 and chance.random() < 0.5:
            lines = [
                f"{time:%Y-%m-%d %H:%M:%S} UTC,{value},{value},1.5"
                for time, value in zip(times, values, strict=True)
            ]
            content = "snapped_at,price,market_cap,total_volume\n" + "\n".join(lines)
            keep_import(zone, f"{seed}-{part}-{number}.csv", content.encode(), coin, "usd")
            continue
        series = [
            [int(time.timestamp() * 1000), value] for time, value in zip(times, values, strict=True)
        ]
        body = {"prices": series, "market_caps": series, "total_volumes": series}
        keep_answer(
            zone,
            ChartAnswer(
                ingested_at=start + timedelta(days=40 + 10 * part + number),
                source="CoinGecko",
                coin=coin,
                request={
                    "vs_currency": chance.choice(["usd", "usd", "eur"]),
                    "from": str(int(times[0].timestamp())),
                    "to": str(int(times[-1].timestamp()) + 1),
                },
                body=msgspec.Raw(msgspec.json.encode(body)),
            ),
        )
