"""One bad record never fails a batch."""

import json
import random
import string
from datetime import datetime, timezone

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from crypto_pipeline.coingecko.capture import Capture, read_page
from crypto_pipeline.coingecko.schema import BASE_FIELDS, TIME_FIELDS
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.registry import SILVER_TABLES
from crypto_pipeline.warehouse.bulk_load import load_to_gold
from crypto_pipeline.warehouse.postgres import Warehouse, merge
from crypto_pipeline.warehouse.resource import read_frame
from crypto_pipeline.warehouse.staging import decode_files, load_to_silver, stage
from crypto_pipeline_tests.market_records import ABSENT, drop, landed, landing_json, market_record
from crypto_pipeline_tests.pipeline import batches, load_landing_zone, rows

_numbers = st.one_of(
    st.integers(),
    st.integers(-3, 3),
    st.floats(),
    st.decimals(places=12, allow_nan=False, allow_infinity=False).map(float),
)

_times = st.one_of(
    st.datetimes(timezones=st.none() | st.timezones()).map(lambda time: time.isoformat()),
    st.sampled_from(
        ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2026-11-24T05:00:00Z"]
    ),
)

_values = st.recursive(
    st.none()
    | st.booleans()
    | _numbers
    | _times
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
    | st.text("\x00\\\t\n\r\x7f\"',{}N", max_size=4),
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(
            st.sampled_from(["times", "currency", "percentage"]) | st.text(max_size=3),
            values,
            max_size=3,
        )
    ),
    max_leaves=5,
)

_fields = st.sampled_from(sorted(BASE_FIELDS)) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=5
)

_records = st.one_of(
    st.dictionaries(_fields, st.just(ABSENT) | _values, max_size=5).map(
        lambda o: market_record(**o)
    ),
    st.builds(
        lambda field, time: market_record(**{field: time}),
        st.sampled_from(list(TIME_FIELDS)),
        _times,
    ),
    st.dictionaries(_fields, _values, max_size=5),
    _values,
)


def _random_text(length: int) -> str:
    """A text that no compression makes short enough for an index."""
    return "".join(random.Random(1).choices(string.ascii_letters + string.digits, k=length))


@pytest.mark.parametrize("field", ["id", "symbol", "name"])
def test_a_text_that_no_index_has_room_for_is_one_record_in_quarantine(
    warehouse: Warehouse, zone: LandingZone, field: str
) -> None:
    long = market_record(**{"id": "long", field: _random_text(10_000)})
    drop(zone, "0.json", landing_json([long, market_record()]))
    for number in range(1, 25):
        drop(zone, f"{number}.json", landing_json([market_record(id=f"coin-{number}")]))
    load_landing_zone()
    loaded = batches(warehouse)
    assert {batch["status"] for batch in loaded.values()} == {"completed"}
    assert [loaded["0.json"][f"records_{what}"] for what in ("loaded", "rejected")] == [1, 1]
    ((rules, record),) = rows(warehouse, "SELECT rules, record FROM rejected_records")
    assert rules == ["texts_short"]
    assert json.loads(record)[field] == _random_text(10_000)


