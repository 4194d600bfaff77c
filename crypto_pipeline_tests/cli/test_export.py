"""A table or a query as a file: every digit in it, and a whole file or none."""

import contextlib
import csv
import os
import pty
import re
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from crypto_pipeline.cli import main
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.registry import FACT, FACT_DAILY, POSTGRES_TABLES, VIEWS
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.conftest import Filled
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import load_landing_zone, rows

FORMS = ["parquet", "arrow", "csv"]
NUMBERS = [column.name for column in FACT.columns if column.type == "numeric"]
FACTS = "fact_crypto_price_metrics"


def export(what: str, target: Path | str, *options: str) -> Result:
    return CliRunner().invoke(main, ["export", what, "--to", str(target), *options])


def read(path: Path) -> pa.Table:
    if path.suffix == ".parquet":
        return pq.read_table(path)
    if path.suffix == ".arrow":
        with pa.ipc.open_file(path) as reader:
            return reader.read_all()
    with path.open(newline="", encoding="utf-8") as file:
        return pa.Table.from_pylist(list(csv.DictReader(file)))


def numbers(path: Path, columns: list[str], key: str) -> dict[Any, list[Decimal | None]]:
    """The numbers of a file by the row's key, whatever the type that they have in it."""
    return {
        row[key]: [None if row[name] in (None, "") else Decimal(row[name]) for name in columns]
        for row in read(path).to_pylist()
    }


def _load_long_numbers(warehouse: Warehouse, zone: LandingZone) -> None:
    digits = "1234567890" * 3
    measures = {
        name: value for name, value in market_record().items() if isinstance(value, int | float)
    }
    records = [
        market_record(id="usual"),
        market_record(
            id="small",
            **{name: Decimal(f"0.{digits[:8]}") for name in measures if "rank" not in name},
        ),
        market_record(
            id="long",
            current_price=Decimal(f"987654321098.{digits[:26]}"),
            price_change_24h=Decimal(f"-0.{'0' * 13}{digits[:13]}"),
            price_change_percentage_24h=Decimal(f"-123456789012345678901234.{digits[:14]}"),
            market_cap=Decimal(f"123456789012345678901234.{digits[:14]}"),
            total_supply=Decimal(f"999999999999999999999999999999.{digits[:8]}"),
            max_supply=None,
            roi={"times": Decimal(f"5.{digits[:14]}"), "currency": "usd", "percentage": 1},
        ),
    ]
    drop(zone, "one.json", landing_json(records))
    load_landing_zone()


@pytest.fixture
def facts(filled: Filled) -> Warehouse:
    """Coins whose numbers have as many digits as their decimal types hold, on both sides."""
    return filled(_load_long_numbers)


