"""What a person can mend is one line, with the remedy."""

import errno
from pathlib import Path

import psycopg
import psycopg2
import pytest
from dagster_postgres.utils import DagsterPostgresException
from psycopg import sql
from sqlalchemy import create_engine, text

from crypto_pipeline.cli.errors import in_words
from crypto_pipeline.cli.home import open_dagster_home
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.warehouse.postgres import Warehouse, warehouse_conninfo
from crypto_pipeline_tests.programs import crypto_pipeline


def test_a_full_disk(tmp_path: Path) -> None:
    told = in_words(OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "x")))
    assert told is not None
    assert told.startswith(f"[Errno 28] No space left on device: '{tmp_path}/x': the disk is full;")
    assert "The same command goes on" in told or "the same command goes on" in told


@pytest.mark.parametrize(
    ("state", "remedy"),
    [
        ("57014", "see statement_timeout"),
        ("55P03", "see lock_timeout"),
        ("40P01", "run the same command again"),
    ],
)
def test_a_statement_that_the_server_ends(warehouse: Warehouse, state: str, remedy: str) -> None:
    with warehouse.connection() as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute(f"DO $$ BEGIN RAISE 'ended' USING ERRCODE = '{state}'; END $$".encode())
    told = in_words(caught.value)
    assert told is not None
    assert told.startswith("ended: ")
    assert told.endswith(remedy)


def test_a_broken_disk() -> None:
    told = in_words(OSError(errno.EIO, "Input/output error", "/x"))
    assert told is not None
    assert "see the system's log" in told


def test_a_connection_of_dagsters_that_is_lost(warehouse: Warehouse) -> None:
    with (
        open_dagster_home(Settings()) as instance,
        psycopg.connect(warehouse_conninfo(Settings()), autocommit=True) as killer,
        pytest.raises(Exception) as caught,
    ):
        instance.get_runs_count()
        killer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        instance.get_runs_count()
    told = in_words(caught.value)
    assert told is not None
    assert ": is PostgreSQL running, and does it let us in?" in told
    assert "SELECT" not in told
    assert len(told.splitlines()) == 1


def test_too_many_tries_are_told_by_their_cause() -> None:
    with pytest.raises(DagsterPostgresException) as caught:
        try:
            psycopg2.connect("host=127.0.0.1 port=9")
        except psycopg2.OperationalError as error:
            raise DagsterPostgresException("too many retries for DB connection") from error
    told = in_words(caught.value)
    assert told is not None
    assert "Connection refused: is PostgreSQL running" in told.replace("refused\n", "refused")


def test_too_many_connections(warehouse: Warehouse) -> None:
    with psycopg.connect(warehouse_conninfo(Settings()), autocommit=True) as connection:
        role = sql.Identifier(f"few_{connection.info.dbname}")
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN CONNECTION LIMIT 0").format(role))
        try:
            with pytest.raises(psycopg2.OperationalError) as caught:
                psycopg2.connect(
                    host=connection.info.host,
                    port=connection.info.port,
                    dbname=connection.info.dbname,
                    user=role.as_string(connection).strip('"'),
                )
        finally:
            connection.execute(sql.SQL("DROP ROLE {}").format(role))
    told = in_words(caught.value)
    assert told is not None
    assert "too many connections for role" in told
    assert told.endswith("end some of its clients, or raise max_connections")


def test_a_database_that_takes_no_changes(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        name = connection.info.dbname
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(
                sql.Identifier(name)
            )
        )
    done = crypto_pipeline("load")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("cannot execute ")
    assert "the database takes no changes: connect to the primary" in line


def test_an_error_of_our_own_making_keeps_its_traceback() -> None:
    assert in_words(KeyError("x")) is None


def test_a_statement_and_its_parameters_are_not_shown(warehouse: Warehouse) -> None:
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(warehouse_conninfo(Settings()))
    )
    with engine.connect() as connection, pytest.raises(Exception) as caught:
        connection.execute(text("SELECT :secret::integer"), {"secret": "canary"})
    told = in_words(caught.value)
    assert told is None or "parameters" not in told