def test_the_longest_texts_that_pass_have_room_in_every_index(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    widest = "".join(random.Random(1).choices([chr(0x1F300 + n) for n in range(500)], k=200))
    drop(zone, "a.json", landing_json([market_record(id=widest, symbol=widest, name=widest)]))
    load_landing_zone()
    assert batches(warehouse)["a.json"]["records_loaded"] == 1


@pytest.mark.parametrize("dropped", [True, False])
def test_half_a_character_is_one_record_in_quarantine_however_the_response_came(
    warehouse: Warehouse, zone: LandingZone, dropped: bool
) -> None:
    good = [msgspec.json.encode(market_record(id=f"coin-{n}", symbol=f"c{n}")) for n in range(249)]
    bad = msgspec.json.encode(market_record()).replace(b'"btc"', rb'"\ud800"')
    body = b"[" + b",".join([*good[:100], bad, *good[100:]]) + b"]"
    if dropped:
        drop(zone, "a.json", body)
    else:
        fetched = datetime(2026, 11, 24, 5, 1, tzinfo=timezone.utc)
        zone.write(Capture(ingested_at=fetched, source="CoinGecko", records=read_page(body)))
    load_landing_zone()
    (batch,) = batches(warehouse).values()
    assert [batch[f"records_{what}"] for what in ("loaded", "rejected")] == [249, 1]
    ((rules, at, record),) = rows(
        warehouse, "SELECT rules, record_index, record FROM rejected_records"
    )
    assert (rules, at, record) == (["record_well_formed", "symbol_present"], 100, bad.decode())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(records=st.lists(_records, min_size=1, max_size=8))
def test_whatever_json_a_record_holds_it_is_loaded_or_rejected_with_a_reason(
    warehouse: Warehouse, zone: LandingZone, records: list[object]
) -> None:
    raw = [msgspec.Raw(json.dumps(record).encode()) for record in records]
    raw.append(msgspec.Raw(json.dumps(market_record(id="the-good-one")).encode()))
    files = landed(zone, raw)
    with warehouse.load() as connection:
        stage(connection, decode_files(files), max_rejected_share=1)
        accepted = _indices(connection, "SELECT record_index FROM accepted_records")
        rejected = _indices(
            connection,
            "SELECT record_index FROM staged_rejected_records WHERE rules <> '{}' AND reason <> ''",
        )
        assert sorted([*accepted, *rejected]) == list(range(len(raw)))
        assert len(raw) - 1 in accepted
        for table in SILVER_TABLES:
            # Both ways into silver: the assets' frames, and the bulk load.
            read_frame(connection, f"SELECT * FROM staged_{table.name}")
            connection.execute(
                sql.SQL("CREATE TEMPORARY VIEW {} AS SELECT * FROM {}").format(
                    sql.Identifier(f"incoming_{table.name}"),
                    sql.Identifier(f"staged_{table.name}"),
                )
            )
            merge(connection, table)
        loaded = connection.execute(
            "SELECT status, records_loaded + records_duplicate, records_rejected"
            " FROM ingestion_batches"
        ).fetchall()
        assert loaded == [("completed", len(accepted), len(rejected))]
        raise psycopg.Rollback
    for file in files:
        file.uri.unlink()


def _indices(connection: psycopg.Connection, query: str) -> list[int]:
    return [row[0] for row in connection.execute(query)]


@pytest.mark.parametrize(
    "value",
    [
        b'"\xff"',
        rb'"\ud800"',
        rb'"\u0000"',
        b"1e99999999999999999999",
        b"[" * 500 + b"]" * 500,
        b"NaN",
        b'"0001-01-01T00:00:00+14:00"',
        b'"9999-12-31T23:59:59-12:00"',
    ],
)
@pytest.mark.parametrize("field", ["name", "atl", "atl_date", "unheard_of"])
def test_a_record_that_is_hard_to_read_does_not_spoil_the_one_beside_it(
    warehouse: Warehouse, zone: LandingZone, field: str, value: bytes
) -> None:
    bad = market_record(id="bad", **{field: msgspec.Raw(value)})
    files = landed(zone, [bad, market_record()])
    with warehouse.load() as connection:
        stage(connection, decode_files(files), max_rejected_share=1)
        accepted = read_frame(connection, "SELECT * FROM staged_price_snapshots")
        assert "bitcoin" in list(accepted["crypto_id"])


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(landing_json([market_record()], source="Coin\x00Gecko"), id="NUL in source"),
        pytest.param(
            landing_json([market_record()], request={"vs_currency": "u\x00sd"}),
            id="NUL in currency",
        ),
        pytest.param(landing_json([market_record()], request={"ids": "\x00"}), id="NUL in request"),
        pytest.param(landing_json([market_record()], error="a\x00b"), id="NUL in error"),
        pytest.param(
            landing_json([market_record()], request={"vs_currency": ""}), id="empty currency"
        ),
        pytest.param(
            b'{"ingested_at": "2026-11-24T05:01:00Z", "source": "Coin\\u0000Gecko", "records":'
            b' {"status": {"error_code": 429, "error_message": "a\\u0000b"}}}',
            id="NUL in an error body",
        ),
        pytest.param(
            landing_json(
                [market_record(last_updated="9999-12-31T23:59:00Z")], "9999-12-31T23:59:30Z"
            ),
            id="end of time",
        ),
        pytest.param(
            landing_json([market_record()], "0001-01-01T00:30:00Z"), id="beginning of time"
        ),
    ],
)
def test_a_file_that_is_hard_to_store_does_not_spoil_the_one_beside_it(
    warehouse: Warehouse, zone: LandingZone, body: bytes
) -> None:
    drop(zone, "bad.json", body)
    drop(zone, "good.json", landing_json([market_record(id="the-good-one")]))
    for _ in load_to_silver(warehouse, zone.file_unfiled(), 1):
        load_to_gold(warehouse)
    with warehouse.connection() as connection:
        coins = connection.execute(
            "SELECT crypto_id FROM analytics.fact_crypto_price_metrics"
        ).fetchall()
    assert ("the-good-one",) in coins
