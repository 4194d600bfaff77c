"""The queries of the dashboard: files of ``sql/dashboard`` that psql runs too, and their answers.

In a file a parameter stands as psql has it, ``:'currency'``. Here each is bound: no value ever
becomes a part of a statement.
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import psycopg

from crypto_pipeline.dashboard.parameters import checked
from crypto_pipeline.model.sql import SQL_FOLDER, read_sql

_FOLDER = "dashboard"
_PARAMETER = re.compile(r":'(\w+)'")


class UnknownQueryError(LookupError):
    """There is no query of that name."""


@dataclass(frozen=True)
class Query:
    """A query of the dashboard.

    Attributes:
        name: Of its file, without ``.sql``.
        text: As in the file.
    """

    name: str
    text: str

    @property
    def parameters(self) -> Sequence[str]:
        """Names of its parameters, in the order in which they come up."""
        return list(dict.fromkeys(_PARAMETER.findall(self.text)))

    def values(self, given: Mapping[str, str]) -> dict[str, str]:
        """Its parameters with the values that a reader chose, or the usual ones.

        Raises:
            ParameterError: a value cannot be one.
        """
        return {name: checked(name, given) for name in self.parameters}

    def script(self, values: Mapping[str, str]) -> str:
        """The query with its values, ready for psql."""
        sets = [f"\\set {name} '{_escaped(value)}'\n" for name, value in values.items()]
        return "".join(sets) + self.text.rstrip("\n") + ";\n"

    def run(self, connection: psycopg.Connection, values: Mapping[str, str]) -> "Answer":
        """Ask the database."""
        began = time.perf_counter()
        cursor = connection.execute(_bound(self.text).encode(), values)
        rows = cursor.fetchall()
        return Answer(
            columns=[column.name for column in cursor.description or ()],
            rows=rows,
            seconds=time.perf_counter() - began,
        )


@dataclass(frozen=True)
class Answer:
    """What the database answered.

    Attributes:
        columns: Their names.
        rows: The values, as psycopg gives them.
        seconds: How long it took.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    seconds: float


@cache
def find_query(name: str) -> Query:
    """The query of a name.

    Raises:
        UnknownQueryError: there is none.
    """
    if name not in query_names():
        raise UnknownQueryError(name)
    return Query(name, read_sql(f"{_FOLDER}/{name}.sql"))


@cache
def query_names() -> frozenset[str]:
    """The names of all queries."""
    return frozenset(path.stem for path in (SQL_FOLDER / _FOLDER).glob("*.sql"))


@cache
def _bound(text: str) -> str:
    """As psycopg has parameters."""
    return _PARAMETER.sub(r"%(\1)s", text.replace("%", "%%"))


def _escaped(value: str) -> str:
    """As psql reads it between quotes."""
    return value.replace("\\", "\\\\").replace("'", "''")
