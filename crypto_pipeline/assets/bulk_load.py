"""The bulk load as Dagster sees it: two jobs, that report every hour they loaded.

How files get into the tables is in ``warehouse/bulk_load.py``.
"""

import logging
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import dagster as dg
from upath import UPath

from crypto_pipeline.assets.coin_list import say_list
from crypto_pipeline.assets.conventions import report_tables
from crypto_pipeline.assets.partitions import hourly
from crypto_pipeline.assets.price_history import report_months, say_loaded
from crypto_pipeline.assets.quotes import say_answer
from crypto_pipeline.coins.load import files_to_load as coin_lists_to_load
from crypto_pipeline.coins.load import load_coin_lists
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.dagster_internals import report_materializations
from crypto_pipeline.history.backfill import History
from crypto_pipeline.history.imports import import_file
from crypto_pipeline.landing.landed import HISTORY_FOLDER
from crypto_pipeline.landing.resource import LandingZoneResource, files_metadata
from crypto_pipeline.landing.zone import COIN_LIST_FOLDER, SOURCES_FOLDER, LandingZone
from crypto_pipeline.model.partitions import partition_key
from crypto_pipeline.model.registry import (
    CANDLE_TABLES,
    COIN_LIST_BATCHES,
    COIN_LIST_TABLES,
    FACT_CONSENSUS,
    GOLD_TABLES,
    HISTORY_BATCHES,
    HISTORY_TABLES,
    INGESTION_BATCHES,
    MART_TABLES,
    QUOTE_BATCHES,
    QUOTE_TABLES,
    SILVER_TABLES,
)
from crypto_pipeline.quotes.consensus import load_consensus
from crypto_pipeline.quotes.load import answers_to_load, load_answers
from crypto_pipeline.warehouse.advisory_locks import AdvisoryLock, exclusive
from crypto_pipeline.warehouse.bulk_load import files_to_load, load_files, load_to_gold
from crypto_pipeline.warehouse.candles import load_candles_of_snapshots
from crypto_pipeline.warehouse.load_report import say
from crypto_pipeline.warehouse.marts import load_marts
from crypto_pipeline.warehouse.postgres import Warehouse, work_for_run
from crypto_pipeline.warehouse.resource import WarehouseResource, table_metadata
from crypto_pipeline.warehouse.staging import DecodedFile, completed_files


class _Later(OSError):
    """A file that is filed when the others are loaded."""


_WITH_FILES = ("market_snapshots", INGESTION_BATCHES.name)
_SECONDS_BETWEEN_MESSAGES = 1.0


@dataclass(frozen=True)
class LoadProgress:
    """How far a bulk load is, as its run's log reports it.

    Attributes:
        files_read: Files decoded so far.
        files: Files there are to load.
        records_read: Records in the files decoded so far.
    """

    files_read: int
    files: int
    records_read: int

    def __str__(self) -> str:
        return f"{self.files_read} of {self.files} files read, {self.records_read} records"

    @classmethod
    def read(cls, message: str) -> "LoadProgress | None":
        """The progress that a message of the run's log reports, if it reports one."""
        match = re.fullmatch(r"(\d+) of (\d+) files read, (\d+) records", message)
        return None if match is None else cls(*map(int, match.groups()))


class _ProgressLog:
    """Writes progress to a run's log, now and then and at the end; called from any thread."""

    def __init__(self, log: logging.Logger, files: int) -> None:
        self._log = log
        self._progress = LoadProgress(0, files, 0)
        self._lock = threading.Lock()
        self._next = 0.0

    def __call__(self, decoded: Sequence[DecodedFile]) -> None:
        with self._lock:
            self._progress = progress = replace(
                self._progress,
                # A month that is loaded once more, chunk by chunk, is read twice.
                files_read=min(self._progress.files_read + len(decoded), self._progress.files),
                records_read=self._progress.records_read
                + sum(len(file.records) for file in decoded),
            )
            if time.monotonic() >= self._next or progress.files_read == progress.files:
                self._next = time.monotonic() + _SECONDS_BETWEEN_MESSAGES
                self._log.info(str(progress))


@contextmanager
def only_bulk_load(context: dg.OpExecutionContext, warehouse: Warehouse) -> Iterator[None]:
    """Wait until no other bulk load runs, and keep others waiting; hourly runs go on."""

    def say() -> None:
        context.log.info("waiting for another bulk load to end")

    with warehouse.connection() as connection, exclusive(connection, AdvisoryLock.BULK_LOAD, say):
        yield


