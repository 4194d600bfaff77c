import bz2
import gzip
import io
import logging
import lzma
import os
import tarfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import msgspec
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto_pipeline.coingecko.capture import Capture, CaptureError, TimeOrigin, encode_capture
from crypto_pipeline.landing import new_file
from crypto_pipeline.landing.landed import hour_of
from crypto_pipeline.landing.zone import LandingFile, LandingZone
from crypto_pipeline_tests.market_records import drop, landing_json, market_record

FIVE = datetime(2026, 11, 24, 5, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


def capture_at(time: datetime, records: int = 1) -> Capture:
    raw = msgspec.Raw(b'{"id": "bitcoin", "current_price": 9.60E+4}')
    return Capture(ingested_at=time, source="CoinGecko", records=[raw] * records)


def paths(files: list[LandingFile]) -> list[str]:
    return [file.path for file in files]


@pytest.fixture(params=["folder", "file://", "s3://", "memory://"])
def any_zone(request: pytest.FixtureRequest, tmp_path: Path) -> LandingZone:
    """A landing zone in each kind of place; ``memory://`` stands for the other object stores."""
    return {
        "s3://": lambda: LandingZone(request.getfixturevalue("bucket").uri),
        "folder": lambda: LandingZone(str(tmp_path / "landing")),
        "file://": lambda: LandingZone((tmp_path / "landing").as_uri()),
        "memory://": lambda: LandingZone(f"memory://bucket/{uuid4()}"),
    }[request.param]()


# --- Writing -----------------------------------------------------------------------------------


def test_a_capture_becomes_a_file_of_its_hour(any_zone: LandingZone) -> None:
    capture = capture_at(FIVE + timedelta(minutes=59, microseconds=7))
    file = any_zone.write(capture)
    assert file.path.startswith("market_snapshots/date=2026-11-24/hour=05/20261124T055900000007Z-")
    assert file.path.endswith(".json.gz")
    assert file.hour == FIVE
    assert file.capture() == capture
    assert gzip.decompress(file.content) == encode_capture(capture)
    (found,) = any_zone.files()
    assert (found, found.content, found.sha256) == (file, file.content, file.sha256)


def test_the_hour_is_that_of_utc(zone: LandingZone) -> None:
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    assert zone.write(capture_at(datetime(2026, 11, 24, 10, 50, tzinfo=kathmandu))).hour == FIVE


def test_the_same_capture_twice_is_two_files_with_the_same_bytes(any_zone: LandingZone) -> None:
    first, second = any_zone.write(capture_at(FIVE)), any_zone.write(capture_at(FIVE))
    assert first.path != second.path
    assert first.content == second.content
    assert sorted(paths([first, second])) == paths(list(any_zone.files()))


def test_a_file_is_never_overwritten(
    any_zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the random part of two names were the same.
    monkeypatch.setattr("secrets.token_hex", lambda length: "0" * length)
    first = any_zone.write(capture_at(FIVE, records=1))
    with pytest.raises(FileExistsError):
        any_zone.write(capture_at(FIVE, records=2))
    (kept,) = any_zone.files()
    assert kept.content == first.content
    assert len(kept.capture().records) == 1


def test_a_file_appears_as_a_whole_or_not_at_all(
    zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    fsync = os.fsync

    def look_while_writing(descriptor: int) -> None:
        seen.append(paths(list(zone.files())) + paths(zone.file_unfiled()))
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", look_while_writing)
    file = zone.write(capture_at(FIVE))
    # Before the content is safe on disk, and before the folder is.
    assert seen == [[], [file.path]]


@pytest.mark.parametrize("nameless", [new_file._NAMELESS, 0], ids=["nameless", "hidden"])
@pytest.mark.parametrize("function", ["os.fsync", "os.link"])
def test_a_write_that_fails_leaves_nothing(
    zone: LandingZone, monkeypatch: pytest.MonkeyPatch, function: str, nameless: int
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(new_file, "_NAMELESS", nameless)
    with monkeypatch.context() as patch:
        patch.setattr(function, fail)
        with pytest.raises(OSError, match="No space left"):
            zone.write(capture_at(FIVE))
    assert [path for path in Path(zone.root.path).rglob("*") if path.is_file()] == []


def test_what_a_killed_writer_leaves_is_no_landing_file(zone: LandingZone) -> None:
    file = zone.write(capture_at(FIVE))
    hour = Path(str(file.uri)).parent
    (hour / f".{file.uri.name}.0a1b2c3d.tmp").write_bytes(b"half a")
    (hour / ".hidden.json").write_bytes(b"{}")
    (Path(zone.root.path) / ".hidden.json.gz").write_bytes(b"")
    assert zone.file_unfiled() == []
    assert paths(list(zone.files())) == [file.path]


# --- Listing -----------------------------------------------------------------------------------


def test_a_zone_that_does_not_exist_yet_is_empty(any_zone: LandingZone) -> None:
    assert list(any_zone.files()) == []
    assert any_zone.file_unfiled() == []


def test_files_come_oldest_first_and_several_in_an_hour(any_zone: LandingZone) -> None:
    times = [
        FIVE + timedelta(hours=offset, minutes=minute)
        for offset in (30, -6, 0, 19, 1, 24 * 40)
        for minute in (59, 0, 30)
    ]
    for time in times:
        any_zone.write(capture_at(time))
    files = list(any_zone.files())
    assert [file.capture().ingested_at for file in files] == sorted(times)
    assert [file.hour for file in files] == [hour_of(time) for time in sorted(times)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    start=st.none() | st.integers(-30, 60),
    end=st.none() | st.integers(-30, 60),
)
def test_a_range_is_from_its_start_until_before_its_end(
    tmp_path_factory: pytest.TempPathFactory, start: int | None, end: int | None
) -> None:
    hours = [FIVE + offset * HOUR for offset in (-29, -6, -5, 0, 1, 18, 19, 20, 43, 59)]
    root = tmp_path_factory.getbasetemp() / "range"
    zone = LandingZone(str(root))
    if not root.exists():
        for hour in hours:
            zone.write(capture_at(hour))
    first = None if start is None else FIVE + start * HOUR
    last = None if end is None else FIVE + end * HOUR
    assert [file.hour for file in zone.files(first, last)] == [
        hour for hour in hours if (first is None or first <= hour) and (last is None or hour < last)
    ]


def test_a_folder_that_is_no_hour_does_not_stop_the_listing(any_zone: LandingZone) -> None:
    file = any_zone.write(capture_at(FIVE))
    body = landing_json([market_record()], "2026-11-24T06:00:00Z")
    strangers = [
        "market_snapshots/README.json",
        "market_snapshots/notes/a.json",
        "market_snapshots/date=2026-11-24/b.json",
        "market_snapshots/date=2026-11-24/hour=24/c.json",
        "market_snapshots/date=2026-02-30/hour=05/d.json",
        "market_snapshots/date=2026-11-24/hour=05/deeper/e.json",
    ]
    for stranger in strangers:
        drop(any_zone, stranger, body)
    assert paths(list(any_zone.files())) == [file.path]
    assert sorted(paths(any_zone.file_unfiled())) == [
        f"market_snapshots/date=2026-11-24/hour=06/{name}"
        for name in ("README.json", "a.json", "b.json", "c.json", "d.json", "e.json")
    ]
    assert len(list(any_zone.files())) == 7


# --- Forms of files ----------------------------------------------------------------------------

_RECORD = market_record(last_updated="2026-11-24T05:20:00.000Z")
_BARE = msgspec.json.encode([_RECORD])


def _tar(members: dict[str, bytes], mode: str = "w") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mtime = (FIVE + timedelta(minutes=1)).timestamp()
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def _file(zone: LandingZone) -> tuple[dict[str, str], list[LandingFile]]:
    problems: dict[str, str] = {}
    filed = zone.file_unfiled(on_failure=lambda uri, e: problems.update({uri.name: str(e)}))
    return problems, filed


def _zip(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bare.json", _BARE),
        ("no suffix", _BARE),
        ("saved.txt", b'{"data": %b}' % _BARE),
        ("lines.jsonl", _BARE[1:-1] + b"\n"),
        ("lines.ndjson.gz", gzip.compress(b"\n".join([_BARE[1:-1]] * 2))),
        ("a.json.zst", zstandard.compress(_BARE)),
        ("a.json.xz", lzma.compress(_BARE)),
        ("a.json.bz2", bz2.compress(_BARE)),
        ("named plain.json", gzip.compress(_BARE)),
        ("named zipped.json.gz", _BARE),
    ],
)
def test_any_form_of_a_response_is_filed_as_it_is(
    any_zone: LandingZone, name: str, content: bytes
) -> None:
    drop(any_zone, name, content)
    (file,) = any_zone.file_unfiled()
    assert file.path == f"market_snapshots/date=2026-11-24/hour=05/{name}"
    assert file.content == content
    capture = file.capture()
    assert capture.time_origin is TimeOrigin.LAST_UPDATED
    assert msgspec.json.decode(bytes(capture.records[0])) == _RECORD
    assert paths(list(any_zone.files())) == [file.path]


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.tar", _tar),
        ("a.tar.gz", lambda members: _tar(members, "w:gz")),
        ("a.tar.xz", lambda members: _tar(members, "w:xz")),
        ("a.tar.zst", lambda members: zstandard.compress(_tar(members))),
        ("a.zip", _zip),
    ],
)
def test_every_member_of_an_archive_becomes_a_file_and_the_archive_is_kept(
    any_zone: LandingZone, name: str, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    content = pack(
        {
            "./one.json": _BARE,
            "2024/2024-01-01T001233Z.json": _BARE,
            "two.jsonl.gz": gzip.compress(_BARE[1:-1], mtime=0),
            "__MACOSX/._one.json": b"\x00",
            ".DS_Store": b"\x00",
        }
    )
    dropped = drop(any_zone, f"from home/{name}", content)
    files = any_zone.file_unfiled()
    assert paths(files) == [
        "market_snapshots/date=2026-11-24/hour=05/one.json",
        "market_snapshots/date=2024-01-01/hour=00/2024-2024-01-01T001233Z.json",
        "market_snapshots/date=2026-11-24/hour=05/two.jsonl.gz",
    ]
    assert [file.content for file in files] == [_BARE, _BARE, gzip.compress(_BARE[1:-1], mtime=0)]
    assert not dropped.exists()
    (kept,) = (any_zone.root / "archives").iterdir()
    assert kept.name.endswith(f"-{name}")
    assert kept.read_bytes() == content
    drop(any_zone, name, content)
    assert any_zone.file_unfiled() == files
    assert any_zone.file_unfiled() == []


def test_a_member_that_is_no_capture_keeps_the_archive_in_its_place(zone: LandingZone) -> None:
    members = {"a.json": _BARE, "README.txt": b"hello", "b.json": b"[{'id': 1}]"}
    dropped = drop(zone, "a.zip", _zip(members))
    half = drop(zone, "half.tar", _tar({"c.json": _BARE})[:700])
    empty = drop(zone, "nothing.zip", _zip({}))
    problems: list[tuple[str, str]] = []
    filed = zone.file_unfiled(on_failure=lambda uri, e: problems.append((uri.name, str(e))))
    # One that is named as a capture is filed, and loading reports it.
    assert [file.uri.name for file in filed] == ["a.json", "b.json"]
    assert [name for name, _ in problems] == ["a.zip", "half.tar", "nothing.zip"]
    assert problems[0][1].startswith("its member README.txt: text: records are read from")
    assert problems[1][1].startswith("not a whole tar archive: ")
    assert dropped.exists()
    assert half.exists()
    assert empty.exists()


def test_what_is_no_capture_stays_and_is_named_with_what_it_looks_like(
    any_zone: LandingZone,
) -> None:
    strangers = {
        "btc-usd-max.csv": b"snapped_at,price,market_cap,total_volume\n2013-04-28,1,,0\n",
        "market_snapshots/notes.txt": b"hello",
        "page.html": b"<html>",
    }
    dropped = [drop(any_zone, name, content) for name, content in strangers.items()]
    drop(any_zone, ".DS_Store", b"\x00")
    for _ in range(2):
        problems, filed = _file(any_zone)
        assert filed == []
        assert list(problems) == ["btc-usd-max.csv", "notes.txt", "page.html"]
        assert problems["btc-usd-max.csv"] == (
            "btc-usd-max.csv is price history, which `crypto-pipeline load` files"
        )
    assert all(path.exists() for path in dropped)


def test_a_stranger_in_an_hours_folder_is_a_file_that_loading_reports(
    any_zone: LandingZone,
) -> None:
    drop(any_zone, "market_snapshots/date=2026-11-24/hour=05/a.csv", b"a,b\n1,2\n")
    assert any_zone.file_unfiled() == []
    (file,) = any_zone.files()
    with pytest.raises(CaptureError, match="a CSV with the columns a, b"):
        file.capture()


# --- Files dropped in by hand ------------------------------------------------------------------


@pytest.mark.parametrize(
    "ingested_at",
    [
        "2026-11-24T05:00:00Z",
        "2026-11-24T05:59:59.999999Z",
        "2026-11-24T10:45:00+05:45",
        "2026-11-24T05:20:00",
        "2026-11-24 05:20:00",
    ],
)
def test_an_unfiled_file_goes_under_the_hour_it_tells(
    any_zone: LandingZone, ingested_at: str
) -> None:
    body = landing_json([market_record()], ingested_at)
    unfiled = drop(any_zone, "by hand.json", body)
    (file,) = any_zone.file_unfiled()
    assert file.path == "market_snapshots/date=2026-11-24/hour=05/by hand.json"
    assert (file.hour, file.content) == (FIVE, body)
    assert not unfiled.exists()
    assert paths(list(any_zone.files())) == [file.path]
    assert any_zone.file_unfiled() == []


def test_unfiled_files_may_be_compressed_and_in_folders(any_zone: LandingZone) -> None:
    body = gzip.compress(landing_json([market_record()], FIVE))
    drop(any_zone, "from a colleague/2026/capture.json.gz", body)
    drop(any_zone, "notes.txt", b"no capture")
    (file,) = any_zone.file_unfiled()
    assert file.path == "market_snapshots/date=2026-11-24/hour=05/capture.json.gz"
    assert file.capture().ingested_at == FIVE
    assert (any_zone.root / "notes.txt").exists()


def test_the_root_of_a_zone_may_be_a_relative_path() -> None:
    for root in ("landing", "./landing", "landing/"):
        zone = LandingZone(root)
        body = landing_json([market_record()], FIVE)
        drop(zone, "a.json", body)
        assert paths(zone.file_unfiled()) == ["market_snapshots/date=2026-11-24/hour=05/a.json"]
        assert zone.file_unfiled() == []
        assert [file.content for file in zone.files()] == [body]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("empty.json", b""),
        ("no.json", b"not JSON"),
        ("half.json", landing_json([market_record()])[:-20]),
        ("no.json.gz", b"not gzip"),
        ("half.json.gz", gzip.compress(landing_json([market_record()]))[:-20]),
        ("array.json", b"[]"),
        ("half.jsonl.zst", zstandard.compress(landing_json([market_record()]))[:-20]),
        ("python.ndjson", b"[{'id': 'bitcoin'}]"),
        ("no time.json", b'{"source": "CoinGecko", "records": []}'),
    ],
)
def test_an_unfiled_file_that_cannot_be_read_goes_to_the_hour_it_was_written_in(
    zone: LandingZone, name: str, body: bytes
) -> None:
    unfiled = drop(zone, name, body)
    written = (FIVE + timedelta(minutes=59)).timestamp()
    os.utime(unfiled.path, (written, written))
    (file,) = zone.file_unfiled()
    assert file.path == f"market_snapshots/date=2026-11-24/hour=05/{name}"
    assert file.content == body
    with pytest.raises(CaptureError):
        file.capture()


