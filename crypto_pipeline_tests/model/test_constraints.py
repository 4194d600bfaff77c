"""The rules and the tables' constraints: they refuse the same rows."""

import logging

import psycopg
import pytest

from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.quality import (
    POINT_REJECT_RULES,
    REJECT_RULES,
    RULES,
    WARN_RULES,
    Rule,
)
from crypto_pipeline.model.registry import PRICE_POINTS, SILVER_TABLES
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline.warehouse.staging import load_to_silver
from crypto_pipeline_tests.bad_records import NULLABLE
from crypto_pipeline_tests.market_records import landed, market_record

_BY_NAME = {rule.name: rule for rule in RULES}

# A reject rule without a CHECK constraint of its name says here what refuses its rows instead.
_NOT_NULL = {
    "price_present": ("price_snapshots", "current_price"),
    "last_updated_present": ("price_snapshots", "last_updated"),
}

_BEYOND_A_TABLE = {
    "record_well_formed": "is about the JSON text, which a table no longer shows",
    "last_updated_not_in_future": "compares with ingested_at, a column of another table",
}

_LEFT_TO_OTHERS = {*(column for _, column in _NOT_NULL.values()), "price", "observed_at"}
"""Columns whose missing value is another rule's business: one fault, one reason."""

_WITH_CHECK = [
    rule for rule in REJECT_RULES if rule.name not in _NOT_NULL and rule.name not in _BEYOND_A_TABLE
]


_POINTS_WITH_CHECK = [
    rule
    for rule in POINT_REJECT_RULES
    if rule.name
    not in (
        # NOT NULL, about the text, and compared with a column of another table.
        *("price_present", "observed_at_present", "point_well_formed"),
        "observed_at_not_in_future",
    )
]
_RECORDS = [table.name for table in SILVER_TABLES]


def _checks(
    connection: psycopg.Connection, name: str, tables: list[str]
) -> list[tuple[str, str, list[str]]]:
    """Of some tables those with a CHECK of that name, its expression and the columns in it."""
    return connection.execute(
        "SELECT conrelid::regclass::text, pg_get_expr(conbin, conrelid), ARRAY("
        "SELECT attname::text FROM pg_attribute WHERE attrelid = conrelid"
        " AND attnum = ANY (conkey)) FROM pg_constraint"
        " WHERE contype = 'c' AND conname = %s AND connamespace = 'public'::regnamespace"
        " AND conislocal AND conrelid::regclass::text = ANY (%s) ORDER BY 1",
        [name, tables],
    ).fetchall()


def _refuses_null(connection: psycopg.Connection, table: str, column: str) -> bool:
    row = connection.execute(
        "SELECT attnotnull FROM pg_attribute WHERE attrelid = %s::regclass AND attname = %s",
        [table, column],
    ).fetchone()
    assert row is not None
    return bool(row[0])


_SAMPLES = {
    "text": ["NULL", "''", "' '", "'x'", "repeat('x', 200)", "repeat('x', 201)"],
    "numeric": ["NULL", "-1", "-1e-30", "0", "1e-30", "1", "1e27"],
    "timestamptz": [
        "NULL",
        "timestamptz '2009-01-02 23:59:59.999999+00'",
        "timestamptz '2009-01-03 00:00:00+00'",
        "timestamptz '2026-11-24 05:00:00+00'",
    ],
}


def _samples(column: str) -> list[str]:
    if column in ("crypto_id", "symbol", "name", "roi_currency"):
        return _SAMPLES["text"]
    if column == "image_url":
        return ["NULL", "''", "repeat('x', 2000)", "repeat('x', 2001)"]
    return _SAMPLES["timestamptz" if column in ("last_updated", "observed_at") else "numeric"]


