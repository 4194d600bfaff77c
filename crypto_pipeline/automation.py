"""Jobs and schedules."""

from collections.abc import Iterator

import dagster as dg

from crypto_pipeline.assets.lakehouse import GROUP as LAKEHOUSE
from crypto_pipeline.assets.lakehouse import lake_key, maintain_lake
from crypto_pipeline.assets.price_history import repair_price_history
from crypto_pipeline.config.settings import graph_settings, lake_in_use
from crypto_pipeline.lakehouse.schema import CANDLE_TABLES, LAKE_TABLES, MART_TABLES
from crypto_pipeline.model.partitions import partition_key
from crypto_pipeline.warehouse.backup_job import backup
from crypto_pipeline.warehouse.maintenance import maintenance

HOURLY_JOB = "hourly_market_data"
INGEST_JOB = "ingest_market_data"
AUDIT_JOB = "audit"
LOAD_LAKE_JOB = "load_lake"
COIN_LIST_JOB = "daily_coin_list"

_SETTINGS = graph_settings()
_LAKE = _SETTINGS.has_lake
LAKE_IN_USE = lake_in_use()
"""Whether the graph has the lake: else it would be shown as never materialized, for ever."""
_DELTA_RS = _LAKE and _SETTINGS.spark_remote is None


def hourly_assets(lake: bool) -> dg.AssetSelection:
    """What the hourly job materializes and checks."""
    groups = dg.AssetSelection.groups("bronze", "silver", "gold")
    return groups | dg.AssetSelection.groups(LAKEHOUSE) if lake else groups


def audited_checks(lake: bool) -> dg.AssetSelection:
    """What the audit checks."""
    everything = dg.AssetSelection.all_asset_checks()
    if lake or not LAKE_IN_USE:
        return everything
    return everything - dg.AssetSelection.checks_for_assets(
        *map(lake_key, (*LAKE_TABLES, *CANDLE_TABLES, *MART_TABLES))
    )


hourly_market_data = dg.define_asset_job(
    HOURLY_JOB,
    selection=hourly_assets(_LAKE),
    description="Fetch the current hour; carry it through bronze, silver and gold; check it.",
    executor_def=dg.in_process_executor,
)
ingest_market_data = dg.define_asset_job(
    INGEST_JOB,
    selection=dg.AssetSelection.groups("bronze").without_checks(),
    description="Fetch the current hour into the landing zone, and no further.",
    executor_def=dg.in_process_executor,
)
audit = dg.define_asset_job(
    AUDIT_JOB,
    selection=audited_checks(_LAKE),
    description="Check all that the warehouse holds.",
    executor_def=dg.in_process_executor,
)
load_lake = dg.define_asset_job(
    LOAD_LAKE_JOB,
    selection=dg.AssetSelection.groups(LAKEHOUSE),
    description="Bring the lake up to gold, and compare them.",
    executor_def=dg.in_process_executor,
)
daily_coin_list = dg.define_asset_job(
    COIN_LIST_JOB,
    selection=dg.AssetSelection.groups("bronze_coins", "silver_coins"),
    description="Fetch the list of coins; load and check it.",
    executor_def=dg.in_process_executor,
)


@dg.schedule(
    # Ten minutes in, what the source says is of this hour: at minute 0 it is still of the last one,
    # and which of the two a coin's price falls into is chance.
    cron_schedule="10 * * * *",
    job=hourly_market_data,
    execution_timezone="UTC",
    description="At minute 10, the hour that has begun: the source has only a present.",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def hourly_schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """The run of the hour that begins."""
    yield dg.RunRequest(partition_key=partition_key(context.scheduled_execution_time))


nightly_maintenance = dg.ScheduleDefinition(
    name="nightly_maintenance",
    description="Every night, before the audit, which should check what will be kept.",
    cron_schedule="15 2 * * *",
    job=maintenance,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
nightly_lake_maintenance = dg.ScheduleDefinition(
    name="nightly_lake_maintenance",
    description="Every night, if delta-rs loads the lake: an hour's load leaves a small file.",
    cron_schedule="45 2 * * *",
    job=maintain_lake,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING
    if _DELTA_RS
    else dg.DefaultScheduleStatus.STOPPED,
)
nightly_repair = dg.ScheduleDefinition(
    name="nightly_repair",
    description="Every night, after CoinGecko has the day before complete: closes the gaps.",
    cron_schedule="50 0 * * *",
    job=repair_price_history,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
nightly_coin_list = dg.ScheduleDefinition(
    name="nightly_coin_list",
    description="Every night, between the repair and the audit: which coins there are.",
    cron_schedule="20 1 * * *",
    job=daily_coin_list,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
nightly_audit = dg.ScheduleDefinition(
    name="nightly_audit",
    description="Every night, every check over all hours: an hour's run looks at that hour only.",
    cron_schedule="30 3 * * *",
    job=audit,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
nightly_backup = dg.ScheduleDefinition(
    name="nightly_backup",
    description="Every night, after the audit, if BACKUP_DIR says where: a folder for it is a"
    " person's choice, since the default one is on the database's own disk.",
    cron_schedule="10 4 * * *",
    job=backup,
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.STOPPED
    if _SETTINGS.backup_dir is None
    else dg.DefaultScheduleStatus.RUNNING,
)
