"""Loads of lists of coins that are killed, or are two at a time."""

import random
import time

import pytest

from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.coins.coin_lists import coin, day, land, load
from crypto_pipeline_tests.jobs import Jobs
from crypto_pipeline_tests.pipeline import another_warehouse, contents, rows

pytestmark = pytest.mark.long

LOAD = "load_landing_zone"
ANSWERS = 12


@pytest.fixture
def answers(zone: LandingZone) -> LandingZone:
    """Answers of some thousand coins, a few of which change from one to the next."""
    chance = random.Random(7)
    coins = {f"coin-{number}": "x" for number in range(3_000)}
    for number in range(ANSWERS):
        for name in chance.sample(sorted(coins), 60):
            coins[name] = chance.choice("xyz")
        listed = [coin(name, symbol, ethereum=f"0x{name}") for name, symbol in coins.items()]
        chance.shuffle(listed)
        land(zone, listed[: -chance.randrange(1, 30)], day(number))
    return zone


def listed(warehouse: Warehouse) -> dict[str, object]:
    return {name: table for name, table in contents(warehouse).items() if "coin_" in name}


def test_a_killed_load_is_finished_by_the_next(
    jobs: Jobs, warehouse: Warehouse, answers: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(warehouse, answers)
    expected = listed(warehouse)
    another_warehouse(monkeypatch)
    began = time.perf_counter()
    jobs.end(jobs.start(LOAD))
    duration = time.perf_counter() - began
    seeded = random.Random(20261127)
    alive = 0
    for fifth in range(5):
        disturbed = another_warehouse(monkeypatch)
        process = jobs.start(LOAD)
        time.sleep(duration * (fifth + seeded.random()) / 5)
        alive += jobs.kill(process)
        jobs.end(jobs.start(LOAD))
        assert listed(disturbed) == expected
    assert alive >= 2


def test_two_loads_at_the_same_time_are_as_one(
    jobs: Jobs, warehouse: Warehouse, answers: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(warehouse, answers)
    expected = listed(warehouse)
    twice = another_warehouse(monkeypatch)
    jobs.end_together(LOAD, 2)
    assert listed(twice) == expected
    assert rows(twice, "SELECT count(*) FROM coin_list_batches WHERE status = 'completed'") == [
        (ANSWERS,)
    ]