@pytest.mark.parametrize(
    ("rule", "tables"),
    [
        *(pytest.param(rule, _RECORDS, id=rule.name) for rule in _WITH_CHECK),
        *(
            pytest.param(rule, [PRICE_POINTS.name], id=f"point {rule.name}")
            for rule in _POINTS_WITH_CHECK
        ),
    ],
)
def test_a_rule_and_the_constraint_of_its_name_refuse_the_same_rows(
    warehouse: Warehouse, rule: Rule, tables: list[str]
) -> None:
    with warehouse.connection() as connection:
        checks = _checks(connection, rule.name, tables)
        assert checks
        for table, check, checked in checks:
            nulls = [
                f"{column} IS NULL"
                for column in rule.columns
                if rule.name != "texts_short"
                and column not in _LEFT_TO_OTHERS
                and _refuses_null(connection, table, column)
            ]
            # What is a column of another table is judged there.
            elsewhere = ", ".join(
                f"NULL::text AS {column}" for column in rule.columns if column not in checked
            )
            refused = " OR ".join([f"({check}) IS FALSE", *nulls])
            rows = " CROSS JOIN ".join(
                f"(VALUES {', '.join(f'({value})' for value in _samples(column))}) AS v_{column}"
                f" ({column})"
                for column in rule.columns
                if column in checked
            )
            differing = connection.execute(
                f"SELECT * FROM {rows} CROSS JOIN (SELECT {elsewhere or '1'}) AS elsewhere"
                f" WHERE (({rule.predicate}) IS FALSE) <> ({refused})"
            ).fetchall()
            assert differing == []


def _load_valid_record(warehouse: Warehouse, zone: LandingZone) -> None:
    for _, lines in load_to_silver(warehouse, landed(zone, [market_record()]), 1):
        assert [line.level for line in lines] == [logging.INFO]


_VIOLATIONS = {
    "id_present": [("crypto_id", "''")],
    "symbol_present": [("symbol", "''")],
    "name_present": [("name", "''")],
    "last_updated_plausible": [("last_updated", "'2009-01-02 23:59:59+00'")],
    "price_positive": [("current_price", "0"), ("current_price", "-1")],
    "rank_positive": [("market_cap_rank", "0")],
    "texts_short": [
        *((column, "repeat('x', 201)") for column in ("crypto_id", "symbol", "name")),
        ("image_url", "repeat('x', 2001)"),
        ("roi_currency", "repeat('x', 201)"),
    ],
}


@pytest.mark.parametrize("rule", _WITH_CHECK, ids=lambda rule: rule.name)
def test_postgresql_refuses_a_row_that_breaks_a_reject_rule_by_its_name(
    warehouse: Warehouse, zone: LandingZone, rule: Rule
) -> None:
    _load_valid_record(warehouse, zone)
    with warehouse.connection() as connection:
        for table, _, checked in _checks(connection, rule.name, _RECORDS):
            for column, value in _VIOLATIONS.get(
                rule.name, [(column, "-1") for column in rule.columns]
            ):
                if column not in checked:
                    continue
                with (
                    pytest.raises(psycopg.errors.CheckViolation) as refusal,
                    connection.transaction(),
                ):
                    connection.execute(f"UPDATE {table} SET {column} = {value}")
                assert refusal.value.diag.constraint_name == rule.name


@pytest.mark.parametrize(("name", "place"), _NOT_NULL.items())
def test_postgresql_refuses_a_row_without_what_must_be_present(
    warehouse: Warehouse, zone: LandingZone, name: str, place: tuple[str, str]
) -> None:
    assert _BY_NAME[name] in REJECT_RULES
    _load_valid_record(warehouse, zone)
    table, column = place
    with (
        warehouse.connection() as connection,
        pytest.raises(psycopg.errors.NotNullViolation) as refusal,
        connection.transaction(),
    ):
        connection.execute(f"UPDATE {table} SET {column} = NULL")
    assert refusal.value.diag.column_name == column


def test_what_no_constraint_refuses_has_a_reason() -> None:
    assert {*_NOT_NULL, *_BEYOND_A_TABLE, *(rule.name for rule in _WITH_CHECK)} == {
        rule.name for rule in REJECT_RULES
    }
    assert not {rule.name for rule in WARN_RULES} & {*_NOT_NULL, *_BEYOND_A_TABLE}


def test_the_constraints_let_every_null_pass_that_the_rules_let_pass(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    records = [market_record(id=f"no {field}", **{field: None}) for field in NULLABLE]
    list(load_to_silver(warehouse, landed(zone, records), 0))
    with warehouse.connection() as connection:
        assert connection.execute("SELECT count(*) FROM market_metrics").fetchone() == (
            len(NULLABLE),
        )
