"""The points of a process at which a fault can happen, and the faults.

Imported by the process that is disturbed, before it does anything: from then on it counts each
write to a file of its own, each statement to PostgreSQL, each request and read of HTTP, each commit
to Delta and each start of a program. A point is named by its kind, by the line of the pipeline that
it comes from (or else of the library), and by how often that line came to it before; so it is the
same one in every run, however threads take turns.
"""

import builtins
import errno
import io
import os
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import deltalake
import httpx
import psycopg
from httpx._transports.default import ResponseStream
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.engine.default import DefaultDialect

_TESTS = Path(__file__).parents[1]
_OURS = str(_TESTS.parent / "crypto_pipeline") + os.sep
_SITE_PACKAGES = f"{os.sep}site-packages{os.sep}"
_LIBRARIES_BETWEEN = ("sqlalchemy", "psycopg", "httpx", "httpcore", "deltalake", "upath", "fsspec")
"""What stands between a caller and the point, and says nothing of where it came from."""

KILL = "killed"

FILE_ERRORS = {"no space left": errno.ENOSPC, "input/output error": errno.EIO}
"""What the operating system says, by the fault."""

SQL_ERRORS = {
    "statement timeout": ("57014", "canceling statement due to statement timeout"),
    "lock timeout": ("55P03", "canceling statement due to lock timeout"),
    "deadlock": ("40P01", "deadlock detected"),
    "database's disk full": ("53100", "could not extend file: No space left on device"),
    "database read-only": ("25006", "cannot execute INSERT in a read-only transaction"),
}
"""SQLSTATE and text of what the server itself says here, by the fault."""

CONNECTION_LOST = "connection to the database lost"
HTTP_ERRORS: dict[str, Callable[[], Exception]] = {
    "connection reset": lambda: httpx.ReadError("[Errno 104] Connection reset by peer"),
    "read timeout": lambda: httpx.ReadTimeout("The read operation timed out"),
}

FAULTS: dict[str, tuple[str, ...]] = {
    "file": tuple(FILE_ERRORS),
    "SQL": (*SQL_ERRORS, CONNECTION_LOST),
    "HTTP": tuple(HTTP_ERRORS),
    "Delta": (),
    "program": (),
}
"""The errors that can be injected at a point, by its group."""


class Point(NamedTuple):
    """A point of a run.

    Attributes:
        kind: What happens there, such as ``file: fsync``.
        place: The line of the pipeline that it comes from, or in brackets that of a library.
        occurrence: Which time that line comes to it, from 1.
    """

    kind: str
    place: str
    occurrence: int

    @property
    def is_ours(self) -> bool:
        """Whether it comes from a line of the pipeline."""
        return not self.place.startswith("(")

    @property
    def group(self) -> str:
        """Which faults can happen: a key of ``FAULTS``."""
        return self.kind.partition(":")[0]


class Plan(NamedTuple):
    """What shall happen: a fault, at a point; without one, points are counted alone."""

    point: Point | None
    fault: str | None


class _Interposition:
    """Counts the points of this process, from ``arm`` on."""

    def __init__(self) -> None:
        self._folders: tuple[str, ...] = ()
        self._plan = Plan(None, None)
        self._trace = -1
        self._counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._within = threading.local()

    def arm(self, plan: Plan, trace: Path, folders: tuple[str, ...]) -> None:
        """Begin.

        Args:
            plan: What shall happen.
            trace: File for the points, a line each.
            folders: Whose files count.
        """
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._plan = plan
        self._folders = folders

    def is_watched(self, path: object) -> bool:
        """Whether writing to a path counts."""
        if isinstance(path, int) or not self._folders:
            return False
        try:
            name = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
        except (TypeError, ValueError):
            return False
        return name.startswith(self._folders)

    def reach(self, kind: str) -> str | None:
        """Come to a point: the error that shall happen there, or None. A kill happens here."""
        if self._trace < 0 or getattr(self._within, "is_set", False):
            return None
        self._within.is_set = True
        try:
            place = _place(sys._getframe(1))
            with self._lock:
                self._counts[kind, place] += 1
                point = Point(kind, place, self._counts[kind, place])
            os.write(self._trace, ("\t".join(map(str, point)) + "\n").encode())
        finally:
            self._within.is_set = False
        if point != self._plan.point:
            return None
        if self._plan.fault == KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        return self._plan.fault

    def file(self, what: str) -> None:
        """Come to a point of a file; raises what the system would say."""
        fault = self.reach(f"file: {what}")
        if fault is not None:
            number = FILE_ERRORS[fault]
            raise OSError(number, os.strerror(number))

    def http(self, what: str) -> None:
        """Come to a point of HTTP; raises what the library would say."""
        fault = self.reach(f"HTTP: {what}")
        if fault is not None:
            raise HTTP_ERRORS[fault]()


