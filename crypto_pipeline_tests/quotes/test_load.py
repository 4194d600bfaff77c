"""Answers of further sources into silver: exact, first write wins, quarantine, nothing mixed."""

import gzip
import json
from decimal import Decimal

import msgspec

from crypto_pipeline.coinpaprika.client import OHLCV, PLATFORMS
from crypto_pipeline.definitions import defs
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import contents, load_landing_zone, rows
from crypto_pipeline_tests.quotes.answers import (
    hour,
    land,
    land_body,
    land_contracts,
    load,
    ticker,
)


def test_quotes_become_rows_digit_by_digit(warehouse: Warehouse, zone: LandingZone) -> None:
    record = json.dumps(ticker(market_cap=0)).replace("64295.07385111046", "6.4295073851110460e4")
    land_body(zone, f"[{record}]".encode())
    (loaded,) = load(warehouse, zone)
    assert (loaded.status, loaded.fetched, loaded.loaded) == ("completed", 1, 1)
    ((price, text, cap, volume),) = rows(
        warehouse, "SELECT price, price::text, market_cap, total_volume FROM price_quotes"
    )
    assert (price, text) == (Decimal("64295.07385111046"), "64295.073851110460")
    assert (cap, volume) == (None, Decimal("33645979019.117302"))
    assert rows(
        warehouse, "SELECT source, source_coin_id, symbol, name, coin_rank FROM quoted_coins"
    ) == [("CoinPaprika", "btc-bitcoin", "BTC", "Bitcoin", 1)]
    assert rows(
        warehouse,
        "SELECT source, endpoint, vs_currencies, items_fetched, items_loaded, schema_drift"
        " FROM quote_batches",
    ) == [("CoinPaprika", "/tickers", ["usd"], 1, 1, {})]
    assert rows(
        warehouse, "SELECT source_name, kind FROM analytics.dim_source WHERE source_key > 0"
    ) == [("CoinPaprika", "live")]


def test_the_first_quote_of_a_time_wins(warehouse: Warehouse, zone: LandingZone) -> None:
    land(zone, [ticker(price=1), ticker(price=2)], hour(0))
    land(zone, [ticker(price=3, name="Bitcoin Core", rank=2)], hour(1))
    land(zone, [ticker(price=4, last_updated="2026-03-10T06:08:35Z", rank=2)], hour(2))
    first, again, later = load(warehouse, zone)
    assert [(one.fetched, one.loaded) for one in (first, again, later)] == [(2, 1), (1, 0), (1, 1)]
    assert rows(warehouse, "SELECT price FROM price_quotes ORDER BY last_updated") == [(1,), (4,)]
    assert rows(warehouse, "SELECT items_duplicate FROM quote_batches ORDER BY 1") == [
        (0,),
        (1,),
        (1,),
    ]


