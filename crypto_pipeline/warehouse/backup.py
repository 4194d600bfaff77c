"""Backups of the embedded database: a folder each, compared with the database when they are made.

A backup holds ``database.dump`` (pg_dump's custom format, for ``pg_restore``) and
``manifest.json``: how many rows each table has, and a digest of them all. Both are of one snapshot,
so loads go on meanwhile. The folder gets its name when it is whole: what a kill leaves is hidden,
and removed by the next backup.

A restore fills a database beside the one that is there, compares it with the manifest, and only
then gives it the name.
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import NoReturn

import msgspec
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from crypto_pipeline.config.settings import Settings
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.advisory_locks import AdvisoryLock, exclusive
from crypto_pipeline.warehouse.embedded import EmbeddedServer, embedded_server
from crypto_pipeline.warehouse.migrations import newest_revision, visible_revision
from crypto_pipeline.warehouse.postgres import create_database

_DUMP = "database.dump"
_MANIFEST = "manifest.json"

_SCRATCH = "crypto_pipeline_scratch"
"""Database that a backup is restored into, to compare it or to take the place of another one."""

_REPLACED = "crypto_pipeline_replaced"
"""Name of a database whose place was taken, until it is dropped."""

_COMPRESSION = "gzip:1"
"""Of what the wheel's pg_dump knows, a fourth of the processor time of the default, for a dump that
is a tenth larger."""

_JOBS = min(4, os.cpu_count() or 1)
"""Connections of a restore."""

_BLOCK = 2**20

_NAME = re.compile(r"(?P<database>.+)-\d{8}T\d{6}\.\d{3}Z")

# Texts of values must not depend on the server's settings: digests are made of them.
_SESSION = "-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=postgres -c bytea_output=hex"

Report = Callable[[str], None]
"""Is told what is done next."""


class BackupError(RuntimeError):
    """A backup or a restore cannot be made; the message says why and what to do."""


class TableContent(msgspec.Struct, frozen=True):
    """What a table holds, whatever the order of its rows.

    Attributes:
        rows: How many.
        digest: Sum of a 64-bit hash of each row's text.
    """

    rows: int
    digest: str


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds.

    Attributes:
        database: Its name.
        taken_at: Time of the snapshot, UTC.
        postgres: Major version of the server.
        revision: Of the schema; None if there is none of ours.
        database_bytes: Size of the database, with its indexes.
        dump_bytes: Size of the dump.
        dump_sha256: Of the dump.
        tables: By qualified name.
        sequences: The last number of each at the snapshot. The dump may have a later one, because
            a sequence knows no snapshots.
        roles: Those that have rights in the database, and whether they log in.
    """

    database: str
    taken_at: datetime
    postgres: int
    revision: str | None
    database_bytes: int
    dump_bytes: int
    dump_sha256: str
    tables: dict[str, TableContent]
    sequences: dict[str, int]
    roles: dict[str, bool]

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables.values())


@dataclass(frozen=True)
class Backup:
    """A whole backup.

    Attributes:
        folder: Where it is.
        manifest: What it holds.
    """

    folder: Path
    manifest: Manifest


