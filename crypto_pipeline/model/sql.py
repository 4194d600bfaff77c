"""The SQL files of the project: ``sql/`` beside the package, or inside it once installed."""

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
SQL_FOLDER = _PACKAGE / "sql" if (_PACKAGE / "sql").is_dir() else _PACKAGE.parent / "sql"


@cache
def read_sql(name: str) -> str:
    """Text of ``sql/<name>``, such as ``merge/dim_date.sql``."""
    return (SQL_FOLDER / name).read_text(encoding="utf-8")
