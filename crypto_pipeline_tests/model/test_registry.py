"""The registry of columns, held against the database, the API's description and the SQL files."""

import re

from crypto_pipeline.cli import generated_sql
from crypto_pipeline.coingecko.schema import BASE_FIELDS, COLUMNS, OPTIONAL_FIELDS
from crypto_pipeline.model.registry import (
    FACT,
    MARKET_METRICS,
    POSTGRES_TABLES,
    PRICE_SNAPSHOTS,
    RECORD_COLUMNS,
    TABLES,
    VIEWS,
)
from crypto_pipeline.warehouse.catalog import describe_columns
from crypto_pipeline.warehouse.postgres import Warehouse

_CATALOGUE_TYPES = {"time": "time without time zone", "timestamptz": "timestamp with time zone"}


def test_the_database_has_the_tables_and_columns_of_the_registry(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        tables = connection.execute(
            "SELECT n.nspname, c.relname, obj_description(c.oid, 'pg_class')"
            " FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE n.nspname IN ('public', 'analytics', 'loading', 'lake')"
            " AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
            " AND c.relname <> 'alembic_version'"
        ).fetchall()
        for table in POSTGRES_TABLES:
            found = {
                (column.name, column.type, column.nullable, column.description)
                for column in describe_columns(connection, table.schema, table.name)
            }
            assert found == {
                (
                    column.name,
                    _CATALOGUE_TYPES.get(column.type, column.type),
                    column.nullable,
                    column.comment,
                )
                for column in table.columns
            }, table.name
    assert sorted(tables) == sorted((t.schema, t.name, t.meaning) for t in POSTGRES_TABLES)


def test_the_key_of_a_table_is_unique_in_the_database(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        for table in POSTGRES_TABLES:
            keys = connection.execute(
                "SELECT array_agg(a.attname::text) FROM pg_index AS i"
                " JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)"
                " WHERE i.indrelid = %s::regclass AND i.indisunique AND i.indpred IS NULL"
                " GROUP BY i.indexrelid",
                [table.qualified],
            ).fetchall()
            assert set(table.key) in [set(key) for (key,) in keys], table.name


def test_every_view_and_its_columns_say_what_they_mean(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        views = connection.execute(
            "SELECT oid::regclass::text, obj_description(oid, 'pg_class') FROM pg_class"
            " WHERE relnamespace IN ('public'::regnamespace, 'analytics'::regnamespace)"
            " AND relkind = 'v'"
        ).fetchall()
        assert dict(views) == dict(VIEWS)
        for view in VIEWS:
            schema, _, name = view.rpartition(".")
            for column in describe_columns(connection, schema or "public", name):
                assert column.description, f"{view}.{column.name}"


def test_every_field_of_the_api_fills_one_column() -> None:
    fields = [column.field for column in RECORD_COLUMNS]
    assert len(set(fields)) == len(fields)
    asked = {column.field for column in RECORD_COLUMNS if column.on_request}
    assert {str(field).partition(".")[0] for field in fields} - asked == BASE_FIELDS
    assert asked <= OPTIONAL_FIELDS
    assert {column.name for column in RECORD_COLUMNS} < set(COLUMNS)


def test_a_column_of_one_name_has_one_type_everywhere() -> None:
    types: dict[str, set[str]] = {}
    for table in TABLES.values():
        assert len({column.name for column in table.columns}) == len(table.columns)
        for column in table.columns:
            types.setdefault(column.name, set()).add(column.type)
    assert {name: found for name, found in types.items() if len(found) > 1} == {}


def test_a_comment_has_the_unit_and_the_name_of_the_api() -> None:
    assert PRICE_SNAPSHOTS.column("price_change_pct_24h").comment == (
        "Change of the price in 24 hours, in percent (API field price_change_percentage_24h)."
    )
    assert MARKET_METRICS.column("max_supply").comment == (
        "Units that can ever exist, in coins; null if unlimited (API field max_supply)."
    )


def test_the_facts_have_every_number_of_silver() -> None:
    numbers = {
        column.name
        for table in (PRICE_SNAPSHOTS, MARKET_METRICS)
        for column in table.measures
        if column.kind is not None
    }
    assert {column.name for column in FACT.measures} == numbers


def test_the_generated_lists_in_sql_are_up_to_date() -> None:
    assert generated_sql.write(check=True) == 0, "run `make sql`"


def test_no_list_of_measures_is_written_by_hand() -> None:
    """But in migrations, which are never changed, and where a query asks for some of them."""
    generated = re.compile(r"-- \[\[\[cog .*?-- \[\[\[end\]\]\]", re.DOTALL)
    names = [column.name for column in RECORD_COLUMNS if column.kind is not None]
    by_hand = {
        path.name: found
        for path in generated_sql.SQL_FOLDER.rglob("*.sql")
        if path.parent.name != "migrations"
        and len(found := _named(names, generated.sub("", path.read_text(encoding="utf-8")))) > 6
    }
    assert by_hand == {}


def _named(names: list[str], text: str) -> set[str]:
    return {name for name in names if re.search(rf"\b{name}\b", text)}
