"""The marts, held against a calculation of their own: plain Python over lists of candles."""

import math
import random
import statistics
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto_pipeline.coins.aliases import confirm_alias, revoke_alias
from crypto_pipeline.model.registry import MART_TABLES
from crypto_pipeline.warehouse import marts as marts_room
from crypto_pipeline.warehouse.marts import load_marts
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.pipeline import rows

START = datetime(2025, 1, 30, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
HORIZONS = {"1h": 1, "24h": 24, "7d": 168, "30d": 720, "1y": 8760}

Series = tuple[str, str]
Closes = dict[tuple[str, str, datetime], Decimal]
Found = dict[str, dict[tuple[Any, ...], dict[str, Any]]]


# --- Candles, as their loads write them ----------------------------------------------------------

_HOURS = """
WITH given AS (
    SELECT * FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::numeric[])
        AS t (crypto_id, vs_currency, hour_start, price)
)
INSERT INTO analytics.fact_crypto_price_hourly (
    date_key, time_key, source_key, crypto_id, vs_currency, hour_start, open_price, high_price,
    low_price, close_price, mean_price, market_cap, total_volume, observations, coverage_share,
    origin
)
SELECT
    date_key(hour_start), hour_key(hour_start), -1, crypto_id, vs_currency, hour_start, price,
    price, price, price, price, price * length(crypto_id) * 1000, price * 7, 1, 0.0833, 'chart'
FROM given
ON CONFLICT (crypto_id, vs_currency, hour_start) DO UPDATE SET
    open_price = excluded.open_price, high_price = excluded.high_price,
    low_price = excluded.low_price, close_price = excluded.close_price,
    mean_price = excluded.mean_price, market_cap = excluded.market_cap,
    total_volume = excluded.total_volume, load_timestamp = statement_timestamp()
"""


def write_candles(
    warehouse: Warehouse, closes: Mapping[tuple[str, str, datetime], Decimal]
) -> None:
    """Write these hours, and their days as the load of candles makes them."""
    keys = list(closes)
    with warehouse.load() as connection:
        times = [hour for *_, hour in keys]
        connection.execute(
            "SELECT ensure_month_partitions('analytics.fact_crypto_price_hourly', %s)", [times]
        )
        connection.execute(
            _HOURS, [[k[0] for k in keys], [k[1] for k in keys], times, list(closes.values())]
        )
        connection.execute(marts_room.read_sql("candles/stage.sql"))
        connection.execute(
            "INSERT INTO changed_days SELECT t.c, t.v, day_floor(t.h), 1"
            " FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS t (c, v, h)",
            [[k[0] for k in keys], [k[1] for k in keys], times],
        )
        connection.execute(marts_room.read_sql("candles/days.sql"))


def market(seed: int) -> Closes:
    """Three coins in two currencies over forty days, with hours and days missing; the first
    ends where the second, its successor, begins."""
    chance = random.Random(seed)
    closes: Closes = {}
    for coin, first, last in (("old", 0, 22), ("newer", 21, 40), ("steady-coin", 0, 40)):
        for currency in ("usd", "btc"):
            price = Decimal("0.0000012345") if currency == "btc" else Decimal(100)
            skipped = {chance.randrange(first, last) for _ in range(4)}
            for day in range(first, last):
                if day in skipped:
                    continue
                for hour in sorted(chance.sample(range(24), 5)):
                    price = round(price * chance.randrange(90, 112) / 100, 14)
                    closes[coin, currency, START + day * DAY + hour * HOUR] = price
    # A year later, for the longest return.
    for (coin, currency, hour), price in list(closes.items())[:40]:
        closes[coin, currency, hour + timedelta(days=365)] = price * 2
    return closes


# --- The same in plain Python --------------------------------------------------------------------


def former_ids(aliases: Mapping[str, str], coin: str) -> list[str]:
    """The ids that a coin had before, the nearest first; ``aliases`` has the successor of an id."""
    found = []
    of = [coin]
    while of:
        of = sorted(old for old, new in aliases.items() if new in of)
        found += of
    return found


def expected(closes: Closes, aliases: Mapping[str, str]) -> Found:
    """All marts of these candles."""
    found: Found = {table.name: {} for table in MART_TABLES}
    days: dict[tuple[str, str, date], Decimal] = {}
    for (coin, currency, hour), price in sorted(closes.items(), key=lambda one: one[0][2]):
        days[coin, currency, hour.date()] = price
    for (coin, currency, hour), price in closes.items():
        ids = [coin, *former_ids(aliases, coin)]
        row: dict[str, Any] = {}
        for name, hours in HORIZONS.items():
            before = [closes.get((one, currency, hour - hours * HOUR)) for one in ids]
            base = next((one for one in before if one is not None), None)
            ratio = None if base is None else float(price / base)
            row[f"simple_return_{name}"] = None if ratio is None else ratio - 1
            row[f"log_return_{name}"] = None if ratio is None else math.log(ratio)
        found["mart_returns_hourly"][coin, currency, hour] = row
    logs: dict[tuple[str, str, date], list[float]] = {key: [] for key in days}
    for (coin, currency, hour), row in found["mart_returns_hourly"].items():
        if row["log_return_1h"] is not None:
            logs[coin, currency, hour.date()].append(row["log_return_1h"])
    for coin, currency in sorted({key[:2] for key in days}):
        found["mart_coin_daily"].update(of_series(coin, currency, days, logs, aliases))
    rank(days, found)
    for currency, day in sorted({(key[1], key[2]) for key in days}):
        correlate(currency, day, found)
    return found


def of_series(
    coin: str,
    currency: str,
    days: Mapping[tuple[str, str, date], Decimal],
    hourly_logs: Mapping[tuple[str, str, date], list[float]],
    aliases: Mapping[str, str],
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    ids = [coin, *former_ids(aliases, coin)]
    chosen: dict[date, str] = {}
    for one in reversed(ids):
        chosen |= {day: one for of, c, day in days if (of, c) == (one, currency)}
    closes = {day: days[of, currency, day] for day, of in sorted(chosen.items())}
    logs, variances, drawdowns = {}, {}, []
    peak = Decimal(0)
    for day, price in closes.items():
        before = closes.get(day - DAY)
        ratio = None if before is None else float(price / before)
        if ratio is not None:
            logs[day] = math.log(ratio)
        hourly = variances[day] = hourly_logs[chosen[day], currency, day]
        peak = max(peak, price)
        drawdowns.append(float(price / peak) - 1)
        if chosen[day] != coin:
            continue
        window = [day - n * DAY for n in range(30)]
        known = [logs[one] for one in window if one in logs]
        month = [value for one in window for value in variances.get(one, [])]
        volumes = [
            float(days[coin, currency, day - n * DAY] * 7)
            for n in range(1, 31)
            if (coin, currency, day - n * DAY) in days
        ]
        median = statistics.median(volumes) if volumes else None
        yield (
            (coin, currency, day),
            {
                "close_price": price,
                "simple_return_1d": None if ratio is None else ratio - 1,
                "log_return_1d": logs.get(day),
                "hourly_returns": len(hourly),
                "realised_variance": sum(x * x for x in hourly) if hourly else None,
                "realised_volatility_1d": volatility(hourly),
                "realised_volatility_30d": volatility(month),
                "daily_returns_30d": len(known),
                "volatility_30d": math.sqrt(365) * statistics.stdev(known)
                if len(known) > 1
                else None,
                "peak_price": peak,
                "drawdown": drawdowns[-1],
                "max_drawdown": min(drawdowns),
                "total_volume": price * 7,
                "volume_median_30d": median,
                "volume_ratio": None if median is None else float(price * 7) / median,
            },
        )


def volatility(returns: list[float]) -> float | None:
    if not returns:
        return None
    return math.sqrt(8760 / len(returns) * sum(x * x for x in returns))


def rank(days: Mapping[tuple[str, str, date], Decimal], found: Found) -> None:
    for currency, day in {(key[1], key[2]) for key in days}:
        caps = {
            coin: price * len(coin) * 1000
            for (coin, c, of), price in days.items()
            if (c, of) == (currency, day)
        }
        total = sum(caps.values())
        moves = {c: found["mart_coin_daily"][c, currency, day]["simple_return_1d"] for c in caps}
        moved = [coin for coin in caps if moves[coin] is not None]
        gains = sorted(moved, key=lambda coin: (-round(moves[coin], 12), coin))
        losses = sorted(moved, key=lambda coin: (round(moves[coin], 12), coin))
        by_size = sorted(caps, key=lambda coin: (-caps[coin], coin))
        for coin in caps:
            found["mart_rankings_daily"][currency, day, coin] = {
                "market_cap": caps[coin],
                "cap_position": by_size.index(coin) + 1,
                # All of these coins are of the first class.
                "rank_class": "1-10",
                "market_cap_share": float(caps[coin] / total),
                "simple_return_1d": moves[coin],
                "gain_position": gains.index(coin) + 1 if coin in gains else None,
                "loss_position": losses.index(coin) + 1 if coin in losses else None,
            }
        up, down = (sum(sign * moves[c] > 0 for c in moved) for sign in (1, -1))
        of_day = [found["mart_coin_daily"][coin, currency, day] for coin in caps]
        found["mart_market_daily"][currency, day] = {
            "coins": len(caps),
            "market_cap": total,
            "total_volume": sum(row["total_volume"] for row in of_day),
            "largest_id": by_size[0],
            "largest_share": float(caps[by_size[0]] / total),
            "top_10_share": 1.0,
            "concentration": sum(float(cap / total) ** 2 for cap in caps.values()),
            "advancing": up,
            "declining": down,
            "unchanged": len(moved) - up - down,
            "advancing_share": up / (up + down) if up + down else None,
            "at_peak": sum(row["close_price"] == row["peak_price"] for row in of_day),
        }


def correlate(currency: str, day: date, found: Found) -> None:
    ranked = sorted(
        (row["cap_position"], coin)
        for (c, of, coin), row in found["mart_rankings_daily"].items()
        if (c, of) == (currency, day)
    )
    coins = found["mart_coin_daily"]
    for place, coin in ranked:
        for other_place, other in ranked:
            if place >= other_place:
                continue
            pairs = []
            for n in range(90):
                a, b = (coins.get((of, currency, day - n * DAY)) for of in (coin, other))
                if a and b and None not in (a["log_return_1d"], b["log_return_1d"]):
                    pairs.append((a["log_return_1d"], b["log_return_1d"]))
            found["mart_correlations_daily"][currency, day, place, other_place] = {
                "crypto_id": coin,
                "other_id": other,
                "correlation": statistics.correlation(*zip(*pairs, strict=True))
                if len(pairs) > 1
                else None,
                "common_days": len(pairs),
            }


# --- What is there -------------------------------------------------------------------------------


def held(warehouse: Warehouse, *, with_times: bool = False) -> Found:
    """All marts, by their keys."""
    found: Found = {}
    for table in MART_TABLES:
        names = [column.name for column in table.columns]
        found[table.name] = {}
        for values in rows(warehouse, f"SELECT {', '.join(names)} FROM {table.qualified}"):
            row = dict(zip(names, values, strict=True))
            if not with_times:
                del row["load_timestamp"]
            key = tuple(row.pop(name) for name in table.key)
            found[table.name][key] = row
    return found


def assert_close(found: Found, wanted: Found) -> None:
    for table, wanted_rows in wanted.items():
        assert found[table].keys() == wanted_rows.keys(), table
        for key, row in wanted_rows.items():
            for name, value in row.items():
                is_double = isinstance(value, float)
                assert found[table][key][name] == (
                    pytest.approx(value, rel=1e-9, abs=1e-12) if is_double else value
                ), (table, key, name)


def know_coins(warehouse: Warehouse, *coins: str) -> None:
    with warehouse.connection() as connection:
        connection.execute(
            "INSERT INTO cryptocurrencies (crypto_id, symbol, name, first_seen_at, last_seen_at)"
            " SELECT c, c, c, now(), now() FROM unnest(%s::text[]) AS t (c)",
            [list(coins)],
        )


def test_the_marts_are_what_plain_python_makes_of_the_candles(warehouse: Warehouse) -> None:
    """With gaps, two currencies, and a rename that nobody has confirmed, then one that is, then
    one that was taken back: no return goes from one id to another but for the second."""
    closes = market(1)
    know_coins(warehouse, "old", "newer")
    write_candles(warehouse, closes)
    load_marts(warehouse)
    assert_close(held(warehouse), expected(closes, {}))
    confirm_alias(warehouse, "old", "newer", "a test")
    load_marts(warehouse)
    wanted = expected(closes, {"old": "newer"})
    assert_close(held(warehouse), wanted)
    assert wanted != expected(closes, {})
    revoke_alias(warehouse, "old", "a test")
    load_marts(warehouse)
    assert_close(held(warehouse), expected(closes, {}))
    # Nothing new writes nothing.
    before = held(warehouse, with_times=True)
    counts = load_marts(warehouse)
    assert {count for of in counts.values() for count in of.values()} == {0}
    assert held(warehouse, with_times=True) == before


def test_a_candle_that_comes_late_reaches_all_that_was_made_of_those_after_it(
    warehouse: Warehouse,
) -> None:
    """An hour of a year ago, before the first one and between others: the return over a year
    changes too."""
    closes = market(2)
    late = min(hour for coin, _, hour in closes if coin == "steady-coin")
    kept = {key: price for key, price in closes.items() if key[2] != late}
    write_candles(warehouse, kept)
    load_marts(warehouse)
    kept["steady-coin", "usd", late + 365 * DAY] = Decimal(7)
    write_candles(warehouse, {("steady-coin", "usd", late + 365 * DAY): Decimal(7)})
    load_marts(warehouse)
    assert_close(held(warehouse), expected(kept, {}))
    before = held(warehouse, with_times=True)["mart_returns_hourly"]
    changed = {("steady-coin", "usd", late): Decimal(1000)}
    write_candles(warehouse, changed)
    load_marts(warehouse)
    assert_close(held(warehouse), expected(kept | changed, {}))
    after = held(warehouse, with_times=True)["mart_returns_hourly"]
    written = {key[2] for key in after if after[key] != before.get(key)}
    reached = {late + hours * HOUR for hours in (0, *HORIZONS.values())}
    assert {late, late + 365 * DAY} <= written <= reached


@pytest.mark.long
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), parts=st.integers(2, 5))
def test_in_any_order_and_in_any_parts_the_marts_are_the_same(
    warehouse: Warehouse, seed: int, parts: int
) -> None:
    """What came hour by hour, late or twice, aliases that came and went between: as if all had been
    there from the start."""
    chance = random.Random(seed)
    closes = {key: price for key, price in market(seed).items() if key[2].month != 2}
    with warehouse.connection() as connection:
        connection.execute(EMPTY)
    know_coins(warehouse, "old", "newer")
    keys = sorted(closes)
    chance.shuffle(keys)
    is_alias = False
    for part in range(parts):
        mine = keys[part::parts]
        again = chance.sample(keys[: part * 3], part)
        write_candles(warehouse, {key: closes[key] for key in {*mine, *again}})
        if chance.random() < 0.4:
            (revoke_alias if is_alias else confirm_alias)(
                warehouse, *(["old"] if is_alias else ["old", "newer"]), "a test"
            )
            is_alias = not is_alias
        load_marts(warehouse)
    found = held(warehouse)
    assert_close(found, expected(closes, {"old": "newer"} if is_alias else {}))
    with warehouse.connection() as connection:
        connection.execute(EMPTY_MARTS)
    load_marts(warehouse)
    assert_close(held(warehouse), found)


