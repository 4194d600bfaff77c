"""The marts of the lake: those of PostgreSQL, whatever came between."""

from datetime import timedelta
from typing import Any

import pytest

from crypto_pipeline.automation import LOAD_LAKE_JOB
from crypto_pipeline.definitions import defs
from crypto_pipeline.lakehouse import marts as marts_room
from crypto_pipeline.lakehouse.delta import Lake
from crypto_pipeline.lakehouse.load import load_lake
from crypto_pipeline.lakehouse.marts import compare_marts, load_marts
from crypto_pipeline.lakehouse.queries import lake_queries
from crypto_pipeline.lakehouse.schema import MART_TABLES
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse import marts as warehouse_marts
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.history.test_load import at, land_chart, land_snapshots, load
from crypto_pipeline_tests.pipeline import rows

pytestmark = pytest.mark.long


def bring(warehouse: Warehouse, zone: LandingZone, lake: Lake) -> dict[str, int]:
    load(warehouse, zone)
    warehouse_marts.load_marts(warehouse)
    load_lake(warehouse, lake)
    return {name: loaded.commits for name, loaded in load_marts(warehouse, lake).items()}


def land_two_coins(zone: LandingZone) -> None:
    for coin, factor in (("bitcoin", 3), ("ethereum", 1)):
        land_chart(zone, [(at(n), factor * (100 + n % 7)) for n in range(90)], coin=coin)
    land_snapshots(zone, at(95), 5)


def assert_same(warehouse: Warehouse, lake: Lake) -> None:
    """Doubles to the last bit, decimals to that of the lake."""
    with lake_queries(lake) as queries:
        for table in MART_TABLES:
            names = ", ".join(n for n in table.columns if n not in ("snapshot_month",))
            order = ", ".join(table.key)
            ours = rows(warehouse, f"SELECT {names} FROM lake.{table.name} ORDER BY {order}")
            query = f"SELECT {names} FROM analytics.{table.name} ORDER BY {order}"
            assert [*map(_utc, queries.sql(query).fetchall())] == [*map(_utc, ours)], table.name
            assert ours, table.name
    assert compare_marts(warehouse, lake).differences == []


def _utc(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        value.replace(tzinfo=None) if getattr(value, "tzinfo", None) else value for value in row
    )


def test_the_lake_has_the_marts_to_the_last_bit(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    land_two_coins(zone)
    assert set(bring(warehouse, zone, lake).values()) == {1}
    assert_same(warehouse, lake)
    # Nothing new is no commit.
    assert set(bring(warehouse, zone, lake).values()) == {0}
    # What comes late takes the place of what was there.
    land_snapshots(zone, at(30) + timedelta(minutes=12), 900)
    bring(warehouse, zone, lake)
    assert_same(warehouse, lake)


def test_what_is_pending_is_no_difference_and_what_was_changed_is(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    land_two_coins(zone)
    bring(warehouse, zone, lake)
    with warehouse.connection() as connection:
        connection.execute(
            "UPDATE analytics.mart_coin_daily SET volume_ratio = -1, load_timestamp = now()"
        )
    assert compare_marts(warehouse, lake).differences == []
    with warehouse.connection() as connection:
        connection.execute(
            "UPDATE analytics.mart_market_daily SET market_cap = market_cap + 1"
            " WHERE day = '2026-01-05'"
        )
    (difference,) = compare_marts(warehouse, lake).differences
    assert (difference.where, difference.what) == ("mart_market_daily 2026-01", "market_cap")


def test_a_load_that_dies_goes_on_where_it_was(
    warehouse: Warehouse, zone: LandingZone, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_two_coins(zone)
    load(warehouse, zone)
    warehouse_marts.load_marts(warehouse)
    load_lake(warehouse, lake)
    merge = marts_room.merge_rows

    def die(lake: Lake, table: Any, *given: Any) -> Any:
        if table is MART_TABLES[2]:
            raise InterruptedError(table.name)
        return merge(lake, table, *given)

    monkeypatch.setattr(marts_room, "merge_rows", die)
    with pytest.raises(InterruptedError):
        load_marts(warehouse, lake)
    monkeypatch.setattr(marts_room, "merge_rows", merge)
    done = load_marts(warehouse, lake)
    assert [done[table.name].commits for table in MART_TABLES] == [0, 0, 1, 1, 1]
    assert_same(warehouse, lake)


def test_the_job_of_the_lake_loads_and_compares_them(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    land_two_coins(zone)
    load(warehouse, zone)
    warehouse_marts.load_marts(warehouse)
    result = defs.resolve_job_def(LOAD_LAKE_JOB).execute_in_process()
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert checks["lake_marts_equal_postgres"].passed
    assert checks["lake_marts_equal_postgres"].metadata["rows"].value
