"""The marts: what analysts ask for, made of the hourly and daily candles.

A candle says when it was written (``load_timestamp``, under the lock of the loads), and
``mart_progress`` up to when the marts have them. So what is new is found by that time, whoever has
written it: an hour's load, a backfill, an import of ten years, a repair. ``sql/marts`` says how far
a candle reaches.
"""

from collections import Counter

import psycopg

from crypto_pipeline.model.registry import DAILY_MARTS, MART_RETURNS, MART_TABLES, Table
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse, merge


def load_marts(warehouse: Warehouse) -> dict[str, Counter[str]]:
    """Bring the marts up to the candles: the returns in some transactions, the last of which makes
    the daily marts too, so that they never disagree.

    Returns:
        ``rows_inserted`` and ``rows_updated`` by table.
    """
    counts: dict[str, Counter[str]] = {table.name: Counter() for table in MART_TABLES}
    is_last = False
    while not is_last:
        with warehouse.load() as connection:
            connection.execute(read_sql("marts/changed_hours.sql"))
            row = connection.execute("SELECT is_last FROM mart_bounds").fetchone()
            assert row is not None
            (is_last,) = row
            counts[MART_RETURNS.name].update(_make(connection, MART_RETURNS))
            connection.execute(read_sql("marts/hours_made.sql"))
            if is_last:
                _make_days(connection, counts)
    return counts


def _make_days(connection: psycopg.Connection, counts: dict[str, Counter[str]]) -> None:
    connection.execute(read_sql("marts/changed_series.sql"))
    for table in DAILY_MARTS:
        if table is DAILY_MARTS[1]:
            # Now it is known on which days a coin's row has changed.
            connection.execute(read_sql("marts/changed_markets.sql"))
        counts[table.name].update(_make(connection, table))
    connection.execute(read_sql("marts/days_made.sql"))


def _make(connection: psycopg.Connection, table: Table) -> dict[str, int]:
    connection.execute(read_sql(f"marts/{table.name}.sql"))
    return merge(connection, table)
