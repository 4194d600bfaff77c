"""The Markdown of the generated pages."""

import textwrap
from collections.abc import Iterable, Sequence


def page(title: str, *blocks: str) -> str:
    """A page: its title, and its blocks with an empty line between them."""
    return "\n\n".join([f"# {title}", *blocks]) + "\n"


def paragraph(text: str, indent: str = "") -> str:
    """Text in lines of at most 100 characters, those after the first indented."""
    return textwrap.fill(
        text, 100, break_long_words=False, break_on_hyphens=False, subsequent_indent=indent
    )


def code_block(language: str, text: str) -> str:
    """A block of code."""
    return f"```{language}\n{text}\n```"


def code(text: str) -> str:
    """Text as code; nothing for nothing."""
    if not text:
        return ""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, a line a row."""
    lines = [header, ["---"] * len(header)]
    lines += [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
