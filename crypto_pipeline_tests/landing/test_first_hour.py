import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import time_machine

from crypto_pipeline.config.settings import Settings
from crypto_pipeline.landing.first_hour import expect_hour, first_hour, remember_first_start
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline_tests.market_records import drop, landing_json, market_record

FIVE = datetime(2026, 11, 24, 5, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def nothing_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRYPTO_PIPELINE_EXPECTED_HOUR")


def file_at(zone: LandingZone, time: datetime) -> None:
    drop(zone, f"{time:%Y%m%d%H}.json", landing_json([market_record()], time))
    zone.file_unfiled()


def test_it_is_that_of_the_oldest_file_and_moves_back_with_an_older_one(zone: LandingZone) -> None:
    file_at(zone, FIVE + timedelta(minutes=59))
    file_at(zone, FIVE + timedelta(days=40))
    assert first_hour() == FIVE
    file_at(zone, FIVE - timedelta(hours=1))
    assert first_hour() == FIVE - timedelta(hours=1)
    file_at(zone, datetime(2013, 4, 28, tzinfo=timezone.utc))
    assert first_hour() == datetime(2013, 4, 28, tzinfo=timezone.utc)


def test_without_files_it_is_the_month_of_the_first_start(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with time_machine.travel(FIVE):
        assert first_hour() == datetime(2026, 11, 1, tzinfo=timezone.utc)
        remember_first_start(Settings())
    with time_machine.travel(FIVE + timedelta(days=100)):
        remember_first_start(Settings())
        assert first_hour() == datetime(2026, 11, 1, tzinfo=timezone.utc)


def test_a_run_that_is_expected_may_be_older_than_the_files(
    zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRYPTO_PIPELINE_EXPECTED_HOUR", "")
    file_at(zone, FIVE)
    expect_hour(FIVE + timedelta(days=3))
    assert first_hour() == FIVE
    expect_hour(FIVE - timedelta(days=3, minutes=-7))
    assert first_hour() == FIVE - timedelta(days=3)


def test_a_zone_that_cannot_be_listed_or_a_wrong_setting_does_not_stop_the_graph(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "landing").write_text("no folder")
    assert first_hour().day == 1
    monkeypatch.setenv("COINGECKO_PLAN", "none")
    assert first_hour().day == 1


def test_the_partitions_of_the_graph_begin_there(zone: LandingZone) -> None:
    file_at(zone, FIVE)
    asked = "from crypto_pipeline.assets.partitions import hourly; print(hourly.start)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True)
    assert done.stdout.strip() == str(FIVE), done.stderr
