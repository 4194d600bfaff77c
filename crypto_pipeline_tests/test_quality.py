import json
import re
from collections.abc import Sequence

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.rows import dict_row

from crypto_pipeline.bulk_load import load_to_gold
from crypto_pipeline.coingecko.schema import BASE_FIELDS, COLUMNS, TIME_FIELDS
from crypto_pipeline.quality import REJECT_RULES, RULES, WARN_RULES, Rule
from crypto_pipeline.staging import SILVER_TABLES, Staging, decode_files, load_to_silver, stage
from crypto_pipeline.storage.landing import LandingFile, LandingZone
from crypto_pipeline.storage.postgres import Warehouse, merge, read_frame
from crypto_pipeline_tests.bad_records import BROKEN_RECORDS, Record
from crypto_pipeline_tests.market_records import ABSENT, drop, landing_json, market_record

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
_LEFT_TO_OTHERS = {column for _, column in _NOT_NULL.values()}
"""Columns whose missing value is another rule's business: one fault, one reason."""

_WITH_CHECK = [
    rule for rule in REJECT_RULES if rule.name not in _NOT_NULL and rule.name not in _BEYOND_A_TABLE
]

_EXAMPLES = [
    pytest.param(_BY_NAME[name], records, id=f"{name}-{number}")
    for name, examples in BROKEN_RECORDS.items()
    for number, records in enumerate(examples)
]


_JUDGED = """
SELECT
    r.*, f.ingested_at,
    coalesce(v.rejected_by, '{}') AS rejected_by,
    coalesce(v.reason, '') AS reason,
    coalesce(v.warned_by, '{}') AS warned_by
FROM staged_records AS r
JOIN staged_files AS f USING (file_id)
LEFT JOIN verdicts AS v USING (file_id, record_index)
"""


def landed(zone: LandingZone, records: Sequence[Record]) -> list[LandingFile]:
    drop(zone, "records.json", landing_json(records))
    return zone.file_loose()


def judged(
    warehouse: Warehouse, zone: LandingZone, records: Sequence[Record]
) -> list[dict[str, object]]:
    """What the rules say of the records, in order."""
    with warehouse.load() as connection:
        assert Staging(connection, 1).add(decode_files(landed(zone, records))) == {}
        return (
            connection.cursor(row_factory=dict_row)
            .execute(f"SELECT * FROM ({_JUDGED}) AS judged ORDER BY record_index")
            .fetchall()
        )


def test_names_are_unique_and_in_snake_case() -> None:
    assert len(_BY_NAME) == len(RULES)
    for rule in RULES:
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)+", rule.name)


def test_a_rule_names_columns_that_a_judged_record_has() -> None:
    for rule in RULES:
        assert rule.columns
        assert set(rule.columns) <= {*COLUMNS, "ingested_at"}
        for column in rule.columns:
            assert column in rule.predicate


def test_every_rule_has_an_example_that_breaks_it() -> None:
    assert set(BROKEN_RECORDS) == set(_BY_NAME)


def test_a_valid_record_breaks_no_rule(warehouse: Warehouse, zone: LandingZone) -> None:
    (row,) = judged(warehouse, zone, [market_record()])
    assert (row["rejected_by"], row["warned_by"], row["reason"]) == ([], [], "")


@pytest.mark.parametrize(("rule", "records"), _EXAMPLES)
def test_a_record_breaks_the_rule(
    warehouse: Warehouse, zone: LandingZone, rule: Rule, records: Sequence[Record]
) -> None:
    *others, row = judged(warehouse, zone, records)
    if rule in REJECT_RULES:
        assert row["rejected_by"] == [rule.name]
    else:
        assert row["rejected_by"] == []
        assert rule.name in row["warned_by"]
    for other in others:
        assert (other["rejected_by"], other["warned_by"]) == ([], [])


