"""The data-quality rules: each evaluated by records that break it."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from psycopg.rows import dict_row

from crypto_pipeline.coingecko.schema import COLUMNS
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.quality import POINT_RULES, REJECT_RULES, RULES, Rule
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline.warehouse.staging import Staging, decode_files
from crypto_pipeline_tests.bad_records import BROKEN_RECORDS, NULLABLE, Record
from crypto_pipeline_tests.market_records import landed, market_record

_BY_NAME = {rule.name: rule for rule in RULES}

_EXAMPLES = [
    pytest.param(_BY_NAME[name], records, id=f"{name}-{number}")
    for name, examples in BROKEN_RECORDS.items()
    for number, records in enumerate(examples)
]

_EVALUATED = """
SELECT
    r.*, f.ingested_at,
    coalesce(v.rejected_by, '{}') AS rejected_by,
    coalesce(v.reason, '') AS reason,
    coalesce(v.warned_by, '{}') AS warned_by
FROM staged_records AS r
JOIN staged_files AS f USING (file_id)
LEFT JOIN violations AS v USING (file_id, record_index)
"""


def evaluated(
    warehouse: Warehouse, zone: LandingZone, records: Sequence[Record]
) -> list[dict[str, object]]:
    """What the rules say of the records, in order."""
    with warehouse.load() as connection:
        Staging(connection, 1).add(decode_files(landed(zone, records)))
        return (
            connection.cursor(row_factory=dict_row)
            .execute(f"SELECT * FROM ({_EVALUATED}) AS evaluated ORDER BY record_index")
            .fetchall()
        )


def test_names_are_unique_and_in_snake_case() -> None:
    assert len(_BY_NAME) == len(RULES)
    for rule in RULES:
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)+", rule.name)


_LEDGER = Path(__file__).with_name("rule_versions.txt")


@pytest.mark.parametrize(("of", "rules"), [("record", RULES), ("point", POINT_RULES)])
def test_a_rule_that_changes_gets_a_new_version(of: str, rules: Sequence[Rule]) -> None:
    """Else the quarantine could not tell what an older version rejected. A line of the ledger is
    never changed: a new version adds one."""
    known = set(_LEDGER.read_text(encoding="utf-8").splitlines())
    for rule in rules:
        digest = hashlib.sha256(rule.predicate.encode()).hexdigest()[:16]
        line = f"{of} {rule.name} {rule.version} {digest}"
        version = f"{of} {rule.name} {rule.version} "
        taken = [one for one in known if one.startswith(version)]
        assert taken in ([], [line]), f"the predicate of {rule.name} has changed: count its version"
        assert taken, f"enter the version in {_LEDGER.name}: {line}"


def test_a_rule_names_columns_that_a_checked_record_has() -> None:
    for rule in RULES:
        assert rule.columns
        assert set(rule.columns) <= {*COLUMNS, "ingested_at"}
        for column in rule.columns:
            assert column in rule.predicate


def test_every_rule_has_an_example_that_breaks_it() -> None:
    assert set(BROKEN_RECORDS) == set(_BY_NAME)


def test_a_valid_record_breaks_no_rule(warehouse: Warehouse, zone: LandingZone) -> None:
    (row,) = evaluated(warehouse, zone, [market_record()])
    assert (row["rejected_by"], row["warned_by"], row["reason"]) == ([], [], "")


@pytest.mark.parametrize(("rule", "records"), _EXAMPLES)
def test_a_record_breaks_the_rule(
    warehouse: Warehouse, zone: LandingZone, rule: Rule, records: Sequence[Record]
) -> None:
    *others, row = evaluated(warehouse, zone, records)
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
        f"'{column} = ' || coalesce(left({column}::text, 1000), 'null')" for column in rule.columns
    )
    with warehouse.load() as connection:
        Staging(connection, 1).add(decode_files(landed(zone, records)))
        row = connection.execute(
            f"SELECT reason, {values} FROM ({_EVALUATED}) AS evaluated ORDER BY record_index DESC"
        ).fetchone()
    assert row is not None
    assert row[0] == f"{rule.why} ({row[1]})"


def test_a_record_that_breaks_many_rules_names_them_all(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    record = market_record(id="", current_price=-1, market_cap_rank=0)
    (row,) = evaluated(warehouse, zone, [record])
    assert row["rejected_by"] == ["id_present", "price_positive", "rank_positive"]
    assert row["reason"] == (
        "no id (crypto_id = ); price is not above 0 (current_price = -1);"
        " rank is not above 0 (market_cap_rank = 0, market_cap_rank_with_rehypothecated = null)"
    )


def test_a_null_that_no_rule_asks_about_passes(warehouse: Warehouse, zone: LandingZone) -> None:
    records = [market_record(**{field: None}) for field in NULLABLE]
    records.append(market_record(**dict.fromkeys(NULLABLE)))
    for row in evaluated(warehouse, zone, records):
        assert row["rejected_by"] == []
        assert set(row["warned_by"]) <= {"rank_follows", "symbol_unique_in_response"}


def test_the_largest_rank_spoils_no_load(warehouse: Warehouse, zone: LandingZone) -> None:
    records = [market_record(id=name, market_cap_rank=2**31 - 1) for name in ("one", "two")]
    for row in evaluated(warehouse, zone, records):
        assert row["rejected_by"] == []
