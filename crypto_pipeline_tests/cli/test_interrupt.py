"""Ctrl-C in the middle of a load."""

import re
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone

import pytest

from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.market_records import coin, landing_json
from crypto_pipeline_tests.pipeline import rows
from crypto_pipeline_tests.programs import crypto_pipeline

pytestmark = pytest.mark.long

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
MONTHS, FILES = 6, 20


def _drop_history(zone: LandingZone) -> None:
    for month in range(MONTHS):
        for hour in range(FILES):
            at = START + timedelta(days=31 * month, hours=hour)
            records = [coin(number, last_updated=at.isoformat()) for number in range(200)]
            path = zone.root / f"{at:%Y-%m-%dT%H%M%SZ}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(landing_json(records, at))
    zone.file_unfiled()


def test_it_ends_at_once_says_what_is_committed_and_the_same_command_goes_on(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    _drop_history(zone)
    load = subprocess.Popen(
        [sys.executable, "-m", "crypto_pipeline.cli", "load"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    committed = 0
    while not committed:
        assert load.poll() is None
        committed = rows(warehouse, "SELECT count(*) FROM ingestion_batches")[0][0]
    load.send_signal(signal.SIGINT)
    asked = time.monotonic()
    _, said = load.communicate(timeout=60)
    # A bound against one that waits for the load, which takes several times as long.
    assert time.monotonic() - asked < 10
    assert load.returncode == 130
    (line,) = said.splitlines()
    told = re.fullmatch(
        r"Stopped\. Committed: (\d+) files, (\d+) records; nothing is half loaded\."
        r" The same command goes on from there\.",
        line,
    )
    assert told is not None
    ((batches, records),) = rows(
        warehouse, "SELECT count(*), sum(records_loaded) FROM ingestion_batches"
    )
    assert (int(told[1]), int(told[2])) == (batches, records)
    assert rows(warehouse, "SELECT count(*) FROM ingestion_batches WHERE status = 'loading'") == [
        (0,)
    ]
    ((status, user),) = rows(
        warehouse,
        "SELECT status, (SELECT value FROM dagster.run_tags AS t"
        " WHERE t.run_id = r.run_id AND key = 'user') FROM dagster.runs AS r",
    )
    assert (status, user) == ("CANCELED", "command line")

    assert crypto_pipeline("load").returncode == 0
    assert rows(
        warehouse,
        "SELECT count(*), count(*) FILTER (WHERE status = 'completed') FROM ingestion_batches",
    ) == [(MONTHS * FILES, MONTHS * FILES)]
    assert rows(warehouse, "SELECT count(*) FROM analytics.fact_crypto_price_metrics") == [
        (MONTHS * FILES * 200,)
    ]
