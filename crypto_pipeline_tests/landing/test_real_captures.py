"""Real responses of CoinGecko, loaded and compared with what their JSON text says.

They lie beside the repository, not in it; without them these tests are skipped.
"""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import msgspec
import pytest

from crypto_pipeline.coingecko.schema import (
    BASE_FIELDS,
    NUMBER_FIELDS,
    OPTIONAL_FIELDS,
    TEXT_FIELDS,
    TIME_FIELDS,
)
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.market_records import drop
from crypto_pipeline_tests.pipeline import batches, load_landing_zone, rows
from crypto_pipeline_tests.real_captures import CAPTURES, land_body, land_year, needs_captures

pytestmark = needs_captures

# A number's text goes into a Decimal directly; no float comes into being.
_decode = msgspec.json.Decoder(float_hook=Decimal).decode

Record = Mapping[str, Any]


def read_time(text: str) -> datetime:
    """A time as the API writes it."""
    return msgspec.convert(text, datetime)


def expected_row(record: Record) -> dict[str, Any]:
    """The columns of a record, by field and exact."""
    row: dict[str, Any] = {column: record[field] for field, column in TEXT_FIELDS.items()}
    for field, column in {**NUMBER_FIELDS, "market_cap_rank": "market_cap_rank"}.items():
        row[column] = None if record[field] is None else Decimal(record[field])
    for field, column in TIME_FIELDS.items():
        row[column] = None if record[field] is None else read_time(record[field])
    roi = record["roi"] or dict.fromkeys(("times", "currency", "percentage"))
    return row | {f"roi_{field}": value for field, value in roi.items()}


def stored_rows(warehouse: Warehouse) -> list[dict[str, Any]]:
    """All snapshots, in the order of the records in their file."""
    columns = [
        *(column for column in TEXT_FIELDS.values() if column != "image_url"),
        *NUMBER_FIELDS.values(),
        "market_cap_rank",
        *TIME_FIELDS.values(),
        "roi_times",
        "roi_currency",
        "roi_percentage",
    ]
    names = ", ".join(f"h.{column}" for column in columns)
    found = rows(
        warehouse,
        f"SELECT {names}, c.image_url FROM v_price_history AS h"
        " JOIN cryptocurrencies AS c USING (crypto_id) ORDER BY h.record_index",
    )
    return [dict(zip((*columns, "image_url"), row, strict=True)) for row in found]


def expected_warnings(records: Sequence[Record], ingested_at: datetime) -> dict[str, int]:
    """Records that break a warn rule, counted without the pipeline's own predicates."""
    counts: Counter[str] = Counter()
    symbols: set[str] = set()
    ranks = sorted(record["market_cap_rank"] for record in records if record["market_cap_rank"])
    for record in records:
        high, low, price = record["high_24h"], record["low_24h"], record["current_price"]
        circulating, total, most = (
            record[f"{kind}_supply"] for kind in ("circulating", "total", "max")
        )
        counts["price_within_24h_high"] += high is not None and price > high
        counts["price_within_24h_low"] += low is not None and price < low
        counts["circulating_within_total"] += total is not None and circulating > total
        counts["total_within_max"] += None not in (most, total) and total > most
        counts["rank_present"] += record["market_cap_rank"] is None
        counts["symbol_unique_in_response"] += record["symbol"] in symbols
        symbols.add(record["symbol"])
        age = ingested_at - read_time(record["last_updated"])
        counts["last_updated_fresh"] += age > timedelta(hours=24)
        counts["fields_known"] += bool(record.keys() - BASE_FIELDS - OPTIONAL_FIELDS)
        counts["fields_complete"] += bool(BASE_FIELDS - record.keys())
    counts["rank_follows"] = sum(rank > before + 1 for before, rank in itertools.pairwise(ranks))
    return {rule: count for rule, count in counts.items() if count}


@pytest.mark.parametrize(
    ("name", "count"), [("markets_2022-01-06.json", 57), ("markets_2025-02-19.json", 100)]
)
def test_a_response_is_stored_exactly(
    name: str, count: int, warehouse: Warehouse, zone: LandingZone
) -> None:
    body = (CAPTURES / name).read_bytes()
    records = _decode(body)
    newest = max(record["last_updated"] for record in records)
    land_body(zone, name, body, newest)

    load_landing_zone()

    batch = batches(warehouse)[name]
    assert batch["status"] == "completed"
    assert (batch["records_fetched"], batch["records_loaded"]) == (count, count)
    assert batch["warnings"] == expected_warnings(records, read_time(newest))
    assert stored_rows(warehouse) == [expected_row(record) for record in records]
    # The fact table says the same.
    measures = ", ".join((*NUMBER_FIELDS.values(), "market_cap_rank"))
    key = "crypto_id, snapshot_time"
    assert rows(
        warehouse, f"SELECT {measures} FROM analytics.fact_crypto_price_metrics ORDER BY {key}"
    ) == rows(warehouse, f"SELECT {measures} FROM v_price_history ORDER BY {key}")


