"""Archives of files that were dropped into the landing zone: tar, however compressed, and zip."""

import io
import tarfile
import zipfile
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import NamedTuple

from crypto_pipeline.landing.compression import CompressionError, decompress

_ZIP = b"PK\x03\x04"
_TAR = b"ustar"
_TAR_AT = 257


class Member(NamedTuple):
    """A file in an archive.

    Attributes:
        name: Its path in the archive.
        written: When it was last written, UTC.
        content: Its bytes.
    """

    name: str
    written: datetime
    content: bytes


class ArchiveError(ValueError):
    """An archive that cannot be read to its end; the message says why."""


def members(name: str, content: bytes) -> Iterator[Member] | None:
    """The files in an archive, in its order; None if the content is no archive.

    What an operating system leaves beside the files (names that begin with a dot, ``__MACOSX``) is
    left out.

    Args:
        name: The archive's name.
        content: Its bytes.

    Raises:
        ArchiveError: while it is read: it is cut off, damaged or encrypted.
    """
    if content.startswith(_ZIP):
        return _of_zip(content)
    try:
        plain = decompress(name, content)
    except CompressionError:
        return None
    if plain[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        return _of_tar(plain)
    return None


def _of_zip(content: bytes) -> Iterator[Member]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                if not entry.is_dir() and _is_named(entry.filename):
                    written = datetime(*entry.date_time, tzinfo=timezone.utc)
                    yield Member(entry.filename, written, archive.read(entry))
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, ValueError, OSError) as error:
        # A password is a RuntimeError, an unknown compression NotImplementedError.
        raise ArchiveError(f"not a whole zip archive: {error}") from None


def _of_tar(content: bytes) -> Iterator[Member]:
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for entry in archive:
                # Links and devices have no content of their own.
                if entry.isfile() and _is_named(entry.name):
                    stream = archive.extractfile(entry)
                    assert stream is not None
                    written = datetime.fromtimestamp(entry.mtime, timezone.utc)
                    yield Member(entry.name, written, stream.read())
    except (tarfile.TarError, ValueError, OverflowError, OSError) as error:
        raise ArchiveError(f"not a whole tar archive: {error}") from None


def _is_named(path: str) -> bool:
    return not any(part.startswith((".", "__MACOSX")) for part in path.split("/") if part != ".")
