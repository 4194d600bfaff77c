"""Columns, fields and rules as Snowflake SQL, which ``make sql`` writes into ``sql/snowflake``.

Tables and columns are those of the registry, but for what stands in the constants below. Every
predicate of ``quality.RULES`` is translated by sqlglot.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from sqlglot import exp, parse_one

from crypto_pipeline.coingecko.schema import (
    BASE_FIELDS,
    INTEGER_FIELDS,
    NUMBER_FIELDS,
    OPTIONAL_FIELDS,
    ROI_NUMBERS,
    ROI_TEXTS,
    TEXT_FIELDS,
    TIME_FIELDS,
)
from crypto_pipeline.model.quality import MOST_SHOWN, REJECT_RULES, WARN_RULES, Rule
from crypto_pipeline.model.registry import RECORD_COLUMNS, Column, DecimalType, SqlType, Table

_ONLY_POSTGRES: Final = frozenset(
    {
        *("only_row", "records_retired", "details_purged_at", "ingested_at_origin", "run_id"),
        *("candles_loaded_at", "rule_versions", "resolved_at", "resolved_batch_id"),
    }
)
"""What Snowflake's tables do not have."""

_SURROGATE_KEYS: Final[Mapping[str, str]] = {
    "ingestion_batches": "batch_id",
    "cryptocurrency_names": "name_id",
    "dim_source": "source_key",
    "dim_cryptocurrency": "crypto_key",
}
"""The column of a table that Snowflake counts."""

_COMMENTS: Final[Mapping[str, str]] = {
    "file_sha256": "SHA-256 of the file's text, unpacked, hexadecimal.",
    "record": "The record's values as received, as JSON; bronze.landing_files has its bytes.",
}
"""Comments of the columns that mean something else than in PostgreSQL."""

_TYPES: Final[Mapping[SqlType, str]] = {
    "text": "VARCHAR",
    "text[]": "ARRAY",
    "smallint": "NUMBER(5,0)",
    "integer": "NUMBER(10,0)",
    "bigint": "NUMBER(19,0)",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "time": "TIME",
    "timestamptz": "TIMESTAMP_NTZ(6)",
    "jsonb": "VARIANT",
}

_BY_FIELD: Final = {column.field: column for column in RECORD_COLUMNS}
_TYPE_OF: Final[Mapping[str, SqlType]] = {
    **{column.name: column.type for column in RECORD_COLUMNS},
    "ingested_at": "timestamptz",
}


def definitions(table: Table, *, end: str = "") -> None:
    """Print a table's columns as CREATE TABLE has them.

    Args:
        table: The table.
        end: What follows the last one; a comma where keys are declared.
    """
    counted = _SURROGATE_KEYS.get(table.name)
    lines = []
    for column in table.columns:
        if column.name in _ONLY_POSTGRES:
            continue
        # A measure that is always there is null all the same where its value does not fit.
        required = "" if column.nullable or _decimal(column) else " NOT NULL"
        key = " AUTOINCREMENT START 1 INCREMENT 1" if column.name == counted else ""
        meaning = _literal(_COMMENTS.get(column.name, column.comment))
        lines.append(f"{column.name} {_type(column)}{required}{key}\n    COMMENT {meaning}")
    print(",\n".join(lines) + end)


def comment(meaning: str, *, end: str = "") -> None:
    """Print the comment of a table or view.

    Args:
        meaning: What a row is.
        end: What follows.
    """
    print(f"COMMENT = {_literal(meaning)}{end}")


def given(table: Table) -> tuple[Column, ...]:
    """The columns of a table that a load fills: all but the one that Snowflake counts."""
    counted = _SURROGATE_KEYS.get(table.name)
    return tuple(
        column
        for column in table.columns
        if column.name != counted and column.name not in _ONLY_POSTGRES
    )


def api_fields() -> None:
    """Print rows of VALUES, one for each documented field of a record, in the decoder's order: its
    position, its name, the column that it becomes, its kind, whether every record has it, and the
    scale of its number."""
    kinds = {
        **dict.fromkeys(sorted(OPTIONAL_FIELDS - _BY_FIELD.keys()), "any"),
        **dict.fromkeys(TEXT_FIELDS, "text"),
        **dict.fromkeys(NUMBER_FIELDS, "number"),
        **dict.fromkeys(INTEGER_FIELDS, "integer"),
        **dict.fromkeys(TIME_FIELDS, "time"),
        "roi": "object",
        **dict.fromkeys(ROI_NUMBERS, "number"),
        **dict.fromkeys(ROI_TEXTS, "text"),
    }
    rows = []
    for position, (field, kind) in enumerate(kinds.items()):
        column = _BY_FIELD.get(field)
        name = column.name if column else field
        of = _decimal(column) if column else None
        scale = of.scale if of else "NULL"
        is_base = str(field in BASE_FIELDS).upper()
        rows.append(f"({position}, '{field}', '{name}', '{kind}', {is_base}, {scale})")
    print(",\n".join(rows))


