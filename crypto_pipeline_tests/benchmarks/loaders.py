"""What the replay benchmark compares: every way of loading, each in a process of its own.

``python -m crypto_pipeline_tests.benchmarks.loaders NAME ZONE FILES`` runs one of ``LOADERS``
against the embedded server in ``DATA_DIR`` and a database of its own (``DB_NAME``), both from the
environment, and answers on standard output with a ``Measured`` as JSON. What a loader needs before
it can begin (imports, tables, a connection) is not timed.
"""

import gzip
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from crypto_pipeline.coingecko.copy_lines import copy_lines as lines_of
from crypto_pipeline.coingecko.schema import COLUMNS, INTEGER_FIELDS, TIME_FIELDS, decode_record
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.lakehouse.schema import FACT, LakeError
from crypto_pipeline.landing.zone import LandingFile, LandingZone
from crypto_pipeline.warehouse.bulk_load import files_to_load, load_files
from crypto_pipeline.warehouse.postgres import Warehouse, connect, warehouse_conninfo
from crypto_pipeline_tests.benchmarks.data import COINS
from crypto_pipeline_tests.benchmarks.statements import Statements

NOT_INSTALLED = 3
"""Exit status of a loader whose library is missing."""

PAIR = ("price_snapshots", "market_metrics")
"""The two tables whose rows ``save_rows`` writes and the COPY loaders read."""

_KEY = ("crypto_id", "vs_currency", "snapshot_time")
_BLOCK = 1 << 20
_BUCKET = timedelta(minutes=5)
_EPOCH = datetime(2000, 1, 1, tzinfo=timezone.utc)


class Measured(msgspec.Struct):
    """One run of one loader.

    Attributes:
        records: Records that it loaded or parsed.
        seconds: What that took.
        peak_mb: Most memory that its process held, in MB.
        peak_worker_mb: The same of the largest process that it started, 0 when there was none.
        statements: Where the time went, by statement, when that was asked for.
        file_seconds: What one more file took on top, where that was measured.
    """

    records: int
    seconds: float
    peak_mb: float = 0.0
    peak_worker_mb: float = 0.0
    statements: dict[str, float] = {}
    file_seconds: float | None = None


def _files(zone: Path, count: int) -> list[LandingFile]:
    return list(LandingZone(str(zone)).files())[:count]


def _conninfo() -> str:
    return warehouse_conninfo(Settings())


# -- ours --------------------------------------------------------------------------------------


def ours(zone: Path, count: int) -> Measured:
    """The bulk load: silver with every rule and constraint, then gold."""
    warehouse = Warehouse()
    with warehouse.connection() as connection:
        wanted = {file.path for file in _files(zone, count)}
        connection.execute("SELECT 1")
    statements = Statements()
    with statements.recorded() if "BENCH_PROFILE" in os.environ else _unrecorded():
        started = time.perf_counter()
        _replay(warehouse, LandingZone(str(zone)), wanted)
        seconds = time.perf_counter() - started
    with warehouse.connection() as connection:
        row = connection.execute(
            "SELECT sum(records_fetched),"
            " (SELECT count(*) FROM analytics.fact_crypto_price_metrics)"
            " FROM ingestion_batches WHERE status = 'completed'"
        ).fetchone()
    assert row is not None and row[1], "nothing reached gold"
    return Measured(int(row[0]), seconds, statements=statements.seconds)


def _replay(warehouse: Warehouse, zone: LandingZone, wanted: set[str]) -> None:
    """All that this benchmark knows of how a landing zone is replayed."""
    files = [file for file in files_to_load(warehouse, zone) if file.path in wanted]
    for _ in load_files(warehouse, files, Settings().max_rejected_share):
        pass


@contextmanager
def _unrecorded() -> Iterator[None]:
    yield


# -- the limits --------------------------------------------------------------------------------