@pytest.mark.parametrize(
    ("rule", "records"), [example for example in _EXAMPLES if example.values[0] in REJECT_RULES]
)
def test_a_reason_says_what_is_wrong_and_with_which_values(
    warehouse: Warehouse, zone: LandingZone, rule: Rule, records: Sequence[Record]
) -> None:
    values = " || ', ' || ".join(
        f"'{column} = ' || coalesce({column}::text, 'null')" for column in rule.columns
    )
    with warehouse.load() as connection:
        Staging(connection, 1).add(decode_files(landed(zone, records)))
        row = connection.execute(
            f"SELECT reason, {values} FROM ({_JUDGED}) AS judged ORDER BY record_index DESC"
        ).fetchone()
    assert row is not None
    assert row[0] == f"{rule.why} ({row[1]})"


def test_a_record_that_breaks_many_rules_names_them_all(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    record = market_record(id="", current_price=-1, market_cap_rank=0)
    (row,) = judged(warehouse, zone, [record])
    assert row["rejected_by"] == ["id_present", "price_positive", "rank_positive"]
    assert row["reason"] == (
        "no id (crypto_id = ); price is not above 0 (current_price = -1);"
        " rank is not above 0 (market_cap_rank = 0)"
    )


_NULLABLE = sorted(
    BASE_FIELDS - {"id", "symbol", "name", "current_price", "last_updated", "market_cap_rank"}
)


def test_a_null_that_no_rule_asks_about_passes(warehouse: Warehouse, zone: LandingZone) -> None:
    records = [market_record(**{field: None}) for field in _NULLABLE]
    records.append(market_record(**dict.fromkeys(_NULLABLE)))
    for row in judged(warehouse, zone, records):
        assert row["rejected_by"] == []
        assert set(row["warned_by"]) <= {"rank_follows", "symbol_unique_in_response"}


def test_the_largest_rank_spoils_no_load(warehouse: Warehouse, zone: LandingZone) -> None:
    records = [market_record(id=name, market_cap_rank=2**31 - 1) for name in ("one", "two")]
    for row in judged(warehouse, zone, records):
        assert row["rejected_by"] == []


# --- The rules and the tables' constraints -----------------------------------------------------


def _checks(connection: psycopg.Connection, name: str) -> list[tuple[str, str]]:
    """Tables with a CHECK of that name, and its expression."""
    return connection.execute(
        "SELECT conrelid::regclass::text, pg_get_expr(conbin, conrelid) FROM pg_constraint"
        " WHERE contype = 'c' AND conname = %s AND connamespace = 'public'::regnamespace"
        " AND conislocal ORDER BY 1",
        [name],
    ).fetchall()


def _refuses_null(connection: psycopg.Connection, table: str, column: str) -> bool:
    row = connection.execute(
        "SELECT attnotnull FROM pg_attribute WHERE attrelid = %s::regclass AND attname = %s",
        [table, column],
    ).fetchone()
    assert row is not None
    return bool(row[0])


_SAMPLES = {
    "text": ["NULL", "''", "' '", "'x'"],
    "numeric": ["NULL", "-1", "-1e-30", "0", "1e-30", "1", "1e27"],
    "timestamptz": [
        "NULL",
        "timestamptz '2009-01-02 23:59:59.999999+00'",
        "timestamptz '2009-01-03 00:00:00+00'",
        "timestamptz '2026-11-24 05:00:00+00'",
    ],
}


def _samples(column: str) -> list[str]:
    if column in ("crypto_id", "symbol", "name"):
        return _SAMPLES["text"]
    return _SAMPLES["timestamptz" if column == "last_updated" else "numeric"]


@pytest.mark.parametrize("rule", _WITH_CHECK, ids=lambda rule: rule.name)
def test_a_rule_and_the_constraint_of_its_name_refuse_the_same_rows(
    warehouse: Warehouse, rule: Rule
) -> None:
    with warehouse.connection() as connection:
        checks = _checks(connection, rule.name)
        assert checks
        for table, check in checks:
            nulls = [
                f"{column} IS NULL"
                for column in rule.columns
                if column not in _LEFT_TO_OTHERS and _refuses_null(connection, table, column)
            ]
            refused = " OR ".join([f"({check}) IS FALSE", *nulls])
            rows = " CROSS JOIN ".join(
                f"(VALUES {', '.join(f'({value})' for value in _samples(column))}) AS v_{column}"
                f" ({column})"
                for column in rule.columns
            )
            differing = connection.execute(
                f"SELECT {', '.join(rule.columns)} FROM {rows}"
                f" WHERE (({rule.predicate}) IS FALSE) <> ({refused})"
            ).fetchall()
            assert differing == []


def _load_valid_record(warehouse: Warehouse, zone: LandingZone) -> None:
    for _, errors in load_to_silver(warehouse, landed(zone, [market_record()]), 1):
        assert errors == {}


_VIOLATIONS = {
    "id_present": [("crypto_id", "''")],
    "symbol_present": [("symbol", "''")],
    "name_present": [("name", "''")],
    "last_updated_plausible": [("last_updated", "'2009-01-02 23:59:59+00'")],
    "price_positive": [("current_price", "0"), ("current_price", "-1")],
    "rank_positive": [("market_cap_rank", "0")],
}


@pytest.mark.parametrize("rule", _WITH_CHECK, ids=lambda rule: rule.name)
def test_postgresql_refuses_a_row_that_breaks_a_reject_rule_by_its_name(
    warehouse: Warehouse, zone: LandingZone, rule: Rule
) -> None:
    _load_valid_record(warehouse, zone)
    with warehouse.connection() as connection:
        for table, _ in _checks(connection, rule.name):
            for column, value in _VIOLATIONS.get(
                rule.name, [(column, "-1") for column in rule.columns]
            ):
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
    records = [market_record(id=f"no {field}", **{field: None}) for field in _NULLABLE]
    list(load_to_silver(warehouse, landed(zone, records), 0))
    with warehouse.connection() as connection:
        assert connection.execute("SELECT count(*) FROM market_metrics").fetchone() == (
            len(_NULLABLE),
        )


# --- One bad record never fails a batch --------------------------------------------------------

_numbers = st.one_of(
    st.integers(),
    st.integers(-3, 3),
    st.floats(),
    st.decimals(places=12, allow_nan=False, allow_infinity=False).map(float),
)
_times = st.one_of(
    st.datetimes(timezones=st.none() | st.timezones()).map(lambda time: time.isoformat()),
    st.sampled_from(
        ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-11-24T05:00:00Z"]
    ),
)
_values = st.recursive(
    st.none()
    | st.booleans()
    | _numbers
    | _times
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
    | st.text("\x00\\\t\n\r\x7f\"',{}N", max_size=4),
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(
            st.sampled_from(["times", "currency", "percentage"]) | st.text(max_size=3),
            values,
            max_size=3,
        )
    ),
    max_leaves=5,
)
_fields = st.sampled_from(sorted(BASE_FIELDS)) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=5
)
_records = st.one_of(
    st.dictionaries(_fields, st.just(ABSENT) | _values, max_size=5).map(
        lambda o: market_record(**o)
    ),
    st.builds(
        lambda field, time: market_record(**{field: time}), st.sampled_from(TIME_FIELDS), _times
    ),
    st.dictionaries(_fields, _values, max_size=5),
    _values,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(records=st.lists(_records, min_size=1, max_size=8))
def test_whatever_json_a_record_holds_it_is_loaded_or_rejected_with_a_reason(
    warehouse: Warehouse, zone: LandingZone, records: list[object]
) -> None:
    raw = [msgspec.Raw(json.dumps(record).encode()) for record in records]
    raw.append(msgspec.Raw(json.dumps(market_record(id="the-good-one")).encode()))
    files = landed(zone, raw)
    with warehouse.load() as connection:
        assert stage(connection, decode_files(files), max_rejected_share=1) == {}
        accepted = _indices(connection, "SELECT record_index FROM accepted_records")
        rejected = _indices(
            connection,
            "SELECT record_index FROM staged_rejected_records WHERE rules <> '{}' AND reason <> ''",
        )
        assert sorted([*accepted, *rejected]) == list(range(len(raw)))
        assert len(raw) - 1 in accepted
        for table in SILVER_TABLES:
            # Both ways into silver: the assets' frames, and the bulk load.
            read_frame(connection, f"SELECT * FROM staged_{table}")
            connection.execute(
                sql.SQL("CREATE TEMPORARY VIEW {} AS SELECT * FROM {}").format(
                    sql.Identifier(f"incoming_{table}"), sql.Identifier(f"staged_{table}")
                )
            )
            merge(connection, table)
        loaded = connection.execute(
            "SELECT status, records_loaded + records_duplicate, records_rejected"
            " FROM ingestion_batches"
        ).fetchall()
        assert loaded == [("completed", len(accepted), len(rejected))]
        raise psycopg.Rollback
    for file in files:
        file.uri.unlink()


def _indices(connection: psycopg.Connection, query: str) -> list[int]:
    return [row[0] for row in connection.execute(query)]


@pytest.mark.parametrize(
    "value",
    [
        b'"\xff"',
        rb'"\ud800"',
        rb'"\u0000"',
        b"1e99999999999999999999",
        b"[" * 500 + b"]" * 500,
        b"NaN",
        b'"0001-01-01T00:00:00+14:00"',
        b'"9999-12-31T23:59:59-12:00"',
    ],
)
@pytest.mark.parametrize("field", ["name", "atl", "atl_date", "unheard_of"])
def test_a_record_that_is_hard_to_read_does_not_spoil_the_one_beside_it(
    warehouse: Warehouse, zone: LandingZone, field: str, value: bytes
) -> None:
    bad = market_record(id="bad", **{field: msgspec.Raw(value)})
    files = landed(zone, [bad, market_record()])
    with warehouse.load() as connection:
        assert stage(connection, decode_files(files), max_rejected_share=1) == {}
        accepted = read_frame(connection, "SELECT * FROM staged_price_snapshots")
        assert "bitcoin" in list(accepted["crypto_id"])


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(landing_json([market_record()], source="Coin\x00Gecko"), id="NUL in source"),
        pytest.param(
            landing_json([market_record()], request={"vs_currency": "u\x00sd"}),
            id="NUL in currency",
        ),
        pytest.param(landing_json([market_record()], request={"ids": "\x00"}), id="NUL in request"),
        pytest.param(landing_json([market_record()], error="a\x00b"), id="NUL in error"),
        pytest.param(
            landing_json([market_record()], request={"vs_currency": ""}), id="empty currency"
        ),
        pytest.param(
            b'{"ingested_at": "2026-11-24T05:01:00Z", "source": "Coin\\u0000Gecko", "records":'
            b' {"status": {"error_code": 429, "error_message": "a\\u0000b"}}}',
            id="NUL in an error body",
        ),
        pytest.param(
            landing_json(
                [market_record(last_updated="9999-12-31T23:59:00Z")], "9999-12-31T23:59:30Z"
            ),
            id="end of time",
        ),
        pytest.param(
            landing_json([market_record()], "0001-01-01T00:30:00Z"), id="beginning of time"
        ),
    ],
)
def test_a_file_that_is_hard_to_store_does_not_spoil_the_one_beside_it(
    warehouse: Warehouse, zone: LandingZone, body: bytes
) -> None:
    drop(zone, "bad.json", body)
    drop(zone, "good.json", landing_json([market_record(id="the-good-one")]))
    for _ in load_to_silver(warehouse, zone.file_loose(), 1):
        load_to_gold(warehouse)
    with warehouse.connection() as connection:
        coins = connection.execute(
            "SELECT crypto_id FROM analytics.fact_crypto_price_metrics"
        ).fetchall()
    assert ("the-good-one",) in coins
