"""The bulk load: what becomes of a landing zone's files, good and bad."""

import gzip
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import dagster as dg
import msgspec
import pytest
import time_machine
from upath import UPath

from crypto_pipeline.assets.bulk_load import LOAD_JOB
from crypto_pipeline.coingecko.schema import NUMBER_FIELDS
from crypto_pipeline.definitions import defs
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.bulk_load import files_to_load
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline.warehouse.staging import load_to_silver
from crypto_pipeline_tests.bad_records import BROKEN, WAYS
from crypto_pipeline_tests.market_records import coin, drop, landing_json
from crypto_pipeline_tests.pipeline import batches, contents, load_landing_zone, rows


def tables(warehouse: Warehouse) -> dict[str, int]:
    """Rows by table."""
    return {table: len(held) for table, held in contents(warehouse).items()}


@pytest.mark.parametrize(
    "names", [list(WAYS)[:7], list(WAYS)[5:]], ids=["first seven ways", "last seven ways"]
)
def test_seven_bad_records_of_a_thousand_go_to_quarantine(
    names: list[str], warehouse: Warehouse, zone: LandingZone
) -> None:
    records = [coin(number) for number in range(1000)]
    bad = {100 * (place + 1): WAYS[name] for place, name in enumerate(names)}
    for index, way in bad.items():
        records[index] = coin(index, **way.fields)
    drop(zone, "thousand.json", landing_json(records))

    load_landing_zone()

    batch = batches(warehouse)["thousand.json"]
    assert batch["status"] == "completed"
    assert batch["records_fetched"] == 1000
    assert batch["records_loaded"] == 993
    assert batch["records_rejected"] == 7
    assert batch["records_duplicate"] == 0
    assert batch["error"] is None
    held = tables(warehouse)
    assert held["public.price_snapshots"] == held["public.market_metrics"] == 993
    assert held["analytics.fact_crypto_price_metrics"] == 993
    quarantine = rows(
        warehouse,
        "SELECT record_index, rules, reason, record FROM rejected_records ORDER BY record_index",
    )
    assert [row[0] for row in quarantine] == list(bad)
    for index, rules, reason, record in quarantine:
        assert rules == bad[index].rules
        assert reason == bad[index].reason
        assert record.encode() == landing_json([records[index]]).partition(b'"records":[')[2][:-2]


@pytest.mark.parametrize("problem", BROKEN)
def test_a_broken_file_is_a_failed_batch_and_the_others_load(
    problem: str, warehouse: Warehouse, zone: LandingZone
) -> None:
    name, body, error = BROKEN[problem]
    drop(zone, "a.json", landing_json([coin(1)]))
    drop(zone, name, body)
    drop(zone, "c.json.gz", gzip.compress(landing_json([coin(2)])))

    load_landing_zone()

    loaded = batches(warehouse)
    assert {name: batch["status"] for name, batch in loaded.items()} == {
        "a.json": "completed",
        name: "failed",
        "c.json.gz": "completed",
    }
    assert re.search(error, loaded[name]["error"])
    assert loaded[name]["records_fetched"] == 0
    assert rows(warehouse, "SELECT crypto_id FROM price_snapshots ORDER BY 1") == [
        ("coin-0001",),
        ("coin-0002",),
    ]