def test_the_newest_answer_describes_a_coin_in_whatever_order_they_come(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land(zone, [ticker(name="New")], hour(2))
    load(warehouse, zone)
    land(zone, [ticker(name="Old")], hour(1))
    load(warehouse, zone)
    assert rows(warehouse, "SELECT name, first_seen_at, last_seen_at FROM quoted_coins") == [
        ("New", hour(1), hour(2))
    ]


_BAD = [
    ({"price": "12"}, "quote_well_formed"),
    ({"price": None}, "price_present"),
    ({"price": 0}, "price_positive"),
    ({"price": -1}, "price_positive"),
    ({"id": ""}, "id_present"),
    ({"symbol": None}, "symbol_present"),
    ({"name": ""}, "name_present"),
    ({"name": "x" * 201}, "texts_short"),
    ({"last_updated": ""}, "last_updated_present"),
    ({"last_updated": "2008-01-01T00:00:00Z"}, "last_updated_plausible"),
    ({"last_updated": "2026-03-10T06:00:00Z"}, "last_updated_not_in_future"),
    ({"market_cap": -1}, "market_values_not_negative"),
    ({"quotes": {}}, "currency_present"),
]


def test_bad_quotes_go_to_quarantine_with_their_reasons(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    bad = [ticker(**change) for change, _ in _BAD]
    land(zone, [ticker(id="a"), *bad])
    (loaded,) = load(warehouse, zone, share=1)
    assert (loaded.loaded, loaded.rejected) == (1, len(bad))
    found = rows(
        warehouse,
        "SELECT item_index, rules, reason, record FROM rejected_quotes ORDER BY item_index",
    )
    for place, ((change, rule), (item, rules, reason, record)) in enumerate(
        zip(_BAD, found, strict=True)
    ):
        assert item == place + 1
        assert rule in rules, change
        assert reason
        assert json.loads(record) == bad[place]


def test_an_answer_most_of_which_is_bad_fails_and_is_tried_again(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land(zone, [ticker(price=0), ticker(price=0, id="a"), ticker(id="b")])
    (failed,) = load(warehouse, zone)
    assert failed.error == (
        "2 of 3 items are rejected, more than the share of 0.5 allowed; the first: item 0: price is"
        " not above 0 (price = 0)"
    )
    assert rows(warehouse, "SELECT count(*) FROM price_quotes") == [(0,)]
    (completed,) = load(warehouse, zone, share=1)
    assert completed.status == "completed"
    assert load(warehouse, zone) == []
    assert rows(warehouse, "SELECT status, items_rejected, error FROM quote_batches") == [
        ("completed", 2, None)
    ]


def test_contracts_and_candles(warehouse: Warehouse, zone: LandingZone) -> None:
    land_contracts(zone, "eth-ethereum", a__b="0x1", c="0x2", d="")
    candle = {
        "time_open": "2026-03-09T00:00:00Z",
        "time_close": "2026-03-09T23:59:59Z",
        **{"open": 2, "high": 4, "low": 1.5, "close": 3, "volume": 7, "market_cap": 8},
    }
    today = candle | {"time_close": "2026-03-10T23:59:59Z"}
    for_coin = {
        "endpoint": OHLCV,
        "path": "/coins/btc-bitcoin/ohlcv/historical",
        "request": {"start": "2026-03-09", "quote": "usd"},
    }
    land_body(zone, json.dumps([candle, candle, today]).encode(), **for_coin)  # type: ignore[arg-type]
    land_body(zone, b'["eth-ethereum"]', endpoint=PLATFORMS)
    assert {one.status for one in load(warehouse, zone)} == {"completed"}
    assert rows(
        warehouse,
        "SELECT source_coin_id, platform, contract_address FROM quoted_contracts ORDER BY 1",
    ) == [("a-b", "eth-ethereum", "0x1"), ("c", "eth-ethereum", "0x2")]
    assert rows(
        warehouse, "SELECT source_coin_id, vs_currency, day::text, low_price FROM quoted_candles"
    ) == [("btc-bitcoin", "usd", "2026-03-09", Decimal("1.5"))]
    assert rows(
        warehouse,
        "SELECT source_coin_id, rules FROM rejected_quotes ORDER BY source_coin_id NULLS LAST",
    ) == [("btc-bitcoin", ["closed_at_not_in_future"]), ("d", ["contract_well_formed"])]
    # Once more: what is there is there.
    land_contracts(zone, "eth-ethereum", a__b="0x1", c="0x2")
    (again,) = load(warehouse, zone)
    assert (again.fetched, again.loaded) == (2, 0)


def test_what_is_wrong_with_a_file_is_said_and_disturbs_no_other(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    good = land(zone, [ticker()])
    said = json.loads(good.content)
    folder = "sources/coinpaprika/date=2026-03-11"
    for number, changed in enumerate(
        (
            {"body_sha256": "0" * 64},
            {"body_sha256": "no"},
            {"source": "a\x00b"},
            {"ingested_at": "2026-03-10T00:00:00"},
            {"ingested_at": "1999-01-05T00:00:00Z"},
            {"source": "CoinPaprika sandbox"},
            {"endpoint": "/global"},
        )
    ):
        zone.put_new(f"{folder}/{number}.json", msgspec.json.encode({**said, **changed}))
    zone.put_new(f"{folder}/cut.json", good.content[:-9])
    zone.put_new("sources/elsewhere/date=2026-03-11/1.json", good.content)
    completed, *failed = load(warehouse, zone)
    assert completed.status == "completed"
    assert [one.status for one in failed] == ["failed"] * 9
    assert [str(one.error).partition(" - ")[0] for one in failed][1:7] == [
        "the body's SHA-256 is none",
        "a NUL in the file's description, which PostgreSQL cannot hold",
        "the time of the answer has no zone",
        "1999-01-05 00:00:00+00:00 is no time of a fetch",
        "the file holds sandbox data, this database live data: load it into a database of its own",
        "no endpoint /global of coinpaprika is known",
    ]
    assert "No such file" in str(failed[0].error)
    assert str(failed[7].error).startswith("the file of an answer is damaged: ")
    assert failed[8].error == "no source of the name elsewhere is known"


def test_a_body_that_was_changed_is_not_believed(warehouse: Warehouse, zone: LandingZone) -> None:
    land(zone, [ticker()])
    (body,) = (file for file in zone.stored("sources") if "/bodies/" in file.path)
    body.uri.write_bytes(gzip.compress(b"[]"))
    (failed,) = load(warehouse, zone)
    assert failed.error == f"{body.path} is not what was kept: its SHA-256 is another"


def test_an_error_body_with_http_200_says_what_the_api_said(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land_body(zone, b'{"error":"you have reached maximum request limit"}')
    (failed,) = load(warehouse, zone)
    assert "you have reached maximum request limit" in str(failed.error)


def test_snapshots_of_coingecko_are_as_without_the_other_source(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    at = "2026-03-10T05:08:35Z"
    drop(zone, "one.json", landing_json([market_record(last_updated=at)], "2026-03-10T05:10:00Z"))
    load_landing_zone()
    before = contents(warehouse)
    land(zone, [ticker(price=1, last_updated=at)])
    load_landing_zone()
    after = contents(warehouse)
    of_quotes = {name for name in after if "quote" in name} | {"analytics.dim_source"}
    assert {name for name in after if after[name] != before[name]} <= of_quotes
    assert after["public.price_quotes"]


def test_a_replay_gives_the_same(warehouse: Warehouse, zone: LandingZone) -> None:
    land(zone, [ticker(), ticker(id="a", price=0)], hour(0))
    land(zone, [ticker(last_updated="2026-03-10T06:01:00Z")], hour(1))
    land_contracts(zone, "eth-ethereum", a="0x1")
    load_landing_zone()
    before = contents(warehouse)
    assert len(before["public.quote_batches"]) == 3
    defs.resolve_job_def("replay_landing_zone").execute_in_process()
    assert contents(warehouse) == before
