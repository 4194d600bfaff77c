"""The landing zone: every capture, kept for ever as an immutable file.

A file lies under its hour, ``market_snapshots/date=2026-11-24/hour=05/<time>-<random>.json.gz``,
in a local folder or an object store. It appears as a whole or not at all, and is never overwritten.
"""

import gzip
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
from upath import UPath

from crypto_pipeline.coingecko.capture import (
    Capture,
    CaptureError,
    encode_capture,
)
from crypto_pipeline.coingecko.landed import unpack_capture
from crypto_pipeline.settings import Settings

_FOLDER = "market_snapshots"
_FILED = re.compile(rf"{_FOLDER}/date=(\d{{4}}-\d\d-\d\d)/hour=(\d\d)/[^/]+")


@dataclass(frozen=True)
class LandingFile:
    """One file of the landing zone.

    Attributes:
        path: Path below the zone's root, with forward slashes; the file's name everywhere else.
        hour: The hour (UTC) under which it is kept.
        uri: Where it is.
    """

    path: str
    hour: datetime
    uri: UPath

    @cached_property
    def content(self) -> bytes:
        """The bytes as stored.

        Raises:
            OSError: they cannot be read.
        """
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
        self.root = UPath(uri)

    def write(self, capture: Capture) -> LandingFile:
        """Keep a capture as a new file of its hour."""
        hour = hour_of(capture.ingested_at)
        name = f"{capture.ingested_at:%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(4)}.json.gz"
        # Without a time of its own in the header, the same capture gives the same bytes.
        content = gzip.compress(encode_capture(capture), compresslevel=6, mtime=0)
        file = self._file(hour, name)
        self._put(file.uri, content)
        return file

    def files(
        self, start: datetime | None = None, end: datetime | None = None
    ) -> Iterator[LandingFile]:
        """The files of the hours from ``start`` until before ``end``, oldest first; without them,
        all. Costs a listing for every folder that exists, however long the range is."""
        for day in _listed(self.root / _FOLDER):
            date = day.name.removeprefix("date=")
            if (start and date < _date(start)) or (end and date > _date(end)):
                continue
            for folder in _listed(day):
                hour = _parse_hour(f"{_FOLDER}/{day.name}/{folder.name}/_")
                if hour is None:
                    continue
                if (start is None or start <= hour) and (end is None or hour < end):
                    for path in _listed(folder):
                        if _is_capture(path.name):
                            yield self._file(hour, path.name)

    def file(self, path: str) -> LandingFile:
        """The file of a path below the root, whether it is there or not.

        Raises:
            ValueError: the path is not that of a landing file.
        """
        hour = _parse_hour(path)
        if hour is None:
            raise ValueError(f"{path} is not the path of a landing file")
        return self._file(hour, path.rpartition("/")[2])

    def file_loose(self, *, among_hours: bool = True) -> list[LandingFile]:
        """Move files that were dropped in by hand to the hour they tell (``ingested_at``).

        A file that cannot be read goes to the hour it was last written in, where loading reports
        it.

        Args:
            among_hours: Whether to look for misplaced files among the hours' own folders too, which
                costs a walk through all that was ever landed.

        Raises:
            FileExistsError: another file of that name lies there already.
        """
        filed = []
        for path in sorted(self._loose(among_hours), key=str):
            try:
                filed.append(self._file_away(path))
            except FileNotFoundError:
                # Another process has filed it since it was listed.
                continue
        return filed

    def _file_away(self, path: UPath) -> LandingFile:
        time = datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
        loose = LandingFile(path.name, hour_of(time), path)
        try:
            time = loose.capture().ingested_at
        except CaptureError as error:
            time = error.ingested_at or time
        file = self._file(hour_of(time), path.name)
        try:
            self._put(file.uri, loose.content)
        except FileExistsError:
            if file.content != loose.content:
                raise FileExistsError(
                    f"{path} belongs at {file.path}, where another file lies: rename one of them"
                ) from None
        path.unlink(missing_ok=True)
        return file

    def _loose(self, among_hours: bool) -> Iterator[UPath]:
        for top in _listed(self.root):
            if top.name == _FOLDER and not among_hours:
                continue
            for path in (top, *top.rglob("*.json*")):
                below = path.path.removeprefix(self.root.path).lstrip("/")
                if _is_capture(path.name) and _parse_hour(below) is None and path.is_file():
                    yield path

    def _folder(self, hour: datetime) -> UPath:
        return self.root / _FOLDER / f"date={_date(hour)}" / f"hour={hour:%H}"

    def _file(self, hour: datetime, name: str) -> LandingFile:
        uri = self._folder(hour) / name
        return LandingFile(f"{_FOLDER}/date={_date(hour)}/hour={hour:%H}/{name}", hour, uri)

    def _put(self, target: UPath, content: bytes) -> None:
        if target.protocol not in ("", "file", "local"):
            # An object appears when its upload is complete.
            if target.exists():
                raise FileExistsError(f"{target} is there already; landing files are immutable")
            target.write_bytes(content)
            return
        local = Path(target.path)
        local.parent.mkdir(parents=True, exist_ok=True)
        temporary = local.with_name(f".{local.name}.{secrets.token_hex(4)}.tmp")
        try:
            with temporary.open("xb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            # Unlike a rename, a link never replaces a file.
            os.link(temporary, local)
        finally:
            temporary.unlink()
        descriptor = os.open(local.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def hour_of(time: datetime) -> datetime:
    """The start of the hour (UTC) in which a time lies."""
    return time.astimezone(timezone.utc).replace(minute=0, second=0, microsecond=0)


def _parse_hour(path: str) -> datetime | None:
    """The hour under which a path below the root lies, None if it is no landing file's."""
    match = _FILED.fullmatch(path)
    if match is None:
        return None
    try:
        return datetime.strptime(f"{match[1]} {match[2]}+0000", "%Y-%m-%d %H%z")
    except ValueError:
        return None


def _date(time: datetime) -> str:
    # strftime("%Y") writes the year 999 with three digits.
    return time.date().isoformat()


def _listed(folder: UPath) -> list[UPath]:
    return sorted(folder.iterdir(), key=lambda path: path.name) if folder.is_dir() else []


def _is_capture(name: str) -> bool:
    return name.endswith((".json", ".json.gz")) and not name.startswith(".")


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
            files, capture = [zone.write(obj)], obj
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
                "bytes": sum(file.uri.stat().st_size for file in files),
                "landing_file": dg.PathMetadataValue(str(files[-1].uri)),
            }
        )

    def load_input(self, context: dg.InputContext) -> list[LandingFile]:
        """The files of the input's partitions, oldest first."""
        zone = self.landing_zone.zone()
        window = context.asset_partitions_time_window
        return list(zone.files(hour_of(window.start), hour_of(window.end)))