@pytest.mark.parametrize("form", FORMS)
def test_every_number_of_the_facts_comes_back_with_its_digits(
    facts: Warehouse, tmp_path: Path, form: str
) -> None:
    file = tmp_path / f"facts.{form}"
    done = export(FACTS, file)
    assert done.exit_code == 0, done.output
    assert f"{file}: 3 rows" in done.stdout
    expected = rows(
        facts, f"SELECT crypto_id, {', '.join(NUMBERS)} FROM analytics.{FACTS} ORDER BY 1"
    )
    assert numbers(file, NUMBERS, "crypto_id") == {name: values for name, *values in expected}
    if form != "csv":
        schema = read(file).schema
        assert {
            schema.field(column.name).type
            for column in FACT.columns
            if column.kind is not None and column.kind.decimal is not None
        } == {pa.decimal128(38, 26), pa.decimal128(38, 14), pa.decimal128(38, 8)}
        assert schema.field("snapshot_time").type == pa.timestamp("us", tz="UTC")
        assert schema.field("current_price").metadata[b"description"].startswith(b"Price, in vs_")
        # The times, and the readers that people have.
        (read_by_polars,) = (
            (polars.read_parquet if form == "parquet" else polars.read_ipc)(file)
            .filter(polars.col("crypto_id") == "long")
            .select("current_price", "snapshot_time")
            .rows()
        )
        assert read_by_polars == (
            Decimal("987654321098.12345678901234567890123456"),
            datetime(2026, 11, 24, 5, 0, tzinfo=timezone.utc),
        )
    else:
        assert {row["snapshot_time"] for row in read(file).to_pylist()} == {
            "2026-11-24 05:00:00+00"
        }


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "value",
    ["0." + "0" * 26 + "1", "1" + "0" * 12, "1" + "0" * 40, "NaN", "Infinity"],
    ids=["more decimals", "too large", "too many digits", "no number", "infinite"],
)
def test_a_value_that_the_decimal_type_cannot_hold_makes_its_column_text(
    facts: Warehouse, tmp_path: Path, form: str, value: str
) -> None:
    with facts.connection() as connection:
        connection.execute(
            f"UPDATE analytics.{FACTS} SET price_change_24h = %s WHERE crypto_id = 'small'",
            [Decimal(value)],
        )
    file = tmp_path / f"facts.{form}"
    done = export(FACTS, file)
    assert done.exit_code == 0, done.output
    kept = {row["crypto_id"]: row["price_change_24h"] for row in read(file).to_pylist()}
    assert kept["small"] == value
    assert kept["usual"] == "843.27"
    if form != "csv":
        assert "As text, whole: price_change_24h:" in done.stderr
        assert read(file).schema.field("current_price").type == pa.decimal128(38, 26)


def test_a_column_of_a_query_has_the_type_of_what_it_was_selected_from(
    facts: Warehouse, tmp_path: Path
) -> None:
    file = tmp_path / "query.parquet"
    done = export(
        "SELECT f.current_price AS price, l.market_cap, f.current_price * 2 AS doubled,"
        " f.current_price::numeric(20, 4) AS rounded, 1.5::float8 AS float,"
        " 1::numeric(50, 1) AS wide,"
        " f.last_updated, d.full_date, ARRAY[1, 2] AS list, true AS flag, NULL AS nothing,"
        " E'a\\n\"b' AS line, '' AS empty, current_date + time '12:00' AS local"
        f" FROM analytics.{FACTS} AS f JOIN v_latest_prices AS l USING (crypto_id)"
        " JOIN analytics.dim_date AS d USING (date_key) WHERE f.crypto_id = 'usual';",
        file,
    )
    assert done.exit_code == 0, done.output
    table = read(file)
    assert {field.name: field.type for field in table.schema} == {
        "price": pa.decimal128(38, 26),
        "market_cap": pa.decimal128(38, 14),
        "doubled": pa.string(),
        "rounded": pa.decimal128(20, 4),
        "float": pa.float64(),
        "wide": pa.string(),
        "last_updated": pa.timestamp("us", tz="UTC"),
        "full_date": pa.date32(),
        "list": pa.string(),
        "flag": pa.bool_(),
        "nothing": pa.string(),
        "line": pa.string(),
        "empty": pa.string(),
        "local": pa.timestamp("us"),
    }
    (row,) = table.to_pylist()
    assert (row["doubled"], row["rounded"], row["wide"]) == ("192000", Decimal(96000), "1.0")
    assert (row["line"], row["empty"], row["nothing"]) == ('a\n"b', "", None)


def test_every_table_and_view_can_be_exported(warehouse: Warehouse, tmp_path: Path) -> None:
    with warehouse.connection() as connection:
        for name in [*(table.qualified for table in POSTGRES_TABLES), *VIEWS]:
            columns = connection.execute(f"SELECT * FROM {name} LIMIT 0").description or []
            file = tmp_path / f"{name}.parquet"
            assert export(name, file, "--quiet").output == ""
            assert read(file).schema.names == [column.name for column in columns]


