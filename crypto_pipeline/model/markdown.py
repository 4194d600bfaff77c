"""Rows as Markdown, for the Dagster UI."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Rows as a Markdown table, long values cut."""
    lines = [list(columns), ["---"] * len(columns)]
    lines += [[_cell(value) for value in row] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        text = value.astimezone(timezone.utc).isoformat(" ").replace("+00:00", " UTC")
        # Milliseconds, as the API has them.
        text = text.replace("000 UTC", " UTC")
    else:
        text = "" if value is None else str(value)
    text = text.replace("|", "\\|").replace("\n", " ")
    return text if len(text) <= 60 else text[:57] + "..."
