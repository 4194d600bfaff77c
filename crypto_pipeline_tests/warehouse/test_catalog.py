import psycopg
import pytest

from crypto_pipeline.warehouse.catalog import count_rows, describe_columns, preview_markdown
from crypto_pipeline.warehouse.postgres import Warehouse

# Partitions are their table's business, and alembic_version is Alembic's.
_RELATIONS = """
    SELECT n.nspname, c.relname, c.relkind::text, obj_description(c.oid, 'pg_class')
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('public', 'analytics')
        AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
        AND NOT c.relispartition
        AND c.relname <> 'alembic_version'
    ORDER BY 1, 2
"""
_FUNCTIONS = """
    SELECT p.oid::regprocedure::text, obj_description(p.oid, 'pg_proc')
    FROM pg_proc AS p
    WHERE p.pronamespace::regnamespace::text IN ('public', 'analytics')
    ORDER BY 1
"""


def relations(connection: psycopg.Connection) -> list[tuple[str, str, str, str | None]]:
    found = connection.execute(_RELATIONS).fetchall()
    # So that no test passes because it has nothing to look at.
    assert len(found) > 10
    return found


def test_every_table_and_view_says_what_it_means(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        assert [name for _, name, _, comment in relations(connection) if not comment] == []


def test_every_column_of_a_table_says_what_it_means(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        silent = [
            f"{schema}.{table}.{column.name}"
            for schema, table, kind, _ in relations(connection)
            if kind not in "vm"
            for column in describe_columns(connection, schema, table)
            if not column.description
        ]
    assert silent == []


def test_every_function_and_schema_says_what_it_means(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        functions = connection.execute(_FUNCTIONS).fetchall()
        schema = connection.execute(
            "SELECT obj_description('analytics'::regnamespace, 'pg_namespace')"
        ).fetchone()
    assert len(functions) >= 5
    assert [name for name, comment in functions if not comment] == []
    assert schema is not None
    assert schema[0]


def test_columns_come_in_order_with_their_types(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        columns = describe_columns(connection, "analytics", "dim_source")
    assert [(column.name, column.type, column.nullable) for column in columns] == [
        ("source_key", "integer", False),
        ("source_name", "text", False),
        ("kind", "text", False),
        ("first_ingested_at", "timestamp with time zone", True),
        ("last_ingested_at", "timestamp with time zone", True),
    ]


def test_a_dropped_column_is_not_described(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        connection.execute("ALTER TABLE data_origin DROP COLUMN kind")
        columns = describe_columns(connection, "public", "data_origin")
    assert [column.name for column in columns] == ["only_row"]


def test_a_table_that_does_not_exist_is_not_described(warehouse: Warehouse) -> None:
    with (
        warehouse.connection() as connection,
        pytest.raises(psycopg.errors.UndefinedTable),
        connection.transaction(),
    ):
        describe_columns(connection, "public", "dim_source")


def test_few_rows_are_counted_exactly_and_many_estimated(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        connection.execute("CREATE TABLE counted (a integer) PARTITION BY HASH (a)")
        for part in (0, 1):
            connection.execute(
                f"CREATE TABLE counted_{part} PARTITION OF counted"
                f" FOR VALUES WITH (MODULUS 2, REMAINDER {part})"
            )
        assert count_rows(connection, "public", "counted") == 0
        connection.execute("INSERT INTO counted SELECT generate_series(1, 10000)")
        assert count_rows(connection, "public", "counted") == 10_000
        connection.execute("INSERT INTO counted SELECT generate_series(1, 5000)")
        assert count_rows(connection, "public", "counted") is None
        connection.execute("ANALYZE counted")
        assert count_rows(connection, "public", "counted") == 15_000


def test_a_preview_is_a_markdown_table(warehouse: Warehouse) -> None:
    """Of the rows that were written last."""
    with warehouse.connection() as connection:
        connection.execute('CREATE TABLE "odd ""name" (a integer, "b c" text, d text)')
        assert preview_markdown(connection, "public", 'odd "name').split("\n")[2:] == []
        connection.execute(
            """INSERT INTO "odd ""name" VALUES"""
            """ (1, 'z', 'z'), (2, NULL, 'y'), (3, E'x|y\nz', repeat('x', 61))"""
        )
        lines = preview_markdown(connection, "public", 'odd "name').split("\n")
    assert lines == [
        "| a | b c | d |",
        "| --- | --- | --- |",
        f"| 3 | x\\|y z | {'x' * 57}... |",
        "| 2 |  | y |",
    ]


def test_a_preview_reads_the_end_of_the_last_partition_that_has_rows(warehouse: Warehouse) -> None:
    """However many rows there are: every run asks for it."""
    with warehouse.connection() as connection:
        connection.execute("CREATE TABLE many (a integer) PARTITION BY RANGE (a)")
        for part in range(3):
            connection.execute(
                f"CREATE TABLE many_{part} PARTITION OF many"
                f" FOR VALUES FROM ({part * 100_000}) TO ({(part + 1) * 100_000})"
            )
        connection.execute("INSERT INTO many SELECT generate_series(0, 199999)")
        lines = preview_markdown(connection, "public", "many").split("\n")
        read = connection.execute(
            "SELECT sum(pg_stat_get_xact_tuples_returned(inhrelid)) FROM pg_inherits"
            " WHERE inhparent = 'many'::regclass"
        ).fetchone()
    assert lines[2:] == ["| 199999 |", "| 199998 |"]
    assert read is not None and read[0] < 1_000
