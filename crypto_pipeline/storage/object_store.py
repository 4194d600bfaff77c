"""What the landing zone needs of an object store: list, read, write once, remove what was read.

It goes through fsspec, so the credentials are those that the store's own SDK finds: environment,
shared files, the role of the machine. The error of S3 is told in one line, without any of them.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import tenacity
from upath import UPath


class ObjectStoreError(Exception):
    """The store as a whole does not serve us: missing library, no bucket, no credentials, denied,
    unreachable. Not an ``OSError``: it says nothing about one file.

    Attributes:
        retryable: Whether the same request may succeed later, with nothing changed by a person.
    """

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class _WriteConflict(ObjectStoreError):
    """Another write to the same name was under way; asking again tells which one won."""


@dataclass(frozen=True)
class StoredObject:
    """An object as a listing tells it.

    Attributes:
        path: Its name below the root, with forward slashes.
        size: Bytes.
        etag: The store's mark of the content, where the listing has one.
    """

    path: str
    size: int
    etag: str | None


class ObjectStore:
    """The objects below a root.

    Args:
        uri: ``s3://bucket/prefix``, or a URI of another store that fsspec knows.

    Raises:
        ObjectStoreError: the store's library is not installed.
    """

    def __init__(self, uri: str) -> None:
        self._uri = uri
        with self._told():
            # A process that lives for days has to see what others have landed meanwhile.
            self.root = UPath(uri, use_listings_cache=False)
            self._fs = self.root.fs
        self._root = self.root.path.rstrip("/")
        self._is_s3 = self.root.protocol in ("s3", "s3a")

    def listing(self, folder: str = "", prefix: str = "") -> Iterator[StoredObject]:
        """All objects below a folder, those whose path in it starts with ``prefix`` at least.

        It is the store's own paged listing (S3: 1,000 names a request); no object is asked for.

        Raises:
            ObjectStoreError: the store does not serve us.
        """
        with self._told():
            found = self._fs.find(self._key(folder), detail=True, prefix=prefix)
        return (self._stored(name, info) for name, info in found.items())

    def top(self) -> tuple[list[StoredObject], list[str]]:
        """The objects in the root itself, and the names of the folders there.

        Raises:
            ObjectStoreError: the store does not serve us.
        """
        with self._told():
            try:
                entries = self._fs.ls(self._root, detail=True)
            except FileNotFoundError as error:
                if _s3_code(error) == "NoSuchBucket":
                    raise
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
            # More at a time would cost s3fs a request for the size first.
            one = {"max_concurrency": 1} if self._is_s3 else {}
            return bytes(self._fs.cat_file(self._key(path), **one))

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
        retry=tenacity.retry_if_exception_type(_WriteConflict),
        wait=tenacity.wait_random_exponential(multiplier=0.1, max=2),
        stop=tenacity.stop_after_attempt(5),
        reraise=True,
    )
    def _put_new(self, path: str, content: bytes) -> None:
        with self._told():
            try:
                # S3: If-None-Match: *, on the PUT or on the end of a multipart upload.
                self._fs.pipe_file(self._key(path), content, mode="create")
            except FileExistsError:
                raise
            except OSError as error:
                if _s3_code(error) == "PreconditionFailed":
                    # s3fs knows this only of a server that names the condition that failed.
                    raise FileExistsError(path) from None
                if _s3_code(error) == "ConditionalRequestConflict":
                    raise _WriteConflict(
                        f"{self.root / path}: another write is under way", retryable=True
                    ) from None
                raise

    def remove(self, stored: StoredObject) -> None:
        """Remove an object unless it was replaced since it was listed, or is gone already.

        Raises:
            ObjectStoreError: the store does not serve us.
        """
        key = self._key(stored.path)
        with self._told():
            try:
                if self._is_s3 and stored.etag is not None:
                    self._remove_from_s3(key, stored.etag)
                else:
                    self._fs.rm_file(key)
            except FileNotFoundError as error:
                if _s3_code(error) == "NoSuchBucket":
                    raise
            except OSError as error:
                if _s3_code(error) != "PreconditionFailed":
                    raise

    def _remove_from_s3(self, key: str, etag: str) -> None:
        bucket, name, _ = self._fs.split_path(key)
        try:
            self._fs.call_s3("delete_object", Bucket=bucket, Key=name, IfMatch=etag)
        except OSError as error:
            # The condition is younger in S3 than that of a PUT.
            if _s3_code(error) != "NotImplemented":
                raise
            self._fs.rm_file(key)

    def _key(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _stored(self, name: str, info: dict[str, Any]) -> StoredObject:
        # Stores differ in whether a name begins with a slash.
        below = name.lstrip("/").removeprefix(self._root.lstrip("/")).lstrip("/")
        return StoredObject(below, int(info["size"] or 0), info.get("ETag"))

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell in one line what a person can mend."""
        try:
            yield
        except ImportError:
            extra = {"s3": "s3", "gs": "gcs", "gcs": "gcs", "abfs": "azure", "abfss": "azure"}
            name = extra.get(self._uri.partition("://")[0])
            if name is None:
                raise
            raise ObjectStoreError(
                f'{self._uri}: a library is missing: pip install "crypto-pipeline[{name}]"'
            ) from None
        except PermissionError as error:
            raise ObjectStoreError(f"{self._uri}: access denied: {_s3_message(error)}") from None
        except FileNotFoundError as error:
            if _s3_code(error) != "NoSuchBucket":
                raise
            raise ObjectStoreError(f"{self._uri}: there is no such bucket") from None
        except (FileExistsError, ObjectStoreError):
            raise
        except TimeoutError:
            raise ObjectStoreError(f"{self._uri}: no answer in time", retryable=True) from None
        except OSError as error:
            if _s3_code(error) is None:
                raise
            status = _s3_response(error)["ResponseMetadata"]["HTTPStatusCode"]
            raise ObjectStoreError(
                f"{self._uri}: {_s3_message(error)}", retryable=status >= 500
            ) from None
        except Exception as error:
            if not type(error).__module__.startswith(("botocore.", "aiobotocore.")):
                raise
            raise _s3_problem(self._uri, error) from None


def _s3_code(error: BaseException) -> str | None:
    """S3's code of an error that s3fs has translated."""
    code: str | None = _s3_response(error).get("Error", {}).get("Code")
    # An answer to HEAD has no body to hold the code.
    return {"412": "PreconditionFailed", "409": "ConditionalRequestConflict"}.get(code or "", code)


def _s3_response(error: BaseException) -> dict[str, Any]:
    return getattr(error.__cause__, "response", None) or {}


def _s3_message(error: OSError) -> str:
    code = _s3_code(error)
    return f"{error} ({code})" if code else str(error)


def _s3_problem(uri: str, error: Exception) -> ObjectStoreError:
    """What an error of the AWS SDK means."""
    from botocore.exceptions import (  # noqa: PLC0415 - of an optional extra
        NoCredentialsError,
        PartialCredentialsError,
    )

    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return ObjectStoreError(
            f"{uri}: no AWS credentials found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY,"
            " or AWS_PROFILE, or run where a role gives them"
        )
    # Neither the query of a URL nor a login in it: a presigned one holds a signature.
    text = re.sub(r"(?<=//)[^/\s@]*@|\?[^\s\"]*", "", str(error))
    return ObjectStoreError(f"{uri}: {' '.join(text.split())}", retryable=True)
