"""Playback of landing files and of recorded bodies."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest

from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.listing import CoinName, MarketsQuery
from crypto_pipeline.sandbox.recordings import Recordings, RecordingsError
from crypto_pipeline.sandbox.server import SandboxServer

# Numbers and spaces that a JSON library would write in another way.
RECORDS = [
    b'{"id":"bitcoin", "symbol":"btc","name":"Bitcoin","current_price":96361.00}',
    b'{"id": "shiba-inu","symbol":"shib","name":"Shiba Inu","current_price":1.5470E-05}',
    b'{"id":"pepe","symbol":"pepe","name":"Pepe","max_supply":2.1E+15}',
]
BODY = b"[\n " + b",\n ".join(RECORDS) + b"]\n"
ERROR = b'{"status": {"error_code": 403, "error_message": "blocked"}}'

DAY = datetime(2024, 1, 1, 0, 12, 33, tzinfo=timezone.utc)
BODIES = {
    "2023-12-31T001500Z.json": ERROR,
    "2024-01-01T001233Z.json": BODY,
    "2024-01-02T000959Z.json": b"[" + RECORDS[2] + b"]",
}


def write_folder(folder: Path) -> Path:
    for name, body in BODIES.items():
        (folder / name).write_bytes(body)
    (folder / "notes.txt").write_text("not a recording")
    (folder / "manifest.json").write_text("{}")
    return folder


def write_archive(folder: Path, form: str) -> Path:
    path = folder / f"daily.tar.{form}"
    mode = "w:xz" if form == "xz" else "w:gz"
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, body in reversed(BODIES.items()):
            member = tarfile.TarInfo(f"daily/{name}")
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))
    return path


WRITERS: list[Callable[[Path], Path]] = [
    write_folder,
    lambda folder: write_archive(folder, "xz"),
    lambda folder: write_archive(folder, "gz"),
]


@pytest.fixture(params=WRITERS, ids=["folder", "tar.xz", "tar.gz"])
def recordings(request: pytest.FixtureRequest, tmp_path: Path) -> Recordings:
    return Recordings.open(request.param(tmp_path))


def test_times(recordings: Recordings) -> None:
    assert recordings.times == [
        datetime(2023, 12, 31, 0, 15, tzinfo=timezone.utc),
        DAY,
        datetime(2024, 1, 2, 0, 9, 59, tzinfo=timezone.utc),
    ]


def test_the_newest_not_later_is_served(recordings: Recordings) -> None:
    query = MarketsQuery("usd")
    second = timedelta(seconds=1)
    assert recordings.page(DAY - timedelta(days=2), query).body == b"[]"
    assert recordings.page(DAY - second, query).body == ERROR
    assert recordings.page(DAY, query).body == BODY
    assert recordings.page(DAY + timedelta(hours=20), query) == (BODY, 3, DAY)
    assert recordings.page(DAY + timedelta(days=300), query).total == 1


def test_pages_and_ids_keep_the_bytes_of_records(recordings: Recordings) -> None:
    def body(**parameters: object) -> bytes:
        return recordings.page(DAY, MarketsQuery("usd", **parameters)).body  # type: ignore[arg-type]

    assert body(per_page=3) == BODY
    assert body(per_page=2) == b"[" + RECORDS[0] + b"," + RECORDS[1] + b"]"
    assert body(per_page=2, page=2) == b"[" + RECORDS[2] + b"]"
    assert body(per_page=2, page=3) == b"[]"
    assert body(page=2) == b"[]"
    assert body(ids=frozenset({"pepe", "shiba-inu"})) == (
        b"[" + RECORDS[1] + b"," + RECORDS[2] + b"]"
    )


def test_coins(recordings: Recordings) -> None:
    assert CoinName("shiba-inu", "shib", "Shiba Inu") in recordings.coins(DAY)
    assert recordings.coins(DAY - timedelta(days=1)) == []
    assert recordings.coins(DAY - timedelta(days=9)) == []


def test_over_http(recordings: Recordings) -> None:
    clock = SimulatedClock(DAY + timedelta(seconds=20), speed=0)
    with (
        SandboxServer(recordings, clock=clock) as server,
        httpx.Client(base_url=server.base_url) as client,
    ):
        response = client.get("/coins/markets", params={"vs_currency": "usd", "per_page": 250})
        assert response.content == BODY
        assert response.headers["x-data-source"] == "CoinGecko recorded"
        assert response.headers["x-sandbox-time"] == "2024-01-01T00:12:53.000Z"
        assert (response.headers["age"], response.headers["total"]) == ("20", "3")
        clock.set(DAY - timedelta(hours=1))
        response = client.get("/coins/markets", params={"vs_currency": "usd"})
        assert (response.status_code, response.content) == (200, ERROR)
        assert "total" not in response.headers


def test_landing_files(tmp_path: Path) -> None:
    def write(path: Path, ingested_at: str, records: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        head = json.dumps({"ingested_at": ingested_at, "source": "CoinGecko"})[:-1].encode()
        content = head + b', "records": ' + records + b', "request": {"page": "1"}}'
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)

    write(tmp_path / "2024" / "01" / "a.json.gz", "2024-01-01T05:00:00+01:00", BODY)
    write(tmp_path / "2024" / "02" / "2020-01-01T000000Z.json", "2024-02-01T00:00:00", b"[]")
    write(tmp_path / "dropped.json", "2024-03-01T00:00:00Z", ERROR)
    (tmp_path / "broken.json.gz").write_bytes(b"not gzip")

    recordings = Recordings.open(tmp_path)
    assert recordings.times == [
        datetime(2024, 1, 1, 4, tzinfo=timezone.utc),
        datetime(2024, 2, 1, tzinfo=timezone.utc),
        datetime(2024, 3, 1, tzinfo=timezone.utc),
    ]
    query = MarketsQuery("usd")
    bodies = [recordings.page(at, query).body for at in recordings.times]
    assert bodies == [BODY.strip(), b"[]", ERROR]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing", None, "neither a folder nor"),
        ("one.json", b"[]", "neither a folder nor"),
        ("broken.tar.xz", b"not an archive", "cannot be read as an archive"),
    ],
)
def test_nothing_to_play_back(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecordingsError, match=message):
        Recordings.open(path)


def test_a_folder_without_recordings(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(RecordingsError, match="no landing file and no response body"):
        Recordings.open(tmp_path)