def make_backup(settings: Settings, keep: int, report: Report, *, verify: bool = True) -> Backup:
    """Back up the embedded database, and remove the oldest backups of it.

    A data folder of an older PostgreSQL, whose programs the wheel still has, is backed up by these:
    that is how its data gets into the next version.

    Args:
        settings: Which database, and where backups are kept.
        keep: How many backups of this database stay, the new one among them.
        report: Is told what is done.
        verify: Whether to restore the backup and compare it, before it gets its name.

    Raises:
        BackupError: there is nothing to back up, no room, or the backup is not what the database
            holds.
        EmbeddedPostgresError: the server cannot run.
        OSError: the folder cannot be written.
    """
    _refuse_own_server(settings)
    folder, database = settings.backup_location, settings.database_name
    # Not by a server that would be made for it.
    if not (_data_folder(settings) / "PG_VERSION").exists():
        raise _missing(database)
    server = _server(settings, former=True)
    with _alone(server):
        if not _exists(server, database):
            raise _missing(database)
        folder.mkdir(parents=True, exist_ok=True)
        _remove_unfinished(folder)
        part = folder / f".part-{os.getpid()}"
        part.mkdir(mode=0o700)
        try:
            report(f"Dumping {database}")
            manifest = _dump(server, database, part)
            if verify:
                report(f"Restoring it beside {database}, to compare")
                with _restored(server, part, manifest):
                    pass
            name = f"{database}-{manifest.taken_at:%Y%m%dT%H%M%S.%f}"[:-3] + "Z"
            target = folder / name
            part.rename(target)
            _sync(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        for old in _backups_of(folder, database)[keep:]:
            # From here on it is no backup any more, whatever becomes of it.
            shutil.rmtree(old.rename(folder / f".part-{old.name}"))
    return Backup(target, manifest)


def find_backup(settings: Settings, named: Path | None) -> Backup:
    """A backup by its path, or by its name in the folder of backups; without one, the newest.

    Raises:
        BackupError: there is none, or it is damaged.
    """
    _refuse_own_server(settings)
    folder = settings.backup_location
    if named is None:
        newest = _backups_of(folder, settings.database_name)
        if not newest:
            raise BackupError(
                f"{folder} has no backup of {settings.database_name}: `crypto-pipeline backup`"
                " makes one, BACKUP_DIR names another folder"
            )
        path = newest[0]
    else:
        path = named if named.is_dir() else folder / named
    try:
        manifest = msgspec.json.decode((path / _MANIFEST).read_bytes(), type=Manifest)
        size = (path / _DUMP).stat().st_size
    except FileNotFoundError as error:
        raise BackupError(
            f"{path} is no backup: {error.filename} is not there; name a folder that"
            " `crypto-pipeline backup` made"
        ) from None
    except msgspec.DecodeError as error:
        raise BackupError(f"{path / _MANIFEST} is damaged ({error}): take another backup") from None
    if size != manifest.dump_bytes or _sha256(path / _DUMP) != manifest.dump_sha256:
        raise BackupError(
            f"{path / _DUMP} is not the file that the backup was made with (size or SHA-256):"
            " take another backup"
        )
    return Backup(path, manifest)


def check_backup(settings: Settings, backup: Backup, report: Report) -> None:
    """Restore a backup beside the database, compare it with what it says it holds, and drop it.

    Raises:
        BackupError: it cannot be restored, or holds something else.
        EmbeddedPostgresError: the server cannot run.
    """
    server = _server(settings)
    _refuse_newer(server, backup)
    with _alone(server):
        report(f"Restoring {backup.folder.name}, to compare")
        with _restored(server, backup.folder, backup.manifest):
            pass


def restore_backup(settings: Settings, backup: Backup, report: Report, *, force: bool) -> None:
    """Put a backup in the place of the database that the settings name.

    What is there stays until the restored database is whole and compared.

    Args:
        settings: Which database.
        backup: What to restore.
        report: Is told what is done.
        force: Whether to replace a database that holds data.

    Raises:
        BackupError: the database holds data or is in use, or the backup cannot be restored.
        EmbeddedPostgresError: the server cannot run.
    """
    manifest, database = backup.manifest, settings.database_name
    if manifest.database != database and settings.db_name is None:
        raise BackupError(
            f"{backup.folder.name} is of database {manifest.database}, the settings name"
            f" {database}: set DB_NAME to the one that it shall become"
        )
    server = _server(settings)
    _refuse_newer(server, backup)
    with _alone(server):
        there = _exists(server, database)
        if there:
            _refuse_sessions(server, database)
            if not force and _holds_data(server, database):
                raise BackupError(
                    f"database {database} holds data: --force replaces it, or set DB_NAME to"
                    " another one"
                )
        report(f"Restoring {backup.folder.name}")
        with _restored(server, backup.folder, manifest):
            report("Making statistics")
            _make_ready(server)
            _give_name(server, database, there=there)
        _drop(server, _REPLACED)


def _refuse_own_server(settings: Settings) -> None:
    if not settings.embedded:
        raise BackupError(
            "backup and restore are for the embedded PostgreSQL: for a server of your own, use"
            " pg_dump and pg_restore of its version, or its provider's backups (docs/BACKUP.md)"
        )


def _server(settings: Settings, *, former: bool = False) -> EmbeddedServer:
    return embedded_server(_data_folder(settings), former=former)


def _data_folder(settings: Settings) -> Path:
    return settings.data_dir.absolute() / "postgres"


@contextmanager
def _alone(server: EmbeddedServer) -> Iterator[None]:
    """One backup or restore of a server at a time; what a killed one left is dropped first."""

    def refuse() -> NoReturn:
        raise BackupError("another backup or restore is under way: wait for its end")

    with (
        _connect(server, "postgres") as connection,
        exclusive(connection, AdvisoryLock.BACKUP, on_wait=refuse),
    ):
        _drop(server, _SCRATCH)
        # Whose place was taken: both names change in one transaction.
        _drop(server, _REPLACED)
        yield


def _connect(server: EmbeddedServer, database: str) -> psycopg.Connection:
    return psycopg.connect(
        server.conninfo,
        dbname=database,
        application_name="crypto-pipeline backup",
        options=_SESSION,
        autocommit=True,
    )


def _exists(server: EmbeddedServer, database: str) -> bool:
    with _connect(server, "postgres") as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [database])
        return found.fetchone() is not None