@dg.op
def load_landing_files(
    context: dg.OpExecutionContext, warehouse: WarehouseResource, landing_zone: LandingZoneResource
) -> None:
    """Load every landing file that is no completed batch yet, into silver and gold.

    Reports a materialization for every hour that has a file, so the partitions of the asset graph
    say what the warehouse holds.
    """
    work_for_run(context.run_id)
    with only_bulk_load(context, warehouse):
        left = _load_pending(context, warehouse, landing_zone.zone())
    if left is not None:
        raise dg.Failure(left, allow_retries=False)


@dg.op
def replay_landing_files(
    context: dg.OpExecutionContext, warehouse: WarehouseResource, landing_zone: LandingZoneResource
) -> None:
    """Empty silver and gold and load every landing file again.

    A replay that died is continued: what it has loaded stays. One that ends while this one waits
    for it has done the work. Nothing is emptied when a file that was loaded is missing, nor by a
    role that may only load.
    """
    work_for_run(context.run_id)
    zone = landing_zone.zone()
    _refuse_loader(warehouse)
    joined = _unfinished_replay(warehouse)
    with only_bulk_load(context, warehouse):
        if joined is not None and joined != _unfinished_replay(warehouse):
            context.log.info("the replay that was under way has loaded everything")
            return
        if joined is None:
            _refuse_loss(warehouse, zone)
        with warehouse.connection() as connection:
            row = connection.execute("SELECT begin_replay()").fetchone()
        assert row is not None
        left = _load_pending(context, warehouse, zone)
        with warehouse.connection() as connection:
            connection.execute(
                "UPDATE loading.replays SET finished_at = now() WHERE replay_id = %s", [row[0]]
            )
    if left is not None:
        raise dg.Failure(left, allow_retries=False)


def _refuse_loader(warehouse: Warehouse) -> None:
    """Refuse a role that may not empty the tables, and say which may."""
    with warehouse.connection() as connection:
        row = connection.execute(
            "SELECT has_function_privilege(oid, 'EXECUTE'), current_user, pg_get_userbyid(proowner)"
            " FROM pg_proc WHERE oid = 'begin_replay()'::regprocedure"
        ).fetchone()
    assert row is not None
    may, role, owner = row
    if not may:
        raise dg.Failure(
            f"a replay empties the tables, which role {role} may not: run it as their owner,"
            f" {owner} (docs/SECURITY.md); nothing was changed",
            allow_retries=False,
        )


def _unfinished_replay(warehouse: Warehouse) -> int | None:
    with warehouse.connection() as connection:
        row = connection.execute(
            "SELECT replay_id FROM loading.replays WHERE finished_at IS NULL"
        ).fetchone()
    return None if row is None else int(row[0])


def _refuse_loss(warehouse: Warehouse, zone: LandingZone) -> None:
    """Refuse to empty a warehouse that holds more than its landing zone can give back."""
    there = {file.path for file in zone.files()}
    there |= {file.path for file in zone.stored(HISTORY_FOLDER)}
    there |= {file.path for file in zone.stored(COIN_LIST_FOLDER)}
    there |= {file.path for file in zone.stored(SOURCES_FOLDER)}
    missing = sorted(
        path
        for batches in (INGESTION_BATCHES, HISTORY_BATCHES, COIN_LIST_BATCHES, QUOTE_BATCHES)
        for path in completed_files(warehouse, batches) - there
    )
    if missing:
        raise dg.Failure(
            f"{len(missing)} files that were loaded are not in the landing zone, the first is"
            f" {missing[0]}: nothing was changed",
            allow_retries=False,
        )