EMPTY_MARTS = f"TRUNCATE mart_progress, {', '.join(table.qualified for table in MART_TABLES)}"
EMPTY = (
    f"{EMPTY_MARTS}, analytics.fact_crypto_price_hourly, analytics.fact_crypto_price_daily,"
    " history_series, coin_aliases, cryptocurrencies CASCADE"
)


@pytest.mark.long
def test_a_load_that_dies_is_finished_by_the_next(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each statement, one after the other: what it leaves is what was there before."""
    closes = {key: price for key, price in market(3).items() if key[0] != "old"}
    first = dict(sorted(closes.items())[:40])
    write_candles(warehouse, first)
    load_marts(warehouse)
    before = held(warehouse)
    write_candles(warehouse, closes)
    read = marts_room.read_sql
    files = [f"marts/{table.name}.sql" for table in MART_TABLES]
    for last in (*files, "marts/changed_markets.sql", "marts/days_made.sql"):

        def die(file: str, last: str = last) -> str:
            if file == last:
                raise InterruptedError(file)
            return read(file)

        monkeypatch.setattr(marts_room, "read_sql", die)
        with pytest.raises(InterruptedError):
            load_marts(warehouse)
        assert held(warehouse) == before
    monkeypatch.setattr(marts_room, "read_sql", read)
    load_marts(warehouse)
    assert_close(held(warehouse), expected(closes, {}))


def test_candles_that_are_taken_out_leave_nothing_behind(warehouse: Warehouse) -> None:
    """As a replay of the quarantine does before it loads the rest again."""
    closes = {key: price for key, price in market(4).items() if key[0] != "old"}
    write_candles(warehouse, closes)
    load_marts(warehouse)
    gone = {("newer", "usd")}
    left = {key: price for key, price in closes.items() if key[:2] not in gone}
    with warehouse.load() as connection:
        connection.execute("SELECT unload_history(ARRAY['newer'], ARRAY['usd'])")
    load_marts(warehouse)
    assert_close(held(warehouse), expected(left, {}))


def test_a_quotient_that_no_double_holds_is_null(warehouse: Warehouse) -> None:
    hours = [START, START + HOUR]
    closes = dict(
        zip(
            ((("x", "usd", hour)) for hour in hours), map(Decimal, ("1e-200", "1e200")), strict=True
        )
    )
    write_candles(warehouse, closes)
    load_marts(warehouse)
    found = held(warehouse)["mart_returns_hourly"]
    assert found["x", "usd", hours[1]]["simple_return_1h"] is None


@pytest.mark.parametrize(
    "exponents", [(0, -299), (290, -299), (-299, 290), (-900, 900), (0, -1100)]
)
def test_no_number_stops_a_load(exponents: tuple[int, int], warehouse: Warehouse) -> None:
    """Neither a price nor a market capitalisation nor a volume, of one coin or beside another's."""
    prices = [Decimal(10) ** exponent for exponent in exponents]
    closes = {
        (coin, "usd", START + day * DAY): prices[(day + place) % 2]
        for day in range(4)
        for place, coin in enumerate(("a", "bb"))
    }
    write_candles(warehouse, closes)
    load_marts(warehouse)
    assert rows(warehouse, "SELECT count(*) FROM analytics.mart_coin_daily") == [(8,)]
    assert rows(warehouse, "SELECT sum(coins) FROM analytics.mart_market_daily") == [(8,)]


def test_the_view_of_movers_has_those_of_the_newest_day(warehouse: Warehouse) -> None:
    prices = {"up": (1, 3), "down": (4, 1), "still": (5, 5), "a-little-up": (10, 11)}
    write_candles(
        warehouse,
        {
            (coin, "usd", START + n * DAY): Decimal(price)
            for coin, both in prices.items()
            for n, price in enumerate(both)
        },
    )
    load_marts(warehouse)
    assert rows(
        warehouse,
        "SELECT rank_class, direction, place, crypto_id, round(simple_return_1d::numeric, 4), day"
        " FROM analytics.v_top_movers ORDER BY direction, place",
    ) == [
        ("1-10", "gain", 1, "up", 2, date(2025, 1, 31)),
        ("1-10", "gain", 2, "a-little-up", Decimal("0.1"), date(2025, 1, 31)),
        ("1-10", "loss", 1, "down", Decimal("-0.75"), date(2025, 1, 31)),
    ]
