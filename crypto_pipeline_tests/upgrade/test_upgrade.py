"""What an earlier version left, brought up to this one: it holds what a fresh load would."""

import gzip
import shutil
import tarfile
from datetime import datetime, timezone
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner

from crypto_pipeline.cli import main
from crypto_pipeline.lakehouse.delta import Lake
from crypto_pipeline.lakehouse.load import load_lake
from crypto_pipeline.lakehouse.schema import FACT, LAKE_TABLES, UNREPRESENTABLE_VALUES, LakeError
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.candles import load_candles_of_snapshots
from crypto_pipeline.warehouse.marts import load_marts
from crypto_pipeline.warehouse.migrations import migrate
from crypto_pipeline.warehouse.postgres import Warehouse, connect
from crypto_pipeline_tests.lakes import assert_equal
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import Contents, contents, load_landing_zone, rows

pytestmark = pytest.mark.long

_HERE = Path(__file__).parent


def restore(conninfo: str) -> None:
    """Put the dump into an empty database; what it holds is the role's that connects."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(gzip.decompress((_HERE / "dump.sql.gz").read_bytes()))


def grant_as_before(conninfo: str) -> None:
    """Give the roles the rights that the earlier version gave, and take the others away."""
    with connect(conninfo) as connection:
        # It can run again, and it has what is revoked from everybody.
        connection.execute(read_sql("migrations/0006_roles.sql"))
        connection.execute((_HERE / "grants.sql").read_bytes())


@pytest.fixture
def upgraded(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    """The warehouse of the dump, migrated; the settings name it."""
    restore(empty_database)
    assert migrate(lambda: connect(empty_database))
    monkeypatch.setenv("DATABASE_URL", empty_database)
    return Warehouse()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """The lake that the earlier version loaded."""
    with tarfile.open(_HERE / "lake.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    return Lake(str(tmp_path / "lake"))


def fresh(warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch) -> Contents:
    """What this version makes of the same landing files, and of those that the zone has besides."""
    with monkeypatch.context() as context:
        context.delenv("DATABASE_URL")
        for file in (_HERE / "landing").iterdir():
            shutil.copy(file, drop(zone, file.name, file.read_bytes()).path)
        load_landing_zone()
        return contents(warehouse)


def test_a_migrated_warehouse_holds_what_a_fresh_load_would(
    warehouse: Warehouse, upgraded: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The candles come with the next load, an hour's or any other.
    load_candles_of_snapshots(upgraded)
    load_marts(upgraded)
    assert contents(upgraded) == fresh(warehouse, zone, monkeypatch)
    assert rows(
        upgraded,
        "SELECT count(*) FROM analytics.fact_crypto_price_metrics AS f"
        " JOIN ingestion_batches AS b USING (batch_id) WHERE f.load_timestamp = b.gold_loaded_at",
    ) == [(11,)]
    assert rows(
        upgraded,
        "SELECT source_name, first_ingested_at, last_ingested_at FROM analytics.dim_source"
        " WHERE source_key > 0",
    ) == [
        (
            "CoinGecko",
            datetime(2026, 10, 31, 23, 0, 5, tzinfo=timezone.utc),
            datetime(2026, 11, 1, 2, 0, 5, tzinfo=timezone.utc),
        )
    ]
    assert rows(
        upgraded,
        "SELECT symbol, image_url FROM analytics.dim_cryptocurrency"
        " WHERE crypto_id = 'render-token' ORDER BY valid_from",
    ) == [("rndr", "https://example.com/2.png"), ("render", "https://example.com/2.png")]
    assert rows(
        upgraded,
        "SELECT count(roi_times), count(roi_percentage) FROM analytics.fact_crypto_price_metrics",
    ) == [(2, 2)]


def test_a_migrated_warehouse_goes_on_as_a_fresh_one(
    warehouse: Warehouse, upgraded: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = market_record(id="render-token", symbol="new", name="New", image="3.png")
    record["last_updated"] = "2026-11-01T02:58:31Z"
    drop(zone, "later.json", landing_json([record], "2026-11-01T03:00:05Z"))
    load_landing_zone()
    assert contents(upgraded) == fresh(warehouse, zone, monkeypatch)


def test_its_lake_is_written_anew(upgraded: Warehouse, lake: Lake) -> None:
    columns = {field.name for field in lake.dataset(FACT).schema}
    assert {"price_change_percentage_24h", "snapshot_month"} <= columns
    load_lake(upgraded, lake)
    for table in LAKE_TABLES:
        assert set(lake.dataset(table).schema.names) == set(table.columns)
    assert_equal(upgraded, lake)
    assert lake.dataset(UNREPRESENTABLE_VALUES).to_table().column("exact_value").to_pylist() == [
        f"1{'0' * 30}"
    ]


def test_facts_of_an_earlier_version_are_not_lost_to_a_load_that_would_not_bring_them_all(
    upgraded: Warehouse, lake: Lake
) -> None:
    """It is refused before it changes a table, and the remedy that it names is one."""
    with upgraded.connection() as connection:
        connection.execute("DELETE FROM lake.changes WHERE kind = 'start'")
        connection.execute(
            "DELETE FROM lake.changes"
            " WHERE change_id < (SELECT max(change_id) FROM lake.changes WHERE kind = 'batch')"
        )
    before = versions(lake)
    with pytest.raises(LakeError, match=r"price_change_percentage_24h.*lake\.start_over\(\)") as no:
        load_lake(upgraded, lake)
    assert "\n" not in str(no.value)
    assert versions(lake) == before
    assert lake.dataset(FACT).count_rows() == 11

    with upgraded.connection() as connection:
        connection.execute("SELECT lake.start_over()")
    load_lake(upgraded, lake)
    assert_equal(upgraded, lake)


def versions(lake: Lake) -> dict[str, int | None]:
    """The newest version of every table that is there."""
    states = {table.name: lake.state(table) for table in LAKE_TABLES}
    return {name: None if state is None else state.version for name, state in states.items()}


def test_its_lake_answers_sql_before_it_is_loaded_again(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its own names: the views and the tables that are new come with the next load."""
    monkeypatch.setenv("LAKE_URI", lake.uri)
    answered = CliRunner().invoke(
        main,
        [
            "sql",
            "SELECT s.source, count(f.price_change_percentage_24h) AS facts"
            " FROM analytics.fact_crypto_price_metrics AS f"
            " JOIN analytics.dim_source AS s USING (source_key) GROUP BY ALL",
        ],
    )
    assert answered.exit_code == 0, answered.output
    assert answered.output.split()[-2:] == ["CoinGecko", "11"]
    refused = CliRunner().invoke(main, ["sql", "SELECT * FROM v_latest_prices"])
    assert refused.exit_code == 1
    assert "v_latest_prices does not exist" in refused.output
