"""The load of price history: buckets, quarantine, corrections, candles."""

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from crypto_pipeline.coingecko.charts import ChartAnswer
from crypto_pipeline.coingecko.price_history import read_history
from crypto_pipeline.history.load import LoadedHistory, files_to_load, load_history
from crypto_pipeline.landing.compression import decompress
from crypto_pipeline.landing.price_history import keep_answer, keep_import
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.bulk_load import files_to_load as snapshot_files
from crypto_pipeline.warehouse.bulk_load import load_files
from crypto_pipeline.warehouse.candles import load_candles_of_snapshots
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import another_warehouse, contents, rows

START = datetime(2026, 1, 5, tzinfo=timezone.utc)
HEADER = "snapped_at,price,market_cap,total_volume\n"
_encode = msgspec.json.Encoder(decimal_format="number").encode
_LATER = START + timedelta(days=200)


def ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def land_chart(
    zone: LandingZone,
    points: list[tuple[datetime, object]],
    *,
    coin: str = "bitcoin",
    vs_currency: str = "usd",
    asked_at: datetime = _LATER,
    caps: list[tuple[datetime, object]] | None = None,
    source: str = "CoinGecko",
) -> None:
    """Keep an answer with these prices, and the same as caps and volumes."""
    series = [[ms(time), price] for time, price in points]
    body = {
        "prices": series,
        "market_caps": series if caps is None else [[ms(time), cap] for time, cap in caps],
        "total_volumes": series,
    }
    times = [time for time, _ in points] or [START]
    keep_answer(
        zone,
        ChartAnswer(
            ingested_at=asked_at,
            source=source,
            coin=coin,
            request={
                "vs_currency": vs_currency,
                "from": str(int(min(times).timestamp())),
                "to": str(int(max(times).timestamp()) + 1),
            },
            body=msgspec.Raw(_encode(body)),
        ),
    )


def land_export(zone: LandingZone, *lines: str, coin: str = "bitcoin", name: str = "e.csv") -> None:
    keep_import(zone, name, (HEADER + "\n".join(lines)).encode(), coin, "usd")


def land_snapshots(zone: LandingZone, time: datetime, price: object) -> None:
    """Drop a file with the price of bitcoin a minute before its fetch."""
    updated = (time - timedelta(minutes=1)).isoformat()
    record = market_record(current_price=price, last_updated=updated, high_24h=None, low_24h=None)
    drop(zone, f"{time:%Y%m%dT%H%M%SZ}.json", landing_json([record], time))


def load(warehouse: Warehouse, zone: LandingZone, share: float = 1) -> list[LoadedHistory]:
    """Load what is pending: snapshots, price history and candles."""
    zone.file_unfiled()
    list(load_files(warehouse, snapshot_files(warehouse, zone), 1))
    loaded: list[LoadedHistory] = []
    load_history(warehouse, files_to_load(warehouse, zone), share, loaded.extend)
    load_candles_of_snapshots(warehouse)
    return loaded


