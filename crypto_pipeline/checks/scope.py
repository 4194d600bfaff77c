"""Which batches a check looks at, and how an answer of wrong rows becomes a result."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import dagster as dg
import psycopg
from psycopg import sql

from crypto_pipeline.model.markdown import markdown_table
from crypto_pipeline.model.partitions import partition_hour
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse

LOADED_SINCE_TAG = "crypto_pipeline/loaded_since"
"""Tag of a run that checks the hours of a load: when the load began. What the load itself has
judged, the rules, the SHA-256 of the files and what keys and constraints refuse, is not judged
again."""

HOURS_TAG = "crypto_pipeline/hours"
"""Tag of a run without partitions whose checks look at some hours: ``<first>/<last>``."""

_PARTITION = "dagster/partition"
_RANGE_START = "dagster/asset_partition_range_start"
_RANGE_END = "dagster/asset_partition_range_end"
_SAMPLES = 5
_MONTHS_AT_ONCE = 2


def run_hours(tags: dict[str, str]) -> tuple[datetime, datetime] | None:
    """The hours of a run, from its tags: start, and end exclusive; None without any."""
    if HOURS_TAG in tags:
        first, _, last = tags[HOURS_TAG].partition("/")
    elif _PARTITION in tags:
        first = last = tags[_PARTITION]
    elif _RANGE_START in tags:
        first, last = tags[_RANGE_START], tags[_RANGE_END]
    else:
        return None
    return partition_hour(first), partition_hour(last) + timedelta(hours=1)


def loaded_since(tags: dict[str, str]) -> datetime | None:
    """When the load began whose hours a run checks, if it checks those of a load."""
    since = tags.get(LOADED_SINCE_TAG)
    return None if since is None else datetime.fromisoformat(since)


def ask_each_month(
    warehouse: Warehouse,
    context: dg.AssetCheckExecutionContext,
    ask: Callable[[psycopg.Connection], None],
) -> None:
    """Call a function, month by month, with a connection that has the temporary table
    ``scoped_batches``: the batches of the run's hours, of all hours in a run without; and the
    temporary views ``pruned_<table>``, in which the check looks for their rows.

    A month at a time, so that a check of everything needs no more memory or disk than two months:
    two are in work side by side, each in a thread of its own.
    """
    start, end = run_hours(dict(context.run.tags)) or (None, None)
    with warehouse.connection() as connection:
        months = connection.execute(
            read_sql("checks/months.sql"), {"start": start, "end": end}
        ).fetchall()

    def ask_month(month: tuple[datetime, datetime]) -> None:
        month_start, month_end = month
        with warehouse.work() as connection:
            connection.execute(
                read_sql("checks/scoped_batches.sql"), {"start": month_start, "end": month_end}
            )
            connection.execute("ANALYZE scoped_batches")
            connection.execute(
                read_sql("checks/pruned_views.sql"),
                {"start": None if start is None else month_start},
            )
            ask(connection)

    with ThreadPoolExecutor(_MONTHS_AT_ONCE) as pool:
        for _ in pool.map(ask_month, months):
            pass


@dataclass
class WrongRows:
    """The answer of a check's query: the rows that are wrong.

    Attributes:
        count: How many there are.
        columns: The columns of the samples.
        samples: The first few.
    """

    count: int = 0
    columns: list[str] = field(default_factory=list)
    samples: list[tuple[Any, ...]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def add(self, connection: psycopg.Connection, query: sql.Composed | str) -> None:
        """Ask, and add the answer; called from any thread."""
        counted = sql.SQL(
            "WITH wrong AS ({}) SELECT count(*) OVER () AS wrong_rows, * FROM wrong LIMIT {}"
        ).format(
            sql.SQL(query) if isinstance(query, str) else query,
            sql.Literal(_SAMPLES),
        )
        cursor = connection.execute(counted)
        rows = cursor.fetchall()
        if not rows:
            return
        assert cursor.description is not None
        with self._lock:
            self.count += int(rows[0][0])
            self.columns = [column.name for column in cursor.description[1:]]
            self.samples += [row[1:] for row in rows[: _SAMPLES - len(self.samples)]]

    def add_counted(
        self, connection: psycopg.Connection, query: str, parameters: dict[str, str]
    ) -> None:
        """Ask a query that answers how many there are."""
        row = connection.execute(query, parameters).fetchone()
        assert row is not None
        with self._lock:
            self.count += int(row[0])

    def result(
        self, spec: dg.AssetCheckSpec, severity: dg.AssetCheckSeverity
    ) -> dg.AssetCheckResult:
        """The result of the check: passed when there is no wrong row."""
        metadata: dict[str, Any] = {"wrong_rows": self.count}
        if self.samples:
            metadata["samples"] = dg.MarkdownMetadataValue(
                markdown_table(self.columns, [list(row) for row in self.samples])
            )
        return dg.AssetCheckResult(
            asset_key=spec.asset_key,
            check_name=spec.name,
            passed=self.count == 0,
            severity=severity,
            metadata=metadata,
        )
