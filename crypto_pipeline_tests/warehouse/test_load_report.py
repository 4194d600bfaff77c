"""What loads say of their batches, wherever a load is run from."""

import logging
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

import dagster as dg
import msgspec
import psycopg
import pytest

from crypto_pipeline.assets.bulk_load import LOAD_JOB, REPLAY_JOB
from crypto_pipeline.cli.home import open_dagster_home
from crypto_pipeline.coingecko.schema import BASE_FIELDS, OPTIONAL_FIELDS
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.definitions import defs
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.quality import REJECT_RULES
from crypto_pipeline.model.registry import RECORD_COLUMNS
from crypto_pipeline.warehouse.bulk_load import files_to_load, load_files
from crypto_pipeline.warehouse.load_report import Line
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline.warehouse.staging import load_to_silver
from crypto_pipeline_tests.bad_records import BROKEN_RECORDS, Record
from crypto_pipeline_tests.market_records import coin, drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import batches, open_months, refuse_file, run_hour

NOVEMBER = datetime(2026, 11, 1, tzinfo=timezone.utc)
HOUR = datetime(2026, 11, 24, 5, tzinfo=timezone.utc)

# Of the records of BROKEN_RECORDS that break a reject rule, in its order.
WRONG = {
    "record_well_formed": [
        'ath has invalid value "108786"',
        "image has invalid value 5",
        r'image has invalid value "https://\u0000"',
        "roi has invalid value []",
        'atl_date has invalid value "yesterday"',
        "total_supply has invalid value 1e999999",
        "high_24h has invalid value NaN",
        "high_24h has invalid value -Infinity",
    ],
    "id_present": [
        'crypto_id has invalid value ""',
        "crypto_id has invalid value null",
        "crypto_id has invalid value missing",
    ],
    "symbol_present": ['symbol has invalid value ""', "symbol has invalid value null"],
    "name_present": ['name has invalid value ""', "name has invalid value null"],
    "texts_short": [
        f'crypto_id has invalid value "{"x" * 78}…',
        f'symbol has invalid value "{chr(0x1F600) * 78}…',
        f'name has invalid value "{"x" * 78}…',
        f'image_url has invalid value "https://{"x" * 70}…',
        f'roi_currency has invalid value "{"x" * 78}…',
    ],
    "price_present": [
        "current_price has invalid value null",
        "current_price has invalid value missing",
    ],
    "price_positive": [
        "current_price has invalid value 0",
        "current_price has invalid value -0.01",
    ],
    "last_updated_present": ["last_updated has invalid value null"],
    "last_updated_plausible": ['last_updated has invalid value "2009-01-02T23:59:59.999Z"'],
    "last_updated_not_in_future": ['last_updated has invalid value "2026-11-24T05:06:00.001Z"'],
    "prices_not_negative": [
        "high_24h has invalid value -1",
        "low_24h has invalid value -1",
        "ath has invalid value -1",
        "atl has invalid value -1e-30",
    ],
    "market_values_not_negative": [
        "market_cap has invalid value -1",
        "fully_diluted_valuation has invalid value -1",
        "total_volume has invalid value -1",
    ],
    "supplies_not_negative": [
        "circulating_supply has invalid value -1",
        "total_supply has invalid value -1",
        "max_supply has invalid value -1",
    ],
    "rank_positive": [
        "market_cap_rank has invalid value 0",
        "market_cap_rank has invalid value -7",
        "market_cap_rank_with_rehypothecated has invalid value 0",
    ],
}

_EXAMPLES = [
    pytest.param(rule, records, wrong, id=f"{rule}-{number}")
    for rule, wrongs in WRONG.items()
    for number, (records, wrong) in enumerate(zip(BROKEN_RECORDS[rule], wrongs, strict=True))
]


@pytest.fixture
def instance(warehouse: Warehouse) -> Iterator[dg.DagsterInstance]:
    """Dagster's tables in PostgreSQL, as in production."""
    with open_dagster_home(Settings()) as opened:
        yield opened


def said(warehouse: Warehouse, zone: LandingZone, records: Sequence[Record]) -> list[Line]:
    """What a load of one file says that may reject all of its records."""
    drop(zone, "records.json", landing_json(records))
    ((_, lines),) = load_to_silver(warehouse, zone.file_unfiled(), 1)
    return lines


