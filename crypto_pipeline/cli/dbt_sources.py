"""The sources of the dbt project, from the registry: ``automation/dbt/models/sources.yml``."""

import json
from collections.abc import Iterator

from crypto_pipeline.model.registry import POSTGRES_TABLES, VIEW_COLUMNS, VIEWS, Column, Table

_HEAD = """\
# Written by `make docs` from crypto_pipeline/model/registry.py: change that, not this file.
version: 2

sources:
  - name: gold
    description: The star schema and the candles that crypto-pipeline loads.
    schema: analytics
    # Each of its checks runs with every load; here are those on keys.
    tables:
"""


def sources_yaml() -> str:
    """Every table and view of schema ``analytics``, with descriptions, and tests of the keys."""
    lines = [line for table in POSTGRES_TABLES for line in _table(table)]
    for name, description in VIEWS.items():
        schema, _, view = name.rpartition(".")
        if schema == "analytics":
            lines += _relation(view, description)
            lines += [
                line
                for column in VIEW_COLUMNS.get(name, ())
                for line in _column(column.name, column.comment, [])
            ]
    return _HEAD + "".join(f"{line}\n" for line in lines)


def _table(table: Table) -> Iterator[str]:
    if table.schema != "analytics":
        return
    yield from _relation(table.name, table.meaning)
    for column in table.columns:
        yield from _column(column.name, column.comment, _tests(table, column))


def _tests(table: Table, column: Column) -> list[str]:
    if column.name not in table.key:
        return []
    return ["not_null", "unique"] if len(table.key) == 1 else ["not_null"]


def _relation(name: str, description: str) -> Iterator[str]:
    yield f"      - name: {name}"
    yield f"        description: {_quoted(description)}"
    yield "        columns:"


def _column(name: str, description: str, tests: list[str]) -> Iterator[str]:
    yield f"          - name: {name}"
    yield f"            description: {_quoted(description)}"
    if tests:
        yield f"            data_tests: [{', '.join(tests)}]"


def _quoted(text: str) -> str:
    """A text as JSON, which is YAML too."""
    return json.dumps(text, ensure_ascii=False)
