"""The health of the warehouse, for machines: a summary, and Prometheus's text format."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from psycopg.rows import class_row

from crypto_pipeline.cli.dagster_tables import dagster_is_readable
from crypto_pipeline.cli.state import State
from crypto_pipeline.model.sql import read_sql


@dataclass(frozen=True)
class Health:
    """What the warehouse holds. Times are in UTC, counts are of all batches.

    Attributes:
        database: Its name.
        revision: Of its schema.
        kind: live, sandbox or recorded; None before the first batch.
        batches: Landing files that were loaded, or could not be.
        batches_failed: Of these, those that could not be.
        batches_pending: Those that are in silver and not yet in gold.
        pending_since: When the first of these was loaded.
        records_fetched: Records of the completed batches.
        records_loaded: Records that became a row.
        records_duplicate: Records whose bucket already had a row.
        records_rejected: Records that were rejected and not loaded since.
        records_replayed: Records that were rejected, and loaded from the quarantine since.
        in_quarantine: Records, and points of price history, that wait in quarantine: those that no
            corrected file has either.
        rows: Snapshots that silver holds.
        coins: Coins that were ever seen.
        newest_data: When the newest data was fetched.
        seconds_behind: Of each currency that is asked for and has data, how much older its newest
            data is than that of all.
        newest_batch: The batch of the newest hour.
        read_at: The database's clock.
    """

    database: str
    revision: str
    kind: str | None
    batches: int
    batches_failed: int
    batches_pending: int
    pending_since: datetime | None
    records_fetched: int
    records_loaded: int
    records_duplicate: int
    records_rejected: int
    records_replayed: int
    in_quarantine: int
    rows: int
    coins: int
    newest_data: datetime | None
    seconds_behind: dict[str, int]
    newest_batch: dict[str, Any] | None
    read_at: datetime

    @property
    def state(self) -> State:
        """What of it says whether all is well."""
        return State(
            self.database,
            self.kind,
            self.newest_data,
            self.seconds_behind,
            self.newest_batch,
            self.batches_pending,
            self.pending_since,
            self.read_at,
        )

    @property
    def problems(self) -> list[str]:
        """What a person should look at, a line each; empty when all is well."""
        return [problem.what for problem in self.state.problems]


def read_health(connection: psycopg.Connection, currencies: Sequence[str]) -> Health:
    """Read a warehouse whose schema is up to date, and into which prices in some currencies are to
    come."""
    with connection.cursor(row_factory=class_row(Health)) as cursor:
        health = cursor.execute(
            read_sql("reports/health.sql"), {"currencies": list(currencies)}
        ).fetchone()
    assert health is not None
    return health


class Run(NamedTuple):
    """A job's newest finished run.

    Attributes:
        job: Name of the job.
        status: SUCCESS, FAILURE or CANCELED.
        seconds: How long it took.
        ended_at: When it ended, in seconds since 1970.
    """

    job: str
    status: str
    seconds: float
    ended_at: float


class Runs(NamedTuple):
    """What Dagster's tables say of the runs.

    Attributes:
        newest: The newest finished run of every job.
        pages: Requests that the newest fetch had an answer to; None before the first.
    """

    newest: list[Run]
    pages: int | None


def read_runs(connection: psycopg.Connection) -> Runs:
    """Read Dagster's tables, where they are and this role may."""
    if not dagster_is_readable(connection):
        return Runs([], None)
    newest = [Run(*row) for row in connection.execute(read_sql("reports/newest_runs.sql"))]
    row = connection.execute(read_sql("reports/fetched_pages.sql")).fetchone()
    return Runs(newest, None if row is None or row[0] is None else int(row[0]))


class HealthCollector(Collector):
    """The figures of a warehouse and of the runs that fill it, for a Prometheus registry.

    Args:
        health: The warehouse's.
        runs: Of Dagster.
        requests_last_minute: Of the API, by the request budget; None where it keeps no count.
    """

    def __init__(
        self,
        health: Health,
        runs: Runs,
        requests_last_minute: int | None,
    ) -> None:
        self._health = health
        self._dagster = runs
        self._requests = requests_last_minute

    def collect(self) -> Iterator[Metric]:
        """The metrics; their names and labels are part of the interface."""
        health = self._health
        if health.newest_data is not None:
            yield GaugeMetricFamily(
                "crypto_pipeline_newest_data_timestamp_seconds",
                "When the newest data was fetched.",
                value=health.newest_data.timestamp(),
            )
        behind = GaugeMetricFamily(
            "crypto_pipeline_seconds_behind",
            "How much older the newest data in a currency is than that in all.",
            labels=["currency"],
        )
        for currency, seconds in sorted(health.seconds_behind.items()):
            behind.add_metric([currency], seconds)
        yield behind
        yield GaugeMetricFamily(
            "crypto_pipeline_healthy",
            "1 if `crypto-pipeline status --json` finds nothing wrong, else 0.",
            value=not health.problems,
        )
        yield GaugeMetricFamily(
            "crypto_pipeline_rows", "Snapshots that silver holds.", value=health.rows
        )
        yield GaugeMetricFamily(
            "crypto_pipeline_coins", "Coins that were ever seen.", value=health.coins
        )
        batches = GaugeMetricFamily(
            "crypto_pipeline_batches", "Batches, by what became of them.", labels=["status"]
        )
        for status, count in {
            "failed": health.batches_failed,
            "waiting": health.batches_pending,
            "complete": health.batches - health.batches_failed - health.batches_pending,
        }.items():
            batches.add_metric([status], count)
        yield batches
        records = CounterMetricFamily(
            "crypto_pipeline_records", "Records, by what became of them.", labels=["outcome"]
        )
        for outcome, count in {
            "loaded": health.records_loaded,
            "duplicate": health.records_duplicate,
            # Those too that a replay has loaded: a counter does not go back.
            "rejected": health.records_rejected + health.records_replayed,
        }.items():
            records.add_metric([outcome], count)
        yield records
        yield GaugeMetricFamily(
            "crypto_pipeline_quarantine",
            "Records, and points of price history, that wait in quarantine.",
            value=health.in_quarantine,
        )
        yield from self._fetches()
        yield from self._runs()

    def _fetches(self) -> Iterator[Metric]:
        if self._requests is not None:
            yield GaugeMetricFamily(
                "crypto_pipeline_api_requests_last_minute",
                "Requests to the API in the last minute, of all processes that share DATA_DIR.",
                value=self._requests,
            )
        if self._dagster.pages is not None:
            yield GaugeMetricFamily(
                "crypto_pipeline_api_pages",
                "Requests that the newest fetch had an answer to.",
                value=self._dagster.pages,
            )

    def _runs(self) -> Iterator[Metric]:
        duration = GaugeMetricFamily(
            "crypto_pipeline_run_duration_seconds",
            "Duration of a job's newest finished run.",
            labels=["job"],
        )
        ended = GaugeMetricFamily(
            "crypto_pipeline_run_end_timestamp_seconds",
            "When a job's newest finished run ended.",
            labels=["job", "status"],
        )
        for run in self._dagster.newest:
            duration.add_metric([run.job], run.seconds)
            ended.add_metric([run.job, run.status], run.ended_at)
        yield duration
        yield ended
