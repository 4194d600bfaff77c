"""The Snowflake SQL: run on an emulator beside PostgreSQL and compared with it, row for row."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import msgspec
import psycopg
import pytest

from crypto_pipeline.lakehouse.schema import MEASURES
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.registry import DATA_ORIGIN, GOLD_TABLES, SILVER_TABLES
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.bad_records import BROKEN_RECORDS
from crypto_pipeline_tests.market_records import ABSENT, drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import Contents, contents, load_landing_zone, rows
from crypto_pipeline_tests.real_captures import land_year, needs_captures
from crypto_pipeline_tests.snowflake.emulator import (
    Emulator,
    emulator,
)

pytestmark = pytest.mark.long

_BUSINESS_KEYS = {
    "batch_id": "SELECT batch_id, landing_file FROM silver.ingestion_batches",
    "name_id": "SELECT name_id, crypto_id || ' / ' || symbol || ' / ' || name"
    " FROM silver.cryptocurrency_names",
    "crypto_key": "SELECT crypto_key, crypto_id, valid_from FROM analytics.dim_cryptocurrency",
    "source_key": "SELECT source_key, source_name FROM analytics.dim_source",
}
_LOAD_TIMES = {"loaded_at", "rejected_at", "revised_at", "load_timestamp"}
_ONLY_POSTGRES = {
    "only_row",
    "records_retired",
    "details_purged_at",
    "ingested_at_origin",
    "run_id",
    "candles_loaded_at",
    "rule_versions",
    "resolved_at",
    "resolved_batch_id",
}
_BOTH = {f"{table.schema}.{table.name}" for table in (DATA_ORIGIN, *SILVER_TABLES, *GOLD_TABLES)}
"""The tables that Snowflake has too: price history, coins and candles are in PostgreSQL only."""
_JSON = {"request", "warnings", "schema_drift", "rules"}
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_SCHEMAS = {"public": "silver", "analytics": "analytics"}


@pytest.fixture(scope="module")
def installed() -> Iterator[Emulator]:
    with emulator() as account:
        account.install()
        yield account


@pytest.fixture
def snowflake(installed: Emulator) -> Emulator:
    """An emulated account with everything installed, and no data."""
    installed.empty()
    return installed


def load_both(zone: LandingZone, snowflake: Emulator) -> None:
    """Load the zone into PostgreSQL, and into Snowflake the files that it does not have yet."""
    load_landing_zone()
    known = {name for (name,) in snowflake.rows("SELECT file_name FROM bronze.landing_files")}
    for file in zone.files():
        if file.path not in known:
            snowflake.land(file.path, file.content.decode())
    snowflake.call("silver.load_silver")
    snowflake.call("analytics.load_gold")
    assert failed_checks(snowflake) == {}


def failed_checks(snowflake: Emulator) -> dict[str, int]:
    """Wrong rows by the check that finds them."""
    return dict(snowflake.rows("SELECT check_name, wrong_rows FROM analytics.failed_checks"))


def in_postgres(warehouse: Warehouse) -> Contents:
    """All that PostgreSQL holds, as Snowflake's types can hold it."""
    return {
        f"{_SCHEMAS[schema]}.{name}": _sorted(
            {
                column: _as_stored(column, value)
                for column, value in row.items()
                if column not in _ONLY_POSTGRES
            }
            for row in table
        )
        for qualified, table in contents(warehouse).items()
        if qualified in _BOTH
        for schema, _, name in [qualified.partition(".")]
    }


def in_snowflake(snowflake: Emulator, tables: Sequence[str]) -> Contents:
    """The same of Snowflake: business keys instead of surrogate keys, no times of loading."""
    business: dict[str, dict[Any, str]] = {}
    for column, query in _BUSINESS_KEYS.items():
        business[column] = {
            key: " from ".join(_zoned(part) for part in parts)
            for key, *parts in snowflake.rows(query)
        }
    found: Contents = {}
    for table in tables:
        stored = snowflake.rows(f"SELECT * FROM {table}")
        names = [column.name.lower() for column in snowflake.cursor.description]
        found[table] = _sorted(
            {
                column: _plain(column, business[column][value] if column in business else value)
                for column, value in zip(names, row, strict=True)
                if column not in _LOAD_TIMES
            }
            for row in stored
        )
    return found


