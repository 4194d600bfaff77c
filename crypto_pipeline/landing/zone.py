"""The landing zone: every capture, kept for ever as an immutable file.

A file lies under its hour, ``market_snapshots/date=2026-11-24/hour=05/<time>-<random>.json.gz``,
in a local folder or an object store. It appears as a whole or not at all, and is never overwritten.
"""

import gzip
import hashlib
import logging
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cached_property, partial
from pathlib import Path

from upath import UPath

from crypto_pipeline.coingecko.capture import (
    Capture,
    CaptureError,
    encode_capture,
)
from crypto_pipeline.coingecko.looks import looks_like
from crypto_pipeline.coingecko.price_history import is_history
from crypto_pipeline.landing.archives import ArchiveError, Member, members
from crypto_pipeline.landing.compression import CompressionError, decompress
from crypto_pipeline.landing.landed import (
    HISTORY_FOLDER,
    LANDING_FOLDER,
    filed_hour,
    hour_folder,
    hour_of,
    is_named_as_capture,
    is_shown,
    unpack_capture,
    wrong_time,
)
from crypto_pipeline.landing.new_file import write_new
from crypto_pipeline.landing.object_store import ObjectStore, ObjectStoreError, StoredObject

ARCHIVES_FOLDER = "archives"
"""Folder of the landing zone with the archives whose members became landing files."""

COIN_LIST_FOLDER = "coin_list"
"""Folder of the landing zone with the answers of the list of coins."""

SOURCES_FOLDER = "sources"
"""Folder of the landing zone with the answers of further sources, a folder for each."""

_KEPT_FOLDERS = (ARCHIVES_FOLDER, HISTORY_FOLDER, COIN_LIST_FOLDER, SOURCES_FOLDER)
"""Folders beside that of the hours, in which nothing is to be filed."""

_log = logging.getLogger(__name__)


def _warn(uri: UPath, problem: Exception) -> None:
    _log.warning("%s cannot be filed: %s", uri, problem)


def _leave_history(name: str, _: bytes) -> bool:
    """Whose price history it is, the database knows: a load files it."""
    raise OSError(f"{name} is price history, which `crypto-pipeline load` files")


@dataclass(frozen=True)
class StoredFile:
    """One file in the landing zone, wherever it lies.

    Attributes:
        path: Path below the zone's root, with forward slashes; the file's name everywhere else.
        uri: Where it is.
        store: The object store that holds it; None for a local file.
        listed_size: Its size in bytes, where a listing had it.
    """

    path: str
    uri: UPath
    store: ObjectStore | None = field(default=None, compare=False, repr=False)
    listed_size: int | None = field(default=None, compare=False, repr=False)

    @property
    def size(self) -> int:
        """Size in bytes as stored, 0 of one that cannot be read; costs no request where the file
        was listed in an object store."""
        if self.listed_size is not None:
            return self.listed_size
        try:
            return int(self.uri.stat().st_size)
        except OSError:
            return 0

    @cached_property
    def content(self) -> bytes:
        """The bytes as stored.

        Raises:
            OSError: they cannot be read.
            ObjectStoreError: the object store does not serve us.
        """
        if self.store is not None:
            return self.store.read(self.path)
        return bytes(self.uri.read_bytes())

    def beside(self, name: str) -> "StoredFile":
        """The file of a name in the same folder, whether it is there or not."""
        folder = self.path.rpartition("/")[0]
        return StoredFile(f"{folder}/{name}", self.uri.parent / name, self.store)

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes as stored, hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class LandingFile(StoredFile):
    """One file of an hour of market snapshots.

    Attributes:
        hour: The hour (UTC) under which it is kept.
    """

    hour: datetime = field(kw_only=True)

    def capture(self) -> Capture:
        """Decode the file.

        Raises:
            CaptureError: it holds no capture; the message names the place in the file.
            OSError: it cannot be read.
        """
        return unpack_capture(self.path, self.content)