def test_an_unfiled_error_body_goes_to_the_hour_it_tells(any_zone: LandingZone) -> None:
    body = msgspec.json.encode(
        {
            "ingested_at": "2026-11-24T05:20:00",
            "source": "CoinGecko",
            "records": {"status": {"error_code": 429, "error_message": "Rate limit"}},
        }
    )
    drop(any_zone, "error.json", body)
    (file,) = any_zone.file_unfiled()
    assert file.hour == FIVE
    with pytest.raises(CaptureError, match="the API answered with an error"):
        file.capture()


def test_the_same_file_dropped_again_changes_nothing(any_zone: LandingZone) -> None:
    body = landing_json([market_record()], FIVE)
    for _ in range(2):
        unfiled = drop(any_zone, "a.json", body)
        (file,) = any_zone.file_unfiled()
        assert file.content == body
        assert not unfiled.exists()
    assert len(list(any_zone.files())) == 1


def test_another_file_of_the_same_name_is_refused_and_kept(
    any_zone: LandingZone, caplog: pytest.LogCaptureFixture
) -> None:
    ours = "crypto_pipeline.landing.zone"
    # The command line, in a test before this one, sets another level.
    caplog.set_level(logging.WARNING, ours)
    first = landing_json([market_record()], FIVE)
    drop(any_zone, "b.json", first)
    any_zone.file_unfiled()
    unfiled = drop(any_zone, "b.json", landing_json([market_record(id="other")], FIVE))
    for name in ("a.json", "c.json"):
        drop(any_zone, name, first)
    assert [file.uri.name for file in any_zone.file_unfiled()] == ["a.json", "c.json"]
    (warning,) = (record.getMessage() for record in caplog.records if record.name == ours)
    assert warning.startswith(f"{unfiled} cannot be filed: ")
    assert warning.endswith("where another file lies: rename one of them")
    assert unfiled.exists()
    assert [file.content for file in any_zone.files()] == [first] * 3