def save_rows(conninfo: str, folder: Path) -> int:
    """Write the rows of a loaded database as binary COPY files, in the order of their arrival.

    Returns:
        How many rows each of the two has.
    """
    with psycopg.connect(conninfo) as connection:
        for table in PAIR:
            columns = connection.execute(
                "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
                " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
                " ORDER BY attnum",
                [table],
            ).fetchall()
            (folder / f"{table}.columns").write_text(json.dumps(columns))
            query = sql.SQL(
                "COPY (SELECT t.* FROM {} AS t JOIN price_snapshots AS s USING ({})"
                " ORDER BY s.batch_id, s.record_index) TO STDOUT (FORMAT binary)"
            ).format(sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, _KEY)))
            with (
                connection.cursor().copy(query) as copy,
                (folder / f"{table}.rows").open("wb") as stream,
            ):
                for block in copy:
                    stream.write(block)
        row = connection.execute("SELECT count(*) FROM market_metrics").fetchone()
    assert row is not None
    return int(row[0])


def _copy(keys: bool) -> Measured:
    folder = Path(os.environ["BENCH_ROWS"])
    with psycopg.connect(_conninfo()) as connection:
        for table in PAIR:
            columns = json.loads((folder / f"{table}.columns").read_text())
            fields = [sql.SQL(f"{name} {kind}") for name, kind in columns]
            if keys:
                fields.append(sql.SQL(f"PRIMARY KEY ({', '.join(_KEY)})"))
            connection.execute(
                sql.SQL("CREATE TABLE {} ({})").format(
                    sql.Identifier(table), sql.SQL(", ").join(fields)
                )
            )
        connection.commit()
        started = time.perf_counter()
        rows = 0
        for table in PAIR:
            statement = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(sql.Identifier(table))
            cursor = connection.cursor()
            with cursor.copy(statement) as copy, (folder / f"{table}.rows").open("rb") as stream:
                while block := stream.read(_BLOCK):
                    copy.write(block)
            rows = cursor.rowcount
        connection.commit()
        return Measured(rows, time.perf_counter() - started)


def copy_plain(zone: Path, count: int) -> Measured:
    """Binary COPY of the same rows into two tables without constraints."""
    return _copy(keys=False)


def copy_keyed(zone: Path, count: int) -> Measured:
    """Binary COPY of the same rows into two tables with their primary keys."""
    return _copy(keys=True)


def parse(zone: Path, count: int) -> Measured:
    """Read, uncompress and decode every record exactly; no database."""
    return _parse(zone, count, lambda records: [decode_record(record) for record in records])


def copy_lines(zone: Path, count: int) -> Measured:
    """The same as the bulk load does it: every record as a line of COPY; no database."""
    return _parse(zone, count, lines_of)


def _parse(
    zone: Path, count: int, decode: Callable[[list[msgspec.Raw]], Sequence[object]]
) -> Measured:
    files = _files(zone, count)
    records = 0
    started = time.perf_counter()
    for file in files:
        # A copy, so that the content it caches goes with it.
        records += len(decode(replace(file).capture().records))
    return Measured(records, time.perf_counter() - started)


# -- lakes -------------------------------------------------------------------------------------


def delta_append(zone: Path, count: int) -> Measured:
    """Gold of PostgreSQL into an empty lake, by delta-rs: rounded by PostgreSQL, appended."""
    from crypto_pipeline.lakehouse.delta import Lake
    from crypto_pipeline.lakehouse.load import load_lake

    warehouse, landing_zone = Warehouse(), LandingZone(str(zone))
    files = _files(zone, count)
    _replay(warehouse, landing_zone, {file.path for file in files[:-1]})
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(folder)
        started = time.perf_counter()
        loaded = load_lake(warehouse, lake)[FACT.name]
        seconds = time.perf_counter() - started
        _replay(warehouse, landing_zone, {files[-1].path})
        started = time.perf_counter()
        load_lake(warehouse, lake)
        file_seconds = time.perf_counter() - started
    return Measured(loaded.rows_inserted, seconds, file_seconds=file_seconds)


