"""The nightly backup of the embedded database, as a job."""

import dagster as dg

from crypto_pipeline.config.settings import Settings
from crypto_pipeline.warehouse.backup import make_backup


@dg.op
def back_up_database(context: dg.OpExecutionContext) -> None:
    """Back up the embedded database into BACKUP_DIR, compare the backup with it, and keep the
    newest BACKUP_KEEP."""
    settings = Settings()
    backup = make_backup(settings, settings.backup_keep, context.log.info)
    context.add_output_metadata(
        {
            "path": dg.MetadataValue.path(str(backup.folder)),
            "rows": backup.manifest.rows,
            "dump_bytes": backup.manifest.dump_bytes,
            "backup_keep": settings.backup_keep,
        }
    )


BACKUP_JOB = "backup"


@dg.job(
    name=BACKUP_JOB,
    executor_def=dg.in_process_executor,
    description="Back up the embedded database, and compare the backup with it.",
)
def backup() -> None:
    """A backup, and its retention."""
    back_up_database()
