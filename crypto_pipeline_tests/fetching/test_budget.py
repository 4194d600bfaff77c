import multiprocessing
import pickle
import sqlite3
import time
from contextlib import closing
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from filelock import FileLock

from crypto_pipeline.fetching.budget import RequestBudget
from crypto_pipeline_tests.waiting import wait_until

_SPAWN = multiprocessing.get_context("spawn")


def _acquire_forever(budget: RequestBudget, log: Path, start: Barrier) -> None:
    start.wait()
    while True:
        budget.acquire()
        with log.open("a") as file:
            file.write("x")


def _die_holding_everything(path: Path, ready: Connection) -> None:
    with FileLock(f"{path}.lock"), closing(sqlite3.connect(path)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("INSERT INTO rate_bucket VALUES ('request', 9e15)")
        ready.send(True)
        time.sleep(60)


def _move_entries(path: Path, milliseconds: int) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE rate_bucket SET item_timestamp = item_timestamp + ?", (milliseconds,)
        )


def _seconds_to_acquire(budget: RequestBudget) -> float:
    start = time.monotonic()
    budget.acquire()
    return time.monotonic() - start


@pytest.mark.long
def test_processes_together_stay_within_the_budget(tmp_path: Path) -> None:
    budget = RequestBudget(tmp_path / "new folder" / "budget.sqlite3", 100)
    start = _SPAWN.Barrier(6)
    logs = [tmp_path / f"log{number}" for number in range(6)]
    processes = [
        _SPAWN.Process(target=_acquire_forever, args=(budget, log, start), daemon=True)
        for log in logs
    ]
    for process in processes:
        process.start()

    def taken() -> int:
        return sum(log.stat().st_size for log in logs if log.exists())

    try:
        wait_until(lambda: taken() >= 100, 10, 0.02)
        time.sleep(1)
        assert all(process.is_alive() for process in processes)
        assert taken() == 100
    finally:
        for process in processes:
            process.kill()
            process.join()
            process.close()


def test_blocks_until_the_oldest_request_is_a_minute_old(tmp_path: Path) -> None:
    path = tmp_path / "budget.sqlite3"
    budget = RequestBudget(path, 2)
    budget.acquire()
    _move_entries(path, -60_500)
    budget.acquire()
    assert 0.3 < _seconds_to_acquire(budget) < 2


def test_a_holder_killed_with_its_locks_blocks_nobody(tmp_path: Path) -> None:
    path = tmp_path / "budget.sqlite3"
    budget = RequestBudget(path, 5)
    budget.acquire()
    receiver, sender = _SPAWN.Pipe(duplex=False)
    with receiver, sender:
        holder = _SPAWN.Process(target=_die_holding_everything, args=(path, sender))
        holder.start()
        assert receiver.poll(10)
    holder.kill()
    holder.join()
    holder.close()
    assert _seconds_to_acquire(budget) < 1
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM rate_bucket").fetchone() == (2,)


def test_a_clock_set_back_does_not_block(tmp_path: Path) -> None:
    path = tmp_path / "budget.sqlite3"
    budget = RequestBudget(path, 1)
    budget.acquire()
    _move_entries(path, 3_600_000)
    assert _seconds_to_acquire(budget) < 1


def test_a_window_can_be_of_seconds(tmp_path: Path) -> None:
    path = tmp_path / "budget.sqlite3"
    budget = RequestBudget(path, 1, seconds=1)
    budget.acquire()
    _move_entries(path, -1_700)
    assert 0.1 < _seconds_to_acquire(budget) < 1.5


def test_no_limit_needs_no_file(tmp_path: Path) -> None:
    RequestBudget(tmp_path / "budget.sqlite3", None).acquire()
    assert list(tmp_path.iterdir()) == []


def test_waiting_is_announced_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "budget.sqlite3"
    budget = RequestBudget(path, 1)
    budget.acquire()
    _move_entries(path, -60_800)
    with caplog.at_level("INFO", logger="crypto_pipeline"):
        budget.acquire()
    assert [record.message[:48] for record in caplog.records] == [
        "request budget of 1 a minute is used up: waiting"
    ]


def test_a_budget_goes_to_other_processes(tmp_path: Path) -> None:
    budget = RequestBudget(tmp_path / "budget.sqlite3", 1)
    budget.acquire()
    pickle.loads(pickle.dumps(budget))