def _load_pending(
    context: dg.OpExecutionContext, warehouse: Warehouse, zone: LandingZone
) -> str | None:
    """Load what is no completed batch yet; what was left and why, in words."""
    left: list[str] = []
    later: list[str] = []

    def not_filed(uri: UPath, problem: Exception) -> None:
        if isinstance(problem, _Later):
            later.append(str(uri))
            return
        context.log.warning("%s cannot be filed: %s", uri, problem)
        left.append(f"{uri} could not be filed and was left: {problem}")

    def file_later(name: str, _: bytes) -> bool:
        raise _Later(name)

    def file_now(name: str, content: bytes) -> bool:
        import_file(warehouse, zone, name, content)
        return True

    if filed := zone.file_unfiled(on_failure=not_filed, file_history=file_later):
        context.log.info("%d files filed under their hour", len(filed))
    files = files_to_load(warehouse, zone)
    if files and files[0].hour < hourly.start:
        context.log.info(
            "the oldest file is of %s: reload the code location (Deployment, Reload) to see the"
            " hours before %s",
            partition_key(files[0].hour),
            partition_key(hourly.start),
        )
    gold: dict[str, Counter[str]] = {table.name: Counter() for table in GOLD_TABLES}

    def count(counts_by_table: dict[str, dict[str, int]]) -> None:
        for table, counts in counts_by_table.items():
            gold[table].update(counts)

    # Of batches that a load before this one left pending.
    count(load_to_gold(warehouse))
    _report_unreported(context, warehouse)
    progress = _ProgressLog(context.log, len(files))
    share = Settings().max_rejected_share
    for loaded in load_files(warehouse, files, share, progress, partial(say, context)):
        count(loaded.gold)
        hours: dict[str, list[str]] = defaultdict(list)
        for file in loaded.files:
            hours[partition_key(file.hour)].append(file.path)
        report_hours(context, warehouse, hours)
    if later:
        # Now the coins of the other files are known.
        zone.file_unfiled(
            among_hours=False,
            on_failure=not_filed,
            file_history=file_now,
        )
    failed = History(warehouse, zone, Settings()).load_pending(
        lambda loaded: say_loaded(context.log, loaded)
    )
    if failed:
        left.append(f"{failed} files of price history could not be loaded: see history_batches")
    lists = coin_lists_to_load(warehouse, zone)
    failed = load_coin_lists(
        warehouse, zone, lists, share, lambda loaded: say_list(context.log, loaded)
    )
    if failed:
        left.append(f"{failed} lists of coins could not be loaded: see coin_list_batches")
    candles = load_candles_of_snapshots(warehouse)
    answers = answers_to_load(warehouse, zone)
    failed = load_answers(
        warehouse, zone, answers, share, lambda loaded: say_answer(context.log, loaded)
    )
    if failed:
        left.append(f"{failed} answers of further sources could not be loaded: see quote_batches")
    consensus = {FACT_CONSENSUS.name: load_consensus(warehouse)}
    marts = load_marts(warehouse)
    report_months(context, warehouse)
    tables = (*GOLD_TABLES, *HISTORY_TABLES, *CANDLE_TABLES, *MART_TABLES)
    tables = (*tables, *(COIN_LIST_TABLES if lists else ()))
    if Settings().has_further_source:
        # Else the graph has none of them.
        tables = (*tables, *(QUOTE_TABLES if answers else ()), FACT_CONSENSUS)
    report_tables(context, warehouse, tables, {**gold, **candles, **consensus, **marts})
    return "; ".join(left) or None


def _report_unreported(context: dg.OpExecutionContext, warehouse: Warehouse) -> None:
    """Report the hours of a load that died after its commit."""
    reported = context.instance.get_materialized_partitions(dg.AssetKey(SILVER_TABLES[-1].name))
    hours: dict[str, list[str]] = defaultdict(list)
    with warehouse.connection() as connection:
        for hour, path in connection.execute(
            "SELECT partition_hour, landing_file FROM ingestion_batches"
            " WHERE status = 'completed' ORDER BY 1, 2",
        ):
            if (key := partition_key(hour)) not in reported:
                hours[key].append(path)
    report_hours(context, warehouse, hours)


def report_hours(
    context: dg.OpExecutionContext, warehouse: Warehouse, hours: Mapping[str, Sequence[str]]
) -> None:
    """Report a materialization of bronze and of each silver table for every hour.

    Args:
        context: Of the run.
        warehouse: Whose tables are described.
        hours: Paths of the landing files, by partition, the newest last.
    """
    if not hours:
        return
    # Of a table as it is now, so with the newest hour alone.
    described: dict[str, dict[str, Any]] = {"market_snapshots": {}}
    with warehouse.connection() as connection:
        for table in SILVER_TABLES:
            described[table.name] = table_metadata(connection, table)
    *_, newest = hours
    for asset, description in described.items():
        report_materializations(
            context,
            [
                dg.AssetMaterialization(
                    asset,
                    partition=key,
                    metadata={
                        **(description if key == newest else {}),
                        **(files_metadata(paths) if asset in _WITH_FILES else {}),
                    },
                )
                for key, paths in hours.items()
            ],
        )


LOAD_JOB = "load_landing_zone"
REPLAY_JOB = "replay_landing_zone"


@dg.job(
    name=LOAD_JOB,
    executor_def=dg.in_process_executor,
    description="Load the landing files that the warehouse does not have yet, in bulk.",
)
def load_landing_zone() -> None:
    """Bronze to silver to gold, for any number of files."""
    load_landing_files()


@dg.job(
    name=REPLAY_JOB,
    executor_def=dg.in_process_executor,
    description="Empty silver and gold, and load all of the landing zone again.",
)
def replay_landing_zone() -> None:
    """Bronze to silver to gold, from the beginning."""
    replay_landing_files()