def hourly(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return rows(
        warehouse,
        "SELECT hour_start, open_price, high_price, low_price, close_price, mean_price,"
        " observations, coverage_share, origin FROM analytics.fact_crypto_price_hourly"
        " ORDER BY vs_currency, crypto_id, hour_start",
    )


def daily(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return rows(
        warehouse,
        "SELECT day, open_price, high_price, low_price, close_price, mean_price, observations,"
        " coverage_share, origin FROM analytics.fact_crypto_price_daily ORDER BY day",
    )


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


# --- Points --------------------------------------------------------------------------------------


def test_a_point_lies_in_the_hour_in_which_it_was_observed(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land_chart(zone, [(at(n) + timedelta(minutes=59, seconds=59), n + 1) for n in range(3)])
    (loaded,) = load(warehouse, zone)
    assert (loaded.fetched, loaded.loaded, loaded.status) == (3, 3, "completed")
    assert rows(
        warehouse,
        "SELECT granularity_minutes, bucket_time, observed_at - bucket_time, price, point_index"
        " FROM price_points ORDER BY bucket_time",
    ) == [(60, at(n), timedelta(minutes=59, seconds=59), Decimal(n + 1), n) for n in range(3)]


def test_the_first_point_of_a_bucket_wins_and_the_others_are_counted(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    points = [(at(n), 1) for n in range(5)]
    land_chart(zone, [*points[:2], (at(1) + timedelta(minutes=50), 9), *points[2:]])
    (loaded,) = load(warehouse, zone)
    assert (loaded.fetched, loaded.loaded, loaded.duplicate) == (6, 5, 1)
    assert rows(warehouse, "SELECT DISTINCT price FROM price_points") == [(1,)]
    assert rows(warehouse, "SELECT count(*) FROM price_corrections") == [(0,)]
    # Another file, later: all of its points are there.
    land_chart(zone, points, asked_at=_LATER + timedelta(days=1))
    (again,) = load(warehouse, zone)
    assert (again.loaded, again.duplicate, again.restated) == (0, 5, 0)


def test_a_bad_point_is_in_quarantine_and_the_good_ones_are_loaded(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land_chart(zone, [(at(0), 1), (at(1), -2), (at(2), 0), (at(3), None), (at(4), "x"), (at(5), 6)])
    (loaded,) = load(warehouse, zone)
    assert (loaded.loaded, loaded.rejected) == (2, 4)
    assert rows(
        warehouse, "SELECT point_index, rules, point FROM rejected_points ORDER BY point_index"
    ) == [
        (1, ["price_positive", "market_values_not_negative"], f"[{ms(at(1))}, -2, -2, -2]"),
        (2, ["price_positive"], f"[{ms(at(2))}, 0, 0, 0]"),
        (3, ["price_present"], f"[{ms(at(3))}, null, null, null]"),
        (4, ["point_well_formed", "price_present"], f'[{ms(at(4))}, "x", "x", "x"]'),
    ]
    (reason,) = rows(warehouse, "SELECT reason FROM rejected_points WHERE point_index = 2")
    assert reason == ("price is not above 0 (price = 0)",)


def test_a_file_fails_when_too_many_of_its_points_are_bad(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land_chart(zone, [(at(0), 1), (at(1), -2), (at(2), -2)])
    (loaded,) = load(warehouse, zone, share=0.5)
    assert (loaded.status, loaded.loaded) == ("failed", 0)
    assert loaded.error == ("2 of 3 points break a reject rule, more than the share of 0.5 allowed")
    # It is tried again, and may then succeed.
    (loaded,) = load(warehouse, zone, share=1)
    assert (loaded.status, loaded.loaded) == ("completed", 1)
    assert load(warehouse, zone) == []


def test_a_market_cap_of_zero_is_none_and_counted(warehouse: Warehouse, zone: LandingZone) -> None:
    land_export(zone, "2020-08-01 00:00:00 UTC,9.7e-10,0.0,5", "2020-08-02,1,2,0.0")
    (loaded,) = load(warehouse, zone)
    assert loaded.warnings == {"market_cap_known": 1}
    assert rows(
        warehouse, "SELECT price, market_cap, total_volume FROM price_points ORDER BY bucket_time"
    ) == [(Decimal("9.7e-10"), None, 5), (1, 2, 0)]


def test_one_bad_file_does_not_stop_the_others(warehouse: Warehouse, zone: LandingZone) -> None:
    keep_import(zone, "broken.csv", b"snapped_at,price\n", "bitcoin", "usd")
    # More than an index of PostgreSQL has room for.
    land_chart(zone, [(at(0), 1)], coin="ethereum")
    land_export(zone, "2020-08-01,1,1,1", coin="a\x00b")
    land_export(zone, "2020-08-01,1,1,1")
    loaded = {
        file.path.rpartition("/")[0].partition("=")[2]: file for file in load(warehouse, zone)
    }
    statuses = sorted((file.status, file.error) for file in loaded.values() if file.error)
    assert [status for status, _ in statuses] == ["failed", "failed"]
    assert rows(warehouse, "SELECT count(*) FROM price_points") == [(2,)]
    failed = rows(warehouse, "SELECT error FROM history_batches WHERE status = 'failed' ORDER BY 1")
    assert [error[0][:30] for error in failed] == [
        "a CSV with the columns snapped",
        "a NUL in the coin's id",
    ]


def test_kinds_of_data_do_not_mix(warehouse: Warehouse, zone: LandingZone) -> None:
    land_export(zone, "2020-08-01,1,1,1")
    load(warehouse, zone)
    land_chart(zone, [(at(0), 1)], source="CoinGecko sandbox")
    (loaded,) = load(warehouse, zone)
    assert loaded.error == (
        "the file holds sandbox data, this database live data: load it into a database of its own"
    )


def test_data_of_the_sandbox_says_so_down_to_the_source(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land_chart(zone, [(at(0), 1)], source="CoinGecko sandbox")
    load(warehouse, zone)
    assert rows(
        warehouse,
        "SELECT s.source_name, s.kind FROM analytics.fact_crypto_price_hourly"
        " JOIN analytics.dim_source AS s USING (source_key)",
    ) == [("CoinGecko sandbox", "sandbox")]


# --- Corrections ---------------------------------------------------------------------------------


def test_a_restated_point_keeps_its_first_value_and_the_correction(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    hours = [(at(n), 100) for n in range(4)]
    land_chart(zone, hours)
    load(warehouse, zone)
    second = _LATER + timedelta(days=1)
    # One by a share of 2 in 1,000; one by less than 1 in 1,000; one of another time in the bucket.
    restated = [*hours[:1], (at(1), 100.2), (at(2), 100.05), (at(3.5), 200)]
    land_chart(zone, restated, asked_at=second)
    (loaded,) = load(warehouse, zone)
    assert (loaded.duplicate, loaded.restated) == (4, 1)
    third = _LATER + timedelta(days=2)
    land_chart(zone, [*hours[:1], (at(1), 300), *hours[2:]], asked_at=third)
    (loaded,) = load(warehouse, zone)
    assert loaded.restated == 1
    assert rows(
        warehouse,
        "SELECT bucket_time, known_from, price FROM price_corrections ORDER BY known_from",
    ) == [(at(1), second, Decimal("100.2")), (at(1), third, 300)]
    assert rows(warehouse, "SELECT DISTINCT price FROM price_points") == [(100,)]
    for believed_at, price in (
        (_LATER - timedelta(seconds=1), None),
        (_LATER, Decimal(100)),
        (second, Decimal("100.2")),
        (third - timedelta(seconds=1), Decimal("100.2")),
        (third, Decimal(300)),
    ):
        found = rows(
            warehouse,
            f"SELECT price FROM v_price_history_as_of('{believed_at.isoformat()}')"
            f" WHERE bucket_time = '{at(1).isoformat()}'",
        )
        assert found == ([] if price is None else [(price,)])


def test_the_same_answer_again_is_kept_once_and_counts_as_an_answer(
    warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was said, restated, and said again as at first is believed again."""
    said = [(at(n), 100) for n in range(3)]
    for day, points in enumerate((said, [*said[:2], (at(2), 200)], said)):
        land_chart(zone, points, asked_at=_LATER + timedelta(days=day))
    kept = sorted(zone.stored("price_history"), key=lambda file: file.path)
    assert [b"same_as" in file.content for file in kept].count(True) == 1
    assert len(kept) == 3
    load(warehouse, zone)
    assert rows(
        warehouse,
        "SELECT ingested_at, points_loaded, points_duplicate, points_restated"
        " FROM history_batches ORDER BY 1",
    ) == [
        (_LATER, 3, 0, 0),
        (_LATER + timedelta(days=1), 0, 3, 1),
        (_LATER + timedelta(days=2), 0, 3, 1),
    ]
    for day, price in enumerate((100, 200, 100)):
        believed_at = (_LATER + timedelta(days=day)).isoformat()
        assert rows(
            warehouse,
            f"SELECT price FROM v_price_history_as_of('{believed_at}')"
            f" WHERE bucket_time = '{at(2).isoformat()}'",
        ) == [(price,)]
    # The same fetch is the same file.
    land_chart(zone, said, asked_at=_LATER + timedelta(days=2))
    assert load(warehouse, zone) == []
    loaded = contents(warehouse)
    other_warehouse = another_warehouse(monkeypatch)
    load(other_warehouse, zone)
    assert contents(other_warehouse) == loaded


def test_the_now_of_an_answer_is_that_of_the_first_time_it_came(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    asked_at = at(3) + timedelta(minutes=50)
    points = [(at(n), 100) for n in range(3)] + [(at(3) + timedelta(minutes=45), 101)]
    for hours in (0, 1):
        land_chart(zone, points, asked_at=asked_at + timedelta(hours=hours))
    load(warehouse, zone)
    assert [start for start, *_ in hourly(warehouse)] == [at(0), at(1), at(2)]


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b'{"ingested_at":"2027-01-01T00:00:00Z","source":"CoinGecko","coin":"bitcoin",'
        b'"request":{"days":"14"},"same_as":"../other.json.gz"}',
        b'{"ingested_at":"2027-01-01T00:00:00Z","source":"CoinGecko","coin":"bitcoin",'
        b'"request":{"days":"14"},"same_as":"ohlc-14-0123456789abcdef.json.gz"}',
    ],
    ids=["cut off", "another place", "gone"],
)
def test_an_answer_again_without_its_body_is_a_failed_batch(
    warehouse: Warehouse, zone: LandingZone, content: bytes
) -> None:
    name = "ohlc-14-0123456789abcdef_20270101T000000000000Z.json"
    zone.put_new(f"price_history/coin=bitcoin/currency=usd/{name}", content)
    (loaded,) = load(warehouse, zone)
    assert loaded.status == "failed"


def test_a_second_source_of_a_point_is_compared_in_the_same_way(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    days = [(START + timedelta(days=n), 100) for n in range(3)]
    land_export(zone, *(f"{day:%Y-%m-%d} 00:00:00 UTC,{price},1,1" for day, price in days))
    load(warehouse, zone)
    land_chart(zone, [days[0], (days[1][0], 150), days[2]], caps=[(day, 1) for day, _ in days])
    (loaded,) = load(warehouse, zone)
    # The volumes of the chart are its prices.
    assert (loaded.duplicate, loaded.restated) == (3, 3)
    assert rows(warehouse, "SELECT price FROM price_corrections ORDER BY bucket_time") == [
        (100,),
        (150,),
        (100,),
    ]


# --- Candles -------------------------------------------------------------------------------------


def test_five_minute_points_become_the_candle_of_their_hour(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    prices = [5, 9, 2, 4]
    land_chart(zone, [(at(0) + timedelta(minutes=5 * n), p) for n, p in enumerate(prices)])
    load(warehouse, zone)
    assert hourly(warehouse) == [
        (at(0), 5, 9, 2, 4, 5, 4, Decimal("0.3333"), "chart"),
    ]
    assert daily(warehouse) == [
        (START.date(), 5, 9, 2, 4, 5, 4, Decimal("0.0417"), "chart"),
    ]


def test_a_mean_is_exact_to_26_decimals(warehouse: Warehouse, zone: LandingZone) -> None:
    land_chart(zone, [(at(0) + timedelta(minutes=5 * n), p) for n, p in enumerate((1, 1, 2))])
    load(warehouse, zone)
    ((mean,),) = rows(warehouse, "SELECT mean_price FROM analytics.fact_crypto_price_hourly")
    assert mean == Decimal("1.33333333333333333333333333")


@pytest.mark.parametrize("order", ["snapshots first", "chart first"])
def test_snapshots_go_before_points_of_charts(
    warehouse: Warehouse, zone: LandingZone, order: str
) -> None:
    def chart() -> None:
        land_chart(zone, [(at(n), 100 + n) for n in range(3)])
        load(warehouse, zone)

    def snapshots() -> None:
        for minutes, price in ((11, 7), (31, 8)):
            land_snapshots(zone, at(1) + timedelta(minutes=minutes), price)
            load(warehouse, zone)

    for step in (snapshots, chart) if order == "snapshots first" else (chart, snapshots):
        step()
    assert hourly(warehouse) == [
        (at(0), 100, 100, 100, 100, 100, 1, Decimal("0.0833"), "chart"),
        (at(1), 7, 8, 7, 8, Decimal("7.5"), 2, Decimal("0.1667"), "snapshot"),
        (at(2), 102, 102, 102, 102, 102, 1, Decimal("0.0833"), "chart"),
    ]
    ((mean, *rest),) = rows(
        warehouse,
        "SELECT mean_price, open_price, high_price, low_price, close_price, observations,"
        " coverage_share, origin FROM analytics.fact_crypto_price_daily",
    )
    assert mean == round(Decimal(100 + 15 + 102) / 4, 26)
    assert rest == [100, 102, 7, 102, 4, Decimal("0.1250"), "snapshot"]


@pytest.mark.parametrize("first", ["chart", "export"])
def test_hours_go_before_the_daily_point(
    warehouse: Warehouse, zone: LandingZone, first: str
) -> None:
    steps = {
        "chart": lambda: land_chart(zone, [(at(n), n + 1) for n in range(24)]),
        "export": lambda: land_export(
            zone, f"{START:%Y-%m-%d},50,1,1", f"{START + timedelta(days=1):%Y-%m-%d},60,1,1"
        ),
    }
    steps.pop(first)()
    load(warehouse, zone)
    for step in steps.values():
        step()
        load(warehouse, zone)
    assert [(row[0], *row[1:5], row[6], row[8]) for row in daily(warehouse)] == [
        (START.date(), 1, 24, 1, 24, 24, "chart"),
        (date(2026, 1, 6), 60, 60, 60, 60, 1, "import"),
    ]


def test_five_minute_points_go_before_the_hourly_one(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land_chart(zone, [(at(n), 100) for n in range(3)])
    load(warehouse, zone)
    land_chart(zone, [(at(1) + timedelta(minutes=5 * n), n + 1) for n in range(3)])
    load(warehouse, zone)
    assert [(row[0], row[6]) for row in hourly(warehouse)] == [(at(0), 1), (at(1), 3), (at(2), 1)]


def test_one_by_one_and_all_at_once_give_the_same_tables(
    warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(3):
        asked_at = _LATER + timedelta(hours=day)
        land_chart(
            zone,
            [(at(n + 20 * day), 1 + (n * 7 + day) % 13) for n in range(24)],
            asked_at=asked_at,
        )
        land_chart(
            zone,
            [(at(30 * day) + timedelta(minutes=5 * n), 2 + n % 5) for n in range(20)],
            asked_at=asked_at + timedelta(minutes=1),
        )
        land_snapshots(zone, at(10 * day) + timedelta(minutes=12), 50 + day)
    land_export(zone, *(f"{START + timedelta(days=n):%Y-%m-%d},{n + 1},1,1" for n in range(5)))
    zone.file_unfiled()
    by_time = sorted(
        files_to_load(warehouse, zone), key=lambda file: _ingested_at(file.file.content)
    )
    for file in by_time:
        load_history(warehouse, [file], 1)
    load(warehouse, zone)
    one_by_one = contents(warehouse)
    assert len(one_by_one["analytics.fact_crypto_price_hourly"]) > 60

    all_at_once = another_warehouse(monkeypatch)
    load(all_at_once, zone)
    assert contents(all_at_once) == one_by_one


def _ingested_at(content: bytes) -> datetime:
    return read_history(decompress("", content)).ingested_at
