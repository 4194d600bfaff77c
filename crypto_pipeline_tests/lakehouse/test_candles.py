"""The candles of the lake: those of PostgreSQL, whatever came between."""

from datetime import datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from crypto_pipeline.automation import LOAD_LAKE_JOB
from crypto_pipeline.definitions import defs
from crypto_pipeline.lakehouse import candles as candles_room
from crypto_pipeline.lakehouse.candles import compare_candles, load_candles
from crypto_pipeline.lakehouse.comparison import compare_rows, compare_sums
from crypto_pipeline.lakehouse.delta import Lake
from crypto_pipeline.lakehouse.load import load_lake
from crypto_pipeline.lakehouse.queries import lake_queries
from crypto_pipeline.lakehouse.schema import (
    CANDLE_TABLES,
    FACT,
    FACT_DAILY,
    FACT_HOURLY,
    UNREPRESENTABLE_VALUES,
)
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.history.test_load import (
    at,
    land_chart,
    land_export,
    land_snapshots,
    load,
)
from crypto_pipeline_tests.pipeline import rows

pytestmark = pytest.mark.long


def in_lake(lake: Lake, query: str) -> list[tuple[Any, ...]]:
    with lake_queries(lake) as queries:
        return queries.sql(query).fetchall()


def assert_same(warehouse: Warehouse, lake: Lake) -> None:
    for table, time in ((FACT_HOURLY, "hour_start"), (FACT_DAILY, "day")):
        names = f"crypto_id, vs_currency, {time}, {', '.join(table.decimals)}, observations, origin"
        ours = rows(warehouse, f"SELECT {names} FROM lake.{table.name} ORDER BY 1, 2, 3")
        theirs = in_lake(lake, f"SELECT {names} FROM analytics.{table.name} ORDER BY 1, 2, 3")
        assert theirs == ours
        assert ours
    assert compare_candles(warehouse, lake).differences == []


def bring(warehouse: Warehouse, lake: Lake) -> dict[str, int]:
    load_lake(warehouse, lake)
    return {name: loaded.commits for name, loaded in load_candles(warehouse, lake).items()}