def test_a_file_that_cannot_be_written_or_read_stays_and_the_others_are_filed(
    zone: LandingZone,
) -> None:
    body = landing_json([market_record()], FIVE)
    # Its hour's folder cannot be made, whoever asks.
    drop(zone, "market_snapshots/date=2026-11-24/hour=04", b"no folder")
    no_hour = drop(zone, "a.json", landing_json([market_record()], FIVE - HOUR))
    unreadable = zone.root / "b.json"
    Path(unreadable.path).symlink_to("/proc/self/mem")
    drop(zone, "c.json", body)
    problems: dict[str, str] = {}
    filed = zone.file_unfiled(on_failure=lambda uri, e: problems.update({uri.name: str(e)}))
    assert [file.uri.name for file in filed] == ["c.json"]
    assert list(problems) == ["a.json", "b.json", "hour=04"]
    assert "hour=04" in problems["a.json"]
    assert no_hour.exists()
    assert unreadable.exists()


def test_a_name_may_be_as_long_as_the_file_system_lets_it(zone: LandingZone) -> None:
    name = "x" * 250 + ".json"
    drop(zone, name, landing_json([market_record()], FIVE))
    (file,) = zone.file_unfiled()
    assert (file.uri.name, file.hour) == (name, FIVE)


@pytest.mark.parametrize("year", ["0001", "0999", "1969", "2098", "9999"])
def test_a_file_of_an_impossible_year_goes_to_the_hour_it_was_written_in(
    zone: LandingZone, year: str
) -> None:
    body = landing_json([market_record()], f"{year}-06-01T05:20:00Z")
    unfiled = drop(zone, "a.json", body)
    os.utime(unfiled.path, (FIVE.timestamp(), FIVE.timestamp()))
    (file,) = zone.file_unfiled()
    assert file.path == "market_snapshots/date=2026-11-24/hour=05/a.json"
    assert zone.file_unfiled() == []
    assert [(found.path, found.content) for found in zone.files()] == [(file.path, body)]


