"""What the landing zone needs of an object store: list, read, write once, remove what was read.

It goes through fsspec, so the credentials are those that the store's own SDK finds: environment,
shared files, the role of the machine. Errors are one line, without any of them.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import tenacity
from upath import UPath

from crypto_pipeline.landing.store_kinds import (
    KINDS,
    ObjectStoreError,
    StoreKind,
    WriteConflictError,
)

__all__ = ["ObjectStore", "ObjectStoreError", "StoredObject"]


@dataclass(frozen=True)
class StoredObject:
    """An object as a listing has it.

    Attributes:
        path: Its name below the root, with forward slashes.
        size: Bytes.
        mark: The store's mark of the content, where the listing has one.
    """

    path: str
    size: int
    mark: str | None


class ObjectStore:
    """The objects below a root.

    Args:
        uri: ``s3://bucket/prefix``, ``gs://bucket/prefix``, ``abfs://container/prefix``, or a URI
            of another store that fsspec knows.

    Raises:
        ObjectStoreError: the store's library is not installed.
    """

    def __init__(self, uri: str) -> None:
        self._kind = KINDS.get(uri.partition("://")[0], StoreKind)(uri)
        with self._told():
            # A process that lives for days has to see what others have landed meanwhile.
            self.root = UPath(uri, use_listings_cache=False)
            self._fs = self.root.fs
        self._root = self.root.path.rstrip("/")

    def listing(self, folder: str = "", prefix: str = "") -> Iterator[StoredObject]:
        """All objects below a folder, those whose path in it starts with ``prefix`` at least.

        It is the store's own paged listing (S3: 1,000 names a request); no object is asked for.

        Raises:
            ObjectStoreError: the store does not serve us.
        """
        with self._told():
            found = self._fs.find(self._key(folder), detail=True, prefix=prefix)
            if not found:
                # adlfs finds nothing in a container that is not there.
                self._ask_for_bucket()
        return (self._stored(name, info) for name, info in found.items())

    def top(self, folder: str = "") -> tuple[list[StoredObject], list[str]]:
        """The objects in a folder itself, and the names of the folders there.

        Raises:
            ObjectStoreError: the store does not serve us.
        """
        try:
            with self._told():
                entries = self._fs.ls(self._key(folder), detail=True)
        except FileNotFoundError:
            entries = []
        files = [self._stored(e["name"], e) for e in entries if e["type"] == "file"]
        folders = [
            e["name"].rstrip("/").rpartition("/")[2] for e in entries if e["type"] == "directory"
        ]
        return files, folders

    def read(self, path: str) -> bytes:
        """The bytes of an object, in one request.

        Raises:
            FileNotFoundError: it is not there.
            ObjectStoreError: the store does not serve us.
        """
        with self._told():
            return bytes(self._fs.cat_file(self._key(path), **self._kind.read_options))

    def put_new(self, path: str, content: bytes) -> None:
        """Write an object that must not be there yet: the store itself refuses to overwrite.

        An object appears when its upload, in parts if it is large, is complete. Where the same
        bytes lie there already, nothing is left to do: that is also how a request looks whose
        answer was lost on the way and which the SDK sent again.

        Raises:
            FileExistsError: other bytes lie there.
            ObjectStoreError: the store does not serve us.
        """
        try:
            self._put_new(path, content)
        except FileExistsError:
            if self.read(path) != content:
                raise FileExistsError(
                    f"{self.root / path} is there already; landing files are immutable"
                ) from None

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(WriteConflictError),
        wait=tenacity.wait_random_exponential(multiplier=0.1, max=2),
        stop=tenacity.stop_after_attempt(5),
        reraise=True,
    )
    def _put_new(self, path: str, content: bytes) -> None:
        with self._told():
            # S3 and Azure: If-None-Match: *, on the PUT or on the end of an upload in parts.
            # Google: ifGenerationMatch=0.
            self._fs.pipe_file(self._key(path), content, mode="create")

    def remove(self, stored: StoredObject) -> None:
        """Remove an object unless it was replaced since it was listed, or is gone already.

        Raises:
            ObjectStoreError: the store does not serve us.
        """
        key = self._key(stored.path)
        try:
            with self._told():
                if stored.mark is not None:
                    self._kind.remove(self._fs, key, stored.mark)
                else:
                    self._fs.rm_file(key)
        except (FileNotFoundError, FileExistsError):
            return

    def _ask_for_bucket(self) -> None:
        """Where a library says only that it found nothing, ask whether the bucket is there."""
        try:
            self._kind.ask_for_bucket(self._fs, self._root)
        except Exception as error:
            meaning = self._kind.meaning(error) or error
            if isinstance(meaning, FileNotFoundError):
                meaning = self._kind.no_bucket()
            raise meaning from None

    def _key(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _stored(self, name: str, info: dict[str, Any]) -> StoredObject:
        # Stores differ in whether a name begins with a slash.
        below = name.lstrip("/").removeprefix(self._root.lstrip("/")).lstrip("/")
        return StoredObject(below, int(info["size"] or 0), self._kind.mark(info))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Report in one line what a person can correct."""
        try:
            yield
        except ImportError:
            if self._kind.extra is None:
                raise
            raise ObjectStoreError(
                f"{self._kind.uri}: a library is missing:"
                f' pip install "crypto-pipeline[{self._kind.extra}]"'
            ) from None
        except (FileExistsError, ObjectStoreError):
            raise
        except (TimeoutError, asyncio.TimeoutError):  # one class from Python 3.11 on
            raise ObjectStoreError(f"{self._kind.uri}: no answer in time", retryable=True) from None
        except Exception as error:
            meaning = self._kind.meaning(error) or error
            if isinstance(meaning, FileNotFoundError):
                self._ask_for_bucket()
            if meaning is error:
                raise
            raise meaning from None
