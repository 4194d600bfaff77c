"""Lists of columns and rules as SQL, which ``make sql`` writes into the files of ``sql/``.

A file says between markers what belongs there, such as ``-- [[[cog columns(PRICE_MEASURES) ]]]``;
cog replaces what stands below up to ``-- [[[end]]]``. Each function prints lines. What only another
engine's SQL needs is in ``lakehouse``.
"""

import textwrap
from collections.abc import Container, Iterable, Sequence

from crypto_pipeline.model.quality import (
    CANDLE_RULES,
    MOST_SHOWN,
    POINT_REJECT_RULES,
    POINT_WARN_RULES,
    QUOTE_RULES,
    REJECT_RULES,
    RESTATED_BY,
    WARN_RULES,
    Rule,
)
from crypto_pipeline.model.registry import (
    LAST_UPDATED,
    POINT_MEASURES,
    POSTGRES_TABLES,
    RANK,
    RECORD_COLUMNS,
    VIEW_COLUMNS,
    VIEWS,
    Column,
    Kind,
    Table,
)
from crypto_pipeline.model.sql import SQL_FOLDER

_NO_TEXTS = {column.name for column in RECORD_COLUMNS if column.type != "text"} | {
    *("ingested_at", "observed_at", "closed_at", "price"),
    *("open_price", "high_price", "low_price", "close_price"),
}

_WIDTH = 84
"""Characters in a line; the marker's indentation comes on top."""


def columns(
    listed: Iterable[Column], each: str = "{}", *, end: str = "", one_per_line: bool = False
) -> None:
    """Print a list of columns.

    Args:
        listed: The columns.
        each: What stands for one, with ``{}`` for its name, such as ``i.{}``.
        end: What follows the last one; a comma where the list goes on.
        one_per_line: Whether each has a line of its own.
    """
    items = [each.replace("{}", column.name) for column in listed]
    if one_per_line:
        print(",\n".join(items) + end)
    else:
        print(
            textwrap.fill(
                ", ".join(items) + end, _WIDTH, break_long_words=False, break_on_hyphens=False
            )
        )


def any_of(listed: Iterable[Column], each: str) -> None:
    """Print conditions joined by OR, one a column."""
    print("\n    OR ".join(each.replace("{}", column.name) for column in listed))


def definitions(listed: Iterable[Column]) -> None:
    """Print columns with their types, as CREATE TABLE has them, with a comma after each."""
    for column in listed:
        print(f"{column.name} {column.type},")


def of_kind(listed: Iterable[Column], *kinds: Kind) -> tuple[Column, ...]:
    """The columns of some kinds of measure."""
    return tuple(column for column in listed if column.kind in kinds)


def staged_columns() -> tuple[Column, ...]:
    """The columns of a staged record but for its times: the rank, which every pass reads, first."""
    others = (c for c in RECORD_COLUMNS if c.kind is not RANK and c is not LAST_UPDATED)
    return (*of_kind(RECORD_COLUMNS, RANK), *others)


def numbers(listed: Iterable[Column]) -> tuple[Column, ...]:
    """The columns that have a decimal type in the lake."""
    return tuple(column for column in listed if column.kind and column.kind.decimal)


def lake_columns(table: Table) -> None:
    """Print a table's columns as a lake has them, with a comma after each."""
    for column in table.columns:
        if column.kind and column.kind.decimal:
            of = column.kind.decimal
            print(f"lake.to_decimal(f.{column.name}, {of.precision}, {of.scale}) AS {column.name},")
        else:
            print(f"f.{column.name},")


def decimal_values(table: Table) -> None:
    """Print rows of VALUES: a measure's name, its value, and the digits of its decimal type."""
    rows = [
        f"('{name}', f.{name}, {of.precision}, {of.scale})"
        for name, of in ((c.name, c.kind.decimal) for c in table.columns if c.kind)
        if of
    ]
    print(",\n".join(rows))


def summed(table: Table, without: Container[str]) -> tuple[Column, ...]:
    """The columns that a comparison sums as they are: whole numbers and decimals."""
    return tuple(
        column
        for column in table.columns
        if column.type in ("smallint", "integer", "bigint", "numeric")
        and column.name not in without
    )


