"""Errors that a person can mend, as one line on the terminal."""

import errno
import io
import logging
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from pydantic import ValidationError

_TOO_LITTLE = 32_000_000
"""Bytes of a disk with which PostgreSQL can do nothing: two segments of its log."""

complaints = Console(stderr=True)

NOTHING_TO_LOAD = "Nothing to load: the warehouse has every file of the landing zone."


@contextmanager
def errors_in_one_line(console: Console) -> Iterator[None]:
    """End the program with status 1 and one line for what a person can mend."""
    from crypto_pipeline.config.redaction import redact, redacted

    try:
        with redacted():
            yield
    except Exception as error:
        text = in_words(error)
        if text is None:
            raise
        console.print(f"[red]{escape(redact(text))}[/]", soft_wrap=True)
        raise SystemExit(1) from None


class _WithoutNoise(io.TextIOBase):
    """A stream without what Dagster writes of its storage's failures, parameters and all: the error
    that ends the run says it in a line."""

    _NOISE = "Exception while writing logger call to event log"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return len(text) if text.startswith(self._NOISE) else self._stream.write(text)

    def flush(self) -> None:
        self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()


def _is_no_retry(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("Retrying failed database")


@contextmanager
def quiet_storage() -> Iterator[None]:
    """Keep from the terminal what Dagster's storage says on the way to an error."""
    root = logging.getLogger()
    root.addFilter(_is_no_retry)
    try:
        with redirect_stderr(_WithoutNoise(sys.stderr)):
            yield
    finally:
        root.removeFilter(_is_no_retry)


def in_words(error: BaseException) -> str | None:
    """What is wrong and what to do about it, in one line, of an error that a person can mend:
    configuration, network, database, files. None of any other."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        return settings_at_fault(error)
    if not isinstance(error, (*expected_errors(), *_storage_errors())):
        return None
    # Dagster's storage reports what it came to, such as too many tries; the first cause says why.
    causes = list(_causes(error))
    for cause in reversed(causes):
        remedy = _remedy(cause)
        if remedy is not None:
            # The embedded server dies of it before anyone else finds out.
            remedy = _ROOM if remedy is _LOST and _disk_is_full() else remedy
            return f"{_first_line(cause)}: {remedy}"
    if isinstance(error, _storage_errors()):
        return f"Dagster's storage failed: {_first_line(causes[-1])}"
    return " ".join(str(error).split())


def _storage_errors() -> tuple[type[BaseException], ...]:
    """The errors of Dagster's storage, if Dagster is at work here at all."""
    if "dagster" not in sys.modules:
        return ()
    import psycopg2
    from dagster_postgres.utils import DagsterPostgresException
    from sqlalchemy.exc import DBAPIError

    return (DagsterPostgresException, DBAPIError, psycopg2.Error)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        context = None if cause.__suppress_context__ else cause.__context__
        cause = getattr(cause, "orig", None) or cause.__cause__ or context


_ROOM = (
    "the disk is full; make room, or set DATA_DIR and LANDING_ZONE_URI to another one. What was"
    " committed is there: the same command goes on"
)
_BROKEN = "the disk does not read or write as it should: see the system's log, such as dmesg"
_CONNECTIONS = "end some of its clients, or raise max_connections"
_READ_ONLY = (
    "the database takes no changes: connect to the primary, or see default_transaction_read_only"
)
_LOST = (
    "is PostgreSQL running, and does it let us in? Its log says more (of the embedded server, in"
    " DATA_DIR/postgres). What was committed is there: the same command goes on"
)
_ADDRESS = (
    "check the host in DATABASE_URL or DB_HOST, and that name servers and firewall let us get there"
)
_LOGIN = (
    "check user and password in DATABASE_URL, or DB_USER and DB_PASSWORD, and that the server's"
    " pg_hba.conf lets them in"
)
_NO_DATABASE = "make the database first, or correct its name in DATABASE_URL or DB_NAME"
_AGAIN = "nothing of it is half done: run the same command again"
REMEDIES_BY_STATE = {
    "40P01": f"two sessions waited for each other; {_AGAIN}",
    "55P03": f"another session holds what is needed; {_AGAIN}, or see lock_timeout",
    "57014": f"the server ends what takes so long; {_AGAIN}, or see statement_timeout",
    "53100": _ROOM,
    "53300": _CONNECTIONS,
    "25006": _READ_ONLY,
    "57P01": _LOST,
    "57P02": _LOST,
    "57P03": _LOST,
}
"""What to do, by SQLSTATE."""

# libpq has no SQLSTATE for what happens before a session, or to its socket.
REMEDIES_BY_TEXT = {
    "no space left on device": _ROOM,
    "too many clients": _CONNECTIONS,
    "too many connections": _CONNECTIONS,
    "connection slots": _CONNECTIONS,
    "read-only": _READ_ONLY,
    "server closed the connection": _LOST,
    "terminating connection": _LOST,
    "connection already closed": _LOST,
    "connection is lost": _LOST,
    "the database system is": _LOST,
    "connection refused": _LOST,
    "no such file or directory": _LOST,
    "failed to resolve host": _ADDRESS,
    "timeout expired": _ADDRESS,
    "authentication failed": _LOGIN,
    "no password supplied": _LOGIN,
    "no pg_hba.conf entry": _LOGIN,
    'fatal:  role "': _LOGIN,
    'fatal:  database "': _NO_DATABASE,
}
"""What to do, by words of the message."""


def _remedy(error: BaseException) -> str | None:
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    if isinstance(state, str) and state in REMEDIES_BY_STATE:
        return REMEDIES_BY_STATE[state]
    if isinstance(error, OSError):
        if error.errno == errno.EIO:
            return _BROKEN
        return _ROOM if error.errno in (errno.ENOSPC, errno.EDQUOT) else None
    if not isinstance(error, _database_errors()):
        return None
    text = str(error).lower()
    return next((remedy for words, remedy in REMEDIES_BY_TEXT.items() if words in text), None)


def _database_errors() -> tuple[type[BaseException], ...]:
    import psycopg

    return (psycopg.Error, *_storage_errors())


def _disk_is_full() -> bool:
    from crypto_pipeline.config.settings import Settings

    try:
        return shutil.disk_usage(Settings().data_dir).free < _TOO_LITTLE
    except (OSError, ValueError):
        return False


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def expected_errors() -> tuple[type[Exception], ...]:
    """The errors of configuration, network, database and files."""
    import psycopg
    from pydantic import ValidationError

    from crypto_pipeline.cli.home import DagsterStorageError
    from crypto_pipeline.coins.aliases import AliasRefusedError
    from crypto_pipeline.config.secret_references import SecretError
    from crypto_pipeline.dashboard.reader import ReaderError
    from crypto_pipeline.fetching.errors import SourceError
    from crypto_pipeline.lakehouse.schema import LakeError
    from crypto_pipeline.landing.store_kinds import ObjectStoreError
    from crypto_pipeline.quotes.mappings import MappingRefusedError
    from crypto_pipeline.sandbox.recordings import RecordingsError
    from crypto_pipeline.warehouse.backup import BackupError
    from crypto_pipeline.warehouse.embedded import EmbeddedPostgresError
    from crypto_pipeline.warehouse.export import ExportError
    from crypto_pipeline.warehouse.migrations import SchemaBehindError
    from crypto_pipeline.warehouse.roles import RolesMissingError

    return (
        AliasRefusedError,
        BackupError,
        DagsterStorageError,
        EmbeddedPostgresError,
        ExportError,
        ObjectStoreError,
        LakeError,
        MappingRefusedError,
        ReaderError,
        RecordingsError,
        SecretError,
        SourceError,
        RolesMissingError,
        SchemaBehindError,
        ValidationError,
        psycopg.Error,
        OSError,
    )


def settings_at_fault(error: "ValidationError") -> str:
    """What is wrong, by variable, without the values: one may be a secret."""
    return "; ".join(
        ": ".join([*(str(part).upper() for part in problem["loc"][:1]), problem["msg"]])
        for problem in error.errors(include_input=False, include_url=False)
    ).replace("Value error, ", "")