def test_an_empty_table_has_its_columns_in_every_form(warehouse: Warehouse, tmp_path: Path) -> None:
    columns = [column.name for column in FACT_DAILY.columns]
    for form in FORMS:
        file = tmp_path / f"days.{form}"
        assert f"{file}: 0 rows" in export("fact_crypto_price_daily", file).stdout
        if form == "csv":
            assert file.read_text(encoding="utf-8") == ",".join(columns) + "\n"
        else:
            assert (read(file).schema.names, len(read(file))) == (columns, 0)


def test_rows_of_one_null_are_rows(warehouse: Warehouse, tmp_path: Path) -> None:
    file = tmp_path / "nulls.parquet"
    assert export("SELECT NULL::integer AS n FROM generate_series(1, 3)", file).exit_code == 0
    assert read(file).to_pylist() == [{"n": None}] * 3


@pytest.mark.parametrize(
    ("what", "name", "said"),
    [
        ("fact_crypto_price_dayly", "a.csv", "did you mean fact_crypto_price_daily"),
        ("nonsense", "a.csv", "docs/STAR_SCHEMA_DIAGRAM.md"),
        ("dim_time", "a.xlsx", "end it with .parquet, .csv or .arrow"),
        ("dim_time", "missing/a.csv", "make it first"),
        ("SELECT FROM nowhere", "a.csv", 'relation "nowhere" does not exist'),
        ("SELECT 1 / (n - 700) FROM generate_series(1, 1000) AS s (n)", "a.parquet", "by zero"),
        ("SELECT 1; SELECT 2", "a.csv", "cannot insert multiple commands"),
        ("SELECT 1) TO STDOUT; COMMIT; DROP TABLE replays; COPY (SELECT 1", "a.csv", "syntax"),
        ("DELETE FROM api_requests RETURNING *", "a.csv", "an export only reads"),
        ("SELECT 1 AS a, 2 AS a", "a.csv", "several columns are called a"),
        ("DROP TABLE replays", "a.csv", "export a table, a view or a SELECT"),
        ("SELECT set_config('transaction_read_only', 'off', true)", "a.csv", "read-write mode"),
    ],
)
def test_what_cannot_be_exported_is_said_in_one_line_and_leaves_no_file(
    warehouse: Warehouse, tmp_path: Path, what: str, name: str, said: str
) -> None:
    done = export(what, tmp_path / "out" / name if "/" in name else tmp_path / name)
    assert (done.exit_code, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert said in line
    assert not list(tmp_path.glob("**/*a.*"))
    assert rows(warehouse, "SELECT to_regclass('loading.replays') IS NOT NULL") == [(True,)]


def test_a_file_that_is_there_is_replaced_only_when_told_to(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    file.write_text("mine")
    done = export("dim_source", file)
    assert (done.exit_code, "--force replaces it" in done.stderr) == (1, True)
    assert file.read_text() == "mine"
    assert export("SELECT 1 / 0", file, "--force").exit_code == 1
    assert file.read_text() == "mine"
    assert export("dim_source", file, "--force").exit_code == 0
    assert file.read_text().startswith("source_key,")


def test_csv_needs_no_package_and_the_others_say_which(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    without = (
        "import sys; sys.modules['pyarrow'] = None; from crypto_pipeline.cli import main; main()"
    )

    def run(name: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", without, "export", "dim_source", "--to", name]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    assert run("a.csv").returncode == 0
    done = run("a.parquet")
    assert done.returncode == 1
    assert "pyarrow" in done.stderr
    assert "pip install 'crypto-pipeline[lake]'" in done.stderr


SLOW = "SELECT n, pg_sleep(0.0001)::text AS slept FROM generate_series(1, 10000000) AS s (n)"


@pytest.mark.parametrize(
    ("form", "signal_number"), [("parquet", signal.SIGTERM), ("csv", signal.SIGINT)]
)
def test_an_export_that_is_stopped_leaves_nothing(
    warehouse: Warehouse, tmp_path: Path, form: str, signal_number: signal.Signals
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    exporting = subprocess.Popen(
        [
            *(sys.executable, "-m", "crypto_pipeline.cli"),
            *("export", SLOW, "--to", str(folder / f"a.{form}")),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list(folder.iterdir()):
        assert exporting.poll() is None
        time.sleep(0.01)
    exporting.send_signal(signal_number)
    out, said = exporting.communicate(timeout=30)
    assert (exporting.returncode, out, said) == (130, "", "Stopped. Nothing was written.\n")
    assert list(folder.iterdir()) == []


def test_a_server_that_goes_away_leaves_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    done = export("SELECT pg_terminate_backend(pg_backend_pid())", tmp_path / "a.csv")
    assert done.exit_code == 1
    assert not list(tmp_path.glob("*.csv*"))


_USED = """
import resource, sys
from crypto_pipeline.cli import main
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


@pytest.mark.long
@pytest.mark.parametrize("form", FORMS)
def test_memory_does_not_grow_with_the_rows(
    warehouse: Warehouse, tmp_path: Path, form: str
) -> None:
    def kilobytes(count: int) -> int:
        query = (
            "SELECT n AS key, n::numeric(38, 10) / 7 AS number, repeat('x', 100) AS text,"
            f" now() AS time FROM generate_series(1, {count}) AS s (n)"
        )
        file = str(tmp_path / f"{count}.{form}")
        command = [sys.executable, "-c", _USED, "export", query, "--to", file, "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
        return int(done.stderr.split()[-1])

    few, many = kilobytes(400_000), kilobytes(3_000_000)
    # Text of 450 MB against one of 60 MB.
    assert many < few + 60_000


def test_the_rows_are_those_of_one_moment(warehouse: Warehouse) -> None:
    """A restart for a column that turns into text must not see other rows."""
    from crypto_pipeline.warehouse.export import read_only

    with warehouse.connection() as connection, read_only(connection):
        assert connection.execute("SHOW transaction_isolation").fetchone() == ("repeatable read",)
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("DELETE FROM api_requests")


def test_the_name_of_the_file_follows_the_umask(warehouse: Warehouse, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        assert export("dim_source", tmp_path / "a.csv").exit_code == 0
    finally:
        os.umask(before)
    assert (tmp_path / "a.csv").stat().st_mode & 0o777 == 0o640


def test_a_terminal_shows_a_bar_with_rows_and_rate(warehouse: Warehouse, tmp_path: Path) -> None:
    command = ["export", "SELECT n FROM generate_series(1, 20000) AS s (n)", "--to", "n.csv"]
    terminal, program = pty.openpty()
    exporting = subprocess.Popen(
        [sys.executable, "-m", "crypto_pipeline.cli", *command],
        env={**os.environ, "COLUMNS": "120", "TERM": "xterm"},
        stdout=program,
        stderr=program,
    )
    os.close(program)
    shown = b""
    # A terminal that nobody writes to any more ends with an error.
    with contextlib.suppress(OSError):
        while part := os.read(terminal, 4096):
            shown += part
    os.close(terminal)
    assert exporting.wait(timeout=60) == 0
    assert re.search(rb"20,000 rows, [\d,]+ a second", shown)
    assert re.search(rb"n\.csv: 20,000 rows, 0\.1 MB in \d+\.\d s", shown)


def test_a_log_gets_a_line_now_and_then(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crypto_pipeline.cli.export._SECONDS_BETWEEN_LINES", 0)
    query = "SELECT n FROM generate_series(1, 12000) AS s (n)"
    lines = export(query, tmp_path / "n.csv").stderr.splitlines()
    assert re.fullmatch(r"5,000 rows, [\d,]+ a second, about 12,000 in all", lines[1])
    assert export(query, tmp_path / "quiet.csv", "--quiet").output == ""
