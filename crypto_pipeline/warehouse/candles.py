"""The candles: hourly and daily facts, made of snapshots and of the points of price history.

A snapshot goes before a point of a chart, that before an import. Snapshots are taken from the star
schema, batch by batch as they are pending; points come with the load of their files
(``history/load.py``), in its transaction.
"""

import psycopg

from crypto_pipeline.model.registry import CANDLE_TABLES, FACT_DAILY, FACT_HOURLY
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse

Counts = dict[str, int]
"""Rows that were written, by table."""


def load_candles_of_snapshots(warehouse: Warehouse) -> Counts:
    """Bring the candles up to the star schema, a transaction for every month that has batches
    pending.

    Returns:
        Rows written, by table.
    """
    counts = dict.fromkeys((table.name for table in CANDLE_TABLES), 0)
    while True:
        with warehouse.load() as connection:
            connection.execute(read_sql("candles/pending.sql"))
            pending = connection.execute("SELECT count(*) FROM candle_batches").fetchone()
            if pending == (0,):
                return counts
            connection.execute(read_sql("candles/stage.sql"))
            connection.execute(read_sql("candles/snapshots.sql"))
            for table, rows in _days(connection).items():
                counts[table] += rows


def load_candles_of_points(connection: psycopg.Connection) -> Counts:
    """Make the candles of the points that a load of price history has staged, in its transaction.

    Returns:
        Rows written, by table.
    """
    connection.execute(read_sql("candles/stage.sql"))
    connection.execute(read_sql("candles/points.sql"))
    counts = _days(connection)
    days = connection.execute(read_sql("candles/daily_points.sql")).fetchone()
    assert days is not None
    counts[FACT_DAILY.name] += days[0]
    return counts


def _days(connection: psycopg.Connection) -> Counts:
    hours = connection.execute("SELECT count(*) FROM changed_hours").fetchone()
    assert hours is not None
    if hours[0] == 0:
        return {FACT_HOURLY.name: 0, FACT_DAILY.name: 0}
    connection.execute(read_sql("candles/days.sql"))
    days = connection.execute("SELECT count(*) FROM changed_days").fetchone()
    assert days is not None
    return {FACT_HOURLY.name: hours[0], FACT_DAILY.name: days[0]}
