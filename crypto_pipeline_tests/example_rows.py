"""Makes the example rows of the Dagster UI: ``python -m crypto_pipeline_tests.example_rows``.

The sample landing file, a chart and a list of coins are loaded into an empty warehouse.
"""

import json
import os
import tempfile
from datetime import timedelta
from pathlib import Path

import msgspec
from psycopg import sql

from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.example_rows import EXAMPLES
from crypto_pipeline.model.registry import (
    CANDLE_TABLES,
    COIN_LIST_TABLES,
    GOLD_TABLES,
    HISTORY_TABLES,
    MART_TABLES,
    SILVER_TABLES,
)
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.coins.coin_lists import coin, land_body
from crypto_pipeline_tests.history.test_load import land_chart
from crypto_pipeline_tests.market_records import drop
from crypto_pipeline_tests.pipeline import load_landing_zone
from crypto_pipeline_tests.sample import FETCHED_AT, sample

TABLES = (
    *(*SILVER_TABLES, *HISTORY_TABLES, *COIN_LIST_TABLES),
    *(*GOLD_TABLES, *CANDLE_TABLES, *MART_TABLES),
)
"""The tables that are assets."""

_SOURCE = "CoinGecko sandbox"
_OF_THE_LOAD = {
    *("loaded_at", "load_timestamp", "rejected_at", "revised_at", "gold_loaded_at", "run_id"),
    *("candles_loaded_at", "known_from"),
}
"""Columns whose values are others at every load."""


def examples(warehouse: Warehouse, zone: LandingZone) -> str:
    """The content of the file: the same for every empty warehouse and zone."""
    drop(zone, "sample.json", sample().encode())
    hour = FETCHED_AT.replace(minute=3, second=7) - timedelta(days=1)
    points = [(hour + n * timedelta(hours=1), 43_210 + n) for n in range(3)]
    land_chart(zone, points, asked_at=FETCHED_AT, source=_SOURCE)
    contract = "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599"
    listed = [coin("bitcoin", "btc", "Bitcoin"), coin("wrapped-bitcoin", "wbtc", ethereum=contract)]
    land_body(zone, msgspec.json.encode(listed), FETCHED_AT, source=_SOURCE)
    assert load_landing_zone().success
    rows = {}
    with warehouse.connection() as connection:
        for table in TABLES:
            columns = [column.name for column in table.columns]
            first = "crypto_id <> 'bitcoin', " if "crypto_id" in columns else ""
            row = connection.execute(
                sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
                    sql.SQL(", ").join(
                        sql.SQL("{}::text").format(sql.Identifier(c)) for c in columns
                    ),
                    sql.Identifier(table.schema, table.name),
                    sql.SQL(first + ", ".join(table.key)),
                )
            ).fetchone()
            if row is not None:
                rows[table.name] = {
                    column: value
                    for column, value in zip(columns, row, strict=True)
                    if value is not None and column not in _OF_THE_LOAD
                }
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the example rows."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATA_DIR"] = folder
        os.environ["LANDING_ZONE_URI"] = str(Path(folder) / "landing")
        EXAMPLES.write_text(
            examples(Warehouse(), LandingZone(os.environ["LANDING_ZONE_URI"])), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