def delta_merge(zone: Path, count: int) -> Measured:
    """The same facts once more: a MERGE that finds every one of them in the lake."""
    from crypto_pipeline.lakehouse.delta import Lake, Step, add_facts, loaded_change
    from crypto_pipeline.lakehouse.gold_arrow import read_facts
    from crypto_pipeline.lakehouse.load import FACTS_A_COMMIT, load_lake

    warehouse = Warehouse()
    files = _files(zone, count)
    _replay(warehouse, LandingZone(str(zone)), {file.path for file in files})
    at_once = FACTS_A_COMMIT // COINS
    with tempfile.TemporaryDirectory() as folder, warehouse.connection() as connection:
        lake = Lake(folder)
        inserted = load_lake(warehouse, lake)[FACT.name].rows_inserted
        batches = [
            row[0]
            for row in connection.execute(
                "SELECT batch_id FROM ingestion_batches"
                " WHERE gold_loaded_at IS NOT NULL ORDER BY batch_id"
            )
        ]
        updated = 0
        started = time.perf_counter()
        for first in range(0, len(batches), at_once):
            some = batches[first : first + at_once]
            facts, _ = read_facts(connection, "of_batches", {"batches": some})
            table = lake.table(FACT)
            step = Step(loaded_change(table) + 1, some)
            updated += add_facts(table, facts, step).rows_updated
        seconds = time.perf_counter() - started
    assert updated == inserted
    return Measured(updated, seconds)


def sail(zone: Path, count: int) -> Measured:
    """The Spark path on Sail: files to silver and gold as Delta tables, every rule evaluated."""
    from crypto_pipeline_tests.benchmarks.spark import measure

    loaded = measure(_files(zone, count))
    return Measured(loaded.records, loaded.seconds, file_seconds=loaded.file_seconds)


# -- peers -------------------------------------------------------------------------------------


def _read(path: Path) -> dict[str, Any]:
    """A landing file as any JSON library reads it: numbers as floats."""
    capture: dict[str, Any] = json.loads(gzip.decompress(path.read_bytes()))
    return capture


def _bucket(last_updated: datetime) -> datetime:
    return _EPOCH + (last_updated - _EPOCH + _BUCKET / 2) // _BUCKET * _BUCKET


def _paths(zone: Path, count: int) -> list[Path]:
    return [Path(str(file.uri)) for file in _files(zone, count)]


