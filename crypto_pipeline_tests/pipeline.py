"""Running the pipeline in a test, and comparing what warehouses hold."""

import functools
import itertools
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import dagster as dg
import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from crypto_pipeline.automation import HOURLY_JOB
from crypto_pipeline.definitions import defs
from crypto_pipeline.model.partitions import partition_key
from crypto_pipeline.warehouse.postgres import Warehouse

Contents = dict[str, list[dict[str, Any]]]
"""The rows of every table, by its qualified name."""

# What a surrogate key stands for, in words that are the same in every database.
_BUSINESS_KEYS = {
    "batch_id": "SELECT batch_id, landing_file FROM ingestion_batches",
    "history_batch_id": "SELECT history_batch_id, landing_file FROM history_batches",
    "quote_batch_id": "SELECT quote_batch_id, landing_file FROM quote_batches",
    "name_id": "SELECT name_id, concat_ws(' / ', crypto_id, symbol, name)"
    " FROM cryptocurrency_names",
    "crypto_key": "SELECT crypto_key, concat_ws(' from ', crypto_id, valid_from)"
    " FROM analytics.dim_cryptocurrency",
    "source_key": "SELECT source_key, source_name FROM analytics.dim_source",
}
_LOAD_TIMES = (
    *("loaded_at", "rejected_at", "revised_at", "load_timestamp", "run_id"),
    *("candles_loaded_at", "consensus_loaded_at", "read_until", "loaded_until"),
)

# From the catalogue, so that a table added later is compared too; a partition is read as a part of
# its table.
_TABLES = """
SELECT n.nspname, c.relname
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname IN ('public', 'analytics') AND c.relkind IN ('r', 'p')
    -- The ledger says what was asked for, whatever came of it.
    AND NOT c.relispartition AND c.relname NOT IN ('alembic_version', 'api_requests')
ORDER BY 1, 2
"""

_numbers = itertools.count(1)


def contents(warehouse: Warehouse) -> Contents:
    """All that the warehouse holds, but for what depends on when and in which database it was
    loaded: surrogate keys are replaced by the business keys they stand for, and of the times of
    loading only ``gold_loaded_at`` remains, as whether there is one."""
    with warehouse.connection() as connection:
        return contents_of(connection)


def contents_of(connection: psycopg.Connection) -> Contents:
    """The same, of what the connection goes to."""
    business = {
        column: dict(connection.execute(query).fetchall())
        for column, query in _BUSINESS_KEYS.items()
    }
    return {
        f"{schema}.{table}": sorted(
            (_comparable(row, business) for row in _all_rows(connection, schema, table)),
            key=repr,
        )
        for schema, table in connection.execute(_TABLES).fetchall()
    }


def _all_rows(connection: psycopg.Connection, schema: str, table: str) -> list[dict[str, Any]]:
    query = sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, table))
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query).fetchall()


def _comparable(
    row: Mapping[str, Any], business: Mapping[str, Mapping[Any, Any]]
) -> dict[str, Any]:
    comparable = {
        column: business[column][value] if column in business else value
        for column, value in row.items()
        if column not in _LOAD_TIMES
    }
    if "gold_loaded_at" in comparable:
        comparable["gold_loaded_at"] = comparable["gold_loaded_at"] is not None
    return comparable


def rows(warehouse: Warehouse, query: str) -> list[tuple[Any, ...]]:
    """The result of a query."""
    with warehouse.connection() as connection:
        return connection.execute(query).fetchall()


def batches(warehouse: Warehouse) -> dict[str, dict[str, Any]]:
    """The rows of ``ingestion_batches`` by the bare name of their landing file."""
    with warehouse.connection() as connection:
        table = _all_rows(connection, "public", "ingestion_batches")
    return {row["landing_file"].rpartition("/")[2]: row for row in table}


def another_warehouse(monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """An empty warehouse beside the one of the fixture; from here on the settings name this one."""
    monkeypatch.setenv("DB_NAME", f"another_{next(_numbers)}")
    return Warehouse()


def refuse_file(warehouse: Warehouse, like: str) -> None:
    """Let every load of a landing file of some name fail, for no reason that lies in its data."""
    with warehouse.connection() as connection:
        connection.execute(
            "CREATE FUNCTION refuse_file() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'as told'; END $$"
        )
        connection.execute(
            "CREATE TRIGGER refuse_file BEFORE INSERT ON ingestion_batches FOR EACH ROW"
            f" WHEN (NEW.landing_file LIKE '{like}') EXECUTE FUNCTION refuse_file()"
        )


def open_months(warehouse: Warehouse, months: Iterable[datetime]) -> Warehouse:
    """Give months their partitions, so that a load merges into them and builds none detached."""
    with warehouse.connection() as connection:
        for table in ("price_snapshots", "market_metrics", "analytics.fact_crypto_price_metrics"):
            connection.execute(
                "SELECT ensure_month_partitions(%s::regclass, %s)", [table, list(months)]
            )
    return warehouse


def load_landing_zone() -> dg.ExecuteInProcessResult:
    """Run the bulk load."""
    return defs.resolve_job_def("load_landing_zone").execute_in_process()


def run_hour(
    hour: datetime,
    tags: Mapping[str, str] | None = None,
    *,
    checks: bool = False,
    raise_on_error: bool = True,
    instance: dg.DagsterInstance | None = None,
) -> dg.ExecuteInProcessResult:
    """Run the hourly job for one partition; its checks, most of its time, only where asked for."""
    return _hourly_job(checks).execute_in_process(
        partition_key=partition_key(hour),
        tags=dict(tags or {}),
        raise_on_error=raise_on_error,
        instance=instance,
    )


@functools.cache
def _hourly_job(checks: bool) -> dg.JobDefinition:
    job = defs.resolve_job_def(HOURLY_JOB)
    if checks:
        return job
    assets = job.asset_layer.executable_asset_keys
    return job.get_subset(asset_selection=set(assets), asset_check_selection=set())
