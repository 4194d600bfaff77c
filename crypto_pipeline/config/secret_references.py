"""Secrets of the settings: a value, or where to read one.

A reference is read when the secret is used, through the vendor's own SDK and its usual chain of
credentials, and kept for a time to live, so that a rotated secret is used without a restart.
"""

import base64
import binascii
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from crypto_pipeline.config.redaction import remember

_TIMEOUT = 10
"""Seconds that a secret store has to answer."""


class SecretError(Exception):
    """A secret cannot be read; the text names the variable and the reference, never a value.

    Attributes:
        retryable: Whether the same read may succeed later, with nothing changed by a person.
    """

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class Secret(SecretStr):
    """A secret setting: the value itself, or a reference to it.

    ``aws-sm://name#key`` (AWS Secrets Manager; without ``#key`` the whole text),
    ``azure-kv://vault/name`` (Azure Key Vault), ``dbx-secret://scope/key`` (Databricks).

    Attributes:
        variable: The environment variable that holds it, for messages.
        time_to_live: Seconds for which a value that was read is used.
    """

    def __init__(self, secret_value: str) -> None:
        super().__init__(secret_value)
        self.variable = "a secret"
        self.time_to_live = 300.0

    def get_secret_value(self) -> str:
        """The value; read from where the reference says, unless that was done lately.

        Raises:
            SecretError: it cannot be read.
        """
        value = self._read()
        remember(value)
        return value

    def settle(self, variable: str, time_to_live: float) -> None:
        """Take what only the settings as a whole know.

        Raises:
            ValueError: it is a reference, but an incomplete one.
        """
        self.variable, self.time_to_live = variable, time_to_live
        if _scheme(self._secret_value) is None:
            remember(self._secret_value)
        else:
            _parts(self._secret_value)

    def _read(self) -> str:
        reference = self._secret_value
        scheme = _scheme(reference)
        if scheme is None:
            return reference
        with _lock:
            value, until = _cached.get(reference, ("", 0.0))
            if time.monotonic() < until:
                return value
            try:
                value = _READERS[scheme](*_parts(reference))
            except _Unread as problem:
                raise SecretError(
                    f"{self.variable}: {reference}: {problem}", retryable=problem.retryable
                ) from None
            _cached[reference] = (value, time.monotonic() + self.time_to_live)
        return value

    def _display(self) -> str:
        # The base class would read the value to see whether it is empty.
        return "**********"


class SecretFile(Secret):
    """A secret in a file, as Docker and Kubernetes mount them: read at every use."""

    def settle(self, variable: str, time_to_live: float) -> None:
        """Take what only the settings as a whole know; there is no value yet to remember."""
        self.variable = f"{variable}_FILE"

    def _read(self) -> str:
        path = Path(self._secret_value)
        try:
            # An editor ends a file with a newline, a secret never does.
            value = path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise SecretError(f"{self.variable}: {path}: {reason}") from None
        if not value:
            raise SecretError(f"{self.variable}: {path}: the file is empty")
        return value


_lock = threading.Lock()
_cached: dict[str, tuple[str, float]] = {}


class _Unread(Exception):
    def __init__(self, reason: str, *, retryable: bool = False) -> None:
        super().__init__(reason)
        self.retryable = retryable


_MISSING = "there is no such secret"
_FORBIDDEN = "the store does not let us read it"


def _unreachable(error: Exception) -> _Unread:
    # Not the SDK's own text, which may contain anything.
    return _Unread(f"the store cannot be asked ({type(error).__name__})", retryable=True)


def _not_installed(extra: str) -> _Unread:
    return _Unread(f'a library is missing: pip install "crypto-pipeline[{extra}]"')


def _scheme(value: str) -> str | None:
    scheme, separator, _ = value.partition("://")
    return scheme if separator and scheme in _READERS else None


def _parts(reference: str) -> tuple[str, str]:
    """What a reference names: (name, key), (vault, name) or (scope, key)."""
    scheme, _, rest = reference.partition("://")
    first, _, second = rest.partition("#" if scheme == "aws-sm" else "/")
    if not first or not (second or scheme == "aws-sm"):
        raise ValueError(f"{reference} is not a whole reference: {_FORMS[scheme]}")
    return first, second