def _as_stored(column: str, value: Any) -> Any:
    if column in MEASURES and value is not None:
        decimal = MEASURES[column]
        unit = Decimal(1).scaleb(-decimal.scale)
        rounded = value.quantize(unit, ROUND_HALF_EVEN, Context(prec=2_000))
        fits = rounded.adjusted() < decimal.precision - decimal.scale and (rounded or not value)
        value = rounded if fits else None
    if column == "crypto_key":
        crypto_id, _, valid_from = value.rpartition(" from ")
        return f"{crypto_id} from {_zoned(datetime.fromisoformat(valid_from))}"
    return _plain(column, value)


def _plain(column: str, value: Any) -> Any:
    """A value in a form that does not depend on the driver."""
    if column == "gold_loaded_at":
        return value is not None and value is not False
    if column in _JSON:
        parsed = json.loads(value) if isinstance(value, str) else value
        return json.dumps(parsed, sort_keys=True)
    if column == "record":
        return _parsed(value)
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        text = f"{Decimal(value):f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    if isinstance(value, datetime):
        return _zoned(value)
    return value


def _zoned(value: Any) -> str:
    if isinstance(value, datetime):
        return str(value.replace(tzinfo=value.tzinfo or timezone.utc))
    return str(value)


def _parsed(record: str) -> Any:
    """A record without its spelling; bare tokens that are not JSON are texts to both."""
    try:
        return _decode(record)
    except msgspec.DecodeError:
        return record