def logged(instance: dg.DagsterInstance, run: dg.ExecuteInProcessResult, *levels: int) -> list[str]:
    """What a run's log says at these levels, but for Dagster's own events."""
    return [
        entry.user_message
        for entry in instance.all_logs(run.run_id)
        if entry.level in levels and not entry.is_dagster_event
    ]


def run(instance: dg.DagsterInstance, job: str) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(job).execute_in_process(instance=instance)


def of_batches(messages: Sequence[str]) -> list[str]:
    return [message for message in messages if message.startswith("Batch ")]


# --- The words -------------------------------------------------------------------------------


def test_every_reject_rule_has_its_words() -> None:
    assert set(WRONG) == {rule.name for rule in REJECT_RULES}


def test_the_columns_of_every_reject_rule_are_found_in_a_record() -> None:
    """Else a value that was received would be called missing."""
    field_of = {column.name: (column.field or "").partition(".")[0] for column in RECORD_COLUMNS}
    fields = BASE_FIELDS | OPTIONAL_FIELDS
    for rule in REJECT_RULES:
        first, *others = rule.columns
        for column in (first, *(column for column in others if column != "ingested_at")):
            assert column == "malformed" or field_of[column] in fields, rule.name


@pytest.mark.parametrize(("rule", "records", "wrong"), _EXAMPLES)
def test_a_rejected_record_is_told_with_the_value_at_fault(
    warehouse: Warehouse, zone: LandingZone, rule: str, records: Sequence[Record], wrong: str
) -> None:
    completed, failure = said(warehouse, zone, records)

    (batch,) = batches(warehouse).values()
    assert completed == (
        logging.INFO,
        f"Batch {batch['batch_id']} completed: {len(records) - 1} loaded, 0 skipped (duplicates),"
        " 1 failed quality checks",
    )
    coin_id = "unknown" if rule == "id_present" else "bitcoin"
    if wrong.startswith('crypto_id has invalid value "x'):
        coin_id = "x" * 79 + "…"
    assert failure == (
        logging.WARNING,
        f"Data quality failure for crypto_id={coin_id}: {wrong}",
    )


