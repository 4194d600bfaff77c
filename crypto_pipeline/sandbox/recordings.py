"""Play back what was recorded: landing files, or response bodies as they were received."""

import gzip
import re
import tarfile
import zlib
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime, timezone
from functools import partial
from pathlib import Path, PurePath
from typing import NamedTuple

import msgspec

from crypto_pipeline.sandbox.listing import CoinName, MarketsQuery, Page

_BODY_NAME = re.compile(r"(\d{4}-\d\d-\d\dT\d{6}Z)\.json(\.gz)?")
_ARCHIVES = (".tar.xz", ".tar.gz", ".tgz", ".tar")


class RecordingsError(ValueError):
    """There is nothing to play back; the message names the path."""


class _Envelope(msgspec.Struct):
    """A landing file; reading it so makes no objects of its records."""

    ingested_at: datetime
    source: str
    records: msgspec.Raw


class _Id(msgspec.Struct):
    id: str


class _Recording(NamedTuple):
    time: datetime
    name: str
    body: Callable[[], bytes]


class Recordings:
    """Recorded answers, each served from the time of its recording to that of the next.

    Of a folder only the times are held in memory, of an archive also the compressed bodies. The
    currency, the order and the precision are those that were recorded, whatever a request says.
    """

    label = "CoinGecko recorded"

    def __init__(self, recordings: list[_Recording]) -> None:
        self._recordings = sorted(recordings, key=lambda recording: recording[:2])
        self._times = [recording.time for recording in self._recordings]

    @classmethod
    def open(cls, path: Path) -> "Recordings":
        """Index the recordings of a folder, with those below it, or of a tar archive.

        A recording is a ``.json`` or ``.json.gz`` file: a landing file
        ``{"ingested_at", "source", "records", ...}``, or a response body of any content that is
        named by its UTC time, like ``2024-01-01T001233Z.json``. Other files are passed over.

        Raises:
            RecordingsError: the path does not exist, cannot be read, or has no recording.
        """
        if path.is_dir():
            files = _folder_files(path)
        elif path.is_file() and path.name.endswith(_ARCHIVES):
            try:
                files = _archive_files(path)
            except (tarfile.TarError, EOFError, OSError) as error:
                raise RecordingsError(f"{path} cannot be read as an archive: {error}") from error
        else:
            raise RecordingsError(f"{path} is neither a folder nor one of *{', *'.join(_ARCHIVES)}")
        recordings = [
            recording for name, read in files if (recording := _recording(name, read)) is not None
        ]
        if not recordings:
            raise RecordingsError(
                f"{path} has no landing file and no response body named like"
                " 2024-01-01T001233Z.json"
            )
        return cls(recordings)

    @property
    def times(self) -> list[datetime]:
        """When the recordings were made, UTC, sorted."""
        return list(self._times)

    def body(self, at: datetime) -> bytes | None:
        """The newest recording not later than a time; None before the first."""
        number = bisect_right(self._times, at)
        return self._recordings[number - 1].body() if number else None

    def page(self, at: datetime, query: MarketsQuery) -> Page:
        """The answer at a simulated time.

        A body is passed on byte for byte when it fits on one page, or when it is no list; of
        others, the records are.
        """
        number = bisect_right(self._times, at)
        if not number:
            return Page(b"[]", 0, at)
        as_of = self._times[number - 1]
        body = self._recordings[number - 1].body()
        records = _records(body)
        if records is None:
            return Page(body, None, as_of)
        if query.ids is not None:
            records = [record for record in records if _id(record) in query.ids]
        elif query.page == 1 and len(records) <= query.per_page:
            return Page(body, len(records), as_of)
        first = (query.page - 1) * query.per_page
        selected = b",".join(map(bytes, records[first : first + query.per_page]))
        return Page(b"[" + selected + b"]", len(records), as_of)

    def coins(self, at: datetime) -> list[CoinName]:
        """The coins of the recording that is served at a time; none when it is an error."""
        try:
            return msgspec.json.decode(self.body(at) or b"[]", type=list[CoinName])
        except msgspec.DecodeError:
            return []


def _folder_files(folder: Path) -> list[tuple[str, Callable[[], bytes]]]:
    return [(path.name, path.read_bytes) for path in sorted(folder.rglob("*")) if path.is_file()]


def _archive_files(path: Path) -> list[tuple[str, Callable[[], bytes]]]:
    # An .xz archive can only be read from its start, so its members are kept, each compressed.
    files: list[tuple[str, Callable[[], bytes]]] = []
    with tarfile.open(path) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is not None:
                packed = zlib.compress(content.read(), level=1)
                files.append((PurePath(member.name).name, partial(zlib.decompress, packed)))
    return files


def _recording(name: str, read: Callable[[], bytes]) -> _Recording | None:
    if name.endswith(".json.gz"):
        read = partial(_gunzipped, read)
    elif not name.endswith(".json"):
        return None
    envelope = _envelope(read)
    if envelope is not None:
        time = envelope.ingested_at
        if time.tzinfo is None:
            time = time.replace(tzinfo=timezone.utc)
        return _Recording(time.astimezone(timezone.utc), name, partial(_enveloped, read))
    match = _BODY_NAME.fullmatch(name)
    if match is None:
        return None
    time = datetime.strptime(match[1], "%Y-%m-%dT%H%M%SZ").replace(tzinfo=timezone.utc)
    return _Recording(time, name, read)


def _envelope(read: Callable[[], bytes]) -> _Envelope | None:
    try:
        return msgspec.json.decode(read(), type=_Envelope)
    except (msgspec.DecodeError, OSError, EOFError):
        return None


def _enveloped(read: Callable[[], bytes]) -> bytes:
    return bytes(msgspec.json.decode(read(), type=_Envelope).records)


def _gunzipped(read: Callable[[], bytes]) -> bytes:
    return gzip.decompress(read())


def _records(body: bytes) -> list[msgspec.Raw] | None:
    try:
        return msgspec.json.decode(body, type=list[msgspec.Raw])
    except msgspec.DecodeError:
        return None


def _id(record: msgspec.Raw) -> str | None:
    try:
        return msgspec.json.decode(record, type=_Id).id
    except msgspec.DecodeError:
        return None