@pytest.mark.long
def test_a_year_of_responses(warehouse: Warehouse, zone: LandingZone) -> None:
    """The counts are those of ``shared/data/README.md``, made by other means."""
    land_year(zone)

    load_landing_zone()

    assert rows(
        warehouse,
        "SELECT status, count(*), sum(records_fetched), sum(records_loaded),"
        " sum(records_rejected) FROM ingestion_batches GROUP BY status ORDER BY status",
    ) == [("completed", 366, 36_600, 36_600, 0), ("failed", 1, 0, 0, 0)]
    assert (
        "This endpoint is temporarily unavailable due to ongoing issues."
        in (batches(warehouse)["2023-03-30T005442Z.json"]["error"])
    )
    counted = dict(
        rows(
            warehouse,
            "SELECT rule, sum(records::integer)::integer FROM ingestion_batches,"
            " jsonb_each_text(warnings) AS warned (rule, records) GROUP BY rule",
        )
    )
    readme = {
        "price_within_24h_high": 859,
        "price_within_24h_low": 433,
        "circulating_within_total": 1008,
        "total_within_max": 125,
        "rank_present": 1,
        "symbol_unique_in_response": 165,
    }
    assert {rule: counted[rule] for rule in readme} == readme
    for table, count in {
        "price_snapshots": 36_600,
        "market_metrics": 36_600,
        "analytics.fact_crypto_price_metrics": 36_600,
        "cryptocurrencies": 195,
    }.items():
        assert rows(warehouse, f"SELECT count(*) FROM {table}") == [(count,)]
    assert rows(
        warehouse,
        "SELECT count(*), count(DISTINCT crypto_id), count(*) FILTER (WHERE is_current)"
        " FROM analytics.dim_cryptocurrency WHERE crypto_key > 0",
    ) == [(202, 195, 195)]
    assert rows(
        warehouse,
        "SELECT crypto_id, array_agg(symbol ORDER BY valid_from)"
        " FROM analytics.dim_cryptocurrency GROUP BY crypto_id"
        " HAVING count(DISTINCT symbol) > 1 ORDER BY crypto_id",
    ) == [
        ("kaia", ["klay", "kaia"]),
        ("render-token", ["rndr", "render"]),
        ("zebec-protocol", ["zbc", "zbcn", "zbc"]),
    ]
    assert rows(
        warehouse, "SELECT max(fully_diluted_valuation), max(max_supply) FROM market_metrics"
    ) == [(Decimal(334_191_237_809_365), Decimal("2.1E+15"))]
    # Every fact points at the version that was valid when it was observed.
    assert rows(
        warehouse,
        "SELECT count(*) FROM analytics.fact_crypto_price_metrics AS f"
        " JOIN analytics.dim_cryptocurrency AS c ON c.crypto_key = f.crypto_key"
        " AND c.valid_from <= f.last_updated AND f.last_updated < c.valid_to",
    ) == [(36_600,)]


def test_a_response_of_2021_as_it_is(warehouse: Warehouse, zone: LandingZone) -> None:
    body = (CAPTURES / "markets_2021-06-24.json").read_bytes()
    drop(zone, "markets_2021-06-24.json", body)
    assert load_landing_zone().success
    (batch,) = batches(warehouse).values()
    assert [batch[f"records_{what}"] for what in ("loaded", "rejected", "duplicate")] == [100, 0, 0]
    assert batch["ingested_at_origin"] == "last_updated"
    records = _decode(body)
    newest = max(read_time(record["last_updated"]) for record in records)
    assert batch["ingested_at"] == newest
    assert batch["landing_file"].startswith("market_snapshots/date=2021-06-24/hour=03/")
    assert batch["warnings"] == {"circulating_within_total": 3, **_other_warnings(batch)}
    found = {row["crypto_id"]: row for row in stored_rows(warehouse)}
    for record in records:
        expected = expected_row(record)
        assert {column: found[record["id"]][column] for column in expected} == expected


def _other_warnings(batch: Mapping[str, Any]) -> dict[str, int]:
    return {
        rule: count
        for rule, count in batch["warnings"].items()
        if rule != "circulating_within_total"
    }


def test_an_export_of_a_coin_that_is_not_known_stays_and_is_named(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    export = CAPTURES / "exports" / "btc-usd-max.csv"
    dropped = drop(zone, export.name, export.read_bytes())
    with pytest.raises(dg.Failure) as failure:
        load_landing_zone()
    assert failure.value.description is not None
    assert failure.value.description.startswith(
        f"{dropped} could not be filed and was left: btc-usd-max.csv: no coin with the symbol btc"
        " is known here; say which: `crypto-pipeline import btc-usd-max.csv --coin ID`"
    )
    assert dropped.exists()


@pytest.mark.long
def test_the_archive_of_a_year_as_it_is(warehouse: Warehouse, zone: LandingZone) -> None:
    """The time of each response is in its name in the archive."""
    drop(zone, "daily_2024.tar.xz", (CAPTURES / "daily_2024.tar.xz").read_bytes())
    load_landing_zone()
    loaded = batches(warehouse).values()
    assert len(loaded) == 367
    assert {batch["ingested_at_origin"] for batch in loaded} == {"file_name"}
    (failed,) = (batch for batch in loaded if batch["status"] == "failed")
    assert failed["landing_file"].startswith("market_snapshots/date=2023-03-30/")
    assert "the API answered with an error" in failed["error"]
    assert sum(batch["records_loaded"] for batch in loaded) == 36_600
    assert sum(batch["records_rejected"] for batch in loaded) == 0
    warned = Counter[str]()
    for batch in loaded:
        warned.update(batch["warnings"])
    assert [
        warned[rule]
        for rule in (
            "price_within_24h_high",
            "price_within_24h_low",
            "circulating_within_total",
            "total_within_max",
            "symbol_unique_in_response",
        )
    ] == [859, 433, 1_008, 125, 165]
