"""What a verb imports before it answers: a person waits for that."""

import subprocess
import sys

import pytest

from crypto_pipeline.lakehouse.delta import Lake
from crypto_pipeline.lakehouse.load import load_lake
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.market_records import drop, landing_json, market_record

_SHOW = """
import sys
from crypto_pipeline.cli import main
sys.argv[0] = "crypto-pipeline"
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""

_HEAVY = {"dagster", "pandas"}
_OF_OUR_WORK = {"pydantic", "httpx", "sqlalchemy", "psycopg", "msgspec", "duckdb", "upath"}


def _imported(*arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", _SHOW, *arguments], capture_output=True, text=True, timeout=60
    )
    return {module.partition(".")[0] for module in done.stderr.split()}


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("no-such-verb",), ("load", "--no-such-option")]
)
def test_help_and_errors_of_usage_import_nothing_that_a_verb_works_with(
    arguments: tuple[str, ...],
) -> None:
    imported = _imported(*arguments)
    assert "click" in imported
    assert not imported & (_HEAVY | _OF_OUR_WORK)


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("status", "--json"),
        ("metrics",),
        ("doctor",),
        ("roles",),
        ("coins", "list"),
        ("coins", "events", "--json"),
        ("coins", "aliases"),
        ("quarantine", "list"),
        ("quarantine", "show", "1"),
        ("quarantine", "replay"),
        ("sql", "SELECT count(*) FROM analytics.dim_time"),
        ("export", "dim_time", "--to", "dim_time.parquet"),
    ],
)
def test_what_only_asks_imports_neither_dagster_nor_pandas(
    warehouse: Warehouse, lake: Lake, arguments: tuple[str, ...]
) -> None:
    if arguments[0] == "sql":
        load_lake(warehouse, lake)
    imported = _imported(*arguments)
    assert "pydantic" in imported
    assert not imported & _HEAVY


@pytest.mark.long
def test_a_load_that_finds_nothing_to_do_imports_neither(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    drop(zone, "a.json", landing_json([market_record()]))
    assert _imported("load") & _HEAVY == _HEAVY
    assert not _imported("load") & _HEAVY
    drop(zone, "b.json", landing_json([market_record(id="other")]))
    assert _imported("load") & _HEAVY == _HEAVY
    with warehouse.load() as connection:
        connection.execute("UPDATE ingestion_batches SET gold_loaded_at = NULL")
    assert _imported("load") & _HEAVY == _HEAVY
