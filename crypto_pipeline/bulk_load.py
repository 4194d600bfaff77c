"""The bulk load: landing files that the warehouse lacks, set-wise into silver and gold.

The same staging and the same merge files as the hourly assets, without frames in between and
without a run for every hour. Each chunk of files is one transaction, so a load that dies goes on
where it stopped.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import dagster as dg
from psycopg import sql

from crypto_pipeline.assets.gold import GOLD_DEPENDENCIES
from crypto_pipeline.assets.silver import SILVER_TYPES
from crypto_pipeline.partitions import hourly, partition_key
from crypto_pipeline.settings import Settings
from crypto_pipeline.staging import stage
from crypto_pipeline.storage.landing import LandingFile, LandingZone, LandingZoneResource
from crypto_pipeline.storage.postgres import Warehouse, merge
from crypto_pipeline.storage.sql import read_sql

_CHUNK_BYTES = 8_000_000
"""Size of the files, as stored, that makes a transaction complete."""


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
    """Load files into silver, a transaction a chunk."""
    for chunk in _chunks(files):
        with warehouse.load() as connection:
            errors = stage(connection, chunk, max_rejected_share)
            counts = {}
            for table in SILVER_TYPES:
                connection.execute(
                    sql.SQL("CREATE TEMPORARY VIEW {} AS SELECT * FROM {}").format(
                        sql.Identifier(f"incoming_{table}"), sql.Identifier(f"staged_{table}")
                    )
                )
                counts[table] = merge(connection, table)
        yield LoadedChunk(chunk, errors, counts)


def load_to_gold(warehouse: Warehouse) -> dict[str, dict[str, int]]:
    """Load the batches that wait for gold into the star schema, in one transaction.

    Returns:
        Rows by table, as its merge file counts them.
    """
    counts = {}
    with warehouse.load() as connection:
        for table in GOLD_DEPENDENCIES:
            connection.execute(read_sql(f"gold/{table}.sql"))
            counts[table] = merge(connection, table)
    return counts


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
    """Load every landing file that is no completed batch yet, then gold.

    Reports a materialization for every hour that has a file, so the partitions of the asset graph
    say what the warehouse holds.
    """
    zone = landing_zone.zone()
    for file in zone.file_loose():
        context.log.info("filed %s", file.path)
    files = files_to_load(warehouse, zone)
    first = hourly.start
    too_old = [file for file in files if file.hour < first]
    if too_old:
        raise dg.Failure(
            f"{len(too_old)} landing files are older than HISTORY_START ({first:%Y-%m-%d}), the"
            f" first is {too_old[0].path}: set HISTORY_START to an earlier time",
        )
    done = 0
    for chunk in load_to_silver(warehouse, files, Settings().max_rejected_share):
        for path, error in chunk.errors.items():
            context.log.error("%s: %s", path, error)
        done += len(chunk.files)
        context.log.info("%d of %d files loaded", done, len(files))
        for hour in sorted({file.hour for file in chunk.files}):
            for table in ("market_snapshots", *SILVER_TYPES):
                context.log_event(dg.AssetMaterialization(table, partition=partition_key(hour)))
    for table, counts in load_to_gold(warehouse).items():
        context.log_event(dg.AssetMaterialization(table, metadata=dict(counts)))


LOAD_JOB = "load_landing_zone"


@dg.job(
    name=LOAD_JOB,
    executor_def=dg.in_process_executor,
    description="Load the landing files that the warehouse does not have yet, in bulk.",
)
def load_landing_zone() -> None:
    """Bronze to silver to gold, for any number of files."""
    load_landing_files()