def _missing(database: str) -> BackupError:
    return BackupError(
        f"there is no database {database} to back up: `crypto-pipeline run` makes it, DB_NAME names"
        " another one"
    )


def _refuse_newer(server: EmbeddedServer, backup: Backup) -> None:
    manifest = backup.manifest
    if manifest.postgres > server.version:
        raise BackupError(
            f"{backup.folder.name} is of PostgreSQL {manifest.postgres}, this is {server.version}:"
            " restore it with the version of the pipeline that made it, or a newer one"
        )
    if manifest.revision is not None and manifest.revision > newest_revision():
        raise BackupError(
            f"{backup.folder.name} has schema revision {manifest.revision}, this version of the"
            f" pipeline knows {newest_revision()}: restore it with the version that made it, or a"
            " newer one"
        )


def _refuse_sessions(server: EmbeddedServer, database: str) -> None:
    with _connect(server, "postgres") as connection:
        found = connection.execute(read_sql("backup/sessions.sql"), {"database": database})
        names = [str(name) for (name,) in found.fetchall()]
    if names:
        raise BackupError(
            f"database {database} is in use by {', '.join(dict.fromkeys(names))}: end"
            " `crypto-pipeline up` and whatever else has it open"
        )


def _holds_data(server: EmbeddedServer, database: str) -> bool:
    with _connect(server, database) as connection:
        if not connection.execute(read_sql("backup/tables.sql")).fetchall():
            return False
        try:
            row = connection.execute(read_sql("backup/holds_data.sql")).fetchone()
        except psycopg.errors.UndefinedTable:
            # Somebody's tables, or those of an earlier version.
            return True
    return row == (True,)


def _dump(server: EmbeddedServer, database: str, folder: Path) -> Manifest:
    """Write the two files of a backup, both of one snapshot."""
    with _connect(server, database) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.autocommit = False
        # Before the snapshot: what is truncated or dropped after it would be empty in it.
        with _connect(server, database) as looking:
            _lock(connection, looking.execute(read_sql("backup/tables.sql")).fetchall())
        row = connection.execute(
            "SELECT pg_export_snapshot(), clock_timestamp(), pg_database_size(%s)", [database]
        ).fetchone()
        assert row is not None
        snapshot, taken_at, database_bytes = row
        tables, sequences = _contents(connection), _sequences(connection)
        roles: dict[str, bool] = dict(connection.execute(read_sql("backup/roles.sql")).fetchall())
        revision = visible_revision(connection)
        dump = folder / _DUMP
        _run(
            server,
            "pg_dump",
            f"--dbname={make_conninfo(server.conninfo, dbname=database)}",
            "--format=custom",
            f"--compress={_COMPRESSION}",
            f"--snapshot={snapshot}",
            f"--file={dump}",
        )
    manifest = Manifest(
        database=database,
        taken_at=taken_at.astimezone(timezone.utc),
        postgres=server.version,
        revision=revision,
        database_bytes=database_bytes,
        dump_bytes=dump.stat().st_size,
        dump_sha256=_sha256(dump),
        tables=tables,
        sequences=sequences,
        roles=roles,
    )
    _write(folder / _MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
    _sync(folder)
    return manifest


def _lock(connection: psycopg.Connection, tables: list[tuple[str, str]]) -> None:
    if tables:
        names = sql.SQL(", ").join(sql.Identifier(*table) for table in tables)
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS SHARE MODE").format(names))


def _contents(connection: psycopg.Connection) -> dict[str, TableContent]:
    """What each table holds. The hash is one that every version of PostgreSQL makes alike."""
    query = sql.SQL(
        "SELECT count(*), coalesce(sum(('x' || left(md5(t::text), 16))::bit(64)::bigint::numeric),"
        " 0)::text FROM {} AS t"
    )
    found: dict[str, TableContent] = {}
    for schema, table in connection.execute(read_sql("backup/tables.sql")).fetchall():
        row = connection.execute(query.format(sql.Identifier(schema, table))).fetchone()
        assert row is not None
        found[f"{schema}.{table}"] = TableContent(*row)
    return found


def _sequences(connection: psycopg.Connection) -> dict[str, int]:
    return dict(connection.execute(read_sql("backup/sequences.sql")).fetchall())


@contextmanager
def _restored(server: EmbeddedServer, folder: Path, manifest: Manifest) -> Iterator[None]:
    """The scratch database with what a backup holds, compared; dropped at the end of the block.

    Raises:
        BackupError: no room, it cannot be restored, or it is not what the manifest says.
    """
    _refuse_without_room(server, manifest)
    try:
        with _connect(server, "postgres") as connection:
            for role, logs_in in manifest.roles.items():
                _ensure_role(connection, role, logs_in=logs_in)
            create_database(connection, _SCRATCH)
        _run(
            server,
            "pg_restore",
            f"--dbname={make_conninfo(server.conninfo, dbname=_SCRATCH)}",
            "--exit-on-error",
            f"--jobs={_JOBS}",
            str(folder / _DUMP),
        )
        with _connect(server, _SCRATCH) as connection:
            wrong = _differences(manifest, _contents(connection), _sequences(connection))
        if wrong:
            raise BackupError(
                f"the restored database is not what was backed up: {'; '.join(wrong[:5])}: take"
                " another backup, and look at the disk and at PostgreSQL's log"
            )
        yield
    finally:
        _drop(server, _SCRATCH)


def _refuse_without_room(server: EmbeddedServer, manifest: Manifest) -> None:
    """A server whose disk is full serves nobody."""
    free = shutil.disk_usage(server.folder).free
    if free < manifest.database_bytes:
        raise BackupError(
            f"a copy of the database needs {manifest.database_bytes / 1e9:.1f} GB beside it, and"
            f" {server.folder} has {free / 1e9:.1f} GB left: make room, or back up with --no-verify"
        )


def _ensure_role(connection: psycopg.Connection, role: str, *, logs_in: bool) -> None:
    if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
        kind = sql.SQL("LOGIN" if logs_in else "NOLOGIN")
        connection.execute(sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(role), kind))


