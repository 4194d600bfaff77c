"""The candles: hourly and daily facts, made of snapshots and of the points of price history.

A snapshot goes before a point of a chart, that before an import. Snapshots are taken from the star
schema, batch by batch as they are pending; points come with the load of their files
(``history/load.py``), in its transaction.
"""

import psycopg

from crypto_pipeline.model.registry import FACT_DAILY, FACT_HOURLY
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse

_NAMES = (FACT_HOURLY.name, FACT_DAILY.name)


def load_candles_of_snapshots(warehouse: Warehouse) -> dict[str, dict[str, int]]:
    """Bring the candles up to the star schema, a transaction for every month that has batches
    pending.

    Returns:
        ``rows_written`` by table.
    """
    counts = {name: {"rows_written": 0} for name in _NAMES}
    while True:
        with warehouse.load() as connection:
            connection.execute(read_sql("candles/pending.sql"))
            pending = connection.execute("SELECT count(*) FROM candle_batches").fetchone()
            if pending == (0,):
                return counts
            connection.execute(read_sql("candles/currencies.sql"))
            connection.execute(read_sql("candles/stage.sql"))
            connection.execute(read_sql("candles/snapshots.sql"))
            connection.execute(read_sql("candles/days.sql"))
            written = connection.execute(
                "SELECT (SELECT coalesce(sum(hours), 0)::bigint FROM changed_days),"
                " (SELECT count(*) FROM day_candles)"
            ).fetchone()
            assert written is not None
            for name, rows in zip(_NAMES, written, strict=True):
                counts[name]["rows_written"] += rows


def load_points(connection: psycopg.Connection) -> None:
    """Load the points that a load of price history has staged, and their candles, in its
    transaction."""
    connection.execute(read_sql("candles/stage.sql"))
    row = connection.execute(read_sql("history/points.sql")).fetchone()
    assert row is not None
    hours_new, hours_beside, parts_of_hours, daily, _ = row
    if parts_of_hours:
        connection.execute(read_sql("candles/points.sql"))
    if hours_new or hours_beside or parts_of_hours:
        connection.execute(read_sql("candles/days.sql"))
    if daily:
        connection.execute(read_sql("candles/daily_points.sql"))