def typed_values() -> None:
    """Print a record's columns, gathered from the rows of its decoded values. A decimal is three:
    the number that the rules compare, its digits, and why its column cannot hold it."""
    columns = []
    for column in RECORD_COLUMNS:
        name = column.name
        found = f"MAX(IFF(v.column_name = '{name}', v."
        if of := _decimal(column):
            columns += [
                f"TO_DECIMAL({found}evaluated, NULL)), {of.precision}, {of.scale}) AS {name}",
                f"{found}plain, NULL)) AS {name}_text",
                f"{found}unrepresentable, NULL)) AS {name}_unrepresentable",
            ]
        elif column.type == "integer":
            columns.append(f"TO_DECIMAL({found}evaluated, NULL)), 10, 0) AS {name}")
        elif column.type == "timestamptz":
            columns.append(f"{found}time, NULL)) AS {name}")
        else:
            columns.append(f"{found}text, NULL)) AS {name}")
    print(",\n".join(columns))


def storable_values() -> None:
    """Print a record's columns with null for each value that its column cannot hold."""
    print(
        ",\n".join(
            f"IFF({column.name}_unrepresentable IS NULL, {column.name}, NULL) AS {column.name}"
            if _decimal(column)
            else column.name
            for column in RECORD_COLUMNS
        )
    )


def rejected_by() -> None:
    """Print the expression that answers the names of the reject rules that a record breaks."""
    print(_present(map(_name_if_broken, REJECT_RULES)))


def warned_by() -> None:
    """Print the expression that answers the names of the warn rules that a record breaks."""
    print(_present(map(_name_if_broken, WARN_RULES)))


def reason() -> None:
    """Print the expression that says in words, with the values at fault, what a record breaks."""
    print(f"ARRAY_TO_STRING({_present(map(_reason_if_broken, REJECT_RULES))}, '; ')")


def predicate(rule: Rule) -> str:
    """A rule's predicate in Snowflake's SQL.

    PostgreSQL's ``least`` passes over a NULL, Snowflake's does not; sqlglot knows that. A time with
    a zone becomes the UTC time without one that Snowflake's tables hold.
    """
    translated = parse_one(rule.predicate, read="postgres").transform(_without_zone)
    # The type's name as everywhere else.
    return translated.sql("snowflake").replace("TIMESTAMPNTZ", "TIMESTAMP_NTZ")


def _without_zone(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Cast) and node.is_type("timestamptz"):
        text = node.this.name.removesuffix("+00")
        return exp.cast(exp.Literal.string(text), "timestamp_ntz", dialect="snowflake")
    return node


def _decimal(column: Column) -> DecimalType | None:
    return column.kind.decimal if column.kind else None


def _type(column: Column) -> str:
    of = _decimal(column)
    return f"NUMBER({of.precision},{of.scale})" if of else _TYPES[column.type]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _present(elements: Iterable[str]) -> str:
    lines = ",\n    ".join(elements)
    return f"ARRAY_COMPACT(ARRAY_CONSTRUCT(\n    {lines}\n))"


def _name_if_broken(rule: Rule) -> str:
    return f"CASE WHEN NOT ({predicate(rule)}) THEN '{rule.name}' END"


def _reason_if_broken(rule: Rule) -> str:
    values = " || ', ' || ".join(f"'{column} = ' || {_as_text(column)}" for column in rule.columns)
    return f"CASE WHEN NOT ({predicate(rule)}) THEN '{rule.why} (' || {values} || ')' END"


def _as_text(column: str) -> str:
    """A value as PostgreSQL shows it."""
    of = _TYPE_OF.get(column)
    if of == "numeric":
        text = f"{column}_text"
    elif of == "integer":
        text = f"TO_VARCHAR({column})"
    elif of == "timestamptz":
        seconds = f"TO_VARCHAR(CAST({column} AS TIMESTAMP_NTZ), 'YYYY-MM-DD HH24:MI:SS')"
        microseconds = (
            f"MOD(MOD(DATE_PART(EPOCH_MICROSECOND, {column}), 1000000) + 1000000, 1000000)"
        )
        fraction = f"REGEXP_REPLACE('.' || LPAD(TO_VARCHAR({microseconds}), 6, '0'), '[.]?0+$')"
        text = f"{seconds} || {fraction} || '+00'"
    else:
        text = f"LEFT({column}, {MOST_SHOWN})"
    return f"COALESCE({text}, 'null')"