class LandingZone:
    """A folder or object store of landing files.

    Args:
        uri: Folder, or ``s3://``, ``gs://`` or ``abfs://`` URI (with the fitting extra installed).
    """

    def __init__(self, uri: str) -> None:
        local = UPath(uri)
        self._store = None if local.protocol in ("", "file", "local") else ObjectStore(uri)
        self.root = local if self._store is None else self._store.root

    def write(self, capture: Capture) -> LandingFile:
        """Keep a capture as a new file of its hour.

        Raises:
            OSError: it cannot be written.
            ObjectStoreError: the object store does not serve us.
        """
        hour = hour_of(capture.ingested_at)
        name = f"{capture.ingested_at:%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(4)}.json.gz"
        # Without a time of its own in the header, the same capture gives the same bytes.
        content = gzip.compress(encode_capture(capture), compresslevel=6, mtime=0)
        file = self._file(hour, name)
        self._put(file, content)
        return file

    def files(
        self, start: datetime | None = None, end: datetime | None = None
    ) -> Iterator[LandingFile]:
        """The files of the hours from ``start`` until before ``end``, oldest first; without them,
        all.

        In a folder it costs a listing for every folder that exists, however long the range is. In
        an object store it is one listing, paged, of the names that begin as all of the range do:
        those of its hour, or of the day, month or year that it lies in.

        Raises:
            ObjectStoreError: the object store does not serve us.
        """
        if self._store is not None:
            yield from self._files_in_store(self._store, start, end)
            return
        for day in _listed(self.root / LANDING_FOLDER):
            date = day.name.removeprefix("date=")
            if (start and date < _date(start)) or (end and date > _date(end)):
                continue
            for folder in _listed(day):
                hour = filed_hour(f"{LANDING_FOLDER}/{day.name}/{folder.name}/_")
                if hour is not None and _within(hour, start, end):
                    for name in _file_names(folder):
                        if is_shown(name):
                            yield self._file(hour, name)

    def newest_files(self, end: datetime) -> Iterator[LandingFile]:
        """The files of the hours before ``end``, newest first: a listing of the days, and one of
        each day that is looked into.

        Raises:
            OSError: they cannot be listed.
            ObjectStoreError: the object store does not serve us.
        """
        for name in reversed(self.folders(LANDING_FOLDER)):
            try:
                day = datetime.strptime(f"{name} +0000", "date=%Y-%m-%d %z")
            except ValueError:
                continue
            if day < end:
                yield from reversed(list(self.files(day, min(day + timedelta(days=1), end))))

    def _files_in_store(
        self, store: ObjectStore, start: datetime | None, end: datetime | None
    ) -> Iterator[LandingFile]:
        prefix = ""
        if start is not None and end is not None:
            last = max(start, end - timedelta(microseconds=1))
            # By characters, which a store's prefix is too.
            prefix = os.path.commonprefix([hour_folder(start), hour_folder(last)])  # noqa: RUF071
        for stored in sorted(store.listing(LANDING_FOLDER, prefix), key=lambda stored: stored.path):
            hour = filed_hour(stored.path)
            name = stored.path.rpartition("/")[2]
            if hour is not None and _within(hour, start, end) and is_shown(name):
                yield self._file(hour, name, stored.size)

    def oldest_hour(self) -> datetime | None:
        """The first hour (UTC) that has a folder; None of an empty zone. It costs two listings.

        Raises:
            OSError: it cannot be listed.
            ObjectStoreError: the object store does not serve us.
        """
        for day in self.folders(LANDING_FOLDER):
            for hour in self.folders(f"{LANDING_FOLDER}/{day}"):
                filed = filed_hour(f"{LANDING_FOLDER}/{day}/{hour}/_")
                if filed is not None:
                    return filed
        return None

    def folders(self, below: str) -> list[str]:
        """The names of the folders in a folder of the zone, in order.

        Raises:
            OSError: it cannot be listed.
            ObjectStoreError: the object store does not serve us.
        """
        if self._store is not None:
            return sorted(self._store.top(below)[1])
        return [path.name for path in _listed(self.root / below)]

    def file(self, path: str) -> LandingFile:
        """The file of a path below the root, whether it is there or not.

        Raises:
            ValueError: the path is not that of a landing file.
        """
        hour = filed_hour(path)
        if hour is None:
            raise ValueError(f"{path} is not the path of a landing file")
        return self._file(hour, path.rpartition("/")[2])

    def stored(self, folder: str) -> Iterator[StoredFile]:
        """All files below a folder of the zone, by their paths.

        Raises:
            OSError: it cannot be listed.
            ObjectStoreError: the object store does not serve us.
        """
        if self._store is not None:
            for stored in sorted(self._store.listing(folder), key=lambda stored: stored.path):
                if is_shown(stored.path.rpartition("/")[2]):
                    yield StoredFile(stored.path, self.root / stored.path, self._store, stored.size)
            return
        top = Path((self.root / folder).path)
        below = Path(self.root.path)
        found = (Path(where, name) for where, _, names in os.walk(top) for name in names)
        for path in sorted(str(file.relative_to(below)) for file in found if is_shown(file.name)):
            yield self.stored_file(path)

    def stored_file(self, path: str) -> StoredFile:
        """The file of a path below the root, whether it is there or not."""
        return StoredFile(path, self.root / path, self._store)

    def put_new(self, path: str, content: bytes) -> bool:
        """Keep a content under a path below the root; whether it is new there.

        Raises:
            OSError: it cannot be written, or another content is there.
            ObjectStoreError: the object store does not serve us.
        """
        try:
            self._put_at(path, content)
        except FileExistsError:
            if self.stored_file(path).content != content:
                raise FileExistsError(f"another file lies at {path}: rename one of them") from None
            return False
        return True

    def has_unfiled(self) -> bool:
        """Whether ``file_unfiled`` would have anything to look at.

        Raises:
            ObjectStoreError: the object store does not serve us.
        """
        failed: list[UPath] = []
        found = next(self._unfiled_files(True, lambda uri, _: failed.append(uri)), None)
        return found is not None or failed != []

    def file_unfiled(
        self,
        *,
        among_hours: bool = True,
        on_failure: Callable[[UPath, Exception], None] = _warn,
        file_history: Callable[[str, bytes], bool] = _leave_history,
    ) -> list[LandingFile]:
        """Move files that were dropped in by hand to the hour of their fetch (``decode_capture``).

        A file that is named as JSON and cannot be read, or has an impossible time, goes to the hour
        of its name or, failing that, that it was last written in; loading reports it. Of an archive
        every member becomes a landing file, and the archive is kept in the folder ``archives``.
        Whatever is none of these stays where it is, and so does one that cannot be moved, for
        example because another file of its name lies there already; it keeps no other from being
        filed.

        Args:
            among_hours: Whether to look for misplaced files among the hours' own folders too, which
                costs a walk through all that was ever landed.
            on_failure: Called for every file that stays where it is, or folder that cannot be
                listed, and why; by default it is logged as a warning.
            file_history: Called with the name and the content of every file of price history;
                whether it has kept it. It raises OSError for what it cannot file.

        Raises:
            ObjectStoreError: the object store does not serve us. One that only refuses to write or
                remove a file does.
        """
        filed: list[LandingFile] = []
        for path, remove in sorted(
            self._unfiled_files(among_hours, on_failure), key=lambda unfiled: unfiled[0]
        ):
            try:
                filed += self._file_away(
                    path, remove, partial(on_failure, self.root / path), file_history
                )
            except OSError as problem:
                on_failure(self.root / path, problem)
            except ObjectStoreError as problem:
                if problem.retryable:
                    raise
                on_failure(self.root / path, problem)
        return filed

    def _file_away(
        self,
        path: str,
        remove: Callable[[], None],
        on_failure: Callable[[Exception], None],
        file_history: Callable[[str, bytes], bool],
    ) -> list[LandingFile]:
        """Move an unfiled file, or the members of an archive; nothing if another process has filed
        it since it was listed."""
        uri = self.root / path
        unfiled = StoredFile(path, uri, self._store)
        try:
            content = unfiled.content
            archived = members(path, content)
            if archived is not None:
                return self._file_members(path, content, archived, remove, on_failure, file_history)
            if self._is_filed_as_history(uri.name, content, file_history):
                remove()
                return []
            file = self._keep(uri.name, content, _time_told(uri.name, content) or _written(uri))
        except FileNotFoundError:
            return []
        remove()
        return [file]

    def _file_members(
        self,
        path: str,
        content: bytes,
        archived: Iterator[Member],
        remove: Callable[[], None],
        on_failure: Callable[[Exception], None],
        file_history: Callable[[str, bytes], bool],
    ) -> list[LandingFile]:
        filed: list[LandingFile] = []
        left = False
        histories = 0
        try:
            for member in archived:
                try:
                    # In one folder: what lay in folders of the archive is told apart by its name.
                    name = member.name.removeprefix("./").replace("/", "-")
                    if self._is_filed_as_history(name, member.content, file_history):
                        histories += 1
                        continue
                    time = _time_told(name, member.content) or member.written
                    filed.append(self._keep(name, member.content, time))
                except OSError as problem:
                    left = True
                    on_failure(OSError(f"its member {member.name}: {problem}"))
        except ArchiveError as problem:
            left = True
            on_failure(problem)
        if left:
            return filed
        if not filed and not histories:
            on_failure(OSError(f"{looks_like(content)} (no file is in it)"))
            return filed
        kept = f"{ARCHIVES_FOLDER}/{hashlib.sha256(content).hexdigest()[:16]}-{UPath(path).name}"
        with suppress(FileExistsError):
            # The same bytes: it was dropped in before.
            self._put_at(kept, content)
        remove()
        return filed

    @staticmethod
    def _is_filed_as_history(
        name: str, content: bytes, file_history: Callable[[str, bytes], bool]
    ) -> bool:
        try:
            plain = decompress(name, content)
        except CompressionError:
            return False
        return is_history(plain) and file_history(name, content)

    def _keep(self, name: str, content: bytes, time: datetime) -> LandingFile:
        """Keep a content under the hour of a time.

        Raises:
            OSError: it cannot be written.
            ObjectStoreError: the object store does not serve us.
        """
        file = self._file(hour_of(time), name)
        try:
            self._put(file, content)
        except FileExistsError:
            if file.content != content:
                raise FileExistsError(
                    f"{name} belongs at {file.path}, where another file lies: rename one of them"
                ) from None
        return file

    def _unfiled_files(
        self, among_hours: bool, on_failure: Callable[[UPath, Exception], None]
    ) -> Iterator[tuple[str, Callable[[], None]]]:
        """Each unfiled file's path below the root, with what removes it."""
        if self._store is not None:
            for stored in self._beside_the_hours(self._store, among_hours):
                if _is_unfiled(stored.path):
                    yield stored.path, partial(self._store.remove, stored)
            return
        for top in _listed(self.root):
            if top.name in _KEPT_FOLDERS or (top.name == LANDING_FOLDER and not among_hours):
                continue
            try:
                for path in (top, *top.rglob("*")):
                    below = path.path.removeprefix(self.root.path).lstrip("/")
                    if _is_unfiled(below) and path.is_file():
                        yield below, partial(path.unlink, missing_ok=True)
            except OSError as problem:
                on_failure(top, problem)

    def _beside_the_hours(self, store: ObjectStore, among_hours: bool) -> Iterator[StoredObject]:
        if among_hours:
            yield from store.listing()
            return
        files, folders = store.top()
        yield from files
        for folder in folders:
            if folder not in (LANDING_FOLDER, *_KEPT_FOLDERS):
                yield from store.listing(folder)

    def _file(self, hour: datetime, name: str, size: int | None = None) -> LandingFile:
        path = f"{LANDING_FOLDER}/{hour_folder(hour)}/{name}"
        return LandingFile(path, self.root / path, self._store, size, hour=hour)

    def _put(self, file: LandingFile, content: bytes) -> None:
        self._put_at(file.path, content)

    def _put_at(self, path: str, content: bytes) -> None:
        if self._store is not None:
            self._store.put_new(path, content)
            return
        write_new(Path((self.root / path).path), content)


