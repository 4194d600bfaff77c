"""The bulk load: landing files that the warehouse lacks, set-wise into silver and gold.

The same staging and the same merge files as the hourly assets, without frames in between and
without a run for every hour. Each chunk of files is one transaction, so a load that dies goes on
where it stopped.
"""

import itertools
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg
import psycopg
from psycopg import sql

from crypto_pipeline.assets.column_lineage import gold_lineage, silver_lineage
from crypto_pipeline.assets.gold import GOLD_DEPENDENCIES
from crypto_pipeline.assets.silver import SILVER_TYPES
from crypto_pipeline.partitions import hourly, partition_key
from crypto_pipeline.settings import Settings
from crypto_pipeline.staging import DecodedFile, decode_files, stage
from crypto_pipeline.storage.landing import LandingFile, LandingZone, LandingZoneResource
from crypto_pipeline.storage.postgres import Warehouse, merge, table_metadata
from crypto_pipeline.storage.sql import read_sql

_CHUNK_BYTES = 4_000_000
"""Size of the files, as stored, that makes a transaction complete."""


# Their merges take each key from a row of the table it points at, see sql/merge.
_KEYS_BY_JOIN = ("price_snapshots", "market_metrics")


@dataclass(frozen=True)
class LoadedChunk:
    """What one transaction of the bulk load did.

    Attributes:
        files: The files it loaded.
        errors: What is wrong with files as a whole, by path: they became failed batches.
        counts: Rows by table, as its merge file counts them.
    """

    files: list[LandingFile]
    errors: dict[str, str]
    counts: dict[str, dict[str, int]]


def files_to_load(warehouse: Warehouse, zone: LandingZone) -> list[LandingFile]:
    """The files of the landing zone that are no completed batch, oldest first."""
    with warehouse.connection() as connection:
        loaded = {
            row[0]
            for row in connection.execute(
                "SELECT landing_file FROM ingestion_batches WHERE status = 'completed'"
            )
        }
    return [file for file in zone.files() if file.path not in loaded]


def load_to_silver(
    warehouse: Warehouse, files: list[LandingFile], max_rejected_share: float
) -> Iterator[LoadedChunk]:
    """Load files into silver, a transaction a chunk; the next chunk is decoded meanwhile."""
    with ThreadPoolExecutor(max_workers=1) as decoder:
        chunks = _chunks(files)
        chunk = next(chunks, [])
        decoding = decoder.submit(decode_files, chunk)
        while chunk:
            decoded = decoding.result()
            following = next(chunks, [])
            decoding = decoder.submit(decode_files, following)
            yield _load_chunk(warehouse, chunk, decoded, max_rejected_share)
            chunk = following


def _load_chunk(
    warehouse: Warehouse,
    files: list[LandingFile],
    decoded: list[DecodedFile],
    max_rejected_share: float,
) -> LoadedChunk:
    with warehouse.load() as connection:
        errors = stage(connection, decoded, max_rejected_share)
        counts = {}
        for table in SILVER_TYPES:
            connection.execute(
                sql.SQL("CREATE TEMPORARY VIEW {} AS SELECT * FROM {}").format(
                    sql.Identifier(f"incoming_{table}"), sql.Identifier(f"staged_{table}")
                )
            )
            with _no_foreign_keys(connection, table in _KEYS_BY_JOIN):
                counts[table] = merge(connection, table)
        inserted = {table: counts[table]["rows_inserted"] for table in _KEYS_BY_JOIN}
        if len(set(inserted.values())) != 1:
            raise psycopg.IntegrityError(f"snapshots and metrics are not 1:1: {inserted}")
    return LoadedChunk(files, errors, counts)


def load_to_gold(warehouse: Warehouse) -> dict[str, dict[str, int]]:
    """Load the batches that wait for gold into the star schema, in one transaction.

    Returns:
        Rows by table, as its merge file counts them.
    """
    counts = {}
    with warehouse.load() as connection:
        connection.execute(read_sql("checks/waiting_batches.sql"))
        for table in GOLD_DEPENDENCIES:
            connection.execute(read_sql(f"gold/{table}.sql"))
            with _no_foreign_keys(connection, table.startswith("fact_")):
                counts[table] = merge(connection, table)
        orphan = connection.execute(read_sql("checks/gold/no_orphan_keys.sql")).fetchone()
        if orphan is not None:
            raise psycopg.IntegrityError(f"a fact has no dimension row: {orphan}")
    return counts


