"""Writes the generated lists of ``sql/`` in place: ``make sql``.

What stands between cog's markers in a file follows from the registry of columns and the table of
rules. Needs cogapp and sqlglot, which are development dependencies: nothing that runs the pipeline
does.
"""

import sys
from pathlib import Path

from cogapp import Cog

from crypto_pipeline.model.sql import SQL_FOLDER

_PROLOGUE = """\
from crypto_pipeline.model.registry import *
from crypto_pipeline.model.sql_lists import *
from crypto_pipeline.lakehouse import snowflake
from crypto_pipeline.lakehouse.spark import rules as spark
"""


def generated_files() -> list[Path]:
    """The files that have generated lists."""
    return [
        path
        for path in sorted(SQL_FOLDER.rglob("*.sql"))
        if "[[[cog" in path.read_text(encoding="utf-8")
    ]


def write(*, check: bool = False) -> int:
    """Write what follows from the registry and the rules into the files.

    Args:
        check: Change nothing, and report whether a file is out of date.

    Returns:
        The exit status: 0 when all is well.
    """
    mode = ["--check", "--diff"] if check else ["-r"]
    status: int = Cog().main(
        ["cog", *mode, "-P", "-U", "--verbosity=1", "-p", _PROLOGUE, *map(str, generated_files())]
    )
    return status


if __name__ == "__main__":
    sys.exit(write(check="--check" in sys.argv[1:]))
