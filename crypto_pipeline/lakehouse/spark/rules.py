"""The rule table as Spark SQL, which ``make sql`` writes into ``sql/spark``.

Every predicate of ``quality.RULES`` is translated by sqlglot. Only numbers need more than that: a
rule compares them exactly, so a numeric column becomes its key of ``exact.order_key``, and so does
a literal that it is compared with.
"""

from collections.abc import Iterable
from typing import Final

from sqlglot import exp, parse_one

from crypto_pipeline.lakehouse.spark.decode import order_column, text_column
from crypto_pipeline.lakehouse.spark.exact import order_key
from crypto_pipeline.model.quality import (
    MOST_SHOWN,
    POINT_REJECT_RULES,
    POINT_WARN_RULES,
    REJECT_RULES,
    WARN_RULES,
    Rule,
)
from crypto_pipeline.model.registry import OBSERVED_AT, POINT_MEASURES, RECORD_COLUMNS

_COMPARISONS: Final = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.EQ, exp.NEQ)
_TYPES: Final = {
    **{column.name: column.type for column in RECORD_COLUMNS},
    **{column.name: column.type for column in (*POINT_MEASURES, OBSERVED_AT)},
    "ingested_at": "timestamptz",
}
_BY_KEY: Final = (*_COMPARISONS, exp.Least, exp.Greatest, exp.Is, exp.Paren, exp.Not, exp.Connector)


def predicate(rule: Rule) -> str:
    """The rule's predicate over the columns of ``staged_captures``' records, in Spark SQL.

    Raises:
        ValueError: it computes with a number, which its key cannot.
    """
    tree = parse_one(rule.predicate, read="postgres")
    for column in list(tree.find_all(exp.Column)):
        if _TYPES.get(column.name) != "numeric":
            continue
        top: exp.Expr = column
        while top.parent is not None and not isinstance(top, _COMPARISONS):
            top = top.parent
            if not isinstance(top, _BY_KEY):
                raise ValueError(f"rule {rule.name} computes with {column.name}: {top.sql()}")
        if isinstance(top, _COMPARISONS):
            for side in (top.this, top.expression):
                if isinstance(side, exp.Literal) and not side.is_string:
                    side.replace(exp.Literal.string(order_key(side.name)))
        column.replace(exp.column(order_column(column.name)))
    return tree.sql(dialect="spark")


def rejected_by(rules: Iterable[Rule] = REJECT_RULES) -> None:
    """Print the expression that answers the names of the reject rules that a record breaks."""
    print(_present(_broken(rules)))


def warned_by(rules: Iterable[Rule] = WARN_RULES) -> None:
    """Print the expression that answers the names of the warn rules that a record breaks."""
    print(_present(_broken(rules)))


def reason(rules: Iterable[Rule] = REJECT_RULES) -> None:
    """Print the expression that says in words, with the values at fault, what a record breaks."""

    def of(rule: Rule) -> str:
        values = ", ', ', ".join(
            f"'{column} = ', coalesce({_as_text(column)}, 'null')" for column in rule.columns
        )
        return f"CASE WHEN NOT ({predicate(rule)}) THEN concat('{rule.why} (', {values}, ')') END"

    print(f"array_join({_present(map(of, rules))}, '; ')")


def points_rejected_by() -> None:
    """Print ``rejected_by`` for a point of price history."""
    rejected_by(POINT_REJECT_RULES)


def points_reason() -> None:
    """Print ``reason`` for a point of price history."""
    reason(POINT_REJECT_RULES)


def points_warned_by() -> None:
    """Print ``warned_by`` for a point of price history."""
    warned_by(POINT_WARN_RULES)


def _broken(rules: Iterable[Rule]) -> Iterable[str]:
    return (f"CASE WHEN NOT ({predicate(rule)}) THEN '{rule.name}' END" for rule in rules)


def _present(elements: Iterable[str]) -> str:
    listed = ",\n    ".join(elements)
    return f"array_compact(array(\n    {listed}\n))"


def _as_text(column: str) -> str:
    """A value as PostgreSQL writes it."""
    of = _TYPES.get(column)
    if of == "numeric":
        return text_column(column)
    if of == "timestamptz":
        return f"concat(CAST({column} AS STRING), '+00')"
    if of == "integer":
        return f"CAST({column} AS STRING)"
    return f"left({column}, {MOST_SHOWN})"