@contextmanager
def _no_foreign_keys(connection: psycopg.Connection, suspend: bool) -> Iterator[None]:
    """Merge without looking up each new row's foreign keys one by one, a third of a load's time.

    The caller sees to it that they hold. Only a superuser or a role with SET on the parameter can
    do that; with any other role the foreign keys stay in force.
    """
    allowed = connection.execute(
        "SELECT has_parameter_privilege('session_replication_role', 'SET')"
    ).fetchone()
    suspend = suspend and allowed == (True,)
    if suspend:
        connection.execute("SET LOCAL session_replication_role = replica")
    yield
    if suspend:
        connection.execute("SET LOCAL session_replication_role = origin")


def _chunks(files: list[LandingFile]) -> Iterator[list[LandingFile]]:
    """Files in groups, an hour's together: their names need not tell their order."""
    chunk: list[LandingFile] = []
    size = 0
    for _, hour in itertools.groupby(files, key=lambda file: file.hour):
        for file in hour:
            chunk.append(file)
            size += file.uri.stat().st_size
        if size >= _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


@dg.op
def load_landing_files(
    context: dg.OpExecutionContext, warehouse: Warehouse, landing_zone: LandingZoneResource
) -> None:
    """Load every landing file that is no completed batch yet, into silver and gold.

    Reports a materialization for every hour that has a file, so the partitions of the asset graph
    say what the warehouse holds.
    """
    zone = landing_zone.zone()
    if filed := zone.file_loose():
        context.log.info("%d files filed under their hour", len(filed))
    waiting = files_to_load(warehouse, zone)
    files = [file for file in waiting if file.hour >= hourly.start]
    gold: dict[str, Counter[str]] = {table: Counter() for table in GOLD_DEPENDENCIES}
    done = 0
    began = time.monotonic()
    for chunk in load_to_silver(warehouse, files, Settings().max_rejected_share):
        for path, error in chunk.errors.items():
            context.log.error("%s: %s", path, error)
        for table, counts in load_to_gold(warehouse).items():
            gold[table].update(counts)
        done += len(chunk.files)
        left = (time.monotonic() - began) / done * (len(files) - done)
        context.log.info("%d of %d files loaded, %d s left", done, len(files), left)
        _report_hours(context, warehouse, chunk.files)
    # Of batches that a load before this one left waiting, when there was no file.
    for table, counts in load_to_gold(warehouse).items():
        gold[table].update(counts)
    with warehouse.connection() as connection:
        for table, total in gold.items():
            metadata: dict[str, Any] = {
                **total,
                **table_metadata(connection, "analytics", table),
                "dagster/column_lineage": gold_lineage(connection, table, GOLD_DEPENDENCIES[table]),
            }
            context.log_event(dg.AssetMaterialization(table, metadata=metadata))
    if len(files) < len(waiting):
        raise dg.Failure(
            f"{len(waiting) - len(files)} landing files are older than HISTORY_START"
            f" ({hourly.start:%Y-%m-%d}) and were left, the first is {waiting[0].path}:"
            " set HISTORY_START to an earlier time"
        )


def _report_hours(
    context: dg.OpExecutionContext, warehouse: Warehouse, files: list[LandingFile]
) -> None:
    """Report a materialization of bronze and of each silver table for every hour of the files."""
    with warehouse.connection() as connection:
        described: dict[str, dict[str, Any]] = {
            table: {
                **table_metadata(connection, "public", table),
                "dagster/column_lineage": silver_lineage(connection, table),
            }
            for table in SILVER_TYPES
        }
    for hour, of_hour in itertools.groupby(files, key=lambda file: file.hour):
        paths = {"landing_files": dg.JsonMetadataValue([file.path for file in of_hour])}
        for table, metadata in {"market_snapshots": {}, **described}.items():
            context.log_event(
                dg.AssetMaterialization(
                    table, partition=partition_key(hour), metadata={**metadata, **paths}
                )
            )


LOAD_JOB = "load_landing_zone"


@dg.job(
    name=LOAD_JOB,
    executor_def=dg.in_process_executor,
    description="Load the landing files that the warehouse does not have yet, in bulk.",
)
def load_landing_zone() -> None:
    """Bronze to silver to gold, for any number of files."""
    load_landing_files()
