"""The Snowflake SQL as files: what parses, what is proven, tasks and grants."""

import re

import pytest

from crypto_pipeline_tests.snowflake.emulator import (
    DOCUMENTATION,
    FILES,
    PROOF_TABLE,
    beyond_emulator,
    proof_table,
    read,
    statements,
)

pytestmark = pytest.mark.long


def test_everything_beyond_the_emulator_parses() -> None:
    import sqlfluff

    for name in FILES:
        for statement in filter(beyond_emulator, statements(read(name))):
            # Raises an error where a section cannot be parsed.
            assert sqlfluff.parse(f"{statement};\n", dialect="snowflake"), statement
            for body in re.findall(r"\$\$\n(.*?)\$\$", statement, re.DOTALL):
                assert sqlfluff.parse(body, dialect="snowflake"), body


def test_the_table_of_proofs_is_up_to_date() -> None:
    assert PROOF_TABLE.findall(DOCUMENTATION.read_text(encoding="utf-8")) == [proof_table()]


def test_the_task_graph_is_one_chain_that_ends_in_the_checks() -> None:
    text = read("12_tasks.sql")
    tasks = {
        name: (re.findall(r"AFTER (\S+)", body), re.findall(r"CALL (\S+)\(\);", body))
        for name, body in re.findall(r"CREATE OR REPLACE TASK (\S+)(.*?;)", text, re.DOTALL)
    }
    chain = [name for name, (after, _) in tasks.items() if not after]
    while following := [name for name, (after, _) in tasks.items() if after == chain[-1:]]:
        chain += following
    assert len(chain) == len(tasks)
    assert [call for name in chain for call in tasks[name][1]] == [
        "bronze.land_files",
        "silver.load_silver",
        "analytics.load_gold",
        "analytics.check_warehouse",
    ]
    # Children first.
    assert re.findall(r"ALTER TASK (\S+) RESUME;", text) == chain[::-1]


def test_grants_name_what_exists() -> None:
    made = {
        name
        for file in FILES
        for statement in statements(read(file))
        for name in re.findall(
            r"^CREATE (?:OR REPLACE )?(?:TRANSIENT )?(?:TABLE|VIEW|PROCEDURE|SCHEMA|WAREHOUSE"
            r"|DATABASE|STAGE|ROLE|USER|MASKING POLICY) (?:IF NOT EXISTS )?([\w.]+)",
            statement,
        )
    }
    text = read("11_security.sql")
    granted = re.findall(
        r" (?:ON (?:WAREHOUSE|DATABASE|SCHEMA|STAGE|VIEW|PROCEDURE)|IN SCHEMA|TO ROLE|TO USER"
        r"|GRANT ROLE|MASKING POLICY|ALTER TABLE) ([\w.]+)",
        text,
    )
    assert set(granted) - made <= {"SYSADMIN", "IF"}
    assert granted
