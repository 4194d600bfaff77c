"""The local half of the request ledger: nothing is lost, nothing is entered twice."""

import multiprocessing
from datetime import datetime, timezone
from pathlib import Path

import pytest

from crypto_pipeline.fetching.request_log import RequestEntry, RequestLog, new_request_id


def entry(**changes: object) -> RequestEntry:
    values: dict[str, object] = {
        "request_id": new_request_id(),
        "sent_at": datetime(2026, 11, 27, tzinfo=timezone.utc),
        "plan": "demo",
        "endpoint": "/coins/markets",
        "http_status": 200,
        "credits": 1,
        "received_bytes": 12,
        "duration_ms": 3,
        "is_cached": None,
        "run_id": None,
    }
    return RequestEntry(**(values | changes))  # type: ignore[arg-type]


def test_what_was_added_is_taken_once(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / "folder" / "log.jsonl")
    entries = [entry(), entry(http_status=None, is_cached=True)]
    for one in entries:
        log.add(one)
    with log.take() as taken:
        assert taken == entries
    with log.take() as taken:
        assert taken == []


def test_what_could_not_be_entered_comes_again(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / "log.jsonl")
    first, second = entry(), entry()
    log.add(first)
    with pytest.raises(RuntimeError), log.take() as taken:
        assert taken == [first]
        # While it is being entered, others go on.
        log.add(second)
        raise RuntimeError
    with log.take() as taken:
        assert taken == [first]
    with log.take() as taken:
        assert taken == [second]


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    log = RequestLog(tmp_path / "log.jsonl")
    log.add(entry())
    with (tmp_path / "log.jsonl").open("ab") as file:
        file.write(b'{"request_id": "x')
    with log.take() as taken:
        assert len(taken) == 1


def test_no_folder_is_no_entry_and_none_that_can_be_made_is_no_error(tmp_path: Path) -> None:
    with RequestLog(tmp_path / "missing" / "log.jsonl").take() as taken:
        assert taken == []
    (tmp_path / "file").write_text("")
    RequestLog(tmp_path / "file" / "log.jsonl").add(entry())


def _add(path: str) -> None:
    log = RequestLog(Path(path))
    for _ in range(50):
        log.add(entry())


def test_processes_share_a_log(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_add, args=(str(path),)) for _ in range(3)]
    for process in processes:
        process.start()
    taken: set[str] = set()
    while any(process.is_alive() for process in processes):
        with RequestLog(path).take() as some:
            taken |= {one.request_id for one in some}
    for process in processes:
        process.join()
    for _ in range(2):
        with RequestLog(path).take() as some:
            taken |= {one.request_id for one in some}
    assert len(taken) == 150
