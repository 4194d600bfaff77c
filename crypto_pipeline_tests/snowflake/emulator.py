"""The SQL of ``sql/snowflake/`` on the fakesnow emulator, as far as it goes.

The emulator has tables, views, MERGE and JSON, on DuckDB; it has no procedures. A procedure of ours
is a list of statements between BEGIN TRANSACTION and COMMIT, so they are taken out of its text and
run one by one. They commit one by one too: the emulator's MERGE writes to a catalogue of its own,
which DuckDB does not allow within another database's transaction.
"""

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlglot import TokenType, exp, parse_one
from sqlglot.dialects.snowflake import Snowflake

fakesnow = pytest.importorskip("fakesnow", reason="not there for this version of Python")
connector = pytest.importorskip("snowflake.connector")

FOLDER = Path(__file__).parents[2] / "sql" / "snowflake"
FILES = sorted(path.name for path in FOLDER.glob("*.sql"))


def read(name: str) -> str:
    """The text of a file of the folder."""
    return (FOLDER / name).read_text(encoding="utf-8")


def statements(text: str) -> list[str]:
    """The statements of an SQL text, without the semicolons; a text between ``$$`` is one word."""
    found: list[str] = []
    start: int | None = None
    for token in Snowflake().tokenize(text):
        if token.token_type is TokenType.SEMICOLON:
            found.append(text[start : token.start].strip())
            start = None
        elif start is None:
            start = token.start
    assert start is None, "the last statement has no semicolon"
    return found


def procedure_steps(name: str) -> list[str]:
    """The SQL statements of a procedure that is a plain list of them, in order."""
    (body,) = re.findall(
        rf"CREATE OR REPLACE PROCEDURE {re.escape(name)}\(\)[^$]*\$\$\n(.*?)\$\$;",
        "".join(map(read, FILES)),
        re.DOTALL,
    )
    main = re.fullmatch(r"BEGIN\n(.*?)(EXCEPTION.*)?END;\n", body, re.DOTALL)
    return [
        step
        for step in (statements(main[1]) if main else ())
        if not step.startswith(("RETURN", "BEGIN TRANSACTION", "COMMIT"))
    ]


class Emulator:
    """One emulated account, with the objects of the files that it knows.

    Attributes:
        cursor: Runs any statement of Snowflake's dialect that the emulator has.
    """

    def __init__(self, connection: Any) -> None:
        self.cursor = connection.cursor()
        self._duckdb = connection._duck_conn

    def install(self) -> None:
        """Make the database: every statement but those of the kinds that the emulator lacks.

        Foreign keys are left out. Snowflake enforces none; DuckDB does, and refuses to update a row
        that another points at.
        """
        for name in FILES:
            for statement in statements(read(name)):
                if not beyond_emulator(statement):
                    self.cursor.execute(_FOREIGN_KEY.sub("", statement))
                    if statement.startswith("CREATE DATABASE"):
                        self._duckdb.execute(_FLATTEN)

    def empty(self) -> None:
        """Take all data out again, but for what the installation put in."""
        for table, kept in (
            ("bronze.landing_files", "FALSE"),
            ("silver.data_origin", "FALSE"),
            ("silver.ingestion_batches", "FALSE"),
            ("silver.cryptocurrencies", "FALSE"),
            ("silver.cryptocurrency_names", "FALSE"),
            ("silver.price_snapshots", "FALSE"),
            ("silver.market_metrics", "FALSE"),
            ("silver.rejected_records", "FALSE"),
            ("silver.unrepresentable_values", "FALSE"),
            ("analytics.fact_crypto_price_metrics", "FALSE"),
            ("analytics.dim_date", "FALSE"),
            ("analytics.dim_cryptocurrency", "crypto_key = -1"),
            ("analytics.dim_source", "source_key = -1"),
        ):
            self.cursor.execute(f"DELETE FROM {table} WHERE NOT {kept}")

    def call(self, procedure: str) -> None:
        """Run a procedure's statements."""
        for step in procedure_steps(procedure):
            self.cursor.execute(step)

    def land(self, landing_file: str, body: str) -> None:
        """Put a file where COPY puts it."""
        self.cursor.execute(
            "INSERT INTO bronze.landing_files (file_name, body) SELECT %s, %s", (landing_file, body)
        )

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The result of a query."""
        return [tuple(row) for row in self.cursor.execute(query).fetchall()]


# The emulator's own macro numbers the elements by a row_number() without an order: with many arrays
# in a query, a few get the places of others. This one takes the place from the list.
_FLATTEN = """
CREATE OR REPLACE MACRO crypto_warehouse._fs_flatten(input) AS TABLE
SELECT
    hash(TO_JSON(input))::UBIGINT AS SEQ,
    e.k AS KEY,
    COALESCE(e.k, '[' || e.i || ']') AS PATH,
    e.i AS INDEX,
    e.v AS VALUE,
    TO_JSON(input) AS THIS