def _time_told(name: str, content: bytes) -> datetime | None:
    """When a content says it was fetched; None if it does not, or says an impossible time.

    Raises:
        OSError: it is no capture, and its name does not say that it should be one.
    """
    told: Capture | CaptureError
    try:
        told = unpack_capture(name, content)
    except CaptureError as error:
        if not is_named_as_capture(name):
            raise OSError(str(error)) from None
        told = error
    if told.ingested_at is None or wrong_time(told.ingested_at, told.source):
        return None
    return told.ingested_at


def _written(uri: UPath) -> datetime:
    return datetime.fromtimestamp(uri.stat().st_mtime, timezone.utc)


def _within(hour: datetime, start: datetime | None, end: datetime | None) -> bool:
    return (start is None or start <= hour) and (end is None or hour < end)


def _date(time: datetime) -> str:
    # strftime("%Y") writes the year 999 with three digits.
    return time.date().isoformat()


def _listed(folder: UPath) -> list[UPath]:
    return sorted(folder.iterdir(), key=lambda path: path.name) if folder.is_dir() else []


def _file_names(folder: UPath) -> list[str]:
    with os.scandir(folder.path) as entries:
        return sorted(entry.name for entry in entries if not entry.is_dir())


def _is_unfiled(path: str) -> bool:
    """Whether a path below the root is that of a file under no hour."""
    return (
        is_shown(path.rpartition("/")[2])
        and filed_hour(path) is None
        and path.partition("/")[0] not in _KEPT_FOLDERS
    )
