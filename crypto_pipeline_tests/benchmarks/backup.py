"""The two ways back to a warehouse: a backup that is restored, and bronze that is loaded again."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from crypto_pipeline.config.settings import Settings
from crypto_pipeline.warehouse.backup import find_backup
from crypto_pipeline_tests.benchmarks.data import COINS, make_landing_zone

_CLI = [sys.executable, "-m", "crypto_pipeline.cli"]
_FACTS = "analytics.fact_crypto_price_metrics"


def run(files: int, zone: Path | None) -> None:
    """Load files from nothing, back the database up with and without the comparison, restore it,
    and print how long each took.

    Args:
        files: Landing files of 1,000 records.
        zone: Where the files are kept; made anew if None.
    """
    console = Console()
    # A short path: a Unix socket lies in it.
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir="/tmp"))
    try:
        make_landing_zone(zone or folder / "landing", files)
        os.environ["DATA_DIR"] = str(folder / "data")
        os.environ["LANDING_ZONE_URI"] = str(zone or folder / "landing")
        table = Table("what", "s")
        for what, *arguments in (
            ("rebuild from bronze: load into an empty database", "load"),
            ("backup, not compared", "backup", "--no-verify"),
            ("backup, restored and compared", "backup"),
            ("restore, compared, in place of the database", "restore", "--force"),
        ):
            started = time.perf_counter()
            subprocess.run([*_CLI, *arguments], check=True, capture_output=True)
            table.add_row(what, f"{time.perf_counter() - started:.1f}")
        manifest = find_backup(Settings(), None).manifest
        console.print(
            f"{files} files of {COINS} records, {manifest.tables[_FACTS].rows:,} facts:"
            f" {manifest.rows:,} rows, a database of {manifest.database_bytes / 1e6:,.0f} MB,"
            f" a dump of {manifest.dump_bytes / 1e6:,.0f} MB"
        )
        console.print(table)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
