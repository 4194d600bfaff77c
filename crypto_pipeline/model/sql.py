"""The SQL files of the project: ``sql/`` beside the package, or inside it once installed."""

import re
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
SQL_FOLDER = _PACKAGE / "sql" if (_PACKAGE / "sql").is_dir() else _PACKAGE.parent / "sql"


@cache
def read_sql(name: str) -> str:
    """Text of ``sql/<name>``, such as ``merge/dim_date.sql``."""
    return (SQL_FOLDER / name).read_text(encoding="utf-8")


def table_comment(table: str) -> str:
    """What a table means: its ``COMMENT ON TABLE`` in the migrations, without asking a database.

    Raises:
        LookupError: no migration comments on the table.
    """
    comment = _comment("TABLE", table)
    if comment is None:
        raise LookupError(f"no migration comments on table {table}")
    return comment


def column_comment(table: str, column: str) -> str | None:
    """What a column means, likewise; None if no migration says."""
    return _comment("COLUMN", f"{table}.{column}")


@cache
def _comment(kind: str, name: str) -> str | None:
    pattern = re.compile(rf"COMMENT ON {kind} {re.escape(name)} IS\s+'((?:[^']|'')*)'")
    for migration in _migrations():
        if (match := pattern.search(migration)) is not None:
            return match[1].replace("''", "'")
    return None


@cache
def _migrations() -> tuple[str, ...]:
    """The migrations' texts, the newest first."""
    paths = sorted((SQL_FOLDER / "migrations").glob("*.sql"), reverse=True)
    return tuple(path.read_text(encoding="utf-8") for path in paths)
