"""The replay of the quarantine as Dagster sees it: a job.

How records and points get back into the tables is in ``warehouse/quarantine.py`` and
``history/quarantine.py``.
"""

from collections import Counter, defaultdict

import dagster as dg
from pydantic import Field

from crypto_pipeline.assets.bulk_load import only_bulk_load, report_hours
from crypto_pipeline.assets.conventions import moment, report_tables
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.history.quarantine import replay_points
from crypto_pipeline.landing.resource import LandingZoneResource
from crypto_pipeline.model.partitions import partition_key
from crypto_pipeline.model.quality import unknown_rules
from crypto_pipeline.model.registry import (
    CANDLE_TABLES,
    GOLD_TABLES,
    HISTORY_TABLES,
    MART_TABLES,
)
from crypto_pipeline.warehouse.candles import load_candles_of_snapshots
from crypto_pipeline.warehouse.load_report import say
from crypto_pipeline.warehouse.marts import load_marts
from crypto_pipeline.warehouse.postgres import work_for_run
from crypto_pipeline.warehouse.quarantine import ReplayedFile, Selection, replay_records
from crypto_pipeline.warehouse.resource import WarehouseResource


class QuarantineConfig(dg.Config):
    """What of the quarantine is replayed.

    Attributes:
        rules: Names of rules: what one of them rejected. Without any, all.
        since: Of files that were fetched then or later, ISO 8601, UTC. Without it, of all.
    """

    rules: list[str] = Field(default_factory=list)
    since: str | None = None

    def selection(self) -> Selection:
        """The same for a query.

        Raises:
            dg.Failure: there is no such rule, or it is no time.
        """
        if unknown := unknown_rules(self.rules):
            raise dg.Failure(
                f"there is no rule {', '.join(unknown)}: docs/QUALITY_RULES.md has their names",
                allow_retries=False,
            )
        since = None if self.since is None else moment("since", self.since)
        return {"rules": self.rules or None, "since": since}


@dg.op
def replay_quarantined(
    context: dg.OpExecutionContext,
    config: QuarantineConfig,
    warehouse: WarehouseResource,
    landing_zone: LandingZoneResource,
) -> None:
    """Load what waits in quarantine and no rule rejects any more, as if it had been good from the
    start; then the candles.

    A file that cannot be read, or is not the one that was loaded, keeps no other from being
    replayed; it fails the run in the end.
    """
    work_for_run(context.run_id)
    selection = config.selection()
    zone = landing_zone.zone()
    share = Settings().max_rejected_share
    hours: dict[str, list[str]] = defaultdict(list)
    total: Counter[str] = Counter()
    left: list[str] = []
    with only_bulk_load(context, warehouse):
        for replay in (replay_records, replay_points):
            for done in replay(warehouse, zone, selection, share):
                say(context, [file.line for file in done.files])
                left += done.left
                for file in done.files:
                    total.update(_counts(file))
                    if file.partition_hour is not None and file.loaded:
                        hours[partition_key(file.partition_hour)].append(file.landing_file)
        candles = load_candles_of_snapshots(warehouse)
        marts = load_marts(warehouse)
        report_hours(context, warehouse, dict(sorted(hours.items())))
        if total["loaded"] or total["corrected"]:
            tables = (*HISTORY_TABLES, *GOLD_TABLES, *CANDLE_TABLES, *MART_TABLES)
            report_tables(context, warehouse, tables, {**candles, **marts})
    context.log.info(
        "of %d in quarantine %d resolved, %d wait: %d loaded, %d duplicate",
        *(total["waited"], total["waited"] - total["waiting"], total["waiting"]),
        *(total["loaded"], total["duplicate"]),
    )
    for line in left:
        context.log.error(line)
    if left:
        raise dg.Failure("; ".join(left), allow_retries=False)


def _counts(file: ReplayedFile) -> dict[str, int]:
    counted = ("waited", "waiting", "corrected", "loaded", "duplicate")
    return {name: getattr(file, name) for name in counted}


QUARANTINE_JOB = "replay_quarantine"


@dg.job(
    name=QUARANTINE_JOB,
    executor_def=dg.in_process_executor,
    description="Load what waits in quarantine and no rule rejects any more.",
)
def replay_quarantine() -> None:
    """Bronze to silver to gold, of the records and points in quarantine."""
    replay_quarantined()
