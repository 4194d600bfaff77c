"""The typed forms of an export: Parquet, and Arrow's file format (IPC)."""

import io
from collections.abc import Mapping, Sequence
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from crypto_pipeline.lakehouse.export import DoesNotFitError
from crypto_pipeline.model.registry import DecimalType
from crypto_pipeline.warehouse.export import ResultColumn

_TYPES: Final[Mapping[str, pa.DataType]] = {
    "string": pa.string(),
    "boolean": pa.bool_(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "local timestamp": pa.timestamp("us"),
}
_CONVERTED_BY_THE_READER: Final = {"string", "boolean", "smallint", "integer", "bigint"}


class _Batches:
    """Rows of CSV as Arrow tables of one schema.

    Args:
        columns: Of the result, in order.
    """

    def __init__(self, columns: Sequence[ResultColumn]) -> None:
        self.schema = pa.schema(
            [
                pa.field(
                    column.name,
                    _arrow_type(column),
                    metadata=None if column.meaning is None else {"description": column.meaning},
                )
                for column in columns
            ]
        )
        # What may hold a value that its type does not is read as text first: the cast says which.
        self._options = pa_csv.ConvertOptions(
            column_types={
                column.name: _TYPES[column.type]
                if isinstance(column.type, str) and column.type in _CONVERTED_BY_THE_READER
                else pa.string()
                for column in columns
            },
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        )

    def table(self, text: bytes) -> pa.Table:
        """The rows of a text.

        Raises:
            DoesNotFitError: a column has a value that its type does not hold.
        """
        table = pa_csv.read_csv(
            io.BytesIO(text),
            read_options=pa_csv.ReadOptions(
                column_names=self.schema.names, block_size=max(len(text), 1)
            ),
            # A row whose one value is null is an empty line.
            parse_options=pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=self._options,
        )
        return pa.table(
            [_cast(table.column(field.name), field) for field in self.schema], schema=self.schema
        )


def _cast(column: pa.ChunkedArray, field: pa.Field) -> pa.ChunkedArray:
    try:
        return pc.cast(column, field.type)
    except pa.ArrowInvalid as error:
        raise DoesNotFitError(field.name) from error


def _arrow_type(column: ResultColumn) -> pa.DataType:
    if isinstance(column.type, DecimalType):
        return pa.decimal128(column.type.precision, column.type.scale)
    return _TYPES[column.type]


class ParquetWriter:
    """Writes Parquet, a row group for each batch.

    Args:
        file: Where to.
        columns: Of the result, in order.
    """

    def __init__(self, file: BinaryIO, columns: Sequence[ResultColumn]) -> None:
        self._batches = _Batches(columns)
        self._writer = pq.ParquetWriter(file, self._batches.schema, compression="zstd")

    def write(self, text: bytes) -> None:
        """Convert and write rows of CSV."""
        self._writer.write_table(self._batches.table(text))

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()


class ArrowWriter:
    """Writes Arrow's file format, which Polars, DuckDB and pandas read; also known as Feather.

    Args:
        file: Where to.
        columns: Of the result, in order.
    """

    def __init__(self, file: BinaryIO, columns: Sequence[ResultColumn]) -> None:
        self._batches = _Batches(columns)
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        self._writer = pa.ipc.new_file(file, self._batches.schema, options=options)

    def write(self, text: bytes) -> None:
        """Convert and write rows of CSV."""
        self._writer.write_table(self._batches.table(text))

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()