def _read_aws(name: str, key: str) -> str:
    try:
        import boto3  # noqa: PLC0415 - an optional extra
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    except ImportError:
        raise _not_installed("aws") from None
    limits = Config(
        connect_timeout=_TIMEOUT, read_timeout=_TIMEOUT, retries={"total_max_attempts": 2}
    )
    try:
        # A session of its own: the default one keeps the credentials that it saw first.
        client = boto3.session.Session().client("secretsmanager", config=limits)
        text = client.get_secret_value(SecretId=name).get("SecretString")
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "ResourceNotFoundException":
            raise _Unread(_MISSING) from None
        if code in ("AccessDeniedException", "UnrecognizedClientException"):
            raise _Unread(f"{_FORBIDDEN} ({code})") from None
        raise _Unread(f"the store refused ({code})", retryable=True) from None
    except BotoCoreError as error:
        raise _unreachable(error) from None
    if text is None:
        raise _Unread("the secret holds bytes, not a text")
    return _field(str(text), key) if key else str(text)


def _field(text: str, key: str) -> str:
    try:
        fields = json.loads(text)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise _Unread("the secret is not a JSON object, leave out the #key")
    if not isinstance(fields.get(key), (str, int)):
        raise _Unread("the secret has no text of that key")
    return str(fields[key])


def _read_azure(vault: str, name: str) -> str:
    try:
        from azure.core.exceptions import (  # noqa: PLC0415 - an optional extra
            AzureError,
            ClientAuthenticationError,
            HttpResponseError,
            ResourceNotFoundError,
        )
        from azure.identity import DefaultAzureCredential  # noqa: PLC0415
        from azure.keyvault.secrets import SecretClient  # noqa: PLC0415
    except ImportError:
        raise _not_installed("azure") from None
    # A vault of another cloud (vault.azure.cn) is named by its whole host.
    host = vault if "." in vault else f"{vault}.vault.azure.net"
    limits: dict[str, Any] = {
        "connection_timeout": _TIMEOUT,
        "read_timeout": _TIMEOUT,
        "retry_total": 1,
    }
    try:
        with (
            DefaultAzureCredential(**limits) as credential,
            SecretClient(f"https://{host}", credential, **limits) as client,
        ):
            value = client.get_secret(name).value
    except ResourceNotFoundError:
        raise _Unread(_MISSING) from None
    except ClientAuthenticationError as error:
        raise _Unread(f"{_FORBIDDEN} ({type(error).__name__})") from None
    except HttpResponseError as error:
        if error.status_code == 403:
            raise _Unread(f"{_FORBIDDEN} (403)") from None
        raise _unreachable(error) from None
    except AzureError as error:
        raise _unreachable(error) from None
    if value is None:
        raise _Unread("the secret has no value")
    return value


def _read_databricks(scope: str, key: str) -> str:
    try:
        from databricks.sdk import WorkspaceClient  # noqa: PLC0415 - an optional extra
        from databricks.sdk.core import Config  # noqa: PLC0415
        from databricks.sdk.errors import (  # noqa: PLC0415
            NotFound,
            PermissionDenied,
            Unauthenticated,
        )
        from databricks.sdk.errors.base import DatabricksError  # noqa: PLC0415
    except ImportError:
        raise _not_installed("databricks") from None
    try:
        limits = Config(http_timeout_seconds=_TIMEOUT, retry_timeout_seconds=_TIMEOUT)
        value = WorkspaceClient(config=limits).secrets.get_secret(scope, key).value
    except NotFound:
        raise _Unread(_MISSING) from None
    except (PermissionDenied, Unauthenticated) as error:
        raise _Unread(f"{_FORBIDDEN} ({type(error).__name__})") from None
    except (DatabricksError, OSError) as error:
        raise _unreachable(error) from None
    except ValueError:
        raise _Unread("no Databricks credentials found: set DATABRICKS_HOST and a login") from None
    try:
        # The API gives bytes, in base64.
        return base64.b64decode(value or "", validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        raise _Unread("the secret holds bytes, not a text") from None


_READERS: dict[str, Callable[[str, str], str]] = {
    "aws-sm": _read_aws,
    "azure-kv": _read_azure,
    "dbx-secret": _read_databricks,
}
_FORMS = {
    "aws-sm": "aws-sm://name or aws-sm://name#key",
    "azure-kv": "azure-kv://vault/name",
    "dbx-secret": "dbx-secret://scope/key",
}
