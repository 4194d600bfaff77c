"""Bodies of answers, each kept once: ``<folder>/bodies/<sha256>.json.gz``.

An answer that is the same as an earlier one takes no room. The body is written before the file of
the answer that names it: an answer that is there has its body.
"""

import gzip
import hashlib
import re
from contextlib import suppress

from crypto_pipeline.landing.compression import CompressionError, decompress
from crypto_pipeline.landing.zone import LandingZone

_SHA256 = re.compile("[0-9a-f]{64}")


class BodyError(ValueError):
    """A body that is not the one that was kept; the message says what is wrong."""


def is_sha256(text: str) -> bool:
    """Whether a text is a SHA-256, hexadecimal."""
    return _SHA256.fullmatch(text) is not None


def keep_body(zone: LandingZone, folder: str, body: bytes) -> str:
    """Keep a body, if it is not there yet; its SHA-256.

    Raises:
        OSError: it cannot be written.
        ObjectStoreError: the object store does not serve us.
    """
    sha256 = hashlib.sha256(body).hexdigest()
    with suppress(FileExistsError):
        # The same body, compressed by another version of the library.
        zone.put_new(_path(folder, sha256), gzip.compress(body, compresslevel=6, mtime=0))
    return sha256


def read_kept_body(zone: LandingZone, folder: str, sha256: str) -> bytes:
    """A body, uncompressed.

    Raises:
        BodyError: it is not the one that was kept.
        OSError: it cannot be read.
        ObjectStoreError: the object store does not serve us.
    """
    path = _path(folder, sha256)
    try:
        body = decompress(path, zone.stored_file(path).content)
    except CompressionError as problem:
        raise BodyError(f"{path}: {problem}") from None
    if hashlib.sha256(body).hexdigest() != sha256:
        raise BodyError(f"{path} is not what was kept: its SHA-256 is another")
    return body


def _path(folder: str, sha256: str) -> str:
    return f"{folder}/bodies/{sha256}.json.gz"
