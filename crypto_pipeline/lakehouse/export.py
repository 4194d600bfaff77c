"""A table or a query as one file: Parquet, Arrow or CSV, exact, in batches.

A NUMERIC becomes a decimal where its digits are bounded: by its own precision, or by the registry's
type of the measure. One without bound is text, and so is a whole column as soon as one of its
values does not fit its type: nothing is rounded, and no float comes into being.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import psycopg

from crypto_pipeline.warehouse.export import (
    ExportError,
    ResultColumn,
    copied,
    describe,
    estimated_rows,
    query_of,
    read_only,
)

SUFFIXES = (".parquet", ".csv", ".arrow")
_BATCH_BYTES = 16 * 2**20
"""Text that is converted at a time: what an export needs of memory is a few times this."""

_ROWS_BETWEEN_REPORTS = 5_000

Report = Callable[[int, int], None]
"""Called on the way with the rows so far and the planner's estimate of all."""


class DoesNotFitError(Exception):
    """A column has a value that its type does not hold.

    Attributes:
        column: Its name.
    """

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


class Writer(Protocol):
    """Writes a file of typed columns, a batch at a time."""

    def write(self, text: bytes) -> None:
        """Convert and write rows of CSV.

        Raises:
            DoesNotFitError: a column has a value that its type does not hold.
        """

    def close(self) -> None:
        """Finish the file."""


@dataclass(frozen=True)
class Exported:
    """What became of an export.

    Attributes:
        rows: How many there are in the file.
        bytes: Size of the file.
        as_text: Columns that are text because a value did not fit their type.
    """

    rows: int
    bytes: int
    as_text: tuple[str, ...]


def export(
    connection: psycopg.Connection, what: str, target: Path, report: Report, *, force: bool
) -> Exported:
    """Write a table, a view or a query to a file, which is there when it is whole, or not at all.

    Args:
        connection: To the warehouse; outside of a transaction.
        what: Name of a table or view, or a query.
        target: The file; its suffix says its form.
        report: Is told of the rows on the way.
        force: Whether to take the place of a file that is there.

    Raises:
        ExportError: a name or suffix is unknown, the file is there already, or a package is
            missing.
        psycopg.Error: the query fails.
        OSError: the file cannot be written.
    """
    query = query_of(what)
    new_writer = _writer_of(target)
    if target.exists() and not force:
        raise ExportError(f"{target} is there already: --force replaces it")
    if not target.parent.is_dir():
        raise ExportError(f"the folder {target.parent} is not there: make it first")
    with read_only(connection):
        columns = describe(connection, query)
        expected = estimated_rows(connection, query)
        as_text: list[str] = []
        while True:
            try:
                with _whole(target) as file:
                    if new_writer is None:
                        rows = _write_csv(connection, query, file, expected, report)
                    else:
                        writer = new_writer(file, columns)
                        rows = _write(connection, query, writer, expected, report)
                return Exported(rows, target.stat().st_size, tuple(as_text))
            except DoesNotFitError as error:
                # The transaction sees the same rows again. The column's type holds for all of them.
                as_text.append(error.column)
                columns = [
                    ResultColumn(c.name, "string", c.meaning) if c.name == error.column else c
                    for c in columns
                ]


def _writer_of(target: Path) -> Callable[[BinaryIO, Sequence[ResultColumn]], Writer] | None:
    """Makes the writer of a typed form; None for CSV, which PostgreSQL writes itself."""
    suffix = target.suffix.lower()
    if suffix not in SUFFIXES:
        raise ExportError(
            f"{target.name} does not say its form: end it with {', '.join(SUFFIXES[:-1])}"
            f" or {SUFFIXES[-1]}"
        )
    if suffix == ".csv":
        return None
    try:
        from crypto_pipeline.lakehouse import export_arrow
    except ModuleNotFoundError as error:
        raise ExportError(
            f"{suffix} needs {error.name}, which is not installed:"
            " pip install 'crypto-pipeline[lake]', or export to .csv"
        ) from error
    return export_arrow.ParquetWriter if suffix == ".parquet" else export_arrow.ArrowWriter


@contextmanager
def _whole(target: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when the block has ended well, and is gone otherwise."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _write_csv(
    connection: psycopg.Connection, query: str, file: BinaryIO, expected: int, report: Report
) -> int:
    # The first one is the header.
    rows = -1
    with closing(copied(connection, query, header=True)) as texts:
        for text in texts:
            file.write(text)
            rows += 1
            if rows % _ROWS_BETWEEN_REPORTS == 0:
                report(rows, expected)
    report(rows, expected)
    return rows


def _write(
    connection: psycopg.Connection, query: str, writer: Writer, expected: int, report: Report
) -> int:
    rows, size, batch = 0, 0, list[bytes]()
    try:
        with closing(copied(connection, query)) as texts:
            for text in texts:
                batch.append(text)
                size += len(text)
                rows += 1
                if size >= _BATCH_BYTES:
                    writer.write(b"".join(batch))
                    size, batch = 0, []
                if rows % _ROWS_BETWEEN_REPORTS == 0:
                    report(rows, expected)
        if batch:
            writer.write(b"".join(batch))
    finally:
        # A writer that is not closed here would be when it is forgotten, after its file.
        writer.close()
    report(rows, expected)
    return rows
