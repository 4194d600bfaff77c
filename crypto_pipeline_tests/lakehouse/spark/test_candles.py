"""The same landing zone through PostgreSQL and through Spark: both make the same candles."""

import random
from datetime import date, timedelta
from decimal import Decimal

import msgspec
import pytest

from crypto_pipeline.coingecko.charts import ChartAnswer
from crypto_pipeline.lakehouse.spark.candle_parity import compare_candles
from crypto_pipeline.lakehouse.spark.candles import load_candles
from crypto_pipeline.lakehouse.spark.exact import EXACT, mean
from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.lakehouse.spark.parity import compare
from crypto_pipeline.landing.price_history import keep_answer, keep_import
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.history.test_load import (
    at,
    land_chart,
    land_export,
    land_snapshots,
    load,
    ms,
)
from crypto_pipeline_tests.lakehouse.spark.parity import assert_same, in_spark, load_zone
from crypto_pipeline_tests.market_records import drop, landing_json, market_record

pytestmark = pytest.mark.long

CHART = msgspec.json.encode(
    {
        name: [[ms(at(n)) + 7, 100 + n] for n in range(30)]
        for name in ("prices", "market_caps", "total_volumes")
    }
)


def both(warehouse: Warehouse, zone: LandingZone, lake: Lake) -> None:
    load(warehouse, zone)
    load_zone(lake, zone, max_rejected_share=1)
    assert_same(warehouse, lake)


def land_records(zone: LandingZone, hours: float, vs_currency: str, *prices: object) -> None:
    """Drop a file with these prices of as many coins."""
    time = at(hours)
    records = [
        market_record(
            id=f"coin-{n}",
            symbol=f"c{n}",
            name=f"Coin {n}",
            current_price=price,
            market_cap=None if n % 2 else price,
            high_24h=None,
            low_24h=None,
            last_updated=(time - timedelta(minutes=1)).isoformat(),
        )
        for n, price in enumerate(prices)
    ]
    content = landing_json(records, time, request={"vs_currency": vs_currency})
    drop(zone, f"{vs_currency}-{hours}.json", content)


def land_ohlc(zone: LandingZone) -> None:
    """Keep an answer with candles of CoinGecko's own."""
    keep_answer(
        zone,
        ChartAnswer(
            ingested_at=at(100),
            source="CoinGecko",
            coin="bitcoin",
            request={"vs_currency": "usd", "days": "1"},
            body=msgspec.Raw(msgspec.json.encode([[ms(at(n / 2)), 1, 4, 1, 2] for n in range(9)])),
        ),
    )


def test_whatever_they_are_made_of(warehouse: Warehouse, zone: LandingZone, lake: Lake) -> None:
    """Snapshots in two currencies, points of five minutes, hours and days, an import; buckets that
    two files have, rejected points, a market cap that stands for unknown, an empty answer."""
    land_records(zone, 1.2, "usd", 1.5, "2.25", msgspec.Raw(b"9.722410112328183e-10"))
    land_records(zone, 1.5, "usd", 1.25, 3, msgspec.Raw(b"9.8e-10"))
    land_records(zone, 1.5, "eur", 1.125, 2.5)
    land_records(zone, 25.5, "eur", 7)
    land_snapshots(zone, at(1) + timedelta(minutes=12), 7)
    land_chart(zone, [(at(n) + timedelta(minutes=7), 100.000000001 + n) for n in range(40)])
    land_chart(zone, [(at(n), 99 + n) for n in range(35, 60)], caps=[(at(40), 0), (at(41), 8)])
    land_chart(zone, [(at(5) + timedelta(minutes=5 * n), 9.7e-10 * (n + 1)) for n in range(4)])
    land_chart(zone, [(at(n), -1 if n == 3 else None if n == 4 else n) for n in range(9)], coin="x")
    land_chart(zone, [(at(n), 3) for n in range(9)], coin="coin-0", vs_currency="xyz")
    land_chart(zone, [], coin="nothing")
    land_export(
        zone,
        "2013-04-28,135.3,1500517590,0",
        "2013-04-29 00:00:00 UTC,9.722410112328183e-10,,1",
        "2013-04-29 07:00:00 UTC,1,,1",
        "2026-01-05,88,1,1",
        "2026-02-05,much,1,1",
        "1999-02-05,1,1,1",
    )
    both(warehouse, zone, lake)
    before = in_spark(lake)
    assert {row["origin"] for row in before["fact_crypto_price_hourly"]} == {"snapshot", "chart"}
    assert {row["origin"] for row in before["fact_crypto_price_daily"]} == {
        *("snapshot", "chart", "import")
    }
    load_zone(lake, zone)
    assert in_spark(lake) == before