def migrations_due() -> None:
    """Print which migrations after the first one a database has not had yet, for ``\\gset``."""
    due = [f"version_num < '{number}' AS due_{number}" for number, _ in _later_migrations()]
    print(",\n".join(due))


def migrations_run() -> None:
    """Print psql's commands for them."""
    for number, revision in _later_migrations():
        print(
            f"\\if :due_{number}\n"
            f"    \\ir migrations/{revision}.sql\n"
            f"    UPDATE alembic_version SET version_num = '{revision}';\n"
            "\\endif"
        )


def _later_migrations() -> list[tuple[str, str]]:
    revisions = sorted(path.stem for path in (SQL_FOLDER / "migrations").glob("*.sql"))
    return [(revision[:4], revision) for revision in revisions[1:]]


def comments() -> None:
    """Print ``COMMENT ON`` for every table, column and view."""
    for table in POSTGRES_TABLES:
        print(f"COMMENT ON TABLE {table.qualified} IS\n    {_literal(table.meaning)};")
        for column in table.columns:
            name = f"{table.qualified}.{column.name}"
            print(f"COMMENT ON COLUMN {name} IS\n    {_literal(column.comment)};")
        print()
    for view, meaning in VIEWS.items():
        print(f"COMMENT ON VIEW {view} IS\n    {_literal(meaning)};")
        for column in VIEW_COLUMNS.get(view, ()):
            print(f"COMMENT ON COLUMN {view}.{column.name} IS\n    {_literal(column.comment)};")


def rejected_by(*, on_file: bool | None = None) -> None:
    """Print the expression that answers the names of the reject rules that a record breaks.

    Args:
        on_file: Only the rules about the landing file, or only the others.
    """
    _broken([rule for rule in REJECT_RULES if on_file in (None, rule.on_file)])


def warned_by(*, on_file: bool | None = None, on_response: bool | None = None) -> None:
    """Print the expression that answers the names of the warn rules that a record breaks.

    Args:
        on_file: Only the rules about the landing file, or only the others.
        on_response: Only the rules that compare the records of a response, or only the others.
    """
    _broken(
        [
            rule
            for rule in WARN_RULES
            if on_file in (None, rule.on_file) and on_response in (None, rule.on_response)
        ]
    )


def rule_versions(broken: str) -> None:
    """Print the expression that answers the versions of the reject rules that a record breaks.

    Args:
        broken: The names of these rules, an array.
    """
    _versions(REJECT_RULES, broken)


def point_rule_versions(broken: str) -> None:
    """Print the expression that answers the versions of the reject rules that a point breaks.

    Args:
        broken: The names of these rules, an array.
    """
    _versions(POINT_REJECT_RULES, broken)


def _versions(rules: Sequence[Rule], broken: str) -> None:
    newer = [rule for rule in rules if rule.version > 1]
    version = "".join(f" WHEN '{rule.name}' THEN {rule.version}" for rule in newer)
    each = f"CASE rule{version} ELSE 1 END" if newer else "1"
    print(f"ARRAY(SELECT {each} FROM unnest({broken}) WITH ORDINALITY AS r (rule, n) ORDER BY n)")


def points_rejected_by() -> None:
    """Print the expression that answers the names of the reject rules that a point breaks."""
    _broken(POINT_REJECT_RULES)


def points_warned_by() -> None:
    """Print the expression that answers the names of the warn rules that a point breaks."""
    _broken(POINT_WARN_RULES)


def points_reason() -> None:
    """Print the expression that says in words, with the values at fault, what a point breaks."""
    _reason(POINT_REJECT_RULES)


def points_hold() -> None:
    """Print the condition that a point breaks no rule of either kind."""
    rules = (*POINT_REJECT_RULES, *POINT_WARN_RULES)
    print("\nAND ".join(f"({rule.predicate}) IS NOT FALSE" for rule in rules))


def candles_rejected_by() -> None:
    """Print the expression that answers the names of the reject rules that a candle breaks."""
    _broken(CANDLE_RULES)


def candles_reason() -> None:
    """Print the expression that says in words, with the values at fault, what a candle breaks."""
    _reason(CANDLE_RULES)


def candles_hold() -> None:
    """Print the condition that a candle breaks no rule."""
    print("\nAND ".join(f"({rule.predicate}) IS NOT FALSE" for rule in CANDLE_RULES))