def dlt_merge(zone: Path, count: int) -> Measured:
    """dlt, write disposition merge, from the same files; its tables have no constraints."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
    import dlt
    from dlt.destinations import postgres

    server = conninfo_to_dict(_conninfo())
    host = str(server["host"]).replace("/", "%2F")
    url = f"postgresql://{server['user']}:none@{host}:5432/{server['dbname']}"
    paths = _paths(zone, count)
    records = 0

    def rows() -> Iterator[list[dict[str, Any]]]:
        nonlocal records
        for path in paths:
            capture = _read(path)
            batch = capture["records"]
            for record in batch:
                record["vs_currency"] = capture["request"]["vs_currency"]
                record["snapshot_time"] = _bucket(
                    datetime.fromisoformat(record["last_updated"].replace("Z", "+00:00"))
                )
            records += len(batch)
            yield batch

    pipeline = dlt.pipeline(
        "benchmark",
        destination=postgres(credentials=url),
        dataset_name="dlt",
        pipelines_dir=str(Path(os.environ["DATA_DIR"]) / f"dlt-{os.environ['DB_NAME']}"),
    )
    resource_ = dlt.resource(
        rows,
        name="markets",
        write_disposition="merge",
        primary_key=("id", "vs_currency", "snapshot_time"),
    )
    started = time.perf_counter()
    pipeline.run(resource_, loader_file_format="csv").raise_on_failed_jobs()
    return Measured(records, time.perf_counter() - started)


def pandas_to_sql(zone: Path, count: int) -> Measured:
    """json_normalize and to_sql with rows in bulk: no key, no constraint, no second look."""
    import pandas as pd
    from sqlalchemy import create_engine

    conninfo = _conninfo()
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(conninfo))
    paths = _paths(zone, count)
    records = 0
    with engine.connect():
        pass
    started = time.perf_counter()
    for path in paths:
        capture = _read(path)
        frame = pd.json_normalize(capture["records"])
        for column in TIME_FIELDS:
            frame[column] = pd.to_datetime(frame[column])
        frame["vs_currency"] = capture["request"]["vs_currency"]
        frame["snapshot_time"] = frame["last_updated"].dt.round("5min")
        # A field that only some files have would need ALTER TABLE.
        frame = frame.reindex(columns=[c for c in frame.columns if c in _FRAME_COLUMNS])
        frame.to_sql(
            "markets", engine, if_exists="append", index=False, method="multi", chunksize=500
        )
        records += len(frame)
    return Measured(records, time.perf_counter() - started)


_FRAME_COLUMNS = {
    "id", "symbol", "name", "image", "current_price", "market_cap", "market_cap_rank",
    "fully_diluted_valuation", "total_volume", "high_24h", "low_24h", "price_change_24h",
    "price_change_pct_24h", "market_cap_change_24h", "market_cap_change_pct_24h",
    "circulating_supply", "total_supply", "max_supply", "ath", "ath_change_pct", "ath_date",
    "atl", "atl_change_pct", "atl_date", "last_updated", "vs_currency", "snapshot_time",
}  # fmt: skip


def row_by_row(zone: Path, count: int) -> Measured:
    """Decode exactly, then one INSERT ... ON CONFLICT a record, one transaction a file."""
    files = _files(zone, count)
    columns = ("vs_currency", "snapshot_time", *COLUMNS)
    integers, times = set(INTEGER_FIELDS), {*TIME_FIELDS, "snapshot_time"}
    texts = {
        "vs_currency", "crypto_id", "symbol", "name", "image_url", "roi_currency",
        "malformed", "unknown_fields", "missing_fields",
    }  # fmt: skip

    def kind(column: str) -> str:
        if column in texts:
            return "text"
        return "integer" if column in integers else "timestamptz" if column in times else "numeric"

    insert = sql.SQL("INSERT INTO markets ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(sql.SQL("%s") for _ in columns),
    )
    last_updated = COLUMNS.index("last_updated")
    records = 0
    with connect(_conninfo()) as connection:
        connection.execute(
            sql.SQL("CREATE TABLE markets ({}, PRIMARY KEY ({}))").format(
                sql.SQL(", ").join(sql.SQL(f"{column} {kind(column)}") for column in columns),
                sql.SQL(", ").join(map(sql.Identifier, _KEY)),
            )
        )
        connection.commit()
        query = insert.as_string(connection)
        started = time.perf_counter()
        for file in files:
            capture = replace(file).capture()
            cursor = connection.cursor()
            for record in capture.records:
                values = decode_record(record)
                updated = values[last_updated]
                assert isinstance(updated, datetime)
                currency = capture.request["vs_currency"]
                cursor.execute(query, (currency, _bucket(updated), *values))
                records += 1
            connection.commit()
        return Measured(records, time.perf_counter() - started)


LOADERS: dict[str, Callable[[Path, int], Measured]] = {
    loader.__name__: loader
    for loader in (
        ours, copy_plain, copy_keyed, parse, copy_lines, delta_append, delta_merge, sail,
        dlt_merge, pandas_to_sql, row_by_row,
    )
}  # fmt: skip


def _peak_mb(who: int) -> float:
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(who).ru_maxrss * unit
    status = Path("/proc/self/status")
    if who == resource.RUSAGE_SELF and status.exists():
        # Linux counts in ru_maxrss what the parent held when it forked.
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        peak = int(line.split()[1]) * 1024
    return peak / 1e6


def main(name: str, zone: str, count: str) -> None:
    """Run one loader and print what was measured."""
    try:
        measured = LOADERS[name](Path(zone), int(count))
    except (ModuleNotFoundError, LakeError) as error:
        # The lake says of a missing library what to install.
        if not isinstance(error.__cause__ or error, ModuleNotFoundError):
            raise
        sys.stderr.write(f"{error}\n")
        sys.exit(NOT_INSTALLED)
    measured.peak_mb = _peak_mb(resource.RUSAGE_SELF)
    measured.peak_worker_mb = _peak_mb(resource.RUSAGE_CHILDREN)
    # On a line of its own, the last: libraries print too.
    sys.stdout.write(f"\n{msgspec.json.encode(measured).decode()}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
