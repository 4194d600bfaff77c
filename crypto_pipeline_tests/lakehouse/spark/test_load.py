"""The same landing zone through PostgreSQL and through Spark: both hold the same."""

import gzip
import itertools
import json
from datetime import datetime, timedelta, timezone

import msgspec
import pytest

from crypto_pipeline.lakehouse.schema import LakeError
from crypto_pipeline.lakehouse.spark.checks import CHECKS, ChecksFailedError, verify, wrong_rows
from crypto_pipeline.lakehouse.spark.history import (
    history_folder,
    load_history,
    new_history_files,
)
from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.lakehouse.spark.load import load_to_silver, new_files
from crypto_pipeline.lakehouse.spark.tables import GOLD
from crypto_pipeline.landing.price_history import history_files
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.bad_records import BROKEN, BROKEN_RECORDS, WAYS
from crypto_pipeline_tests.history.test_load import land_export
from crypto_pipeline_tests.lakehouse.spark.parity import assert_same, in_spark, load_zone
from crypto_pipeline_tests.market_records import ABSENT, coin, drop, landing_json
from crypto_pipeline_tests.pipeline import load_landing_zone
from crypto_pipeline_tests.s3_server import Bucket

pytestmark = pytest.mark.long

START = datetime(2026, 11, 23, 22, 0, 31, tzinfo=timezone.utc)


def hour(number: int, name: str = "coin", **overrides: object) -> bytes:
    """The file of an hour: five coins, of which the first can have a name of its own."""
    at = START + number * timedelta(hours=1)
    records = [
        coin(n, last_updated=(at - timedelta(seconds=20 * n)).isoformat(), **overrides)
        for n in range(5)
    ]
    records[0]["name"] = name
    return landing_json(records, at)


