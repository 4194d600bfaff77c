"""Where a load's time goes: a stopwatch around every statement and COPY of this process."""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import psycopg

_COMMENT = re.compile(r"--.*")
_VERB = re.compile(
    r"\b(INSERT INTO|UPDATE(?! SET)|DELETE FROM|ALTER TABLE|ANALYZE|COPY|LOCK"
    r"|CREATE (?:TEMPORARY |OR REPLACE )*(?:TABLE|VIEW|INDEX)(?: ON)?)\s+(?:ONLY )?([\w.\"]+)",
)
_NUMBERED = re.compile(r"\d{4}_\d\d|(?<=staged_records_)\d+")


class Statements:
    """Seconds by statement, as the client waits for them.

    A file of several statements counts as one. What the process does between statements, such as
    decoding, is not in it; COPY is the time of its writes.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Time every statement that runs inside."""
        with (
            patch.object(psycopg.Cursor, "execute", self._timed(psycopg.Cursor.execute)),
            patch.object(psycopg.Copy, "write", self._timed(psycopg.Copy.write, "COPY")),
            patch.object(psycopg.Copy, "write_row", self._timed(psycopg.Copy.write_row, "COPY")),
            patch.object(psycopg.Copy, "finish", self._timed(psycopg.Copy.finish, "COPY")),
            patch.object(
                psycopg.Connection, "commit", self._timed(psycopg.Connection.commit, "COMMIT")
            ),
        ):
            yield

    def _timed(self, method: Callable[..., Any], name: str | None = None) -> Callable[..., Any]:
        def timed(this: Any, *args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return method(this, *args, **kwargs)
            finally:
                key = name or _name(args[0], this)
                self.seconds[key] += time.perf_counter() - started

        return timed


def _name(query: Any, cursor: psycopg.Cursor[Any]) -> str:
    text = query if isinstance(query, str) else query.as_string(cursor)
    text = _NUMBERED.sub("N", _COMMENT.sub("", text))
    found = dict.fromkeys(
        f"{' '.join(verb.split())} {table}"
        for verb, table in _VERB.findall(text)
        if "ON COMMIT" not in table
    )
    return "; ".join(list(found)[:3]).replace("analytics.", "") or " ".join(text.split())[:60]