def _place(frame: FrameType | None) -> str:
    """The innermost line of the pipeline, or of a library that does the work for it."""
    library = ""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_OURS):
            return f"{name[len(_OURS) :]}:{frame.f_lineno}"
        _, found, below = name.partition(_SITE_PACKAGES)
        if found and not library and not below.startswith(_LIBRARIES_BETWEEN):
            library = f"{below}:{frame.f_lineno}"
        frame = frame.f_back
    return f"({library or 'the interpreter'})"


points = _Interposition()

_FILE_EVENTS = {
    "os.rename": "rename",
    "os.link": "link",
    "os.remove": "remove",
    "os.rmdir": "remove folder",
    "os.mkdir": "make folder",
    "os.symlink": "link",
    "os.truncate": "truncate",
}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        path, _, flags = arguments
        if flags & _WRITES and points.is_watched(path):
            points.file("open")
    elif event in _FILE_EVENTS:
        if any(points.is_watched(path) for path in arguments[:2]):
            points.file(_FILE_EVENTS[event])
    elif event == "subprocess.Popen":
        points.reach(f"program: {Path(os.fsdecode(arguments[0])).name}")


class _File(io.FileIO):
    """A file whose every write is a point."""

    def write(self, content: Any) -> int:
        points.file("write")
        return super().write(content)


_open = io.open
_fsync = os.fsync


def _counted_open(
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Any = None,
) -> Any:
    """``open``, with ``_File`` below it where it writes to a file that counts."""
    counts = points.is_watched(file) or (isinstance(file, int) and points._folders)
    if not set(mode) & set("wxa+") or not counts or buffering == 0:
        return _open(file, mode, buffering, encoding, errors, newline, closefd, opener)
    raw = _File(file, mode.replace("b", "").replace("t", ""), closefd, opener)
    buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
    if "b" in mode:
        return buffered
    return io.TextIOWrapper(buffered, encoding or "utf-8", errors, newline)


def _counted_fsync(descriptor: Any) -> None:
    points.file("fsync")
    _fsync(descriptor)


def _failing(fault: str) -> bytes:
    """A statement with which the server itself fails, in the transaction that there is."""
    state, text = SQL_ERRORS[fault]
    return f"DO $$ BEGIN RAISE EXCEPTION '{text}' USING ERRCODE = '{state}'; END $$".encode()


def _cut(descriptor: int) -> None:
    """Cut a connection, as a network or a server that is gone does."""
    with socket.socket(fileno=os.dup(descriptor)) as copy:
        copy.shutdown(socket.SHUT_RDWR)