def _differences(
    manifest: Manifest, tables: Mapping[str, TableContent], sequences: Mapping[str, int]
) -> list[str]:
    nothing = TableContent(0, "no such table")
    wrong = []
    for name in sorted({*manifest.tables, *tables}):
        was, is_now = manifest.tables.get(name, nothing), tables.get(name, nothing)
        if was.rows != is_now.rows:
            wrong.append(f"{name} has {is_now.rows} rows, not {was.rows}")
        elif was.digest != is_now.digest:
            wrong.append(f"{name} has other values in its {was.rows} rows")
    wrong += [
        f"sequence {name} would give {sequences.get(name, 0) + 1} again"
        for name, last in sorted(manifest.sequences.items())
        if sequences.get(name, 0) < last
    ]
    return wrong


def _make_ready(server: EmbeddedServer) -> None:
    """What a restored database needs before it is used."""
    with _connect(server, _SCRATCH) as connection:
        connection.execute("ANALYZE")
        # A lake may hold changes that this database will give the numbers of to others.
        if connection.execute("SELECT to_regprocedure('lake.start_over()')").fetchone() != (None,):
            connection.execute("SELECT lake.start_over()")


def _give_name(server: EmbeddedServer, database: str, *, there: bool) -> None:
    """Let the scratch database take the place of the one that is there, in one transaction."""
    rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    try:
        with _connect(server, "postgres") as connection, connection.transaction():
            if there:
                connection.execute(
                    rename.format(sql.Identifier(database), sql.Identifier(_REPLACED))
                )
            connection.execute(rename.format(sql.Identifier(_SCRATCH), sql.Identifier(database)))
    except psycopg.errors.ObjectInUse:
        _refuse_sessions(server, database)
        raise


def _drop(server: EmbeddedServer, database: str) -> None:
    with _connect(server, "postgres") as connection:
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database))
        )


_REMEDIES = {
    "no space left on device": "make room, or set BACKUP_DIR to a folder on another disk",
    "unsupported version": "restore it with the version of the pipeline that made it",
    "permission denied": "set BACKUP_DIR to a folder that you may write in",
}
"""What to do, by what PostgreSQL's programs say."""


def _run(server: EmbeddedServer, program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL's.

    Raises:
        BackupError: it failed; with what it said.
    """
    # libpq's own variables would lead it elsewhere; what it says is looked at.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    done = subprocess.run(  # noqa: S603
        [server.programs / program, *arguments],
        env={**environment, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode == 0:
        return
    said = next(
        (line for line in done.stderr.splitlines() if "error:" in line),
        f"{program} ended with status {done.returncode}",
    )
    remedy = next(
        (remedy for words, remedy in _REMEDIES.items() if words in done.stderr.lower()),
        "PostgreSQL's log in DATA_DIR/postgres may say more",
    )
    raise BackupError(f"{said.strip()}: {remedy}")


def _backups_of(folder: Path, database: str) -> list[Path]:
    """The whole backups of a database, the newest first."""
    if not folder.is_dir():
        return []
    named = ((path, _NAME.fullmatch(path.name)) for path in folder.iterdir())
    return sorted((path for path, name in named if name and name["database"] == database))[::-1]


def _remove_unfinished(folder: Path) -> None:
    """What killed backups left; called by the one backup that is under way."""
    for part in folder.glob(".part-*"):
        shutil.rmtree(part)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
