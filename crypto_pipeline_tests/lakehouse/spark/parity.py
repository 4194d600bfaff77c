"""What a warehouse in PostgreSQL and one in Spark hold, in terms that can be compared.

A surrogate key becomes the business key that it stands for, a number its decimal at the scale of
its column, and the times of loading are left out. The decimals of PostgreSQL are rounded by its own
function, not by the code that rounds for Spark.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from decimal import Context, Decimal
from typing import Any

from psycopg.rows import dict_row

from crypto_pipeline.lakehouse import delta
from crypto_pipeline.lakehouse.queries import lake_queries
from crypto_pipeline.lakehouse.schema import CANDLE_TABLES, FACT, FACT_HOURLY, MEASURES, LakeTable
from crypto_pipeline.lakehouse.spark.checks import verify
from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.lakehouse.spark.load import Loaded, load
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse

Contents = dict[str, list[dict[str, Any]]]
"""Rows by table, in an order of their own."""

_BATCHES = """
    landing_file, file_sha256, partition_hour, source, vs_currency, ingested_at, request, status,
    error, records_fetched, records_loaded, records_duplicate, records_rejected, warnings,
    schema_drift, gold_loaded_at IS NOT NULL AS in_gold
"""
_HISTORY_BATCHES = """
    landing_file, file_sha256, origin, crypto_id, vs_currency, granularity_minutes, source,
    requested_from, requested_to, ingested_at, status, error, points_fetched, points_loaded,
    points_duplicate, points_rejected, points_unfinished, warnings
"""
_POINT = """
    p.crypto_id, p.vs_currency, p.granularity_minutes, p.bucket_time, p.observed_at, p.point_index
"""
_UNREPRESENTABLE = """
    table_name, crypto_id, vs_currency, snapshot_time, column_name, exact_value, reason
"""
_DECIMALS = {**MEASURES, **FACT_HOURLY.decimals, "price": FACT_HOURLY.decimals["open_price"]}
_EXACT = Context(prec=60)
_BEYOND_FACTS = ("crypto_key", "source_key", "batch_id", "snapshot_month", "load_timestamp")
_METRICS = (
    *("market_cap", "fully_diluted_valuation", "total_volume", "market_cap_change_24h"),
    *("market_cap_change_pct_24h", "circulating_supply", "total_supply", "max_supply"),
    *("roi_times", "roi_percentage", "roi_currency", "market_cap_rank"),
)
_PRICES = tuple(name for name in MEASURES if name not in _METRICS)


def load_zone(lake: Lake, zone: LandingZone, max_rejected_share: float = 0.5) -> Loaded:
    """Load what lies in the landing zone, filed under its hours."""
    return load(lake, f"{zone.root}/market_snapshots", max_rejected_share)


def assert_same(warehouse: Warehouse, lake: Lake) -> None:
    """Both hold the same, and Spark's tables pass their checks."""
    expected, found = in_postgres(warehouse), in_spark(lake)
    assert found.keys() == expected.keys()
    for table in expected:
        if found[table] == expected[table]:
            continue
        there = [row for row in found[table] if row not in expected[table]]
        here = [row for row in expected[table] if row not in found[table]]
        assert there == here, f"{table}: Spark has {there[:3]}, PostgreSQL {here[:3]}"
        assert len(found[table]) == len(expected[table]), table
    verify(lake)


