"""Content that is compressed, recognised by its first bytes; the name decides nothing."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import PurePosixPath

import zstandard
from isal import igzip


class CompressionError(ValueError):
    """Content that is not, or not wholly, of the compression it is said to be of."""


def decompress(name: str, content: bytes) -> bytes:
    """Content as it is without compression: gzip, Zstandard, xz or bzip2.

    Args:
        name: The file's name; one that promises a compression must keep it, or hold JSON.
        content: The bytes as stored.

    Raises:
        CompressionError: it is cut off or damaged; the message says so.
    """
    for magic, (kind, unpack) in _KINDS.items():
        if content.startswith(magic):
            try:
                return unpack(content)
            except (EOFError, OSError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
                raise _not_whole(kind, content, str(error)) from None
    promised = _BY_SUFFIX.get(PurePosixPath(name).suffix)
    if promised is not None and content.lstrip()[:1] not in (b"[", b"{"):
        raise _not_whole(promised, content, "it does not begin as one")
    return content


def _not_whole(kind: str, content: bytes, problem: str) -> CompressionError:
    return CompressionError(f"not a whole {kind} file of {len(content)} bytes: {problem}")


def _gunzip(content: bytes) -> bytes:
    # The standard library takes three times as long, and knows better what is wrong.
    with suppress(Exception):
        return bytes(igzip.decompress(content))  # type: ignore[no-untyped-call]
    return gzip.decompress(content)


def _unzstd(content: bytes) -> bytes:
    frames = []
    while content:
        decompressor = zstandard.ZstdDecompressor().decompressobj()
        frames.append(decompressor.decompress(content))
        if not decompressor.eof:
            raise EOFError("it ends in the middle of a frame")
        content = decompressor.unused_data
    return b"".join(frames)


_KINDS: Mapping[bytes, tuple[str, Callable[[bytes], bytes]]] = {
    b"\x1f\x8b": ("gzip", _gunzip),
    b"\x28\xb5\x2f\xfd": ("Zstandard", _unzstd),
    b"\xfd7zXZ\x00": ("xz", lzma.decompress),
    b"BZh": ("bzip2", bz2.decompress),
}
_BY_SUFFIX = {".gz": "gzip", ".zst": "Zstandard", ".xz": "xz", ".bz2": "bzip2"}
COMPRESSED_SUFFIXES = tuple(_BY_SUFFIX)