FROM (
    SELECT UNNEST(
        CASE
            WHEN json_type(TO_JSON(input)) = 'OBJECT' THEN list_transform(
                json_keys(TO_JSON(input)),
                lambda x: struct_pack(
                    k := x, i := NULL::BIGINT, v := CAST(TO_JSON(input) -> x AS JSON)
                )
            )
            ELSE list_transform(
                CAST(TO_JSON(input) AS JSON[]),
                lambda x, n: struct_pack(k := NULL::VARCHAR, i := (n - 1)::BIGINT, v := x)
            )
        END,
        recursive := true
    )
) AS e (k, i, v)
"""
_FOREIGN_KEY = re.compile(r",\s*FOREIGN KEY \([^)]*\) REFERENCES \S+ \([^)]*\)")
_BEYOND = re.compile(
    r"(CREATE|ALTER) (OR REPLACE )?(WAREHOUSE|STORAGE|PROCEDURE|ROLE|MASKING|USER|TASK)\b"
    r"|COPY INTO\b|GRANT\b|ALTER TABLE \S+ MODIFY\b"
)


def beyond_emulator(statement: str) -> bool:
    """Whether the emulator has nothing like the statement, or only pretends to."""
    return _BEYOND.match(statement) is not None


def proof_table() -> str:
    """What became of every statement, as a table of Markdown."""
    lines = ["| file | statement | proof |", "| --- | --- | --- |"]
    for name in FILES:
        for statement in statements(read(name)):
            lines.append(f"| {name} | {_head(statement)} | {proof(statement)} |")
            if found := re.match(r"CREATE OR REPLACE PROCEDURE (\S+)\(\)", statement):
                lines += [
                    f"| {name} | in {found[1]}: {_head(step)} | {proof(step)} |"
                    for step in procedure_steps(found[1])
                ]
    return "\n".join(lines) + "\n"


def proof(statement: str) -> str:
    """The best proof that a statement has."""
    if re.match(r"CREATE (STAGE|FILE FORMAT)\b", statement):
        return "registered"
    if not beyond_emulator(statement):
        return "executed"
    if isinstance(parse_one(statement, read="snowflake"), exp.Command):
        return "parsed by sqlfluff"
    return "parsed by both"


def _head(statement: str) -> str:
    first = next(line for line in statement.splitlines() if not line.strip().startswith("--"))
    words = re.sub(r"\s+(AS( t)?|COMMENT = .*|\()?$", "", first)
    return "`" + words.strip() + "`"


@contextmanager
def emulator() -> Iterator[Emulator]:
    """A new account in memory."""
    # It warns of each comment and property that DuckDB has no place for.
    logger = logging.getLogger("sqlglot")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings(), fakesnow.patch():
        warnings.simplefilter("ignore")
        with connector.connect() as connection:
            yield Emulator(connection)
    logger.setLevel(level)


DOCUMENTATION = FOLDER.parents[1] / "docs" / "SNOWFLAKE.md"
PROOF_TABLE = re.compile(r"(?<=<!-- proofs -->\n).*(?=<!-- end of proofs -->)", re.DOTALL)
"""Where in the documentation the table of proofs stands."""

if __name__ == "__main__":
    text = DOCUMENTATION.read_text(encoding="utf-8")
    written = PROOF_TABLE.sub(lambda _: proof_table(), text)
    DOCUMENTATION.write_text(written, encoding="utf-8", newline="\n")