def _install_psycopg() -> None:
    execute, executemany = psycopg.Cursor.execute, psycopg.Cursor.executemany
    write, command = psycopg.Copy.write, psycopg.Connection._exec_command

    def counted_execute(self: Any, query: Any, params: Any = None, **options: Any) -> Any:
        fault = points.reach("SQL: statement")
        if fault == CONNECTION_LOST:
            _cut(self.connection.pgconn.socket)
        elif fault is not None:
            query, params = _failing(fault), None
        return execute(self, query, params, **options)

    def counted_executemany(self: Any, query: Any, params_seq: Any, **options: Any) -> Any:
        fault = points.reach("SQL: statement")
        if fault == CONNECTION_LOST:
            _cut(self.connection.pgconn.socket)
        elif fault is not None:
            return execute(self, _failing(fault))
        return executemany(self, query, params_seq, **options)

    def counted_write(self: Any, buffer: Any) -> None:
        fault = points.reach("SQL: COPY")
        if fault == CONNECTION_LOST:
            _cut(self.connection.pgconn.socket)
        elif fault is not None:
            # As the server refuses a row that it is sent.
            state, text = SQL_ERRORS[fault]
            raise psycopg.errors.lookup(state)(text)
        write(self, buffer)

    def counted_command(self: Any, *arguments: Any, **options: Any) -> Iterator[Any]:
        text = arguments[0]
        word = text.split()[0].decode() if isinstance(text, bytes) else "statement"
        fault = points.reach(f"SQL: {word}") if word in ("BEGIN", "COMMIT", "ROLLBACK") else None
        if fault == CONNECTION_LOST:
            _cut(self.pgconn.socket)
        elif fault is not None:
            return (yield from command(self, _failing(fault), *arguments[1:], **options))
        return (yield from command(self, *arguments, **options))

    for name, function in (("execute", counted_execute), ("executemany", counted_executemany)):
        setattr(psycopg.Cursor, name, function)
    psycopg.Copy.write = counted_write
    psycopg.Connection._exec_command = counted_command


def _install_sqlalchemy() -> None:
    """Dagster's statements, through psycopg2."""
    execute, many = DefaultDialect.do_execute, PGDialect_psycopg2.do_executemany
    commit = DefaultDialect.do_commit

    def disturb(kind: str, cursor: Any, connection: Any) -> bool:
        fault = points.reach(kind)
        if fault == CONNECTION_LOST:
            _cut(connection.fileno())
        elif fault is not None:
            (cursor or connection.cursor()).execute(_failing(fault))
        return fault is not None

    def counted_execute(
        self: Any, cursor: Any, statement: Any, parameters: Any, context: Any = None
    ) -> None:
        disturb("SQL: statement", cursor, cursor.connection)
        execute(self, cursor, statement, parameters, context)

    def counted_many(
        self: Any, cursor: Any, statement: Any, parameters: Any, context: Any = None
    ) -> None:
        disturb("SQL: statement", cursor, cursor.connection)
        many(self, cursor, statement, parameters, context)

    def counted_commit(self: Any, dbapi_connection: Any) -> None:
        driver = getattr(dbapi_connection, "driver_connection", dbapi_connection)
        # psycopg's own commit is counted where it is sent.
        if not isinstance(driver, psycopg.Connection):
            disturb("SQL: COMMIT", None, driver)
        commit(self, dbapi_connection)

    DefaultDialect.do_execute = counted_execute
    PGDialect_psycopg2.do_executemany = counted_many
    DefaultDialect.do_commit = counted_commit


_SAME = {"date": "Tue, 24 Nov 2026 05:10:00 GMT", "x-request-id": "one"}
"""Headers that are kept with an answer and differ from run to run."""


def _install_httpx() -> None:
    request, chunks = httpx.HTTPTransport.handle_request, ResponseStream.__iter__

    def counted_request(self: Any, request_: httpx.Request) -> httpx.Response:
        points.http("request")
        response = request(self, request_)
        response.headers.update(_SAME)
        return response

    def counted_chunks(self: Any) -> Iterator[bytes]:
        for chunk in chunks(self):
            points.http("read")
            yield chunk

    httpx.HTTPTransport.handle_request = counted_request
    ResponseStream.__iter__ = counted_chunks


def _install_deltalake() -> None:
    """Delta's files are written by a library that is no Python: a point before each commit and one
    after it."""

    def counted(function: Any, name: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            points.reach(f"Delta: before {name}")
            done = function(*arguments, **options)
            points.reach(f"Delta: after {name}")
            return done

        return call

    raw = deltalake.DeltaTable
    for name in ("update", "delete"):
        setattr(raw, name, counted(getattr(raw, name), name))
    merger = deltalake.table.TableMerger
    merger.execute = counted(merger.execute, "merge")


def install() -> None:
    """Lay the points into this process."""
    sys.addaudithook(_audit)
    builtins.open = io.open = _counted_open
    os.fsync = _counted_fsync
    _install_psycopg()
    _install_sqlalchemy()
    _install_httpx()
    _install_deltalake()
