"""Candles as CoinGecko makes them: by the time at which they close, and to the digit."""

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from crypto_pipeline.coingecko.charts import ChartAnswer
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.history.backfill import History
from crypto_pipeline.history.load import LoadedHistory
from crypto_pipeline.landing.price_history import keep_answer
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.history.test_load import at, load, ms
from crypto_pipeline_tests.pipeline import another_warehouse, contents, rows

ASKED_AT = at(24 * 200)


def land(zone: LandingZone, body: str, days: str = "14", asked_at: datetime = ASKED_AT) -> None:
    keep_answer(
        zone,
        ChartAnswer(
            ingested_at=asked_at,
            source="CoinGecko",
            coin="bitcoin",
            request={"vs_currency": "usd", "days": days, "precision": "full"},
            body=msgspec.Raw(body.encode()),
        ),
    )


def candle(hours: float, *prices: object) -> str:
    return f"[{ms(at(hours))},{','.join(map(str, prices))}]"


def held(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return rows(
        warehouse,
        "SELECT closed_at, granularity_minutes, open_price, high_price, low_price, close_price"
        " FROM source_candles ORDER BY closed_at",
    )


def test_a_candle_is_kept_to_the_digit_by_when_it_closes(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land(
        zone,
        f"[{candle(4, 1, '2.50', '1e-9', 2)},{candle(8, 2, 3, 1, '1.000000000000000001')},"
        f"{candle(12, 1, 1, 1, 1)}]",
    )
    (loaded,) = load(warehouse, zone)
    assert (loaded.status, loaded.fetched, loaded.loaded) == ("completed", 3, 3)
    assert held(warehouse) == [
        (at(4), 240, 1, Decimal("2.50"), Decimal("1e-9"), 2),
        (at(8), 240, 2, 3, 1, Decimal("1.000000000000000001")),
        (at(12), 240, 1, 1, 1, 1),
    ]
    assert rows(warehouse, "SELECT origin, granularity_minutes FROM history_batches") == [
        ("ohlc", 240)
    ]


def test_the_first_write_of_a_candle_wins(warehouse: Warehouse, zone: LandingZone) -> None:
    land(zone, f"[{candle(4, 1, 1, 1, 1)},{candle(8, 1, 1, 1, 1)},{candle(12, 1, 1, 1, 1)}]")
    load(warehouse, zone)
    later = f"[{candle(8, 2, 2, 2, 2)},{candle(12, 2, 2, 2, 2)},{candle(16, 2, 2, 2, 2)}]"
    land(zone, later, asked_at=ASKED_AT + timedelta(hours=1))
    (loaded,) = load(warehouse, zone)
    assert (loaded.loaded, loaded.duplicate) == (1, 2)
    assert [row[2] for row in held(warehouse)] == [1, 1, 1, 2]


def test_a_bad_candle_is_in_quarantine(warehouse: Warehouse, zone: LandingZone) -> None:
    bad = {
        "candle_positive": candle(8, 1, 1, 0, 1),
        "candle_in_order": candle(12, 5, 4, 1, 2),
        "candle_complete": candle(16, 1, "null", 1, 1),
        "candle_well_formed": candle(20, 1, 1, 1),
        "closed_at_not_in_future": candle(24 * 300, 1, 1, 1, 1),
    }
    land(zone, f"[{candle(4, 1, 1, 1, 1)},{','.join(bad.values())}]")
    (loaded,) = load(warehouse, zone)
    assert (loaded.loaded, loaded.rejected) == (1, len(bad))
    found = rows(warehouse, "SELECT rules, point FROM rejected_points ORDER BY point_index")
    for (rules, text), (rule, body) in zip(found, bad.items(), strict=True):
        assert rule in rules
        assert text == body


@pytest.mark.parametrize(("days", "minutes"), [("1", 30), ("30", 240), ("365", 5760)])
def test_of_a_single_candle_the_days_say_how_long_it_is(
    days: str, minutes: int, warehouse: Warehouse, zone: LandingZone
) -> None:
    land(zone, f"[{candle(4, 1, 1, 1, 1)}]", days)
    load(warehouse, zone)
    assert [row[1] for row in held(warehouse)] == [minutes]


@pytest.mark.parametrize("body", ['{"error":"coin not found"}', "null", '"x"'])
def test_what_are_no_candles_is_a_failed_batch(
    body: str, warehouse: Warehouse, zone: LandingZone
) -> None:
    land(zone, body)
    (loaded,) = load(warehouse, zone)
    assert loaded.status == "failed"


def test_candles_are_asked_for_once_a_day_and_loaded_again_the_same(
    warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2026, 6, 15, 12, 20, tzinfo=timezone.utc)
    monkeypatch.setenv("COINGECKO_PLAN", "sandbox")
    with SandboxServer(Market(20), clock=SimulatedClock(now, speed=0)) as server:
        monkeypatch.setenv("COINGECKO_BASE_URL", server.base_url)
        of = History(warehouse, zone, Settings())
        coins = ("bitcoin", "ethereum", "no-coin")
        first = of.fetch_candles(coins, ("usd", "eur"), "14", now)
        assert (first.made, first.refused, first.stopped) == (4, 2, None)
        assert first.points == 4 * 14 * 6
        again = of.fetch_candles(coins[:2], ("usd", "eur"), "14", now)
        assert again.planned == 0
    # The candles close on the four hours.
    assert rows(
        warehouse, "SELECT DISTINCT extract(hour FROM closed_at)::integer % 4 FROM source_candles"
    ) == [(0,)]
    before = contents(warehouse)
    other = another_warehouse(monkeypatch)
    loaded: list[LoadedHistory] = load(other, zone)
    assert len(loaded) == 4
    assert contents(other) == before


def test_candles_of_a_coin_that_is_no_longer_traded_are_not_sent_again(
    httpserver: HTTPServer,
    warehouse: Warehouse,
    zone: LandingZone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = [at(24 * 10)]

    def answer(request: Request) -> Response:
        is_held = request.headers.get("if-none-match") == 'W/"1"'
        return Response(
            b"" if is_held else f"[{candle(4, 1, 1, 1, 1)},{candle(8, 1, 1, 1, 1)}]",
            status=304 if is_held else 200,
            headers={
                "etag": 'W/"1"',
                "x-sandbox-time": clock[0].isoformat(),
                "x-data-source": "CoinGecko sandbox",
            },
        )

    httpserver.expect_request("/api/v3/coins/bitcoin/ohlc").respond_with_handler(answer)
    monkeypatch.setenv("COINGECKO_PLAN", "sandbox")
    monkeypatch.setenv("COINGECKO_BASE_URL", httpserver.url_for("/api/v3"))
    of = History(warehouse, zone, Settings())
    made = []
    for hours in (0, 1, 24, 25, 48):
        clock[0] = at(24 * 10 + hours)
        made.append(of.fetch_candles(("bitcoin",), ("usd",), "14", clock[0]).made)
    # Once a day, although it is the same answer every day.
    assert made == [1, 0, 1, 0, 1]
    assert [response.status_code for _, response in httpserver.log] == [200, 304, 304]
    assert rows(
        warehouse,
        "SELECT ingested_at, points_loaded, points_duplicate FROM history_batches ORDER BY 1",
    ) == [(at(240), 2, 0), (at(264), 0, 2), (at(288), 0, 2)]
    files = sorted(zone.stored("price_history"), key=lambda file: file.path)
    assert [b"same_as" in file.content for file in files] == [False, True, True]
    # The ETag of a body that is gone is not named.
    files[0].uri.unlink()
    clock[0] = at(24 * 10 + 72)
    assert of.fetch_candles(("bitcoin",), ("usd",), "14", clock[0]).made == 1
    assert [response.status_code for _, response in httpserver.log][3:] == [200]