def quotes_rejected_by() -> None:
    """Print the expression that answers the names of the rules that a quote breaks."""
    _broken(QUOTE_RULES)


def quotes_reason() -> None:
    """Print the expression that says in words, with the values at fault, what a quote breaks."""
    _reason(QUOTE_RULES)


def restated(known: str, told: str) -> None:
    """Print the condition that a point's values differ from those known by more than a tolerance.

    Args:
        known: Name of the relation with what is known.
        told: Name of the one with what is told now.
    """
    print(
        "\nOR ".join(
            f"differs_by_more({known}.{column}, {told}.{column}, {RESTATED_BY})"
            for column in (c.name for c in POINT_MEASURES)
        )
    )


def at_fault() -> None:
    """Print the expression that answers, for each rule of ``rejected_by``, the columns whose value
    breaks it, joined by commas; of a malformed record the fields that are."""
    _unless_all_hold(
        REJECT_RULES,
        "'{}'::text[]",
        [f"{_when_broken(rule)} {_columns_at_fault(rule)} END" for rule in REJECT_RULES],
        "{}",
    )


def _columns_at_fault(rule: Rule) -> str:
    first, *others = rule.columns
    column = "malformed" if first == "malformed" else f"'{first}'"
    if not others:
        return column
    alone = ", ".join(_if_it_breaks_alone(rule, each) for each in rule.columns)
    return f"coalesce(nullif(concat_ws(',', {alone}), ''), {column})"


def _if_it_breaks_alone(rule: Rule, column: str) -> str:
    values = ", ".join(
        # Null, of the column's type: a rule holds of what it does not know.
        other if other == column else f"CASE WHEN false THEN {other} END AS {other}"
        for other in rule.columns
    )
    broken = f"SELECT NOT ({rule.predicate}) FROM (SELECT {values}) AS alone"
    return f"CASE WHEN ({broken}) THEN '{column}' END"


def reason() -> None:
    """Print the expression that says in words, with the values at fault, what a record breaks."""
    _reason(REJECT_RULES)


def _reason(rules: Sequence[Rule]) -> None:
    reasons = [
        f"{_when_broken(rule)} '{rule.why} (' || {_values(rule)} || ')' END" for rule in rules
    ]
    _unless_all_hold(rules, "''", reasons, "array_to_string({}, '; ')")


def _broken(rules: Sequence[Rule]) -> None:
    _unless_all_hold(
        rules, "'{}'::text[]", [f"{_when_broken(rule)} '{rule.name}' END" for rule in rules], "{}"
    )


def _when_broken(rule: Rule) -> str:
    return f"CASE WHEN NOT ({rule.predicate}) THEN"


def _values(rule: Rule) -> str:
    return " || ', ' || ".join(
        f"'{column} = ' || coalesce({_as_text(column)}, 'null')" for column in rule.columns
    )


def _as_text(column: str) -> str:
    return f"{column}::text" if column in _NO_TEXTS else f"left({column}, {MOST_SHOWN})"


def _unless_all_hold(
    rules: Sequence[Rule], nothing: str, elements: Sequence[str], listed: str
) -> None:
    # Most records break no rule: asked first, because it costs a tenth of making the list.
    held = "\n        AND ".join(f"({rule.predicate}) IS NOT FALSE" for rule in rules)
    broken = ",\n        ".join(elements)
    array = listed.replace("{}", f"array_remove(ARRAY[\n        {broken}\n    ]::text[], NULL)")
    print(f"CASE\n    WHEN {held} THEN {nothing}\n    ELSE {array}\nEND")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


__all__ = [
    "any_of",
    "at_fault",
    "candles_hold",
    "candles_reason",
    "candles_rejected_by",
    "columns",
    "comments",
    "decimal_values",
    "definitions",
    "lake_columns",
    "migrations_due",
    "migrations_run",
    "numbers",
    "of_kind",
    "point_rule_versions",
    "points_hold",
    "points_reason",
    "points_rejected_by",
    "points_warned_by",
    "quotes_reason",
    "quotes_rejected_by",
    "reason",
    "rejected_by",
    "restated",
    "rule_versions",
    "staged_columns",
    "summed",
    "warned_by",
]