def test_whatever_a_record_is_both_say_the_same_of_it(
    warehouse: Warehouse,
    zone: LandingZone,
    lake: Lake,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAX_REJECTED_SHARE", "1")
    examples = [records for examples in BROKEN_RECORDS.values() for records in examples]
    for number, records in enumerate(examples):
        drop(zone, f"rule-{number:03d}.json", landing_json(records))
    ways = [coin(number, **way.fields) for number, way in enumerate(WAYS.values())]
    drop(zone, "ways.json.gz", gzip.compress(landing_json(ways)))
    values = [
        *(b'"\xff"', rb'"\ud800"', rb'"\u0000"', b"1e99999999999999999999", b"NaN", b"[[]]", b"{}"),
        *(
            b'"0001-01-01T00:00:00+14:00"',
            b'"9999-12-31T23:59:59-12:00"',
            b"true",
            b'"caf\xc3\xa9"',
        ),
    ]
    hard = [
        coin(number, **{field: msgspec.Raw(value)})
        for number, (field, value) in enumerate(
            itertools.product(("name", "atl", "atl_date", "roi", "unheard_of"), values)
        )
    ]
    drop(zone, "hard.json", landing_json([*hard, *map(msgspec.Raw, (b"7", b"null", b'"x"'))]))
    asked_for = [coin(number, market_cap_rank_with_rehypothecated=number) for number in (3, 4)]
    drop(zone, "asked for.json", landing_json(asked_for))
    drop(zone, "drift.json", landing_json([coin(1, a=1, b=None, roi=ABSENT), coin(2, a=2)]))

    load_landing_zone()
    load_zone(lake, zone, max_rejected_share=1)

    assert_same(warehouse, lake)


def test_a_number_keeps_the_digits_of_its_column_or_is_told_with_all_of_them(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    numbers = [
        *("0", "-0", "0.0", "1", "1.50", "123456789.123456789", "1e-20", "5.6366e-11", "2.1E+15"),
        # Ties, at the scale of a price and of a supply.
        *("0.00000000000000000000000005", "3.00000000000000000000000015"),
        *("2.000000005", "2.000000015", "2.0000000150000000000000000000000000000001"),
        *("999999999999", "1e12", "999999999999.99999999999999999999999999999999", "1e27", "1e30"),
        *("999999999999999999999999999999.999999994", "1e-30", "1e-300", "1e300"),
    ]
    fields = ("current_price", "market_cap", "max_supply", "atl_change_percentage")
    records = [
        coin(index, **{field: msgspec.Raw(sign + number.encode())})
        for index, (field, number, sign) in enumerate(
            itertools.product(fields, numbers, (b"", b"-"))
        )
        if not number.startswith("-") or not sign
    ]
    drop(zone, "numbers.json", landing_json(records))
    roi = {"times": msgspec.Raw(b"1e40"), "currency": "usd", "percentage": msgspec.Raw(b"1e-20")}
    drop(zone, "roi.json", landing_json([coin(0, roi=roi, last_updated="2026-11-24T04:00:00Z")]))

    load_landing_zone()
    load_zone(lake, zone)

    assert_same(warehouse, lake)
    unrepresentable = (
        lake.table("unrepresentable_values")
        .select("column_name", "exact_value", "reason")
        .collect()
    )
    found = {tuple(row) for row in unrepresentable}
    assert ("current_price", f"0.{'0' * 29}1", "would be zero as decimal(38,26)") in found
    assert ("max_supply", f"1{'0' * 30}", "too large for decimal(38,8)") in found


def test_whatever_a_file_is_both_say_the_same_of_it(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    # Spark's file sources do not list a file without bytes.
    broken = [(name, body) for name, body, _ in BROKEN.values() if body]
    for number, (name, body) in enumerate(broken):
        drop(zone, f"{number:02d}-{name}", body)
    drop(zone, "good.json", landing_json([coin(1)]))
    drop(zone, "nan.json", landing_json([coin(2, ath=msgspec.Raw(b"NaN")), coin(3)]))
    drop(zone, "mark.json", b"\xef\xbb\xbf" + landing_json([coin(4)]))
    drop(zone, "euro.json", landing_json([coin(1)], request={"vs_currency": "eur", "page": 1}))
    drop(zone, "cut.json", landing_json([coin(5)], error="the second page did not come"))
    drop(zone, "sandbox.json", landing_json([coin(6)], source="CoinGecko sandbox"))
    drop(zone, "nobody.json", landing_json([]))
    drop(zone, "half.json", landing_json([coin(7, name=None), coin(8)]))
    drop(zone, "most.json", landing_json([coin(7, name=None), coin(8, id=""), coin(9)]))
    drop(zone, "late.json", landing_json([coin(1)], "2201-01-01T00:00:00Z"))
    drop(zone, "nul.json", landing_json([coin(1)], source="Coin\x00Gecko"))
    limited = {"status": {"error_code": 429, "error_message": "You've exceeded the Limit."}}
    body = {"ingested_at": "2026-11-24T05:01:00Z", "source": "CoinGecko", "records": limited}
    drop(zone, "limited.json", json.dumps(body).encode())

    load_landing_zone()
    loaded = load_zone(lake, zone)

    assert_same(warehouse, lake)
    assert len(loaded.failed) == len(broken) + 5
    again = in_spark(lake)
    assert load_zone(lake, zone).completed == 0
    assert in_spark(lake) == again


def test_loads_one_after_the_other_give_the_same(
    warehouse: Warehouse, zone: LandingZone, lake: Lake
) -> None:
    """Files that come late: buckets that are taken, a coin renamed in between and back, a second
    currency."""
    rounds = [
        {"3.json": hour(3, "old")},
        {"1.json": hour(1, "new", current_price=1)},
        {
            "0.json": hour(0, "old", current_price=2),
            "2.json": hour(1, "newer", current_price=3),
            "euro.json": landing_json([coin(0)], request={"vs_currency": "eur"}),
        },
    ]
    for files in rounds:
        for name, body in files.items():
            drop(zone, name, body)
        load_landing_zone()
        load_zone(lake, zone)

    assert_same(warehouse, lake)
    names = lake.table("dim_cryptocurrency").where("crypto_id = 'coin-0000'").orderBy("valid_from")
    assert [row["name"] for row in names.collect()] == ["old", "new", "old", "Coin 0000"]


_DAMAGE = {
    "fact_keys_unique": "INSERT INTO {fact} SELECT * FROM {fact} LIMIT 1",
    "no_negative_magnitudes": "UPDATE {fact} SET total_volume = -total_volume",
    "no_null_measures": "UPDATE {fact} SET current_price = NULL WHERE crypto_id = 'coin-0001'",
    "no_orphan_keys": "UPDATE {fact} SET crypto_key = -1 WHERE crypto_id = 'coin-0001'",
    "versions_in_sequence": "UPDATE {lake}.dim_cryptocurrency SET is_current = false",
    "batches_add_up": "DELETE FROM {lake}.market_metrics WHERE crypto_id = 'coin-0001'",
    "candle_keys_unique": "INSERT INTO {hourly} SELECT * FROM {hourly} WHERE crypto_id = 'bitcoin'",
    "no_orphan_candle_keys": "UPDATE {hourly} SET vs_currency = 'xyz'"
    " WHERE crypto_id = 'coin-0001'",
    "days_match_hours": "UPDATE {hourly} SET observations = 7 WHERE crypto_id = 'coin-0002'",
    "history_adds_up": "UPDATE {lake}.history_batches SET points_loaded = 7",
}


def test_a_check_finds_what_is_wrong(zone: LandingZone, lake: Lake) -> None:
    assert tuple(_DAMAGE) == CHECKS
    drop(zone, "hour.json", hour(0))
    land_export(zone, *(f"2026-11-24 0{n}:00:00 UTC,1,1,1" for n in range(1, 4)))
    zone.file_unfiled()
    load_zone(lake, zone)
    verify(lake)
    fact = f"{lake.quoted}.fact_crypto_price_metrics"
    hourly = f"{lake.quoted}.fact_crypto_price_hourly"
    # In this order none but the check's own rows are wrong.
    for check in reversed(CHECKS):
        assert wrong_rows(lake, check) == 0
        lake.spark.sql(_DAMAGE[check].format(lake=lake.quoted, fact=fact, hourly=hourly))
        assert wrong_rows(lake, check) > 0
    with pytest.raises(ChecksFailedError) as failure:
        verify(lake)
    assert tuple(failure.value.wrong) == CHECKS


def test_the_files_of_a_landing_zone_in_s3_are_found(
    bucket: Bucket, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sail names its objects without the bucket."""
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    zone = LandingZone(bucket.uri)
    for number in range(2):
        drop(zone, f"{number}.json", hour(number))
    filed = [str(file.uri) for file in zone.file_unfiled()]
    lake.create()
    assert new_files(lake, f"{bucket.uri}/market_snapshots") == filed

    history = history_folder(f"{bucket.uri}/market_snapshots")
    assert history is not None
    assert new_history_files(lake, history) == []
    land_export(zone, "2026-11-24,1,1,1")
    (kept,) = history_files(zone)
    assert new_history_files(lake, history) == [str(kept.file.uri)]
    load_history(lake, new_history_files(lake, history), 0.5)
    (batch,) = lake.table("history_batches").collect()
    assert (batch["landing_file"], batch["crypto_id"]) == (kept.file.path, "bitcoin")


def test_files_of_one_name_are_refused(zone: LandingZone, lake: Lake) -> None:
    """Both belong under the hour that they tell."""
    paths = [zone.root / name / "hour.json" for name in ("here", "there")]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_bytes(hour(0))
    lake.create()
    with pytest.raises(FileExistsError, match="2 files belong at .*/hour=22/hour.json"):
        load_to_silver(lake, [str(path) for path in paths], 0.5)


def test_the_schema_must_be_a_name(lake: Lake) -> None:
    with pytest.raises(ValueError, match="not the name of a schema"):
        Lake(lake.spark, "crypto; DROP TABLE x")


def test_tables_of_another_version_are_refused_in_one_line(lake: Lake) -> None:
    older = {**GOLD["dim_source"], "source": "string"}
    del older["source_name"]
    typed = ", ".join(f"{column} {of}" for column, of in older.items())
    lake.spark.sql(f"CREATE SCHEMA {lake.quoted}")
    lake.spark.sql(
        f"CREATE TABLE {lake.quoted}.dim_source ({typed}) USING delta"
        f" LOCATION '{lake.path('dim_source')}'"
    )
    with pytest.raises(
        LakeError, match=r"dim_source was made by .* \(without source_name, with source\)"
    ):
        lake.create()
