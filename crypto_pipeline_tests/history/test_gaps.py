"""Gaps: exactly what is missing, why, and their repair."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from crypto_pipeline.coins.aliases import confirm_alias, revoke_alias
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.history.backfill import History, Outcome
from crypto_pipeline.history.imports import import_file
from crypto_pipeline.history.planner import Series, Span
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.history.chart_server import START, Charts, hour, serving
from crypto_pipeline_tests.history.test_load import land_chart, land_export, load
from crypto_pipeline_tests.market_records import coin as coin_record
from crypto_pipeline_tests.market_records import drop, landing_json
from crypto_pipeline_tests.pipeline import rows
from crypto_pipeline_tests.real_captures import CAPTURES, land_year, needs_captures
from crypto_pipeline_tests.seeds import seeds

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


def gaps(warehouse: Warehouse, where: str = "true") -> list[tuple[Any, ...]]:
    return rows(
        warehouse,
        "SELECT crypto_id, grid, gap_start, gap_end, missing_points, reason, is_explained"
        f" FROM analytics.v_gaps WHERE {where} ORDER BY crypto_id, gap_start",
    )


def missing_hours(warehouse: Warehouse) -> set[tuple[str, datetime]]:
    return {
        (coin, start + n * _HOUR)
        for coin, _, start, end, *_ in gaps(warehouse, "grid = 'hour'")
        for n in range((end - start) // _HOUR)
    }


def land_hour(zone: LandingZone, number: int, coins: list[int]) -> None:
    """Drop what an hourly fetch at minute 10 gets."""
    time = hour(number) + timedelta(minutes=10)
    records = [
        coin_record(
            n, last_updated=(time - timedelta(minutes=1)).isoformat(), current_price=n + number + 1
        )
        for n in coins
    ]
    drop(zone, f"{time:%Y%m%dT%H%M%SZ}.json", landing_json(records, time, "CoinGecko sandbox"))


# --- Days ----------------------------------------------------------------------------------------


def test_a_day_between_two_others_is_a_gap(warehouse: Warehouse, zone: LandingZone) -> None:
    days = [START + n * _DAY for n in (0, 1, 3, 4, 8)]
    land_export(zone, *(f"{day:%Y-%m-%d},1,1,1" for day in days))
    load(warehouse, zone)
    assert gaps(warehouse) == [
        ("bitcoin", "day", START + 2 * _DAY, START + 3 * _DAY, 1, "not fetched", False),
        ("bitcoin", "day", START + 5 * _DAY, START + 8 * _DAY, 3, "not fetched", False),
    ]


def test_a_coin_that_snapshots_have_had_is_expected_in_every_answer(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    for day, coins in enumerate(([0, 1], [0], [0, 1], [0])):
        land_hour(zone, 24 * day, coins)
    load(warehouse, zone)
    assert gaps(warehouse) == [
        ("coin-0001", "day", START + _DAY, START + 2 * _DAY, 1, "not in the answer", False),
        ("coin-0001", "day", START + 3 * _DAY, START + 4 * _DAY, 1, "not in the answer", False),
    ]


@needs_captures
@pytest.mark.parametrize(
    ("name", "coin", "points", "missing"),
    [
        ("btc", "bitcoin", 4278, 2),
        ("doge", "dogecoin", 4046, 3),
        ("shib", "shiba-inu", 1614, 14),
    ],
)
def test_a_real_export_is_exact_and_its_missing_days_are_the_gaps(
    warehouse: Warehouse, zone: LandingZone, name: str, coin: str, points: int, missing: int
) -> None:
    content = (CAPTURES / "exports" / f"{name}-usd-max.csv").read_bytes()
    import_file(warehouse, zone, f"{name}-usd-max (1).csv", content, coin)
    (loaded,) = load(warehouse, zone)
    assert (loaded.fetched, loaded.loaded, loaded.rejected) == (points, points, 0)
    lines = [line.split(",") for line in content.decode().splitlines()[1:]]
    held = rows(
        warehouse,
        "SELECT price, market_cap, total_volume, observed_at FROM price_points"
        " ORDER BY point_index",
    )
    for line, (price, cap, volume, observed_at) in zip(lines, held, strict=True):
        assert price == Decimal(line[1])
        assert cap == (Decimal(line[2]) if line[2] and Decimal(line[2]) else None)
        assert volume == Decimal(line[3])
        assert f"{observed_at:%Y-%m-%d %H:%M:%S UTC}" == line[0]
    days = {datetime.strptime(line[0][:10], "%Y-%m-%d").date() for line in lines}
    every = {min(days) + n * _DAY for n in range((max(days) - min(days)).days)}
    assert len(every - days) == missing
    found = gaps(warehouse)
    assert {
        (start + n * _DAY).date()
        for _, _, start, end, *_ in found
        for n in range((end - start).days)
    } == every - days
    assert {grid for _, grid, *_ in found} == {"day"}


@needs_captures
@pytest.mark.long
def test_the_gaps_of_a_real_year_are_the_days_on_which_a_coin_was_not_in_the_answer(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land_year(zone)
    load(warehouse, zone)
    seen: dict[str, set[datetime]] = {}
    for coin, day in rows(
        warehouse,
        "SELECT s.crypto_id, date_trunc('day', s.snapshot_time, 'UTC') FROM price_snapshots AS s",
    ):
        seen.setdefault(coin, set()).add(day)
    answered = set().union(*seen.values())
    last = max(answered)
    expected = {
        (coin, min(days) + n * _DAY)
        for coin, days in seen.items()
        for n in range((last - min(days)).days + 1)
    } - {(coin, day) for coin, days in seen.items() for day in days}
    found = gaps(warehouse)
    assert {
        (coin, start + n * _DAY)
        for coin, _, start, end, *_ in found
        for n in range((end - start).days)
    } == expected
    assert {reason for *_, reason, _ in found} <= {"not in the answer", "not fetched"}


# --- Hours ---------------------------------------------------------------------------------------


def test_every_hour_is_expected_from_the_first_hourly_day_on(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    chance = random.Random(4)
    seen: set[tuple[str, datetime]] = set()
    # A day's single answer first, then every hour with an outage and coins that are left out.
    times = [5, *range(48, 48 + 100)]
    outage = set(range(80, 110))
    for number in times:
        if number in outage:
            continue
        coins = [n for n in range(5) if number <= 48 or n == 0 or chance.random() > 0.1]
        land_hour(zone, number, coins)
        seen |= {(f"coin-{n:04d}", hour(number)) for n in coins}
    load(warehouse, zone)
    expected = {
        (f"coin-{n:04d}", hour(number)) for n in range(5) for number in range(48, 48 + 100)
    } - seen
    # The hour of the newest answer is not over.
    expected -= {(f"coin-{n:04d}", hour(147)) for n in range(5)}
    assert missing_hours(warehouse) == expected
    by_reason = {reason for *_, reason, _ in gaps(warehouse, "grid = 'hour'")}
    assert by_reason == {"not in the answer", "not fetched"}
    # Of the time before, days.
    assert {
        (start, missing) for _, _, start, _, missing, *_ in gaps(warehouse, "grid = 'day'")
    } == {(START + _DAY, 1)}


def test_a_range_has_the_gaps_that_lie_in_it(warehouse: Warehouse, zone: LandingZone) -> None:
    for number in range(96):
        if number % 10 not in (3, 4):
            land_hour(zone, number, [0])
    load(warehouse, zone)
    whole = missing_hours(warehouse)
    bounds = (hour(20), hour(64))
    found = rows(
        warehouse,
        "SELECT gap_start, gap_end FROM gaps_between"
        f"('{bounds[0].isoformat()}', '{bounds[1].isoformat()}')",
    )
    inside = {start + n * _HOUR for start, end in found for n in range((end - start) // _HOUR)}
    assert inside == {time for _, time in whole if bounds[0] <= time < bounds[1]}


def test_an_hour_that_the_source_was_asked_for_and_has_not_is_explained(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    for number in (*range(10), *range(20, 30)):
        land_hour(zone, number, [0])
    load(warehouse, zone)
    points = [(hour(n), n + 1) for n in range(8, 22) if n != 15]
    land_chart(zone, points, coin="coin-0000", source="CoinGecko sandbox")
    load(warehouse, zone)
    assert gaps(warehouse) == [
        ("coin-0000", "hour", hour(15), hour(16), 1, "the source has none", True)
    ]


# --- Repair --------------------------------------------------------------------------------------


@pytest.fixture
def charts(
    httpserver: HTTPServer, warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Charts]:
    """A market in which some of the hours are lost for ever."""
    chance = random.Random(9)
    hours = {
        f"coin-{n:04d}": {number for number in range(-100, 1200) if chance.random() > 0.05}
        for n in range(4)
    }
    monkeypatch.setenv("COINGECKO_REQUESTS_PER_MINUTE", "6000")
    with serving(
        Charts(now=hour(1000) + timedelta(minutes=20), hours=hours), httpserver, monkeypatch
    ) as served:
        yield served


def repair(warehouse: Warehouse, zone: LandingZone) -> Outcome:
    of = History(warehouse, zone, Settings())
    now = of.now()
    return of.fetch(of.plan(of.unexplained_gaps(), now), now)


def test_a_repair_brings_all_that_the_source_has_with_the_fewest_requests(
    charts: Charts, warehouse: Warehouse, zone: LandingZone
) -> None:
    outage = set(range(700, 730))
    for number in range(1001):
        coins = [n for n in range(4) if number in charts.hours[f"coin-{n:04d}"]]
        if number not in outage:
            land_hour(zone, number, coins)
    load(warehouse, zone)
    outcome = repair(warehouse, zone)
    assert outcome.stopped is None
    # 1,000 hours are less than 90 days: one request for each coin.
    assert len(charts.asked) == 4
    left = gaps(warehouse)
    assert all(explained for *_, explained in left)
    assert missing_hours(warehouse) == {
        (coin, hour(n))
        for coin, has in charts.hours.items()
        for n in range(min(m for m in has if m >= 0), 1000)
        if n not in has
    }
    charts.asked.clear()
    assert repair(warehouse, zone).planned == 0
    assert charts.asked == []


@pytest.mark.long
@pytest.mark.parametrize("gone", ["unknown", "without points"])
def test_a_coin_that_is_gone_is_asked_for_once_a_week(
    gone: str, charts: Charts, warehouse: Warehouse, zone: LandingZone
) -> None:
    charts.hours = {"coin-0000": set(range(2000)), "coin-0001": set(range(30))}
    if gone == "unknown":
        del charts.hours["coin-0001"]
    asked = 0
    for day in range(11):
        first = max(24 * day, 1)
        for number in range(first, 24 * day + 24):
            land_hour(zone, number, [0, 1] if number < 30 else [0])
        charts.now = hour(24 * day + 24) + timedelta(minutes=12)
        land_hour(zone, 24 * day + 24, [0])
        load(warehouse, zone)
        repair(warehouse, zone)
        assert gaps(warehouse, "NOT is_explained") == []
        if day == 2:
            # The first answer still had its last hours.
            asked = len(charts.asked) + charts.refusals
            assert asked > 0
        elif day in range(3, 8):
            assert len(charts.asked) + charts.refusals == asked
    assert len(charts.asked) + charts.refusals == asked + 1


def test_a_day_that_is_repaired_does_not_make_every_hour_expected(
    charts: Charts, warehouse: Warehouse, zone: LandingZone
) -> None:
    for day in (0, 1, 3, 4):
        land_hour(zone, 24 * day, [0])
    load(warehouse, zone)
    assert [(row[1], row[4]) for row in gaps(warehouse)] == [("day", 1)]
    repair(warehouse, zone)
    assert gaps(warehouse) == []


# --- Coins that go on under another id -----------------------------------------------------------


def land_switch(zone: LandingZone) -> None:
    """Two days of a coin that becomes another one in its hour 31, which is fetched from 40 on."""
    for number in range(48):
        successor = [1] if number < 31 else [2] if number >= 40 else []
        land_hour(zone, number, [0, *successor])


def test_a_coin_that_goes_on_under_another_id_is_expected_under_that_one(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land_switch(zone)
    load(warehouse, zone)
    alone = [("coin-0001", "hour", hour(31), hour(47), 16, "not in the answer", False)]
    assert gaps(warehouse) == alone
    confirm_alias(warehouse, "coin-0001", "coin-0002", "me")
    assert gaps(warehouse) == [
        ("coin-0002", "hour", hour(31), hour(40), 9, "not in the answer", False)
    ]
    of = History(warehouse, zone, Settings())
    assert of.tracked_coins() == ["coin-0000", "coin-0002"]
    # What is there under the old id is not asked for under the new one.
    span = Span(START, hour(48))
    assert of.missing(["coin-0001", "coin-0002"], ["usd"], span) == {
        Series("coin-0002", "usd"): [Span(hour(31), hour(40))]
    }
    revoke_alias(warehouse, "coin-0001", "me")
    assert gaps(warehouse) == alone


def test_a_coin_that_no_snapshot_has_under_its_new_id_is_expected_there(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    for number in range(48):
        land_hour(zone, number, [0, 1] if number < 31 else [0])
    load(warehouse, zone)
    with warehouse.connection() as connection:
        connection.execute(
            "INSERT INTO coin_aliases (old_id, new_id, evidence, confirmed_by)"
            " VALUES ('coin-0001', 'between', 'none', 'me'), ('between', 'new', 'none', 'me')"
        )
    assert gaps(warehouse) == [("new", "hour", hour(31), hour(47), 16, "not in the answer", False)]


def test_the_past_of_a_coin_is_asked_for_under_its_new_id(
    charts: Charts, warehouse: Warehouse, zone: LandingZone
) -> None:
    charts.now = hour(48) + timedelta(minutes=10)
    charts.hours = {"coin-0000": set(range(49)), "coin-0002": set(range(49))}
    land_switch(zone)
    load(warehouse, zone)
    confirm_alias(warehouse, "coin-0001", "coin-0002", "me")
    outcome = repair(warehouse, zone)
    assert (outcome.planned, outcome.made, outcome.refused) == (1, 1, 0)
    assert [coin for coin, *_ in charts.asked] == ["coin-0002"]
    assert gaps(warehouse) == []


# --- Series --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", seeds(range(3)))
def test_a_series_knows_its_first_and_last_hour_however_they_come(
    seed: int, warehouse: Warehouse, zone: LandingZone
) -> None:
    """Its hours are those of its first hourly day and of its last day, as the candles have them."""
    chance = random.Random(seed)
    coins = ["coin-0000", "coin-0001"]
    for _ in range(4):
        for number in chance.sample(range(72), 12):
            land_hour(zone, number, [0, 1])
        first = START + chance.randrange(-3, 4) * _DAY
        times = [first + n * _HOUR for n in range(1, chance.randrange(5, 40))]
        land_chart(zone, [(time, 1) for time in times], coin=chance.choice(coins))
        days = [first + n * _DAY for n in range(chance.randrange(1, 6))]
        land_chart(zone, [(day, 1) for day in days], coin=chance.choice(coins))
        load(warehouse, zone)
        assert (
            rows(
                warehouse,
                """
            SELECT crypto_id, first_hour, last_hour FROM history_series
            EXCEPT
            SELECT s.crypto_id,
                min(f.hour_start) FILTER (
                    WHERE (f.hour_start AT TIME ZONE 'UTC')::date = s.first_hourly_day
                ),
                max(f.hour_start) FILTER (
                    WHERE (f.hour_start AT TIME ZONE 'UTC')::date = s.last_day
                )
            FROM history_series AS s
            JOIN analytics.fact_crypto_price_hourly AS f USING (crypto_id, vs_currency)
            GROUP BY s.crypto_id, s.first_hourly_day, s.last_day
            """,
            )
            == []
        )
