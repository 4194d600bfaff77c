"""A row of each table as an example: what the sample landing file and a few answers lead to.

``make sample`` writes them.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from crypto_pipeline.model.registry import Table

EXAMPLES = Path(__file__).with_suffix(".json")


def example_row(table: Table) -> Mapping[str, str]:
    """The values of a row as PostgreSQL writes them, by column; without those that are null or
    depend on when and where the row was loaded. Empty where there is no example."""
    return _rows().get(table.name, {})


@cache
def _rows() -> Mapping[str, Mapping[str, str]]:
    rows: Mapping[str, Mapping[str, str]] = json.loads(EXAMPLES.read_text(encoding="utf-8"))
    return rows