def test_each_broken_rule_has_a_line_and_each_value_at_fault_its_place_in_it(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    _, *failures = said(
        warehouse, zone, [market_record(low_24h=-2, atl=msgspec.Raw(b"-3e0"), max_supply=-1)]
    )
    assert [line.text for line in failures] == [
        "Data quality failure for crypto_id=bitcoin:"
        " low_24h has invalid value -2, atl has invalid value -3e0",
        "Data quality failure for crypto_id=bitcoin: max_supply has invalid value -1",
    ]


def test_a_value_that_breaks_two_rules_is_told_once(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    _, *failures = said(
        warehouse, zone, [market_record(current_price="abc", roi={"times": "x", "currency": 5})]
    )
    assert [line.text for line in failures] == [
        'Data quality failure for crypto_id=bitcoin: current_price has invalid value "abc",'
        ' roi.times has invalid value "x", roi.currency has invalid value 5',
        'Data quality failure for crypto_id=bitcoin: current_price has invalid value "abc"',
    ]


def test_a_record_that_is_no_object_is_told(warehouse: Warehouse, zone: LandingZone) -> None:
    _, first, *others = said(warehouse, zone, [msgspec.Raw(b"[1,\n2]")])
    assert first.text == (
        "Data quality failure for crypto_id=unknown:"
        r" the whole record has invalid value [1,\u000a2]"
    )
    assert [line.text.rpartition(": ")[2] for line in others] == [
        f"{column} has invalid value missing"
        for column in ("crypto_id", "symbol", "name", "current_price", "last_updated")
    ]


def test_what_a_record_brings_is_short_and_on_one_line(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    _, long, too_long, controls, nested = said(
        warehouse,
        zone,
        [
            market_record(id="x" * 10_000, current_price="9" * 10_000),
            market_record(id="a\nBatch 1 failed\x1b[2J\u2028\u202e\x85", symbol=None),
            market_record(id="nested", current_price=msgspec.Raw(b'{\n"a":\r\n1\t}')),
        ],
    )
    assert too_long.text == (
        f'Data quality failure for crypto_id={"x" * 79}…: crypto_id has invalid value "{"x" * 78}…'
    )
    assert long.text == (
        f"Data quality failure for crypto_id={'x' * 79}…:"
        f' current_price has invalid value "{"9" * 78}…'
    )
    assert controls.text == (
        "Data quality failure for crypto_id=a\\u000aBatch 1 failed\\u001b[2J\\u2028\\u202e\\u0085:"
        " symbol has invalid value null"
    )
    assert nested.text == (
        "Data quality failure for crypto_id=nested:"
        r' current_price has invalid value {\u000a"a":\u000d\u000a1\u0009}'
    )


def test_more_than_twenty_failures_are_counted(warehouse: Warehouse, zone: LandingZone) -> None:
    bad = [coin(number, current_price=-number - 1, market_cap_rank=0) for number in range(28)]
    completed, *failures, more = said(warehouse, zone, [*bad, market_record()])

    assert "1 loaded, 0 skipped (duplicates), 28 failed quality checks" in completed.text
    assert len(failures) == 20
    assert failures[-2:] == [
        (logging.WARNING, f"Data quality failure for crypto_id=coin-0009: {wrong}")
        for wrong in (
            "current_price has invalid value -10",
            "market_cap_rank has invalid value 0",
        )
    ]
    (batch,) = batches(warehouse).values()
    assert more == (
        logging.WARNING,
        f"Data quality failures in batch {batch['batch_id']}: 36 more, see rejected_records",
    )


def test_exactly_twenty_failures_leave_no_more_to_count(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    lines = said(warehouse, zone, [coin(number, current_price=None) for number in range(20)])
    assert len(lines) == 21
    assert lines[-1].text.startswith("Data quality failure for crypto_id=coin-0019:")


def test_a_failed_batch_is_an_error_and_so_is_what_it_failed_for(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    drop(zone, "cut.json", b'{"market')
    drop(zone, "bad.json", landing_json([market_record(name=None)], "2026-11-24T06:01:00Z"))
    lines = {
        line.text.partition(": ")[0]: line
        for _, some in load_to_silver(warehouse, zone.file_unfiled(), 0.5)
        for line in some
    }
    cut, bad = (batches(warehouse)[name] for name in ("cut.json", "bad.json"))

    for batch in (cut, bad):
        assert lines[f"Batch {batch['batch_id']} failed"] == (
            logging.ERROR,
            f"Batch {batch['batch_id']} failed: {batch['landing_file']}: {batch['error']}",
        )
    assert "Data quality failure for crypto_id=bitcoin" in lines
    assert len(lines) == 3


def test_an_error_is_short_and_on_one_line(warehouse: Warehouse, zone: LandingZone) -> None:
    drop(zone, "a.json", landing_json([], ingested_at="2026-11-24T05:01:00Z", source="a\nb" * 999))
    ((_, (line,)),) = load_to_silver(warehouse, zone.file_unfiled(), 0.5)
    assert re.match(r"Batch \d+ failed: market_snapshots/\S+/a.json: ", line.text)
    assert len(line.text) < 600
    assert line.text.isprintable()


# --- When they are said ----------------------------------------------------------------------


@pytest.mark.parametrize("months_apart", [True, False], ids=["months", "chunks"])
def test_a_bulk_load_says_what_it_has_committed_and_no_more(
    warehouse: Warehouse, zone: LandingZone, months_apart: bool
) -> None:
    months = [datetime(2026, month, 1, tzinfo=timezone.utc) for month in (3, 4, 5)]
    if not months_apart:
        open_months(warehouse, months)
    for month in months:
        time = month.replace(day=5, hour=5)
        drop(
            zone,
            f"{month.month}.json",
            landing_json([market_record(last_updated=time)], time),
        )
    zone.file_unfiled()
    refuse_file(warehouse, "%/4.json")
    lines: list[Line] = []
    files = files_to_load(warehouse, zone)
    with pytest.raises(psycopg.errors.RaiseException):
        list(load_files(warehouse, files, 0.5, on_loaded=lines.extend))
    (batch,) = batches(warehouse).values()
    march = f"Batch {batch['batch_id']} completed: 1 loaded, 0 skipped (duplicates),"
    assert [line.text for line in lines] == [f"{march} 0 failed quality checks"]


def test_a_batch_in_silver_is_told_also_when_gold_fails(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    open_months(warehouse, [NOVEMBER])
    drop(zone, "a.json", landing_json([market_record()]))
    zone.file_unfiled()
    with warehouse.connection() as connection:
        connection.execute(
            "ALTER TABLE analytics.fact_crypto_price_metrics ADD CONSTRAINT no_more CHECK (false)"
        )
    lines: list[Line] = []
    files = files_to_load(warehouse, zone)
    with pytest.raises(psycopg.errors.CheckViolation):
        list(load_files(warehouse, files, 0.5, on_loaded=lines.extend))
    assert [batch["status"] for batch in batches(warehouse).values()] == ["completed"]
    assert len(lines) == 1


def test_a_batch_that_was_loaded_before_is_no_news(warehouse: Warehouse, zone: LandingZone) -> None:
    drop(zone, "a.json", landing_json([market_record(), coin(1, name=None)]))
    files = zone.file_unfiled()
    for expected in (2, 0):
        ((_, lines),) = load_to_silver(warehouse, files, 0.5)
        assert len(lines) == expected


# --- Where they are heard --------------------------------------------------------------------


def test_the_log_of_an_hourly_run_has_them(
    warehouse: Warehouse, zone: LandingZone, instance: dg.DagsterInstance
) -> None:
    drop(zone, "a.json", landing_json([market_record(), coin(2), coin(1, current_price=-3.5)]))
    zone.file_unfiled()

    first, again = (run_hour(HOUR, instance=instance) for _ in range(2))

    (batch,) = batches(warehouse).values()
    assert of_batches(logged(instance, first, logging.INFO)) == [
        f"Batch {batch['batch_id']} completed: 2 loaded, 0 skipped (duplicates),"
        " 1 failed quality checks"
    ]
    assert logged(instance, first, logging.WARNING) == [
        "Data quality failure for crypto_id=coin-0001: current_price has invalid value -3.5"
    ]
    assert of_batches(logged(instance, again, logging.INFO)) == []


def test_an_hourly_run_that_is_rolled_back_says_nothing(
    warehouse: Warehouse, zone: LandingZone, instance: dg.DagsterInstance
) -> None:
    drop(zone, "a.json", landing_json([market_record(), coin(1, current_price=-3.5)]))
    zone.file_unfiled()
    refuse_file(warehouse, "%/a.json")

    failed = run_hour(HOUR, instance=instance, raise_on_error=False)

    assert not failed.success
    assert of_batches(logged(instance, failed, logging.INFO)) == []
    assert logged(instance, failed, logging.WARNING) == []


@pytest.mark.parametrize("hours", [pytest.param(2, marks=pytest.mark.long), 30])
@pytest.mark.parametrize("months_apart", [True, False], ids=["months", "chunks"])
def test_the_log_of_a_bulk_load_has_them_and_that_of_a_replay_again(
    warehouse: Warehouse,
    zone: LandingZone,
    instance: dg.DagsterInstance,
    months_apart: bool,
    hours: int,
) -> None:
    if not months_apart:
        open_months(warehouse, [NOVEMBER])
    for number in range(hours):
        time = NOVEMBER.replace(day=1 + number // 24, hour=number % 24, minute=1)
        records = [market_record(last_updated=time), coin(number, symbol=None, last_updated=time)]
        drop(zone, f"{number:02d}.json", landing_json(records, time))
    drop(zone, "cut.json", b'{"market')

    for job in (LOAD_JOB, REPLAY_JOB):
        done = run(instance, job)

        in_order = sorted(
            (batch["batch_id"] for name, batch in batches(warehouse).items() if name != "cut.json")
        )
        assert of_batches(logged(instance, done, logging.INFO)) == [
            f"Batch {batch_id} completed: 1 loaded, 0 skipped (duplicates), 1 failed quality checks"
            for batch_id in in_order
        ]
        assert logged(instance, done, logging.WARNING) == [
            f"Data quality failure for crypto_id=coin-{number:04d}: symbol has invalid value null"
            for number in range(hours)
        ]
        cut = batches(warehouse)["cut.json"]
        assert logged(instance, done, logging.ERROR) == [
            f"Batch {cut['batch_id']} failed: {cut['landing_file']}: {cut['error']}"
        ]