def test_a_file_that_cannot_be_read_is_a_failed_batch_and_the_others_load(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    drop(zone, "good.json", landing_json([coin(1)]))
    # A link that leads nowhere: unlike file permissions, it stops the superuser too.
    folder: UPath = zone.root / "market_snapshots" / "date=2026-11-24" / "hour=05"
    folder.mkdir(parents=True)
    Path(folder.path, "bad.json").symlink_to("nowhere")

    load_landing_zone()

    loaded = batches(warehouse)
    assert loaded["good.json"]["status"] == "completed"
    assert loaded["bad.json"]["status"] == "failed"
    assert "bad.json" in loaded["bad.json"]["error"]


def test_an_error_body_as_records_is_a_failed_batch_with_the_apis_message(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    body = {
        "ingested_at": "2026-11-24T05:01:00Z",
        "source": "CoinGecko",
        "records": {"status": {"error_code": 429, "error_message": "You've exceeded the Limit."}},
    }
    drop(zone, "limited.json", json.dumps(body).encode())

    load_landing_zone()

    batch = batches(warehouse)["limited.json"]
    assert batch["status"] == "failed"
    assert "You've exceeded the Limit." in batch["error"]
    assert batch["ingested_at"] == datetime(2026, 11, 24, 5, 1, tzinfo=timezone.utc)
    assert batch["source"] == "CoinGecko"


def test_too_many_rejects_fail_the_batch_and_stay_in_quarantine(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    records = [coin(number, current_price=None if number < 6 else 1) for number in range(10)]
    drop(zone, "mostly_bad.json", landing_json(records))
    half_bad = [coin(number, current_price=None if number < 15 else 1) for number in range(10, 20)]
    drop(zone, "half_bad.json", landing_json(half_bad))

    load_landing_zone()

    failed, completed = (batches(warehouse)[f"{name}_bad.json"] for name in ("mostly", "half"))
    assert failed["status"] == "failed"
    assert failed["error"] == (
        "6 of 10 records break a reject rule, more than the share of 0.5 allowed"
    )
    assert (failed["records_fetched"], failed["records_rejected"]) == (10, 6)
    assert (failed["records_loaded"], failed["records_duplicate"]) == (0, 0)
    assert completed["status"] == "completed"
    assert (completed["records_loaded"], completed["records_rejected"]) == (5, 5)
    assert rows(
        warehouse,
        "SELECT landing_file LIKE '%/mostly_bad.json', count(*) FROM rejected_records"
        " JOIN ingestion_batches USING (batch_id) GROUP BY 1 ORDER BY 1",
    ) == [(False, 5), (True, 6)]
    assert rows(warehouse, "SELECT min(crypto_id) FROM cryptocurrencies") == [("coin-0015",)]


def test_a_failed_file_is_tried_again(
    warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [coin(number, current_price=None if number < 6 else 1) for number in range(10)]
    drop(zone, "mostly_bad.json", landing_json(records))
    load_landing_zone()

    monkeypatch.setenv("MAX_REJECTED_SHARE", "0.6")
    load_landing_zone()

    batch = batches(warehouse)["mostly_bad.json"]
    assert (batch["status"], batch["error"]) == ("completed", None)
    assert (batch["records_loaded"], batch["records_rejected"]) == (4, 6)
    assert tables(warehouse)["public.rejected_records"] == 6


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("CoinGecko", "CoinGecko sandbox"),
        ("CoinGecko sandbox", "CoinGecko"),
        ("CoinGecko", "CoinGecko recorded"),
    ],
)
def test_a_database_refuses_another_kind_of_data(
    first: str, second: str, warehouse: Warehouse, zone: LandingZone
) -> None:
    drop(zone, "first.json", landing_json([coin(1)], source=first))
    load_landing_zone()
    before = contents(warehouse)

    later = coin(2, last_updated="2026-11-24T06:00:00Z")
    drop(zone, "second.json", landing_json([later], "2026-11-24T06:00:30Z", source=second))
    load_landing_zone()

    after = contents(warehouse)
    refused = batches(warehouse)["second.json"]
    assert refused["status"] == "failed"
    assert refused["error"].endswith("load it into a database of its own")
    assert [b for b in after.pop("public.ingestion_batches") if b["status"] != "failed"] == (
        before.pop("public.ingestion_batches")
    )
    assert after == before


def test_a_file_that_fails_does_not_decide_the_databases_kind(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    """Else a sandbox file without one good record would lock live data out of its database."""
    useless = landing_json(
        [coin(1, current_price=None)], "2026-11-24T05:00:00Z", source="CoinGecko sandbox"
    )
    drop(zone, "useless.json", useless)
    drop(zone, "live.json", landing_json([coin(2)]))

    load_landing_zone()

    assert {name: batch["status"] for name, batch in batches(warehouse).items()} == {
        "useless.json": "failed",
        "live.json": "completed",
    }
    assert rows(warehouse, "SELECT kind FROM data_origin") == [("live",)]


def test_a_time_without_a_zone_is_utc(warehouse: Warehouse, zone: LandingZone) -> None:
    record = coin(1, last_updated="2026-11-24T05:00:31.123")
    drop(zone, "plain.json", landing_json([record], ingested_at="2026-11-24T05:01:00"))

    load_landing_zone()

    assert batches(warehouse)["plain.json"]["landing_file"] == (
        "market_snapshots/date=2026-11-24/hour=05/plain.json"
    )
    assert rows(
        warehouse,
        "SELECT ingested_at, last_updated, snapshot_time, vs_currency FROM v_price_history",
    ) == [
        (
            datetime(2026, 11, 24, 5, 1, tzinfo=timezone.utc),
            datetime(2026, 11, 24, 5, 0, 31, 123_000, tzinfo=timezone.utc),
            datetime(2026, 11, 24, 5, 0, tzinfo=timezone.utc),
            "usd",
        )
    ]


def test_a_file_older_than_the_first_hour_is_loaded_and_the_reload_is_said(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    old = coin(1, last_updated="2013-12-31T23:58:00Z")
    drop(zone, "old.json", landing_json([old], "2013-12-31T23:59:59Z"))
    drop(zone, "good.json", landing_json([coin(2)]))

    with dg.DagsterInstance.ephemeral() as instance:
        run = defs.resolve_job_def(LOAD_JOB).execute_in_process(instance=instance)
        said = [entry.user_message for entry in instance.all_logs(run.run_id)]
        hours = instance.get_materialized_partitions(dg.AssetKey("market_snapshots"))

    assert sorted(batches(warehouse)) == ["good.json", "old.json"]
    assert tables(warehouse)["analytics.fact_crypto_price_metrics"] == 2
    assert "2013-12-31-23:00" in hours
    assert [text for text in said if "reload the code location" in text] == [
        "the oldest file is of 2013-12-31-23:00: reload the code location (Deployment, Reload) to"
        " see the hours before 2022-01-01-00:00"
    ]


def test_a_file_that_cannot_be_filed_is_left_and_told_of(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    drop(zone, "a.json", landing_json([coin(1)]))
    zone.file_unfiled()
    other = drop(zone, "a.json", landing_json([coin(2)]))
    drop(zone, "good.json", landing_json([coin(3)]))

    with pytest.raises(dg.Failure) as failure:
        load_landing_zone()

    assert failure.value.description == (
        f"{other} could not be filed and was left: a.json belongs at market_snapshots/"
        "date=2026-11-24/hour=05/a.json, where another file lies: rename one of them"
    )
    assert list(batches(warehouse)) == ["a.json", "good.json"]
    assert tables(warehouse)["analytics.fact_crypto_price_metrics"] == 2


def test_a_file_from_a_later_day_fails_until_then(warehouse: Warehouse, zone: LandingZone) -> None:
    later = datetime.now(timezone.utc) + timedelta(hours=25)
    drop(zone, "later.json", landing_json([coin(1, last_updated=later.isoformat())], later))

    load_landing_zone()
    batch = batches(warehouse)["later.json"]
    assert (batch["status"], batch["ingested_at"]) == ("failed", None)
    assert batch["error"] == f"{later} is more than a day ahead of the clock - at `$.ingested_at`"

    with time_machine.travel(datetime.now(timezone.utc) + timedelta(hours=2)):
        load_landing_zone()
    assert batches(warehouse)["later.json"]["status"] == "completed"
    assert tables(warehouse)["analytics.fact_crypto_price_metrics"] == 1


def test_an_empty_landing_zone_is_no_error(warehouse: Warehouse, zone: LandingZone) -> None:
    assert load_landing_zone().success
    assert tables(warehouse)["public.ingestion_batches"] == 0


def test_a_load_keeps_no_file_in_memory(warehouse: Warehouse, zone: LandingZone) -> None:
    """Else the memory of a load would grow with the landing zone."""
    for number in range(3):
        drop(zone, f"{number}.json", landing_json([coin(number)]))
    zone.file_unfiled()
    files = files_to_load(warehouse, zone)

    for _ in load_to_silver(warehouse, files, max_rejected_share=0.5):
        pass

    kept = [value for file in files for value in vars(file).values() if isinstance(value, bytes)]
    assert kept == []


# As numbers come: whole, fractional, in scientific notation, with digits that no float holds.
_NUMBER_TEXTS = (
    "1e-12",
    "2.1E+15",
    "0.123456789012345678",
    "42",
    "6.30504330539065E+16",
    "68785201.8176",
    "1.10",
    "334191237809365",
    "123456789012345678901234567890.123456789012345678",
    "9007199254740993",
)


def _sign(field: str) -> Callable[[str], str]:
    return (lambda text: f"-{text}") if "change" in field else str


def test_every_number_is_stored_exactly_as_the_json_tells_it(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    texts = {
        f"coin-{number:04d}": {
            # Another text for each field of a record, and every text in every field.
            field: _sign(field)(_NUMBER_TEXTS[(number + place) % len(_NUMBER_TEXTS)])
            for place, field in enumerate(NUMBER_FIELDS)
        }
        for number in range(100)
    }
    records = [
        coin(
            number,
            **{name: msgspec.Raw(text.encode()) for name, text in texts[coin_id].items()},
        )
        for number, coin_id in enumerate(texts)
    ]
    drop(zone, "quirks.json", landing_json(records))

    load_landing_zone()

    for table in ("v_price_history", "analytics.fact_crypto_price_metrics"):
        query = f"SELECT crypto_id, {', '.join(NUMBER_FIELDS.values())} FROM {table}"
        stored = {
            row[0]: dict(zip(NUMBER_FIELDS, row[1:], strict=True)) for row in rows(warehouse, query)
        }
        assert stored == {
            coin_id: {field: Decimal(text) for field, text in fields.items()}
            for coin_id, fields in texts.items()
        }
