"""The verbs that back the embedded database up and restore it."""

import time
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from crypto_pipeline.config.settings import Settings
from crypto_pipeline.warehouse.backup import (
    Backup,
    Report,
    check_backup,
    find_backup,
    make_backup,
    restore_backup,
)


def back_up(console: Console, keep: int | None, *, verify: bool) -> None:
    """Make a backup, and say where it is and what it holds."""
    settings = Settings()
    started = time.monotonic()
    backup = make_backup(settings, keep or settings.backup_keep, _report(console), verify=verify)
    _say(console, f"{backup.folder}: {_holds(backup)}", started)
    console.print(
        "The landing zone is not in it: copy"
        f" {escape(settings.landing_uri)} too, which can rebuild the rest.",
        soft_wrap=True,
        highlight=False,
    )


def check(console: Console, named: Path | None) -> None:
    """Compare a backup with what it says it holds, and leave the database as it is."""
    settings = Settings()
    started = time.monotonic()
    backup = find_backup(settings, named)
    check_backup(settings, backup, _report(console))
    _say(console, f"{backup.folder.name} is whole: {_holds(backup)}", started)


def restore(console: Console, named: Path | None, *, force: bool) -> None:
    """Put a backup in the place of the database."""
    settings = Settings()
    started = time.monotonic()
    backup = find_backup(settings, named)
    restore_backup(settings, backup, _report(console), force=force)
    _say(console, f"{settings.database_name} is {backup.folder.name}: {_holds(backup)}", started)
    console.print("`crypto-pipeline load` loads the files that were landed since.")


def _holds(backup: Backup) -> str:
    manifest = backup.manifest
    size = f"{manifest.dump_bytes / 1e6:,.1f} MB"
    return f"{len(manifest.tables)} tables, {manifest.rows:,} rows, {size}"


def _say(console: Console, text: str, started: float) -> None:
    console.print(
        escape(f"{text}, in {time.monotonic() - started:.1f} s"), soft_wrap=True, highlight=False
    )


def _report(console: Console) -> Report:
    return lambda text: console.print(escape(f"{text} ..."), soft_wrap=True, highlight=False)