def test_a_mean_is_rounded_as_postgresql_rounds(warehouse: Warehouse) -> None:
    """To 26 decimals, but first where its division ends: 4999 may become 5."""
    chance = random.Random(5)
    sums = [[Decimal("0.000000000012345678901234567849"), Decimal("1e-30")]]
    for _ in range(2000):
        digits = chance.randrange(1, 40)
        scale = chance.randrange(60)
        sums.append(
            [
                Decimal(chance.randrange(1, 10**digits)).scaleb(-scale - chance.randrange(2))
                for _ in range(chance.randrange(2, 14))
            ]
        )
    totals = [sum_of(values) for values in sums]
    with warehouse.connection() as connection:
        found = connection.execute(
            "SELECT round(total / count::numeric(38, 26), 26)"
            " FROM unnest(%s::numeric[], %s::integer[]) AS s (total, count)",
            [[format(total, "f") for total in totals], [len(values) for values in sums]],
        ).fetchall()
    assert [(mean(t, len(s)),) for t, s in zip(totals, sums, strict=True)] == found


def sum_of(values: list[Decimal]) -> Decimal:
    total = Decimal(0)
    for value in values:
        total = EXACT.add(total, value)
    return total


def test_numbers_that_no_type_of_spark_holds(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    """Means of prices with more decimals than 26, of tiny and of huge ones; and each such value is
    told with all its digits, and no more when a snapshot takes the place of the point."""
    numbers = [
        *("1e-30", "3e-30", "1e12", "999999999999.99999999999999999999999999999", "1e25"),
        *("0.123456789012345678901234567890123", "0.123456789012345678901234567890127", "1e-27"),
        *("5.00000000000000000000000005e-11", "9.722410112328183e-10", "1e300", "2.5e-300"),
    ]
    for n, number in enumerate(numbers):
        raw = msgspec.Raw(number.encode())
        land_records(zone, n + 0.2, "usd", raw, 1)
        land_records(zone, n + 0.5, "usd", raw, raw)
        land_records(zone, n + 0.7, "usd", 1, msgspec.Raw(b"1e-30"))
    raws = [msgspec.Raw(number.encode()) for number in numbers]
    land_chart(zone, [(at(30 + n), raw) for n, raw in enumerate(raws)])
    land_chart(zone, [(at(50) + timedelta(minutes=5 * n), raw) for n, raw in enumerate(raws)])
    both(warehouse, zone, lake)
    told = [row["snapshot_time"] for row in in_spark(lake)["unrepresentable_in_candles"]]
    assert at(30) in told

    land_snapshots(zone, at(30) + timedelta(minutes=12), 5)
    both(warehouse, zone, lake)
    told = [row["snapshot_time"] for row in in_spark(lake)["unrepresentable_in_candles"]]
    assert at(30) not in told
    assert compare_candles(warehouse, lake, rows=True).differences == []


def test_what_comes_later_makes_its_hours_and_days_anew_and_no_other(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    land_chart(zone, [(at(n), 100 + n) for n in range(60)])
    land_snapshots(zone, at(30) + timedelta(minutes=11), 7)
    both(warehouse, zone, lake)
    before = written(lake)

    land_snapshots(zone, at(3) + timedelta(minutes=11), 5)
    both(warehouse, zone, lake)
    after = written(lake)
    assert {key for key in after if after[key] != before.get(key)} == {at(3), at(0).date()}

    # A snapshot beside it; points of a kind that goes before, and of one that does not.
    land_snapshots(zone, at(3) + timedelta(minutes=31), 9)
    land_chart(zone, [(at(5) + timedelta(minutes=5 * n), 3) for n in range(4)], coin="bitcoin")
    land_chart(zone, [(at(3) + timedelta(minutes=5 * n), 3) for n in range(4)], coin="bitcoin")
    both(warehouse, zone, lake)
    land_export(zone, *(f"2026-01-0{n},{n},1,1" for n in range(4, 9)))
    before = written(lake)
    both(warehouse, zone, lake)
    after = written(lake)
    changed = {key for key in after if after[key] != before.get(key)}
    assert changed == {date(2026, 1, 4), date(2026, 1, 8)}
    assert load_candles(lake) == 0


def written(lake: Lake) -> dict[object, object]:
    """When each candle was written, by its hour or day."""
    return {
        row[start]: row["load_timestamp"]
        for table, start in (("hourly", "hour_start"), ("daily", "day"))
        for row in lake.table(f"fact_crypto_price_{table}").toArrow().to_pylist()
    }


def test_whatever_a_file_of_price_history_is_both_say_the_same_of_it(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    land_snapshots(zone, at(1), 5)
    bad = [(at(n), 0) for n in range(6)]
    land_chart(zone, [*bad, (at(7), 1)], coin="mostly-bad")
    land_chart(
        zone, [(at(n), 2) for n in range(4)], coin="of the sandbox", source="CoinGecko sandbox"
    )
    land_chart(zone, [(at(n), 2) for n in range(4)], coin="späte/münze %", vs_currency="eur")
    keep_import(zone, "notes.csv", b"no,history\n1,2\n", "bitcoin", "usd")
    keep_import(zone, "damaged.json.gz", b"\x1f\x8bnothing", "bitcoin", "usd")
    keep_import(zone, "chart.json", CHART, "ether", "usd")
    load(warehouse, zone, share=0.5)
    loaded = load_zone(lake, zone)
    assert_same(warehouse, lake)
    assert len(loaded.failed) == 4
    again = in_spark(lake)
    assert load_zone(lake, zone).files == 4
    assert in_spark(lake) == again


def test_candles_of_coingecko_are_a_batch_without_points(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    land_snapshots(zone, at(1), 5)
    land_ohlc(zone)
    load(warehouse, zone)
    load_zone(lake, zone)
    (batch,) = lake.table("history_batches").collect()
    assert (batch["origin"], batch["status"], batch["points_fetched"]) == ("ohlc", "completed", 0)
    assert compare(warehouse, lake).differences == []
    found = compare_candles(warehouse, lake)
    assert (found.facts, found.differences, found.pending) == (2, [], 0)


_HOURLY = "{lake}.fact_crypto_price_hourly"
_DAMAGE = {
    "value": (f"UPDATE {_HOURLY} SET low_price = 1 WHERE hour_start = {{hour}}", "low_price"),
    "source": (f"UPDATE {_HOURLY} SET source_key = -1 WHERE hour_start = {{hour}}", None),
    "candle that is gone": (
        f"DELETE FROM {_HOURLY} WHERE hour_start = {{hour}}",
        "only in PostgreSQL",
    ),
    "unrepresentable value that is gone": (
        "DELETE FROM {lake}.unrepresentable_values WHERE snapshot_time = {hour}"
        " AND column_name = 'low_price'",
        "only in PostgreSQL",
    ),
}


@pytest.mark.parametrize(("damage", "found"), _DAMAGE.values(), ids=list(_DAMAGE))
def test_what_is_wrong_is_found(
    warehouse: Warehouse, zone: LandingZone, lake: Lake, damage: str, found: str | None
) -> None:
    land_snapshots(zone, at(40), 5)
    land_chart(zone, [(at(n), 100 + n if n else msgspec.Raw(b"1e-30")) for n in range(30)])
    both(warehouse, zone, lake)
    assert compare_candles(warehouse, lake).differences == []
    hour = "TIMESTAMP '2026-01-05 00:00:00+00'"
    lake.spark.sql(damage.format(lake=lake.quoted, hour=hour))
    for rows in (False, True):
        differences = compare_candles(warehouse, lake, rows=rows).differences
        # A sum does not show a source.
        wanted = {"source_name"} if rows and found is None else {found} - {None}
        assert {one.what for one in differences} == wanted


def test_what_one_side_lacks_waits_and_another_order_is_told_apart(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    land_snapshots(zone, at(1) + timedelta(minutes=12), 7)
    land_chart(zone, [(at(n), 100 + n) for n in range(5)])
    load(warehouse, zone)
    assert compare_candles(warehouse, lake).pending == 2
    assert compare(warehouse, lake).pending == 2
    # For PostgreSQL this file is the second, and for Spark, which sees both at once, the first.
    land_chart(zone, [(at(n), 90 + n) for n in range(3, 8)], asked_at=at(100))
    load(warehouse, zone)
    load_zone(lake, zone)
    for rows in (False, True):
        found = compare_candles(warehouse, lake, rows=rows)
        assert (found.differences, found.pending) == ([], 0)
        assert {one.where for one in found.other_order} == {
            *(f"fact_crypto_price_hourly bitcoin usd {at(n)}" for n in (3, 4)),
            "fact_crypto_price_daily bitcoin usd 2026-01-05",
        }


def test_an_answer_that_came_again_is_a_batch_and_brings_nothing(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    for asked_at in (at(50), at(60)):
        land_chart(zone, [(at(n), 100 + n) for n in range(5)], asked_at=asked_at)
    load(warehouse, zone)
    load_zone(lake, zone)
    assert lake.table("history_batches").where("status = 'completed'").count() == 2
    found = compare_candles(warehouse, lake, rows=True)
    assert (found.differences, found.other_order, found.pending, found.facts) == ([], [], 0, 6)
