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


@cache
def table_comment(table: str) -> str:
    """What a table means: its ``COMMENT ON TABLE`` in the migrations, without asking a database.

    Raises:
        LookupError: no migration comments on the table.
    """
    pattern = re.compile(rf"COMMENT ON TABLE {re.escape(table)} IS\s+'((?:[^']|'')*)'")
    for path in sorted((SQL_FOLDER / "migrations").glob("*.sql"), reverse=True):
        if (match := pattern.search(path.read_text(encoding="utf-8"))) is not None:
            return match[1].replace("''", "'")
    raise LookupError(f"no migration comments on table {table}")
