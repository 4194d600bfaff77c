"""The rule table as Spark SQL.

Every predicate of ``quality.RULES`` is translated by sqlglot. Only numbers need more than that: a
rule compares them exactly, so a numeric column becomes its key of ``exact.order_key``, and so does
a literal that it is compared with.
"""

from collections.abc import Iterable
from typing import Final

from sqlglot import exp, parse_one

from crypto_pipeline.coingecko.schema import INTEGER_FIELDS, NUMBER_FIELDS, TIME_FIELDS
from crypto_pipeline.lakehouse.spark.exact import order_key
from crypto_pipeline.model.quality import REJECT_RULES, RULES, WARN_RULES, Rule

_COMPARISONS: Final = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.EQ, exp.NEQ)
_TIMES: Final = frozenset((*TIME_FIELDS, "ingested_at"))
_BY_KEY: Final = (*_COMPARISONS, exp.Least, exp.Greatest, exp.Is, exp.Paren, exp.Not, exp.Connector)


def predicate(rule: Rule) -> str:
    """The rule's predicate over the columns of ``staged_captures``' records, in Spark SQL.

    Raises:
        ValueError: it computes with a number, which its key cannot.
    """
    tree = parse_one(rule.predicate, read="postgres")
    for column in list(tree.find_all(exp.Column)):
        if column.name not in NUMBER_FIELDS:
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


def order_column(column: str) -> str:
    """Name of the column with the keys of a numeric column."""
    return f"{column}_order"


def text_column(column: str) -> str:
    """Name of the column with the text of a numeric column."""
    return f"{column}_text"


def compared_numbers() -> tuple[str, ...]:
    """The numeric columns that a rule compares."""
    used = {column for rule in RULES for column in rule.columns}
    return tuple(field for field in NUMBER_FIELDS if field in used)


def rule_columns() -> dict[str, str]:
    """What the statements of ``sql/spark`` get from the rule table, by placeholder."""
    return {
        "rejected_by": _broken(REJECT_RULES),
        "reason": _reasons(REJECT_RULES),
        "warned_by": _broken(WARN_RULES),
    }


def _broken(rules: Iterable[Rule]) -> str:
    return _present(f"CASE WHEN NOT ({predicate(rule)}) THEN '{rule.name}' END" for rule in rules)


def _reasons(rules: Iterable[Rule]) -> str:
    def reason(rule: Rule) -> str:
        values = ", ', ', ".join(
            f"'{column} = ', coalesce({_as_text(column)}, 'null')" for column in rule.columns
        )
        return f"CASE WHEN NOT ({predicate(rule)}) THEN concat('{rule.why} (', {values}, ')') END"

    return f"array_join({_present(map(reason, rules))}, '; ')"


def _present(elements: Iterable[str]) -> str:
    return f"array_compact(array({', '.join(elements)}))"


def _as_text(column: str) -> str:
    """A value as PostgreSQL writes it."""
    if column in NUMBER_FIELDS:
        return text_column(column)
    if column in _TIMES:
        return f"concat(CAST({column} AS STRING), '+00')"
    if column in INTEGER_FIELDS:
        return f"CAST({column} AS STRING)"
    return column
