"""The load of a month that has no partitions yet: built as detached tables, attached when complete.

Rows first, keys and indexes then, foreign keys for all rows at once: a tenth of what each row costs
in a table that is in use. What other transactions see is written at the very end, in the order of
the months, because the first write of a bucket wins.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from crypto_pipeline.model.registry import (
    CRYPTOCURRENCIES,
    CRYPTOCURRENCY_NAMES,
    DIMENSIONS,
    FACT,
    INGESTION_BATCHES,
    MARKET_METRICS,
    PRICE_SNAPSHOTS,
    REJECTED_RECORDS,
)
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.load_report import Line, read_lines
from crypto_pipeline.warehouse.postgres import Warehouse, copy_rows, merge
from crypto_pipeline.warehouse.staging import DecodedFile, Staging

_SILVER = (PRICE_SNAPSHOTS, MARKET_METRICS)
_PARENTS = tuple(table.qualified for table in (*_SILVER, FACT))


class PartitionExistsError(RuntimeError):
    """Another load has committed what takes the month's place, or changes what its rules say."""


@dataclass(frozen=True)
class LoadedPartition:
    """What the load of a month did.

    Attributes:
        lines: The log lines of its batches.
        gold: Rows by table of the star schema, as its merge file counts them.
    """

    lines: list[Line]
    gold: dict[str, dict[str, int]]


def can_attach_partition(warehouse: Warehouse, month: datetime) -> bool:
    """Whether a month has no partitions yet, which those that are built could become."""
    with warehouse.connection() as connection:
        row = connection.execute(
            "SELECT EXISTS (SELECT FROM unnest(%s::regclass[]) AS parent"
            " WHERE month_partition(parent, %s) IS NOT NULL)",
            [list(_PARENTS), month],
        ).fetchone()
    return row == (False,)


def load_partition(
    warehouse: Warehouse,
    month: datetime,
    chunks: Iterable[Sequence[DecodedFile]],
    max_rejected_share: float,
    wait_for_earlier: Callable[[], None],
) -> LoadedPartition:
    """Load all files of a month into silver and gold, in one transaction.

    Args:
        warehouse: The warehouse.
        month: Start of the month, UTC. No file may have a record of a later one.
        chunks: The month's files, decoded; never more than one chunk is held.
        max_rejected_share: A file of whose records a larger share is rejected fails.
        wait_for_earlier: Returns when all earlier months are loaded.

    Raises:
        PartitionExistsError: another load was faster; nothing is done.
    """
    with warehouse.work() as connection:
        # A month is read a dozen times from its temporary tables, and sorted for its indexes.
        connection.execute("SET LOCAL maintenance_work_mem = '256MB'")
        # A session that a pooler gave us may have used its buffers already.
        with suppress(psycopg.errors.InvalidParameterValue), connection.transaction():
            connection.execute("SET LOCAL temp_buffers = '256MB'")
        staging = Staging(connection, max_rejected_share)
        for chunk in chunks:
            staging.add(chunk)
        staging.finish()
        _register_coins(warehouse, connection)
        connection.execute(
            "CREATE TEMPORARY TABLE loading_month ON COMMIT DROP AS"
            " SELECT %(month)s::timestamptz AS starts_at,"
            " %(month)s::timestamptz + interval '1 month' AS ends_at",
            {"month": month},
        )
        _each(connection, "create_loading_month", _PARENTS, month)
        connection.execute(read_sql("partition_load/rows.sql"))
        connection.execute(read_sql("partition_load/silver.sql"))
        _each(connection, "index_loading_month", _PARENTS[:-1], month)
        wait_for_earlier()
        connection.execute("SELECT lock_warehouse()")
        _refuse_existing(connection, month)
        _merge_silver(connection)
        gold = _build_gold(connection, month)
        _each(connection, "attach_loading_month", _PARENTS, month)
        lines = read_lines(connection)
    return LoadedPartition(lines, gold)


def _each(
    connection: psycopg.Connection, function: str, parents: Iterable[str], month: datetime
) -> None:
    """Call a function of ``sql/migrations/0004_whole_months.sql`` for each of the tables."""
    call = sql.SQL("SELECT {}(%s::regclass, %s)").format(sql.Identifier(function))
    for parent in parents:
        connection.execute(call, [parent, month])


