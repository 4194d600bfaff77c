"""Which record becomes a row when there are several, and which file describes a coin."""

from decimal import Decimal

import pytest

from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.bad_records import GOOD
from crypto_pipeline_tests.market_records import coin, drop, landing_json
from crypto_pipeline_tests.pipeline import batches, contents, load_landing_zone, rows


def test_two_currencies_of_a_coin_stand_side_by_side(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    for currency, price in (("usd", 100), ("eur", 90)):
        body = landing_json([coin(1, current_price=price)], request={"vs_currency": currency})
        drop(zone, f"{currency}.json", body)

    load_landing_zone()

    prices = [("eur", Decimal(90)), ("usd", Decimal(100))]
    query = "SELECT vs_currency, current_price FROM {} ORDER BY 1"
    for table in ("price_snapshots", "analytics.fact_crypto_price_metrics", "v_latest_prices"):
        assert rows(warehouse, query.format(table)) == prices
    assert rows(
        warehouse, "SELECT count(*) FROM analytics.dim_cryptocurrency WHERE crypto_key > 0"
    ) == [(1,)]


@pytest.mark.parametrize("fresher_first", [True, False])
def test_of_a_coin_twice_in_a_file_the_fresher_record_wins(
    fresher_first: bool, warehouse: Warehouse, zone: LandingZone
) -> None:
    """A coin that overtakes another while pages are fetched comes twice."""
    older = coin(1, current_price=1, last_updated="2026-11-24T04:59:00Z", market_cap=10)
    fresher = coin(1, current_price=2, last_updated="2026-11-24T05:00:30Z", market_cap=20)
    records = [fresher, older] if fresher_first else [older, fresher]
    drop(zone, "twice.json", landing_json(records))

    load_landing_zone()

    batch = batches(warehouse)["twice.json"]
    assert (batch["records_loaded"], batch["records_duplicate"]) == (1, 1)
    assert rows(warehouse, "SELECT current_price, market_cap FROM v_price_history") == [(2, 20)]


def test_a_coin_twice_in_a_file_at_two_times_is_two_snapshots(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    records = [coin(1), coin(1, last_updated="2026-11-24T04:30:00Z")]
    drop(zone, "twice.json", landing_json(records))

    load_landing_zone()

    batch = batches(warehouse)["twice.json"]
    assert (batch["records_loaded"], batch["records_duplicate"]) == (2, 0)


EARLIER = landing_json(
    [coin(1, current_price=1, last_updated="2026-11-24T05:00:10Z"), coin(2)],
    "2026-11-24T05:00:40Z",
)

LATER = landing_json(
    [coin(1, current_price=9, last_updated="2026-11-24T05:02:10Z"), coin(3)],
    "2026-11-24T05:02:40Z",
)


@pytest.mark.parametrize("names", [("a.json", "z.json"), ("z.json", "a.json")])
@pytest.mark.parametrize("earlier_dropped_first", [True, False])
def test_of_two_files_for_a_bucket_the_one_fetched_first_wins(
    names: tuple[str, str], earlier_dropped_first: bool, warehouse: Warehouse, zone: LandingZone
) -> None:
    """Whatever their names, and in whatever order they were dropped."""
    earlier, later = names
    dropped = [(earlier, EARLIER), (later, LATER)]
    for name, body in dropped if earlier_dropped_first else reversed(dropped):
        drop(zone, name, body)

    load_landing_zone()

    assert rows(warehouse, "SELECT crypto_id, current_price FROM price_snapshots ORDER BY 1") == [
        ("coin-0001", 1),
        ("coin-0002", 96000),
        ("coin-0003", 96000),
    ]
    counts = ("records_fetched", "records_loaded", "records_duplicate", "records_rejected")
    assert [batches(warehouse)[earlier][count] for count in counts] == [2, 2, 0, 0]
    assert [batches(warehouse)[later][count] for count in counts] == [2, 1, 1, 0]


def test_a_bucket_that_is_taken_stays_taken(warehouse: Warehouse, zone: LandingZone) -> None:
    """The first write wins, even over an earlier fetch that comes late."""
    drop(zone, "later.json", LATER)
    load_landing_zone()
    drop(zone, "earlier.json", EARLIER)
    load_landing_zone()

    assert rows(
        warehouse,
        "SELECT current_price FROM analytics.fact_crypto_price_metrics"
        " WHERE crypto_id = 'coin-0001'",
    ) == [(9,)]
    assert batches(warehouse)["earlier.json"]["records_duplicate"] == 1


def test_the_newest_file_describes_a_coin_whichever_comes_first(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    drop(zone, "new.json", landing_json([coin(1, symbol="new")], "2026-11-24T05:02:00Z"))
    load_landing_zone()
    drop(zone, "old.json", landing_json([coin(1, symbol="old")], "2026-11-24T05:01:00Z"))
    load_landing_zone()

    assert rows(
        warehouse,
        "SELECT symbol, extract(minute FROM first_seen_at), extract(minute FROM last_seen_at)"
        " FROM cryptocurrencies",
    ) == [("new", 1, 2)]


def test_a_rerun_changes_nothing(warehouse: Warehouse, zone: LandingZone) -> None:
    drop(zone, "earlier.json", EARLIER)
    drop(zone, "later.json", LATER)
    drop(zone, "cut.json", GOOD[:-100])
    drop(zone, "worse.json", landing_json([coin(4), coin(5, current_price=0), coin(6, id="")]))
    drop(zone, "refused.json", landing_json([coin(7)], source="CoinGecko sandbox"))
    load_landing_zone()
    before = contents(warehouse)
    assert {batch["status"] for batch in before["public.ingestion_batches"]} == {
        "completed",
        "failed",
    }

    load_landing_zone()

    assert contents(warehouse) == before
