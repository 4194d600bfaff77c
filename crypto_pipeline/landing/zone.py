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
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import dagster as dg
from upath import UPath

from crypto_pipeline.coingecko.capture import (
    Capture,
    CaptureError,
    encode_capture,
)
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.landing.landed import (
    LANDING_FOLDER,
    filed_hour,
    hour_folder,
    hour_of,
    unpack_capture,
    wrong_time,
)
from crypto_pipeline.landing.object_store import ObjectStore, ObjectStoreError, StoredObject

_UNFILED = datetime.min.replace(tzinfo=timezone.utc)

_log = logging.getLogger(__name__)


def _warn(uri: UPath, problem: Exception) -> None:
    _log.warning("%s cannot be filed: %s", uri, problem)


@dataclass(frozen=True)
class LandingFile:
    """One file of the landing zone.

    Attributes:
        path: Path below the zone's root, with forward slashes; the file's name everywhere else.
        hour: The hour (UTC) under which it is kept.
        uri: Where it is.
        store: The object store that holds it; None for a local file.
        listed_size: Its size in bytes, where a listing had it.
    """

    path: str
    hour: datetime
    uri: UPath
    store: ObjectStore | None = field(default=None, compare=False, repr=False)
    listed_size: int | None = field(default=None, compare=False, repr=False)

    @property
    def size(self) -> int:
        """Size in bytes as stored; costs no request where the file was listed in an object store.

        Raises:
            OSError: there is no such file.
        """
        if self.listed_size is not None:
            return self.listed_size
        return int(self.uri.stat().st_size)

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

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes as stored, hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()

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
                    for path in _listed(folder):
                        if _is_capture(path.name):
                            yield self._file(hour, path.name)

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
            if hour is not None and _within(hour, start, end) and _is_capture(name):
                yield self._file(hour, name, stored.size)

    def file(self, path: str) -> LandingFile:
        """The file of a path below the root, whether it is there or not.

        Raises:
            ValueError: the path is not that of a landing file.
        """
        hour = filed_hour(path)
        if hour is None:
            raise ValueError(f"{path} is not the path of a landing file")
        return self._file(hour, path.rpartition("/")[2])

    def file_unfiled(
        self,
        *,
        among_hours: bool = True,
        on_failure: Callable[[UPath, Exception], None] = _warn,
    ) -> list[LandingFile]:
        """Move files that were dropped in by hand to their hour (``ingested_at``).

        A file that cannot be read as a capture, or has an impossible time, goes to the hour it
        was last written in, where loading reports it. One that cannot be moved, for example because
        another file of its name lies there already, stays where it is and keeps no other from being
        filed.

        Args:
            among_hours: Whether to look for misplaced files among the hours' own folders too, which
                costs a walk through all that was ever landed.
            on_failure: Called for every file that stays where it is, or folder that cannot be
                listed, and why; by default it is logged as a warning.

        Raises:
            ObjectStoreError: the object store does not serve us. One that only refuses to write or
                remove a file does.
        """
        filed = []
        for path, remove in sorted(
            self._unfiled_files(among_hours, on_failure), key=lambda unfiled: unfiled[0]
        ):
            try:
                file = self._file_away(path, remove)
            except OSError as problem:
                on_failure(self.root / path, problem)
            except ObjectStoreError as problem:
                if problem.retryable:
                    raise
                on_failure(self.root / path, problem)
            else:
                if file is not None:
                    filed.append(file)
        return filed

    def _file_away(self, path: str, remove: Callable[[], None]) -> LandingFile | None:
        """Move an unfiled file; None if another process has filed it since it was listed."""
        uri = self.root / path
        unfiled = LandingFile(path, _UNFILED, uri, self._store)
        try:
            time = _time_told(unfiled)
        except FileNotFoundError:
            return None
        file = self._file(hour_of(time), uri.name)
        try:
            self._put(file, unfiled.content)
        except FileExistsError:
            if file.content != unfiled.content:
                raise FileExistsError(
                    f"{uri} belongs at {file.path}, where another file lies: rename one of them"
                ) from None
        remove()
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
            if top.name == LANDING_FOLDER and not among_hours:
                continue
            try:
                for path in (top, *top.rglob("*.json*")):
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
            if folder != LANDING_FOLDER:
                yield from store.listing(folder)

    def _file(self, hour: datetime, name: str, size: int | None = None) -> LandingFile:
        path = f"{LANDING_FOLDER}/{hour_folder(hour)}/{name}"
        return LandingFile(path, hour, self.root / path, self._store, size)

    def _put(self, file: LandingFile, content: bytes) -> None:
        if self._store is not None:
            self._store.put_new(file.path, content)
            return
        local = Path(file.uri.path)
        local.parent.mkdir(parents=True, exist_ok=True)
        # Without the file's own name, which may be as long as a name can be.
        temporary = local.with_name(f".{secrets.token_hex(8)}.tmp")
        try:
            with temporary.open("xb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            # Unlike a rename, a link never replaces a file.
            os.link(temporary, local)
        finally:
            temporary.unlink(missing_ok=True)
        descriptor = os.open(local.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _time_told(unfiled: LandingFile) -> datetime:
    """When an unfiled file says it was fetched, or else when it was written.

    Raises:
        OSError: it cannot be read.
    """
    told: Capture | CaptureError
    try:
        told = unfiled.capture()
    except CaptureError as error:
        told = error
    if told.ingested_at is None or wrong_time(told.ingested_at, told.source):
        return datetime.fromtimestamp(unfiled.uri.stat().st_mtime, timezone.utc)
    return told.ingested_at


def _within(hour: datetime, start: datetime | None, end: datetime | None) -> bool:
    return (start is None or start <= hour) and (end is None or hour < end)


def _date(time: datetime) -> str:
    # strftime("%Y") writes the year 999 with three digits.
    return time.date().isoformat()


def _listed(folder: UPath) -> list[UPath]:
    return sorted(folder.iterdir(), key=lambda path: path.name) if folder.is_dir() else []


def _is_capture(name: str) -> bool:
    return name.endswith((".json", ".json.gz")) and not name.startswith(".")


def _is_unfiled(path: str) -> bool:
    """Whether a path below the root is that of a capture under no hour."""
    return _is_capture(path.rpartition("/")[2]) and filed_hour(path) is None


class LandingZoneResource(dg.ConfigurableResource[Any]):
    """The landing zone that the environment names (``LANDING_ZONE_URI``)."""

    def zone(self) -> LandingZone:
        """Open the landing zone."""
        return LandingZone(Settings().landing_uri)


class LandingZoneIOManager(dg.ConfigurableIOManager):
    """Keeps a capture as a landing file of its hourly partition; gives the files of partitions back
    unread, so that a range of any length costs a listing.

    A list of files as output means that the partition was there already: nothing is written.
    """

    landing_zone: dg.ResourceDependency[LandingZoneResource]

    def handle_output(self, context: dg.OutputContext, obj: Capture | list[LandingFile]) -> None:
        """Write a capture, and describe what now lies in the landing zone."""
        zone = self.landing_zone.zone()
        if isinstance(obj, Capture):
            try:
                files, capture = [zone.write(obj)], obj
            except ObjectStoreError as error:
                raise dg.Failure(str(error), allow_retries=error.retryable) from None
            context.add_output_metadata(
                {
                    "records": len(capture.records),
                    "pages": len(capture.responses),
                    "source": capture.source,
                    "ingested_at": dg.TimestampMetadataValue(capture.ingested_at.timestamp()),
                    "request": dg.JsonMetadataValue(dict(capture.request)),
                }
            )
        else:
            files = obj
        context.add_output_metadata(
            {
                "files": len(files),
                "bytes": sum(file.size for file in files),
                "landing_file": dg.PathMetadataValue(str(files[-1].uri)),
            }
        )

    def load_input(self, context: dg.InputContext) -> list[LandingFile]:
        """The files of the input's partitions, oldest first."""
        zone = self.landing_zone.zone()
        window = context.asset_partitions_time_window
        return list(zone.files(hour_of(window.start), hour_of(window.end)))