def test_the_lake_has_the_candles_to_the_digit(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    land_snapshots(zone, at(1) + timedelta(minutes=12), 7)
    land_chart(zone, [(at(n), 100.000000001 + n) for n in range(40)])
    land_chart(zone, [(at(5) + timedelta(minutes=5 * n), 9.7e-10 * (n + 1)) for n in range(4)])
    land_export(zone, "2013-04-28,135.3,1500517590,0", "2013-04-29,9.722410112328183e-10,,1")
    load(warehouse, zone)
    assert bring(warehouse, lake) == {FACT_HOURLY.name: 1, FACT_DAILY.name: 1}
    assert_same(warehouse, lake)
    # Nothing new is no commit.
    assert bring(warehouse, lake) == {FACT_HOURLY.name: 0, FACT_DAILY.name: 0}


def test_a_candle_that_was_made_anew_takes_the_place_of_the_old_one(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    land_chart(zone, [(at(n), 100 + n) for n in range(10)])
    land_snapshots(zone, at(20), 5)
    load(warehouse, zone)
    bring(warehouse, lake)
    for minutes in (11, 31):
        land_snapshots(zone, at(3) + timedelta(minutes=minutes), minutes)
        load(warehouse, zone)
        bring(warehouse, lake)
        assert_same(warehouse, lake)


def test_many_candles_come_in_several_commits(
    warehouse: Warehouse, zone: LandingZone, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candles_room, "ROWS_A_COMMIT", 5)
    for first in range(0, 30, 10):
        land_chart(zone, [(at(first + n), n + 1) for n in range(10)])
        load(warehouse, zone)
    land_snapshots(zone, at(50), 5)
    load(warehouse, zone)
    assert bring(warehouse, lake)[FACT_HOURLY.name] > 1
    assert_same(warehouse, lake)


def test_what_is_pending_is_no_difference_and_what_was_changed_is(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    land_chart(zone, [(at(n), n + 1) for n in range(10)])
    land_snapshots(zone, at(20), 5)
    load(warehouse, zone)
    bring(warehouse, lake)
    land_chart(zone, [(at(n), n + 1) for n in range(10, 15)])
    load(warehouse, zone)
    assert compare_candles(warehouse, lake).differences == []
    bring(warehouse, lake)
    with warehouse.connection() as connection:
        connection.execute(
            "UPDATE analytics.fact_crypto_price_daily SET low_price = low_price / 2"
            " WHERE day = '2026-01-05'"
        )
    (difference,) = compare_candles(warehouse, lake).differences
    assert (difference.where, difference.what) == ("fact_crypto_price_daily 2026-01", "low_price")


def test_some_hours_are_compared_by_their_months(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    february = datetime(2026, 2, 1, tzinfo=timezone.utc)
    land_chart(zone, [(february + timedelta(hours=n), 100 + n) for n in range(-30, 29)])
    land_snapshots(zone, february + timedelta(hours=29, minutes=12), 5)
    load(warehouse, zone)
    bring(warehouse, lake)
    with warehouse.connection() as connection:
        connection.execute(
            "UPDATE analytics.fact_crypto_price_hourly SET low_price = low_price / 2"
            " WHERE hour_start = '2026-01-31 23:00:00+00'"
        )
    hour = timedelta(hours=1)
    found = compare_candles(warehouse, lake, (february, february + hour))
    assert (found.differences, found.months, found.facts) == ([], 1, 30 + 2)
    found = compare_candles(warehouse, lake, (february - hour, february))
    assert (len(found.differences), found.months) == (1, 2)
    assert compare_candles(warehouse, lake).facts == 60 + 4


def test_the_job_of_the_lake_loads_and_compares_them(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    land_snapshots(zone, datetime(2026, 1, 5, 3, 12, tzinfo=timezone.utc), 7)
    load(warehouse, zone)
    result = defs.resolve_job_def(LOAD_LAKE_JOB).execute_in_process()
    made = {
        event.asset_key.path[-1]
        for event in result.all_events
        if event.is_step_materialization and event.asset_key is not None
    }
    assert {table.name for table in CANDLE_TABLES} <= made
    checks = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert checks["lake_candles_equal_postgres"]


def unrepresentable(lake: Lake) -> list[tuple[Any, ...]]:
    return in_lake(
        lake,
        "SELECT table_name, vs_currency, snapshot_time, column_name, exact_value, reason, batch_id"
        " FROM analytics.unrepresentable_values ORDER BY 1, 2, 3, 4",
    )


def test_a_value_that_no_decimal_holds_is_told_with_all_its_digits(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    """As of facts, beside which it stands; and it goes with the candle that had it."""
    tiny, large = msgspec.Raw(b"1e-30"), msgspec.Raw(b"1e25")
    land_chart(zone, [(at(1), 1), (at(2), tiny), (at(3), 2)], caps=[(at(1), large)])
    land_snapshots(zone, at(30) + timedelta(minutes=12), tiny)
    load(warehouse, zone)
    bring(warehouse, lake)
    assert_same(warehouse, lake)
    found = unrepresentable(lake)
    assert {row[0]: row[-1] for row in found} == {
        FACT_HOURLY.name: -1,
        FACT_DAILY.name: -1,
        FACT.name: 1,
    }
    assert (
        FACT_HOURLY.name,
        "usd",
        at(1),
        "market_cap",
        f"1{'0' * 25}",
        "too large for decimal(38,14)",
        -1,
    ) in found
    prices = [row for row in found if row[0] == FACT_HOURLY.name and row[2] == at(2)]
    assert {row[3] for row in prices} == {
        *("open_price", "high_price", "low_price", "close_price", "mean_price", "total_volume")
    }
    assert {row[4] for row in prices} == {f"0.{'0' * 29}1"}
    assert in_lake(
        lake,
        "SELECT hour_start FROM analytics.fact_crypto_price_hourly WHERE open_price IS NULL"
        " ORDER BY 1",
    ) == [(at(2),), (at(30),)]

    # A snapshot of the hour takes the place of the point.
    land_snapshots(zone, at(2) + timedelta(minutes=12), 5)
    load(warehouse, zone)
    bring(warehouse, lake)
    assert_same(warehouse, lake)
    assert not [row for row in unrepresentable(lake) if row[2] == at(2)]
    assert compare_rows(warehouse, lake).differences == []

    # What starts over is the facts alone.
    before = unrepresentable(lake)
    with warehouse.connection() as connection:
        connection.execute("SELECT lake.start_over()")
    bring(warehouse, lake)
    assert unrepresentable(lake) == before
    assert_same(warehouse, lake)


def test_one_that_is_gone_from_the_lake_is_found(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    land_chart(zone, [(at(n), msgspec.Raw(b"1e-30")) for n in range(3)])
    land_snapshots(zone, at(40), 5)
    load(warehouse, zone)
    bring(warehouse, lake)
    delta = lake.open(UNREPRESENTABLE_VALUES)
    assert delta is not None
    delta.delete("table_name = 'fact_crypto_price_daily' AND column_name = 'low_price'")
    (difference,) = compare_candles(warehouse, lake).differences
    assert (difference.where, difference.what) == (
        "fact_crypto_price_daily 2026-01",
        "unrepresentable_values",
    )


def test_the_lake_has_the_currencies(warehouse: Warehouse, zone: LandingZone, lake: Lake) -> None:
    land_chart(zone, [(at(1), 1)], vs_currency="xyz")
    land_snapshots(zone, at(2), 5)
    load(warehouse, zone)
    load_lake(warehouse, lake)
    columns = "vs_currency, currency_name, kind, display_decimals"
    ours = rows(warehouse, f"SELECT {columns} FROM analytics.dim_currency ORDER BY 1")
    assert ("xyz", "xyz", "unknown", 8) in ours
    assert in_lake(lake, f"SELECT {columns} FROM analytics.dim_currency ORDER BY 1") == ours
    with warehouse.connection() as connection:
        connection.execute(
            "UPDATE analytics.dim_currency SET currency_name = 'Euros' WHERE vs_currency = 'eur'"
        )
    (difference,) = compare_sums(warehouse, lake).differences
    assert (difference.where, difference.what) == ("dim_currency eur", "currency_name")
