"""What differs between object stores behind fsspec: how they mark a content, remove it on
condition, and what their errors mean, in one line without a secret in it.
"""

import logging
import re
from collections.abc import AsyncIterator
from typing import Any, ClassVar

from fsspec.asyn import sync

# They log what they raise, with its traceback; Python would print that where nobody set up logging.
for _name in ("azure", "gcsfs"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


class ObjectStoreError(Exception):
    """The store as a whole does not serve us: missing library, no bucket, no credentials, denied,
    unreachable. Not an ``OSError``: it says nothing about one file.

    Attributes:
        retryable: Whether the same request may succeed later, with nothing changed by a person.
    """

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class WriteConflictError(ObjectStoreError):
    """Another write to the same name was under way; asking again shows which one won."""


class StoreKind:
    """A kind of store; itself one of which nothing is known.

    Args:
        uri: The root's URI, with which errors begin.
    """

    extra: ClassVar[str | None] = None
    """Name of the extra that installs its library."""

    read_options: ClassVar[dict[str, Any]] = {}

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def mark(self, info: dict[str, Any]) -> str | None:
        """The store's mark of a content, where a listing has one."""
        return None

    def remove(self, fs: Any, key: str, mark: str) -> None:
        """Remove an object if its content is still the marked one.

        Raises:
            FileExistsError: it is another one.
        """
        fs.rm_file(key)

    def ask_for_bucket(self, fs: Any, key: str) -> None:
        """A request that fails if the bucket of this key is not there, and needs no other right
        than to list.

        Raises:
            FileNotFoundError: it is not there.
        """

    def meaning(self, error: Exception) -> Exception | None:
        """What to raise in place of an error of the store's library; None: the error itself."""
        return None

    def no_bucket(self) -> ObjectStoreError:
        """The error that reports it."""
        return ObjectStoreError(f"{self.uri}: there is no such bucket")

    def _denied(self, why: str) -> ObjectStoreError:
        return ObjectStoreError(f"{self.uri}: access denied: {_one_line(why)}")

    def _told(self, what: str, *, retryable: bool = False) -> ObjectStoreError:
        return ObjectStoreError(f"{self.uri}: {_one_line(what)}", retryable=retryable)


class S3(StoreKind):
    """S3 and what speaks it, through s3fs."""

    extra = "s3"
    # More at a time would cost s3fs a request for the size first.
    read_options: ClassVar[dict[str, Any]] = {"max_concurrency": 1}

    def mark(self, info: dict[str, Any]) -> str | None:
        return info.get("ETag")

    def remove(self, fs: Any, key: str, mark: str) -> None:
        bucket, name, _ = fs.split_path(key)
        try:
            fs.call_s3("delete_object", Bucket=bucket, Key=name, IfMatch=mark)
        except OSError as error:
            # The condition is younger in S3 than that of a PUT.
            if _s3_code(error) != "NotImplemented":
                raise
            fs.rm_file(key)

    def ask_for_bucket(self, fs: Any, key: str) -> None:
        """Nothing: S3's own errors name the bucket."""

    def meaning(self, error: Exception) -> Exception | None:
        if isinstance(error, OSError):
            code = _s3_code(error)
            told = f"{error} ({code})" if code else str(error)
            if isinstance(error, PermissionError):
                return self._denied(told)
            if code == "NoSuchBucket":
                return self.no_bucket()
            if code is None or isinstance(error, (FileNotFoundError, FileExistsError)):
                return None
            if code == "PreconditionFailed":
                # s3fs knows this only of a server that names the condition that failed.
                return FileExistsError(told)
            if code == "ConditionalRequestConflict":
                return WriteConflictError(f"{self.uri}: another write is under way", retryable=True)
            status = _s3_response(error)["ResponseMetadata"]["HTTPStatusCode"]
            return self._told(told, retryable=status >= 500)
        if not _is_of(error, "botocore", "aiobotocore"):
            return None
        from botocore.exceptions import (  # noqa: PLC0415 - of an optional extra
            NoCredentialsError,
            PartialCredentialsError,
        )

        if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
            return self._told(
                "no AWS credentials found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY,"
                " or AWS_PROFILE, or run where a role gives them"
            )
        return self._told(str(error), retryable=True)


def _s3_code(error: BaseException) -> str | None:
    """S3's code of an error that s3fs has translated."""
    code: str | None = _s3_response(error).get("Error", {}).get("Code")
    # An answer to HEAD has no body to hold the code.
    return {"412": "PreconditionFailed", "409": "ConditionalRequestConflict"}.get(code or "", code)


def _s3_response(error: BaseException) -> dict[str, Any]:
    return getattr(error.__cause__, "response", None) or {}


class Azure(StoreKind):
    """Azure's blob storage, through adlfs."""

    extra = "azure"

    def mark(self, info: dict[str, Any]) -> str | None:
        return info.get("etag")

    def remove(self, fs: Any, key: str, mark: str) -> None:
        from azure.core import MatchConditions  # noqa: PLC0415 - of an optional extra

        container, name, _ = fs.split_path(key)

        async def delete() -> None:
            async with fs.service_client.get_blob_client(container, name) as blob:
                await blob.delete_blob(etag=mark, match_condition=MatchConditions.IfNotModified)

        sync(fs.loop, delete)

    def ask_for_bucket(self, fs: Any, key: str) -> None:
        container = fs.split_path(key)[0]

        async def list_one() -> None:
            async with fs.service_client.get_container_client(container) as client:
                pages: AsyncIterator[Any] = client.list_blobs(results_per_page=1)
                async for _ in pages:
                    return

        sync(fs.loop, list_one)

    def meaning(self, error: Exception) -> Exception | None:
        # adlfs keeps the reason of a FileNotFoundError, and wraps the errors of its constructor.
        reason = error.__cause__ if isinstance(error, FileNotFoundError) else error
        if isinstance(error, ValueError) and str(error).startswith("unable to connect to account"):
            return self._told(
                "no usable Azure credentials found: set AZURE_STORAGE_ACCOUNT_NAME and, where no"
                " identity of the machine gives access, AZURE_STORAGE_ACCOUNT_KEY or _SAS_TOKEN;"
                " or AZURE_STORAGE_CONNECTION_STRING"
            )
        if reason is None or not _is_of(reason, "azure"):
            return None
        from azure.core.exceptions import (  # noqa: PLC0415 - of an optional extra
            ClientAuthenticationError,
            HttpResponseError,
        )

        # What comes after the first line are ids, and what the server has signed.
        told = str(reason).partition("\n")[0]
        code = getattr(reason, "error_code", None)
        code = getattr(code, "value", code)
        status = reason.status_code if isinstance(reason, HttpResponseError) else None
        if code:
            told = f"{told} ({code})"
        if isinstance(reason, ClientAuthenticationError) or status in (401, 403):
            return self._denied(told)
        if code in ("ContainerNotFound", "ContainerBeingDeleted"):
            return self.no_bucket()
        if status == 404:
            return FileNotFoundError(told)
        if status == 412:
            return FileExistsError(told)
        return self._told(told, retryable=status is None or status == 429 or status >= 500)

    def no_bucket(self) -> ObjectStoreError:
        return ObjectStoreError(f"{self.uri}: there is no such container")


class Google(StoreKind):
    """Google's Cloud Storage, through gcsfs."""

    extra = "gcs"

    def mark(self, info: dict[str, Any]) -> str | None:
        return info.get("generation")

    def remove(self, fs: Any, key: str, mark: str) -> None:
        bucket, name, _ = fs.split_path(key)
        fs.call("DELETE", "b/{}/o/{}", bucket, name, ifGenerationMatch=mark)

    def ask_for_bucket(self, fs: Any, key: str) -> None:
        fs.call("GET", "b/{}/o", fs.split_path(key)[0], maxResults=1)

    def meaning(self, error: Exception) -> Exception | None:
        told = str(error)
        if isinstance(error, OSError) and told.startswith("Forbidden: "):
            return self._denied(told.partition("\n")[2] or "Forbidden")
        if isinstance(error, ValueError) and told.startswith("Bad Request: "):
            return self._told(told)
        if not _is_of(error, "gcsfs", "google.auth", "aiohttp", "requests"):
            return None
        from gcsfs.retry import HttpError, is_retriable  # noqa: PLC0415 - of an optional extra
        from google.auth.exceptions import (  # noqa: PLC0415
            GoogleAuthError,
            TransportError,
        )

        code = int(error.code or 0) if isinstance(error, HttpError) else 0
        if code in (401, 403):
            return self._denied(told)
        if isinstance(error, GoogleAuthError) and not isinstance(error, TransportError):
            return self._denied(str(error.args[0]) if error.args else told)
        retryable = isinstance(error, TransportError) or is_retriable(error)
        return self._told(told or type(error).__name__, retryable=retryable)


KINDS: dict[str, type[StoreKind]] = {
    "s3": S3,
    "s3a": S3,
    "gs": Google,
    "gcs": Google,
    "az": Azure,
    "abfs": Azure,
    "abfss": Azure,
}
"""By the scheme of a URI."""


def _is_of(error: BaseException, *packages: str) -> bool:
    """Whether a class of an error's comes from one of these packages."""
    return any(
        kind.__module__ == package or kind.__module__.startswith(f"{package}.")
        for kind in type(error).__mro__
        for package in packages
    )


def _one_line(text: str) -> str:
    # Neither the query of a URL nor a login in it: a presigned one holds a signature.
    text = re.sub(r"(?<=//)[^/\s@]*@|\?[^\s\"']*", "", text)
    return " ".join(text.split())