def in_postgres(warehouse: Warehouse) -> Contents:
    """What the warehouse in PostgreSQL holds."""

    def measures(alias: str, names: Iterable[str]) -> str:
        return ", ".join(
            f"lake.to_decimal({alias}.{name}, {of.precision}, {of.scale}) AS {name}"
            if (of := MEASURES.get(name))
            else f"{alias}.{name}"
            for name in names
        )

    unrepresentable = ", ".join(
        f"('{name}', f.{name}, {of.precision}, {of.scale})" for name, of in FACT.decimals.items()
    )
    facts = measures("f", (name for name in FACT.columns if name not in _BEYOND_FACTS))
    statements = {
        **_statements("", "analytics."),
        "price_snapshots": f"""
            SELECT b.landing_file, s.crypto_id, s.vs_currency, s.snapshot_time, s.last_updated,
                n.symbol, n.name, s.record_index, s.ath_date, s.atl_date, {measures("s", _PRICES)}
            FROM price_snapshots AS s JOIN ingestion_batches AS b USING (batch_id)
            JOIN cryptocurrency_names AS n USING (name_id)
        """,
        "market_metrics": f"""
            SELECT m.crypto_id, m.vs_currency, m.snapshot_time, {measures("m", _METRICS)}
            FROM market_metrics AS m
        """,
        "dim_time": "SELECT *, full_time::text AS full_time FROM analytics.dim_time",
        "price_points": f"""
            SELECT {_POINT}, b.landing_file,
                lake.to_decimal(p.price, 38, 26) AS price,
                lake.to_decimal(p.market_cap, 38, 14) AS market_cap,
                lake.to_decimal(p.total_volume, 38, 14) AS total_volume
            FROM price_points AS p JOIN history_batches AS b USING (history_batch_id)
        """,
        **{
            table.name: f"""
                SELECT {_candle(table)}, s.source_name FROM lake.{table.name} AS c
                JOIN analytics.dim_source AS s USING (source_key)
            """
            for table in CANDLE_TABLES
        },
        "unrepresentable_in_candles": f"""
            SELECT {_UNREPRESENTABLE} FROM lake.unrepresentable_in_candles
        """,
        "facts": f"""
            SELECT {facts}, b.landing_file, c.symbol, c.name, c.valid_from, o.source_name
            FROM analytics.fact_crypto_price_metrics AS f
            JOIN ingestion_batches AS b USING (batch_id)
            JOIN analytics.dim_cryptocurrency AS c USING (crypto_key)
            JOIN analytics.dim_source AS o USING (source_key)
        """,
        "unrepresentable_values": f"""
            SELECT v.*, f.crypto_id, f.vs_currency, f.snapshot_time, b.landing_file
            FROM analytics.fact_crypto_price_metrics AS f
            JOIN ingestion_batches AS b USING (batch_id)
            CROSS JOIN LATERAL (
                SELECT column_name, v.value::text AS exact_value,
                    lake.unrepresentable_reason(v.value, v.digits, v.decimals) AS reason
                FROM (VALUES {unrepresentable}) AS v (column_name, value, digits, decimals)
            ) AS v
            WHERE v.reason IS NOT NULL
        """,
    }
    with warehouse.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return {
            table: _comparable(cursor.execute(statement).fetchall())
            for table, statement in statements.items()
        }


def in_spark(lake: Lake) -> Contents:
    """What the tables that Spark loaded hold."""
    schema = f"{lake.quoted}."
    facts = ", ".join(f"f.{name}" for name in FACT.columns if name not in _BEYOND_FACTS)
    statements = {
        **_statements(schema, schema),
        "price_snapshots": f"""
            SELECT b.landing_file, s.crypto_id, s.vs_currency, s.snapshot_time, s.last_updated,
                s.symbol, s.name, s.record_index, s.ath_date, s.atl_date,
                {", ".join(f"s.{name}" for name in _PRICES)}
            FROM {schema}price_snapshots AS s JOIN {schema}ingestion_batches AS b USING (batch_id)
        """,
        "market_metrics": f"""
            SELECT crypto_id, vs_currency, snapshot_time, {", ".join(_METRICS)}
            FROM {schema}market_metrics
        """,
        "dim_time": f"SELECT * FROM {schema}dim_time",
        "price_points": f"""
            SELECT {_POINT}, b.landing_file, p.price, p.market_cap, p.total_volume
            FROM {schema}price_points AS p
            JOIN {schema}history_batches AS b ON b.history_batch_id = p.history_batch_id
        """,
        **{
            table.name: f"""
                SELECT {_candle(table)}, s.source_name FROM {schema}{table.name} AS c
                JOIN {schema}dim_source AS s ON s.source_key = c.source_key
            """
            for table in CANDLE_TABLES
        },
        "unrepresentable_in_candles": f"""
            SELECT {_UNREPRESENTABLE} FROM {schema}unrepresentable_values WHERE batch_id = -1
        """,
        "facts": f"""
            SELECT {facts}, b.landing_file, c.symbol, c.name, c.valid_from, o.source_name
            FROM {schema}fact_crypto_price_metrics AS f
            JOIN {schema}ingestion_batches AS b ON b.batch_id = f.batch_id
            JOIN {schema}dim_cryptocurrency AS c ON c.crypto_key = f.crypto_key
            JOIN {schema}dim_source AS o ON o.source_key = f.source_key
        """,
        "unrepresentable_values": f"""
            SELECT u.column_name, u.exact_value, u.reason, u.crypto_id, u.vs_currency,
                u.snapshot_time, b.landing_file
            FROM {schema}unrepresentable_values AS u
            JOIN {schema}ingestion_batches AS b USING (batch_id)
            WHERE u.table_name = 'fact_crypto_price_metrics'
        """,
    }
    return {
        # Not collect(), whose times are the client's local ones.
        table: _comparable(lake.spark.sql(statement).toArrow().to_pylist(maps_as_pydicts="strict"))
        for table, statement in statements.items()
    }