def _sorted(table: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(table, key=repr)


def assert_equal(warehouse: Warehouse, snowflake: Emulator, ignored: Sequence[str] = ()) -> None:
    """Every table has the same columns with the same values in both."""
    expected = in_postgres(warehouse)
    found = in_snowflake(snowflake, list(expected))
    for name, table in expected.items():
        only_postgres, only_snowflake = _difference(
            _without(ignored, table), _without(ignored, found[name])
        )
        assert (name, only_postgres, only_snowflake) == (name, [], [])


def _difference(one: list[Any], other: list[Any]) -> tuple[list[Any], list[Any]]:
    """The rows that only one of two tables has, as often as it has them more."""
    texts, others = Counter(map(repr, one)), Counter(map(repr, other))
    return sorted((texts - others).elements()), sorted((others - texts).elements())


def _without(columns: Sequence[str], table: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    # PostgreSQL has a column that was added later at the end, whatever the registry's order.
    return _sorted(
        {name: value for name, value in sorted(row.items()) if name not in columns} for row in table
    )


def test_broken_rules_have_the_same_verdict(
    warehouse: Warehouse, zone: LandingZone, snowflake: Emulator
) -> None:
    for rule, examples in BROKEN_RECORDS.items():
        for number, records in enumerate(examples):
            good = [market_record(id=f"{rule}-{number}-{n}") for n in range(len(records) + 1)]
            drop(zone, f"{rule}_{number}.json", landing_json([*good, *records]))

    load_both(zone, snowflake)

    assert_equal(warehouse, snowflake)


def test_first_write_wins_and_history_grows_alike(
    warehouse: Warehouse, zone: LandingZone, snowflake: Emulator
) -> None:
    def coin(last_updated: str, **overrides: object) -> dict[str, object]:
        return market_record(last_updated=last_updated, **overrides)

    def land(ingested_at: str, *records: dict[str, object], currency: str = "usd") -> None:
        request = {"vs_currency": currency}
        body = landing_json(records, ingested_at, request=request)
        drop(zone, f"{ingested_at[:19]}.json", body)

    # Two records of one bucket in a file, a tie between two buckets, another currency.
    land(
        "2026-11-24T05:01:00Z",
        coin("2026-11-24T05:00:31.123Z", current_price=1),
        coin("2026-11-24T05:01:59Z", current_price=2),
        coin("2026-11-24T05:02:29.999999Z", id="ethereum", symbol="eth", name="Ethereum"),
        coin("2026-11-24T05:02:30Z", id="tether", symbol="usdt", name="Tether"),
    )
    land("2026-11-24T05:03:00Z", coin("2026-11-24T05:01:59Z"), currency="eur")
    load_both(zone, snowflake)
    assert_equal(warehouse, snowflake)

    # The bucket again, the coin renamed, and a file that is older than both.
    land("2026-11-24T06:01:00Z", coin("2026-11-24T05:01:00Z", name="Bitcoin Two", symbol="btc2"))
    land("2026-11-24T07:01:00Z", coin("2026-11-24T07:00:00Z", name="Bitcoin Two", symbol="btc2"))
    land("2026-11-24T08:01:00Z", coin("2026-11-24T08:00:00Z"), coin("2026-11-24T08:00:00Z"))
    load_both(zone, snowflake)
    land("2025-12-31T23:58:00Z", coin("2025-12-31T23:57:30Z", name="Bitcoin Zero", image=None))
    land("2026-11-24T07:31:00Z", coin("2026-11-24T07:30:00Z", name="Bitcoin Between"))
    load_both(zone, snowflake)
    assert_equal(warehouse, snowflake)

    # Nothing new: nothing changes.
    load_both(zone, snowflake)
    assert_equal(warehouse, snowflake)


def test_a_new_logo_shows_on_all_versions_and_revises_none(
    warehouse: Warehouse, zone: LandingZone, snowflake: Emulator
) -> None:
    def land(ingested_at: str, name: str, image: str | None) -> None:
        record = market_record(last_updated=ingested_at, name=name, image=image)
        drop(zone, f"{ingested_at[:19]}.json", landing_json([record], ingested_at))

    versions = "SELECT name, image_url FROM analytics.dim_cryptocurrency WHERE crypto_key > 0"
    revised = "SELECT crypto_id, valid_from, revised_at FROM analytics.dim_cryptocurrency"
    land("2026-11-24T05:00:00Z", "Bitcoin", "https://logos.example/1.png")
    land("2026-11-24T06:00:00Z", "Bitcoin Two", "https://logos.example/2.png")
    load_both(zone, snowflake)
    before = sorted(snowflake.rows(revised))
    for ingested_at, image, shown in (
        ("2026-11-24T07:00:00Z", "https://logos.example/3.png", "https://logos.example/3.png"),
        # An older file says nothing of the logo of today, a newer one may say that there is none.
        ("2026-11-24T06:30:00Z", "https://logos.example/4.png", "https://logos.example/3.png"),
        ("2026-11-24T08:00:00Z", None, None),
    ):
        land(ingested_at, "Bitcoin Two", image)
        load_both(zone, snowflake)
        assert sorted(snowflake.rows(versions)) == [("Bitcoin", shown), ("Bitcoin Two", shown)]
        assert_equal(warehouse, snowflake)
    assert sorted(snowflake.rows(revised)) == before


def test_a_source_has_its_first_and_last_fetch(
    warehouse: Warehouse, zone: LandingZone, snowflake: Emulator
) -> None:
    fetched = (
        "SELECT first_ingested_at, last_ingested_at FROM analytics.dim_source WHERE source_key > 0"
    )
    for hours, first, last in (
        (["24T05"], "2026-11-24 05", "2026-11-24 05"),
        (["24T07", "24T09"], "2026-11-24 05", "2026-11-24 09"),
        (["23T05", "24T08"], "2026-11-23 05", "2026-11-24 09"),
    ):
        for hour in hours:
            ingested_at = f"2026-11-{hour}:01:00Z"
            record = market_record(last_updated=ingested_at)
            drop(zone, f"{hour}.json", landing_json([record], ingested_at))
        load_both(zone, snowflake)
        found = [tuple(map(_zoned, times)) for times in snowflake.rows(fetched)]
        assert found == [(f"{first}:01:00+00:00", f"{last}:01:00+00:00")]
        assert_equal(warehouse, snowflake)


def test_a_fact_has_the_time_at_which_its_batch_reached_gold(
    warehouse: Warehouse, zone: LandingZone, snowflake: Emulator
) -> None:
    for hour in ("05", "06"):
        ingested_at = f"2026-11-24T{hour}:01:00Z"
        record = market_record(last_updated=ingested_at)
        drop(zone, f"{hour}.json", landing_json([record], ingested_at))
        load_both(zone, snowflake)
    times = (
        "SELECT f.load_timestamp, b.gold_loaded_at FROM analytics.fact_crypto_price_metrics AS f"
        " JOIN {}ingestion_batches AS b ON b.batch_id = f.batch_id"
    )
    for found in (rows(warehouse, times.format("")), snowflake.rows(times.format("silver."))):
        assert len({loaded for loaded, _ in found}) == 2
        assert [loaded for loaded, _ in found] == [reached for _, reached in found]


def test_odd_spellings_are_read_alike(
    warehouse: Warehouse, zone: LandingZone, snowflake: Emulator
) -> None:
    odd: list[dict[str, object]] = [
        {"name": 'A "quoted" \\ name: -1.5e3, NaN [0] {"x":1}'},
        {"name": "\u00e9\u4e2d\U0001f600", "symbol": "N I 0"},
        {"image": "ends with a backslash \\"},
        {"current_price": msgspec.Raw(b"2.1E+5"), "high_24h": msgspec.Raw(b"2.10e5")},
        {"current_price": msgspec.Raw(b"5.6366e-11"), "low_24h": 0, "atl": msgspec.Raw(b"-0.0")},
        {"total_supply": msgspec.Raw(b"6.30504330539065E+16"), "max_supply": None},
        {"price_change_24h": msgspec.Raw(b"-0.010428419591285461")},
        {"price_change_24h": msgspec.Raw(b"0.000000000000000000000000005")},
        {"price_change_24h": msgspec.Raw(b"0.000000000000000000000000015")},
        {"price_change_24h": msgspec.Raw(b"-1.00000000000000000000000000500")},
        {"price_change_24h": msgspec.Raw(b"9.999999999999999999999999995")},
        {"market_cap": msgspec.Raw(b"999999999999999999999999.99999999999999")},
        {"market_cap_rank": msgspec.Raw(b"2.0")},
        {"market_cap_rank": msgspec.Raw(b"3e2")},
        {"market_cap_rank": msgspec.Raw(b"2.5")},
        {"market_cap_rank": 2_147_483_648},
        {"market_cap_rank": True},
        {"ath": msgspec.Raw(b"1e-1001")},
        {"ath": [1], "atl": {"a": 1}, "high_24h": False, "name": 7},
        {"roi": {"times": 3.5, "currency": "usd", "percentage": msgspec.Raw(b"-1E1"), "more": 1}},
        {"roi": {"times": "3.5", "currency": 5}},
        {"roi": 5},
        {"sparkline_in_7d": {"price": [1, 2]}, "surprise": None, "another": 1},
        {"ath": ABSENT, "roi": ABSENT},
        {"last_updated": "2026-11-24T05:00:31"},
        {"last_updated": "2026-11-24 06:00:31.5z"},
        {"last_updated": "2026-11-23T22:30:31.1234567-06:30"},
        {"last_updated": "2026-11-24T10:30:31+0530"},
        {"last_updated": "2026-11-24T04:59:59.9999999Z"},
        {"last_updated": "2026-02-30T00:00:00Z"},
        {"last_updated": "2026-13-01T00:00:00Z"},
        {"last_updated": "2026-11-24T24:00:00Z"},
        {"last_updated": "2026-11-24T05:00Z"},
        {"last_updated": 5, "ath_date": "0000-01-01T00:00:00Z", "atl_date": "2024-02-29T00:00:00Z"},
        {"last_updated": "1969-12-31T23:59:59.25Z"},
    ]
    records = [market_record(**{"id": f"coin-{n}", **fields}) for n, fields in enumerate(odd)]
    drop(zone, "odd.json", landing_json([*records, *[market_record(id=str(n)) for n in range(40)]]))
    drop(zone, "not_objects.json", landing_json([msgspec.Raw(text) for text in _NOT_RECORDS]))

    load_both(zone, snowflake)

    assert_equal(warehouse, snowflake)


_NOT_RECORDS = (b"5", b'"text"', b"null", b"[]", b"[1]", b"true", b"{}")


def test_files_fail_alike(warehouse: Warehouse, zone: LandingZone, snowflake: Emulator) -> None:
    record = market_record()
    drop(zone, "a_good.json", landing_json([record]))
    drop(zone, "sandbox.json", landing_json([record], source="CoinGecko sandbox"))
    drop(zone, "half_bad.json", landing_json([record, market_record(id=None)] * 2))
    drop(zone, "too_bad.json", landing_json([record, market_record(id=None), {}]))
    drop(zone, "empty.json", landing_json([]))
    drop(zone, "early_end.json", landing_json([record], error="page 2: no answer"))
    currencies = ["", " USD\n", "bits", ["usd"], True, 5, "us d", "ninechars"]
    for number, currency in enumerate(currencies):
        body = landing_json([record], request={"vs_currency": currency})
        drop(zone, f"currency_{number}.json", body)
    for number, source in enumerate(["", " \t", " CoinGecko ", "x" * 200, "x" * 201]):
        drop(zone, f"source_{number}.json", landing_json([record], source=source))
    drop(zone, "too_late.json", landing_json([record], "2200-01-01T00:00:00Z"))
    drop(zone, "ahead.json", landing_json([record], "2098-01-01T00:00:00Z"))
    failed = b'{"status":{"error_code":403,"error_message":"unavailable"}}'
    drop(zone, "error.json", landing_json([]).replace(b"[]", failed))
    load_both(zone, snowflake)

    # What is wrong is said in other words.
    assert_equal(warehouse, snowflake, ignored=["error"])
    states = dict(snowflake.rows("SELECT landing_file, error FROM silver.ingestion_batches"))
    words = {path.rpartition("/")[2]: error for path, error in states.items()}
    assert words["a_good.json"] is None
    assert words["early_end.json"] == "page 2: no answer"
    assert words["error.json"] == "the API answered with an error: unavailable"
    assert words["sandbox.json"] == (
        "the file holds sandbox data, this database live data: load it into a database of its own"
    )
    assert words["too_bad.json"] == (
        "2 of 3 records break a reject rule, more than the share of 0.5 allowed"
    )


def test_files_that_are_no_captures_fail(snowflake: Emulator) -> None:
    for name, body in {
        "cut": '{"ingested_at":"2026-11-24T05:01:00Z","source":"CoinGecko","records":[{"id":"x 5',
        "forged": landing_json([market_record(ath={"#number": "5"})]).decode(),
        "array": "[]",
        "no_time": '{"source":"CoinGecko","records":[]}',
        "no_source": '{"ingested_at":"2026-11-24T05:01:00Z","source":5,"records":[]}',
        "no_records": '{"ingested_at":"2026-11-24T05:01:00Z","source":"CoinGecko"}',
        "text": '{"ingested_at":"2026-11-24T05:01:00Z","source":"CoinGecko","records":"x"}',
    }.items():
        snowflake.land(name, body)

    snowflake.call("silver.load_silver")

    assert dict(
        snowflake.rows(
            "SELECT landing_file, error FROM silver.ingestion_batches WHERE status = 'failed'"
        )
    ) == {
        "cut": "the file is not JSON",
        "forged": "the file is not JSON",
        "array": "no time - at `$.ingested_at`",
        "no_time": "no time - at `$.ingested_at`",
        "no_source": "no text of 1 to 200 characters - at `$.source`",
        "no_records": "Expected `array` - at `$.records`",
        "text": "Expected `array` - at `$.records`",
    }


def test_a_failed_file_is_loaded_once_it_is_whole(snowflake: Emulator) -> None:
    snowflake.land("late", '{"ingested_at":')
    snowflake.call("silver.load_silver")
    snowflake.cursor.execute("DELETE FROM bronze.landing_files")
    snowflake.land("late", landing_json([market_record()]).decode())
    snowflake.call("silver.load_silver")
    assert snowflake.rows("SELECT status, records_loaded FROM silver.ingestion_batches") == [
        ("completed", 1)
    ]


def test_a_value_that_does_not_fit_is_kept_as_text(snowflake: Emulator) -> None:
    unrepresentable = [
        ("current_price", b"1e-27", "would become zero"),
        ("current_price", b"1000000000000", "too large for the column"),
        ("high_24h", b"1e30", "too large for the column"),
        ("price_change_24h", b"-1e12", "too large for the column"),
        ("price_change_24h", b"-5e-27", "would become zero"),
        ("total_supply", b"1e30", "too large for the column"),
        ("market_cap", b"999999999999999999999999.999999999999995", "too large for the column"),
    ]
    for number, (field, text, _) in enumerate(unrepresentable):
        record = market_record(**{"id": f"coin-{number}", field: msgspec.Raw(text)})
        snowflake.land(f"{number}", landing_json([record]).decode())

    snowflake.call("silver.load_silver")
    snowflake.call("analytics.load_gold")

    assert failed_checks(snowflake) == {}
    assert snowflake.rows(
        "SELECT column_name, exact_value, reason FROM silver.unrepresentable_values"
        " ORDER BY crypto_id"
    ) == [(field, f"{Decimal(text.decode()):f}", reason) for field, text, reason in unrepresentable]
    for number, (field, _, _) in enumerate(unrepresentable):
        fact = f"analytics.fact_crypto_price_metrics WHERE crypto_id = 'coin-{number}'"
        assert snowflake.rows(f"SELECT {field}, atl FROM {fact}") == [(None, Decimal("67.81"))]


def test_a_check_finds_what_no_constraint_refuses(snowflake: Emulator) -> None:
    snowflake.land("x", landing_json([market_record()]).decode())
    snowflake.call("silver.load_silver")
    snowflake.call("analytics.load_gold")
    facts = "analytics.fact_crypto_price_metrics"
    for check, damage in {
        "snapshots_on_bucket": "UPDATE silver.price_snapshots SET last_updated = '2026-01-01'",
        "snapshots_have_metrics": "DELETE FROM silver.market_metrics",
        "references_exist": "DELETE FROM silver.cryptocurrencies",
        "prices_fit_or_are_kept": "UPDATE silver.price_snapshots SET current_price = NULL",
        "batches_add_up": "UPDATE silver.ingestion_batches SET records_loaded = 7",
        "facts_match_snapshots": f"DELETE FROM {facts}",
        "measures_equal_silver": f"UPDATE {facts} SET roi_times = 7",
        "facts_have_their_version": f"UPDATE {facts} SET crypto_key = -1",
        "no_orphan_keys": f"UPDATE {facts} SET date_key = 1",
        "ingested_in_order": "UPDATE analytics.dim_source SET last_ingested_at = '2026-01-01'"
        " WHERE source_key > 0",
        "versions_in_sequence": "UPDATE analytics.dim_cryptocurrency SET is_current = FALSE"
        " WHERE crypto_key > 0",
    }.items():
        snowflake.cursor.execute("BEGIN TRANSACTION")
        snowflake.cursor.execute(damage)
        assert failed_checks(snowflake).get(check) == 1, check
        snowflake.cursor.execute("ROLLBACK")
    assert failed_checks(snowflake) == {}


def test_tables_and_columns_are_those_of_postgres(
    warehouse: Warehouse, snowflake: Emulator
) -> None:
    with warehouse.connection() as connection:
        expected = {
            table: _columns(connection, table) for table in sorted(_BOTH - {"public.data_origin"})
        }
    for table, columns in expected.items():
        schema, _, name = table.partition(".")
        snowflake.rows(f"SELECT * FROM {_SCHEMAS[schema]}.{name}")
        found = [column.name.lower() for column in snowflake.cursor.description]
        assert sorted(found) == sorted(set(columns) - _ONLY_POSTGRES), table


def _columns(connection: psycopg.Connection, table: str) -> list[str]:
    cursor = connection.execute(f"SELECT * FROM {table} LIMIT 0")
    return [column.name for column in cursor.description or []]


@needs_captures
def test_real_captures_give_the_same_rows(
    warehouse: Warehouse, zone: LandingZone, snowflake: Emulator
) -> None:
    land_year(zone, "2023-", "2024-01-0", "2024-07-20")
    load_both(zone, snowflake)
    assert_equal(warehouse, snowflake, ignored=["error"])