def _register_coins(warehouse: Warehouse, connection: psycopg.Connection) -> None:
    """Enter the coins and names that are new, in a transaction of its own: the months that are
    loaded beside this one need the same keys."""
    connection.execute(
        "CREATE TEMPORARY TABLE incoming_cryptocurrencies ON COMMIT DROP AS"
        " SELECT * FROM staged_cryptocurrencies"
    )
    connection.execute(
        "CREATE TEMPORARY TABLE incoming_cryptocurrency_names ON COMMIT DROP AS"
        " SELECT * FROM staged_cryptocurrency_names"
    )
    new = {
        CRYPTOCURRENCIES: connection.execute(
            "SELECT * FROM incoming_cryptocurrencies AS i WHERE NOT EXISTS"
            " (SELECT FROM cryptocurrencies AS c WHERE c.crypto_id = i.crypto_id)"
        ),
        CRYPTOCURRENCY_NAMES: connection.execute(
            "SELECT crypto_id, symbol, name FROM incoming_cryptocurrency_names"
            " EXCEPT SELECT crypto_id, symbol, name FROM cryptocurrency_names"
        ),
    }
    # A new coin has a new name.
    if new[CRYPTOCURRENCY_NAMES].rowcount == 0:
        return
    with warehouse.load() as other:
        for table, rows in new.items():
            incoming = f"incoming_{table.name}"
            other.execute(
                sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS TABLE {} WITH NO DATA").format(
                    sql.Identifier(incoming), sql.Identifier(table.name)
                )
            )
            columns = [column.name for column in rows.description or ()]
            copy_rows(other, incoming, columns, iter(rows))
            merge(other, table)


def _refuse_existing(connection: psycopg.Connection, month: datetime) -> None:
    taken = connection.execute(
        "SELECT landing_file FROM staged_files"
        " JOIN ingestion_batches USING (landing_file) WHERE status = 'completed'"
        " UNION ALL"
        " SELECT month_partition(parent, %s)::text FROM unnest(%s::regclass[]) AS parent"
        " WHERE month_partition(parent, %s) IS NOT NULL"
        # Evaluated before an earlier month decided what kind of data the database holds.
        " UNION ALL"
        " SELECT kind FROM data_origin WHERE EXISTS (SELECT FROM staged_ingestion_batches"
        " WHERE NOT failed AND source_kind(source) <> kind)",
        [month, list(_PARENTS), month],
    ).fetchone()
    if taken is not None:
        raise PartitionExistsError(f"{taken[0]} is there already")


def _merge_silver(connection: psycopg.Connection) -> None:
    connection.execute(
        "CREATE TEMPORARY VIEW incoming_ingestion_batches AS SELECT * FROM staged_ingestion_batches"
    )
    connection.execute(
        "CREATE TEMPORARY VIEW incoming_rejected_records AS SELECT * FROM staged_rejected_records"
    )
    connection.execute(read_sql("partition_load/other_months.sql"))
    for table in (INGESTION_BATCHES, CRYPTOCURRENCIES, *_SILVER):
        merge(connection, table)
    connection.execute(read_sql("partition_load/batches.sql"))
    merge(connection, REJECTED_RECORDS)


def _build_gold(connection: psycopg.Connection, month: datetime) -> dict[str, dict[str, int]]:
    connection.execute(read_sql("partition_load/pruned_views.sql"))
    connection.execute(read_sql("gold/pending.sql"))
    connection.execute(read_sql("partition_load/pending.sql"))
    counts = {}
    for table in DIMENSIONS:
        connection.execute(read_sql(f"gold/{table.name}.sql"))
        counts[table.name] = merge(connection, table)
    connection.execute(read_sql(f"gold/{FACT.name}.sql"))
    connection.execute(read_sql("partition_load/facts.sql"))
    of_month = connection.execute("SELECT count(*) FROM month_price_snapshots").fetchone()
    assert of_month is not None
    _each(connection, "index_loading_month", [FACT.qualified], month)
    connection.execute(read_sql("gold/pending.sql"))
    counts[FACT.name] = merge(connection, FACT)
    counts[FACT.name]["rows_inserted"] += of_month[0]
    return counts