def facts_in_delta_rs(lake: delta.Lake) -> list[dict[str, Any]]:
    """The facts of a lake that delta-rs loaded, as the other two have them; it knows no files."""
    columns = ", ".join(f"f.{name}" for name in FACT.columns if name not in _BEYOND_FACTS)
    with lake_queries(lake) as queries:
        found = queries.execute(f"""
            SELECT {columns}, c.symbol, c.name, c.valid_from, o.source_name
            FROM analytics.fact_crypto_price_metrics AS f
            JOIN analytics.dim_cryptocurrency AS c USING (crypto_key)
            JOIN analytics.dim_source AS o USING (source_key)
        """)
        names = [column[0] for column in found.description]
        return _comparable(dict(zip(names, row, strict=True)) for row in found.fetchall())


def _statements(silver: str, gold: str) -> dict[str, str]:
    return {
        "ingestion_batches": f"SELECT {_BATCHES} FROM {silver}ingestion_batches",
        "cryptocurrencies": f"SELECT * FROM {silver}cryptocurrencies",
        "rejected_records": f"""
            SELECT b.landing_file, r.record_index, r.crypto_id, r.rules, r.reason, r.record
            FROM {silver}rejected_records AS r
            JOIN {silver}ingestion_batches AS b ON b.batch_id = r.batch_id
        """,
        "history_batches": f"SELECT {_HISTORY_BATCHES} FROM {silver}history_batches",
        "rejected_points": f"""
            SELECT b.landing_file, r.point_index, r.rules, r.reason, r.point
            FROM {silver}rejected_points AS r
            JOIN {silver}history_batches AS b ON b.history_batch_id = r.history_batch_id
        """,
        "dim_date": f"SELECT * FROM {gold}dim_date",
        "dim_currency": f"SELECT * FROM {gold}dim_currency",
        "dim_source": f"""
            SELECT source_name, kind, first_ingested_at, last_ingested_at FROM {gold}dim_source
        """,
        "dim_cryptocurrency": f"""
            SELECT crypto_id, symbol, name, valid_from, valid_to, is_current, image_url
            FROM {gold}dim_cryptocurrency
        """,
    }


def _candle(table: LakeTable) -> str:
    beyond = ("source_key", "load_timestamp", "snapshot_month")
    return ", ".join(f"c.{name}" for name in table.columns if name not in beyond)


def _comparable(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return sorted(
        ({name: _value(name, row[name]) for name in sorted(row)} for row in rows), key=repr
    )


def _value(column: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc)
    if isinstance(value, Decimal):
        digits = value.quantize(Decimal(1).scaleb(-_DECIMALS[column].scale), context=_EXACT)
        return format(digits if digits else abs(digits), "f")
    if column == "request" and isinstance(value, str):
        return json.loads(value)
    return value
