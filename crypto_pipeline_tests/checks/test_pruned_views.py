"""Loads and checks look into the months that their batches reach: no row less, no month more."""

import re
from datetime import datetime, timezone

import psycopg
import pytest

from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.bulk_load import load_to_gold
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline.warehouse.staging import load_to_silver
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import rows

SEEN = {
    "pruned_price_snapshots": "price_snapshots",
    "pruned_market_metrics": "market_metrics",
    "pruned_fact_crypto_price_metrics": "analytics.fact_crypto_price_metrics",
    "pruned_price_history": "v_price_history",
}


@pytest.fixture
def newest_batch(zone: LandingZone, warehouse: Warehouse) -> int:
    """The last of three hours, each in a month of its own; one of its coins was updated last in the
    month before the first."""
    for month in (9, 10, 11):
        time = f"2026-{month:02}-20T05:00:31Z"
        stale = market_record(id="stale", name="Stale", symbol="st", market_cap_rank=2)
        stale["last_updated"] = "2026-08-03T00:00:00Z"
        coins = [market_record(last_updated=time), *([stale] if month == 11 else [])]
        drop(zone, f"{month}.json", landing_json(coins, f"2026-{month:02}-20T05:01:00Z"))
    zone.file_unfiled()
    for _ in load_to_silver(warehouse, zone.files(), 0.5):
        pass
    load_to_gold(warehouse)
    return int(rows(warehouse, "SELECT max(batch_id) FROM ingestion_batches")[0][0])


def months_of(connection: psycopg.Connection, batch: int) -> list[datetime]:
    row = connection.execute("SELECT months_of_batches(ARRAY[%s]::bigint[])", [batch]).fetchone()
    assert row is not None
    return list(row[0])


def opened(connection: psycopg.Connection, view: str) -> set[str]:
    """The months that a query of the view reads."""
    plan = connection.execute(f"EXPLAIN SELECT * FROM {view}").fetchall()
    return {month for (line,) in plan for month in re.findall(r" on \w+_(\d{4}_\d\d)\b", line)}


def test_only_the_months_of_a_batch_are_opened(newest_batch: int, warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        assert months_of(connection, newest_batch) == [
            datetime(2026, 11, 1, tzinfo=timezone.utc),
            datetime(2026, 8, 1, tzinfo=timezone.utc),
        ]
        connection.execute(
            "SELECT create_pruned_views(months_of_batches(ARRAY[%s]::bigint[]))", [newest_batch]
        )
        for view, table in SEEN.items():
            assert opened(connection, view) == {"2026_08", "2026_11"}
            missed = connection.execute(
                f"SELECT * FROM {table} WHERE batch_id = %s EXCEPT SELECT * FROM {view}"
                if table != "market_metrics"
                else f"SELECT * FROM {table} WHERE crypto_id = 'stale' AND %s > 0"
                f" EXCEPT SELECT * FROM {view}",
                [newest_batch],
            )
            assert missed.fetchall() == []


def test_a_batch_that_lacks_a_snapshot_is_looked_for_in_every_month(
    newest_batch: int, warehouse: Warehouse
) -> None:
    with warehouse.connection() as connection:
        connection.execute("SET session_replication_role = replica")  # no foreign keys
        connection.execute("DELETE FROM price_snapshots WHERE crypto_id = 'bitcoin'")
        assert months_of(connection, newest_batch) == [datetime(2026, 8, 1, tzinfo=timezone.utc)]


def test_without_a_list_of_months_all_is_seen(newest_batch: int, warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        connection.execute("SELECT create_pruned_views(NULL)")
        for view, table in SEEN.items():
            differing = connection.execute(
                f"(TABLE {table} EXCEPT TABLE {view}) UNION ALL (TABLE {view} EXCEPT TABLE {table})"
            )
            assert differing.fetchall() == []
            assert opened(connection, view) == {"2026_08", "2026_09", "2026_10", "2026_11"}


def test_gold_waits_for_the_months_of_its_batches(newest_batch: int, warehouse: Warehouse) -> None:
    assert rows(warehouse, "SELECT count(*) FROM analytics.fact_crypto_price_metrics") == [(4,)]
    with warehouse.connection() as connection:
        connection.execute(read_sql("gold/pruned_views.sql"))
        connection.execute(read_sql("gold/pending.sql"))
        # Nothing waits: no month is opened.
        for view in ("pending_snapshots", "pending_history"):
            assert opened(connection, view) == set()