def test_sandbox_data_may_be_ahead_of_the_clock(zone: LandingZone) -> None:
    body = landing_json([market_record()], "2098-06-01T05:20:00Z", "CoinGecko sandbox")
    drop(zone, "a.json", body)
    (file,) = zone.file_unfiled()
    assert file.path == "market_snapshots/date=2098-06-01/hour=05/a.json"


def test_runs_that_file_at_the_same_time_do_not_disturb_each_other(zone: LandingZone) -> None:
    bodies = {
        f"{number}.json": landing_json([market_record()], FIVE - number * HOUR)
        for number in range(40)
    }
    for name, body in bodies.items():
        drop(zone, name, body)
    runs = 4
    start = Barrier(runs)

    def file_all() -> None:
        start.wait()
        zone.file_unfiled()

    with ThreadPoolExecutor(runs) as pool:
        for run in [pool.submit(file_all) for _ in range(runs)]:
            run.result()
    assert {file.uri.name: file.content for file in zone.files()} == bodies
    assert zone.file_unfiled() == []


@given(st.datetimes(timezones=st.timezones(), min_value=datetime(2, 1, 1)))
def test_the_hour_of_a_time_starts_at_most_an_hour_before(time: datetime) -> None:
    hour = hour_of(time)
    assert hour.tzinfo is timezone.utc
    assert timedelta(0) <= time - hour < HOUR
    assert (hour.minute, hour.second, hour.microsecond) == (0, 0, 0)


def test_what_was_landed_is_not_walked_through_for_what_lies_beside_it(
    zone: LandingZone,
) -> None:
    body = landing_json([market_record()])
    misplaced = drop(zone, "market_snapshots/date=2026-11-24/misplaced.json", body)
    drop(zone, "dropped.json", body)
    drop(zone, "folder/within/nested.json", body)

    filed = zone.file_unfiled(among_hours=False)

    assert [file.uri.name for file in filed] == ["dropped.json", "nested.json"]
    assert misplaced.exists()
    assert [file.uri.name for file in zone.file_unfiled()] == ["misplaced.json"]
