"""What a person sees of a run that the command line makes."""

import io
import re
from datetime import datetime, timezone

import pytest
from rich.console import Console

from crypto_pipeline.assets.bulk_load import LOAD_JOB
from crypto_pipeline.automation import HOURLY_JOB
from crypto_pipeline.cli.home import open_dagster_home
from crypto_pipeline.cli.runs import run_job
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.partitions import partition_key
from crypto_pipeline_tests.market_records import coin, drop, landing_json, market_record

HOUR = datetime(2026, 11, 24, 5, tzinfo=timezone.utc)


@pytest.mark.usefixtures("warehouse")
@pytest.mark.parametrize("job", [HOURLY_JOB, LOAD_JOB])
def test_what_a_load_says_is_shown_as_it_is_however_wide(
    zone: LandingZone, job: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An id in the form of the console's markup is text."""
    bad = coin(1, id="[/red]a[b]" * 6, symbol=None)
    drop(zone, "a.json", landing_json([market_record(), bad]))
    drop(zone, "b.json", b"[/red]")
    zone.file_unfiled()
    key = partition_key(HOUR) if job == HOURLY_JOB else None
    console = Console(file=io.StringIO(), width=40)

    with open_dagster_home(Settings()) as instance:
        outcome = run_job(instance, job, console, partition_key=key)

    assert outcome.errors == []
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue().splitlines()
    batch = " completed: 1 loaded, 0 skipped (duplicates), 1 failed quality checks"
    assert [line for line in shown if line.endswith(batch)]
    assert (
        f"Data quality failure for crypto_id={'[/red]a[b]' * 6}: symbol has invalid value null"
        in shown
    )
    if job == LOAD_JOB:
        (failed,) = capsys.readouterr().err.splitlines()
        assert re.fullmatch(r"Batch \d+ failed: \S+/b\.json: .+", failed)
