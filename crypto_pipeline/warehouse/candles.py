"""The candles: hourly and daily facts, made of snapshots and of the points of price history.

A snapshot goes before a point of a chart, that before an import. Snapshots are taken from the star
schema, batch by batch as they are pending; points come with the load of their files
(``history/load.py``), in its transaction.
"""

import psycopg

from crypto_pipeline.model.registry import FACT_DAILY, FACT_HOURLY
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse

Counts = dict[str, int]
"""Rows that were written, by table."""

_NAMES = (FACT_HOURLY.name, FACT_DAILY.name)


def load_candles_of_snapshots(warehouse: Warehouse) -> Counts:
    """Bring the candles up to the star schema, a transaction for every month that has batches
    pending.

    Returns:
        Rows written, by table.
    """
    counts = dict.fromkeys(_NAMES, 0)
    while True:
        with warehouse.load() as connection:
            connection.execute(read_sql("candles/pending.sql"))
            pending = connection.execute("SELECT count(*) FROM candle_batches").fetchone()
            if pending == (0,):
                return counts
            connection.execute(read_sql("candles/currencies.sql"))
            connection.execute(read_sql("candles/stage.sql"))
            connection.execute(read_sql("candles/snapshots.sql"))
            for table, rows in _days(connection).items():
                counts[table] += rows


def load_points(connection: psycopg.Connection) -> Counts:
    """Load the points that a load of price history has staged, and their candles, in its
    transaction.

    Returns:
        Rows of candles written, by table.
    """
    connection.execute(read_sql("candles/stage.sql"))
    row = connection.execute(read_sql("history/points.sql")).fetchone()
    assert row is not None
    hours_new, hours_beside, parts_of_hours, daily, _ = row
    if parts_of_hours:
        connection.execute(read_sql("candles/points.sql"))
    counts = dict.fromkeys(_NAMES, 0)
    if hours_new or hours_beside or parts_of_hours:
        counts = _days(connection)
        counts[FACT_HOURLY.name] += hours_new
    if daily:
        days = connection.execute(read_sql("candles/daily_points.sql")).fetchone()
        assert days is not None
        counts[FACT_DAILY.name] += days[0]
    return counts


def _days(connection: psycopg.Connection) -> Counts:
    connection.execute(read_sql("candles/days.sql"))
    row = connection.execute(
        "SELECT (SELECT coalesce(sum(hours), 0)::bigint FROM changed_days),"
        " (SELECT count(*) FROM day_candles)"
    ).fetchone()
    assert row is not None
    return dict(zip(_NAMES, row, strict=True))
