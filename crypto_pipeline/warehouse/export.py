"""What an export reads: one query, bound to a read-only transaction, as the text of COPY.

The text has every digit of a NUMERIC, and every time in UTC.
"""

import difflib
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg import pq, sql

from crypto_pipeline.model.registry import (
    POSTGRES_TABLES,
    VIEW_COLUMNS,
    VIEWS,
    Column,
    DecimalType,
)
from crypto_pipeline.model.sql import read_sql

_NUMERIC: Final = 1700
_MOST_DIGITS: Final = 38
"""Of a decimal that every reader of Parquet and Arrow knows."""

_TYPES: Final[Mapping[int, str]] = {
    16: "boolean",
    20: "bigint",
    21: "smallint",
    23: "integer",
    700: "real",
    701: "double",
    1082: "date",
    1114: "local timestamp",
    1184: "timestamp",
}
"""Types of PostgreSQL that have one of their own in a typed file, by OID; any other is text."""


class ExportError(Exception):
    """What was asked for cannot be exported; the message says what to do."""


@dataclass(frozen=True)
class ResultColumn:
    """A column of a result.

    Attributes:
        name: Its name.
        type: A name of ``_TYPES``, a decimal type, or ``string``.
        meaning: What a value says, where the column is one of the registry's.
    """

    name: str
    type: str | DecimalType
    meaning: str | None = None


def query_of(what: str) -> str:
    """The query of a table, a view, or a query.

    Args:
        what: The name of one of the warehouse's tables or views, with or without its schema, or a
            query: that has a space.

    Raises:
        ExportError: it is neither.
    """
    if re.search(r"\s", what.strip()):
        return what.strip().rstrip(";").rstrip()
    names = _relations()
    if what in names:
        return f"TABLE {names[what]}"
    near = difflib.get_close_matches(what, names, n=3, cutoff=0.5)
    meant = f": did you mean {' or '.join(near)}?" if near else ""
    raise ExportError(
        f"the warehouse has no table or view {what}{meant or '.'}"
        " docs/STAR_SCHEMA_DIAGRAM.md and docs/ER_DIAGRAM.md list them; a query has a space"
    )


@contextmanager
def read_only(connection: psycopg.Connection) -> Iterator[None]:
    """A transaction that changes nothing and sees the warehouse at one moment."""
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.read_only = True
    try:
        with connection.transaction():
            yield
    except psycopg.errors.ReadOnlySqlTransaction as error:
        # Not as its cause: in a load, that asks for another database.
        raise ExportError(f"{error.diag.message_primary}: an export only reads") from None


def describe(connection: psycopg.Connection, query: str) -> list[ResultColumn]:
    """The columns of a query's result, without running it.

    Args:
        connection: Inside ``read_only``.
        query: One statement; the protocol takes no second one here.

    Raises:
        ExportError: it is no query, or two of its columns have one name.
        psycopg.Error: PostgreSQL does not understand it.
    """
    server = connection.pgconn
    encoding = connection.info.encoding
    prepared = server.prepare(b"", query.encode(encoding))
    result = prepared if _failed(prepared) else server.describe_prepared(b"")
    if _failed(result):
        raise psycopg.errors.error_from_result(result, encoding)
    if not result.nfields:
        raise ExportError("that statement has no result: export a table, a view or a SELECT")
    places = range(result.nfields)
    names = [(result.fname(place) or b"").decode(encoding) for place in places]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ExportError(f"several columns are called {', '.join(twice)}: name them with AS")
    found = connection.execute(
        read_sql("catalog/result_columns.sql"),
        {
            "tables": [result.ftable(place) for place in places],
            "columns": [result.ftablecol(place) for place in places],
        },
    ).fetchall()
    columns = []
    for place, name, origin in zip(places, names, found, strict=True):
        known = _registered(*origin)
        columns.append(
            ResultColumn(
                name,
                _type(result.ftype(place), result.fmod(place), known),
                None if known is None else known.comment,
            )
        )
    return columns


def estimated_rows(connection: psycopg.Connection, query: str) -> int:
    """How many rows the planner expects of a query that ``describe`` has taken."""
    explain = sql.SQL("EXPLAIN (FORMAT JSON) {}").format(_taken(query))
    row = connection.execute(explain).fetchone()
    assert row is not None
    return int(row[0][0]["Plan"]["Plan Rows"])


def copied(
    connection: psycopg.Connection, query: str, *, header: bool = False
) -> Generator[bytes, None, None]:
    """The rows of a query that ``describe`` has taken, as CSV: each item is one row.

    NULL is nothing, an empty text is ``""``.
    """
    statement = sql.SQL("COPY (\n{}\n) TO STDOUT (FORMAT csv, HEADER {})").format(
        _taken(query), sql.Literal(header)
    )
    with connection.cursor().copy(statement) as copy:
        for row in copy:
            yield bytes(row)


def _taken(query: str) -> sql.SQL:
    # The user's own statement: `describe` has seen that it is one, and whole.
    return sql.SQL(query)


def _failed(result: pq.abc.PGresult) -> bool:
    return bool(result.status != pq.ExecStatus.COMMAND_OK)


def _relations() -> dict[str, str]:
    """The tables and views, by all names under which they are asked for."""
    names: dict[str, str] = {}
    for schema, name in [
        *((table.schema, table.name) for table in POSTGRES_TABLES),
        *(view.split(".") if "." in view else ("public", view) for view in VIEWS),
    ]:
        names[name] = names[f"{schema}.{name}"] = f"{schema}.{name}"
    return names


_BY_NAME: Final[Mapping[str, Column]] = {
    column.name: column for table in POSTGRES_TABLES for column in table.columns
}


def _registered(schema: str | None, relation: str | None, name: str | None) -> Column | None:
    """The registry's column that a column was selected from."""
    for table in POSTGRES_TABLES:
        if (table.schema, table.name) == (schema, relation):
            return next((column for column in table.columns if column.name == name), None)
    view = str(relation) if schema == "public" else f"{schema}.{relation}"
    if view not in VIEWS or name is None:
        return None
    own = {column.name: column for column in VIEW_COLUMNS.get(view, ())}
    return own.get(name) or _BY_NAME.get(name)


def _type(oid: int, modifier: int, known: Column | None) -> str | DecimalType:
    if oid != _NUMERIC:
        return _TYPES.get(oid, "string")
    if modifier >= 4:
        # numeric(precision, scale), as PostgreSQL packs it; a scale below zero has bit 10.
        precision, scale = (modifier - 4) >> 16, (modifier - 4) & 0x7FF
        if precision <= _MOST_DIGITS and scale <= precision:
            return DecimalType(precision, scale)
    elif known is not None and known.kind is not None and known.kind.decimal is not None:
        return known.kind.decimal
    return "string"
