"""The consensus, against one computed by hand in Python, from whatever the sources said."""

import itertools
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal, localcontext
from statistics import median
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto_pipeline.quotes.consensus import load_consensus
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.pipeline import rows

START = datetime(2026, 3, 10, 5, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
COINGECKO = "CoinGecko"
TOLERANCE = Decimal("0.02")

_moments = itertools.count()

Key = tuple[str, int]
"""Coin, and hour counted from the first."""


@dataclass(frozen=True)
class Said:
    """A price of a coin in an hour. A further source was asked then; without a price, it had
    none."""

    source: str
    coin: str
    hour: int
    price: Decimal | None


def say(warehouse: Warehouse, said: Iterable[Said]) -> None:
    """Put prices where the loads put them: candles of CoinGecko, quotes of the others."""
    with warehouse.load() as connection:
        for source in {one.source for one in said}:
            connection.execute(
                "INSERT INTO analytics.dim_source (source_name, kind) VALUES (%s, 'live')"
                " ON CONFLICT DO NOTHING",
                [source],
            )
        connection.execute(
            "SELECT ensure_month_partitions('price_quotes', %(t)s),"
            " ensure_month_partitions('analytics.fact_crypto_price_hourly', %(t)s)",
            {"t": [START]},
        )
        for one in said:
            at = START + one.hour * HOUR
            if one.source == COINGECKO:
                connection.execute(
                    "INSERT INTO analytics.fact_crypto_price_hourly (date_key, time_key,"
                    " source_key, crypto_id, vs_currency, hour_start, open_price, high_price,"
                    " low_price, close_price, mean_price, observations, coverage_share, origin)"
                    " SELECT 1, 1, source_key, %(coin)s, 'usd', %(at)s, %(p)s, %(p)s, %(p)s, %(p)s,"
                    " %(p)s, 1, 0.1, 'snapshot' FROM analytics.dim_source"
                    " WHERE source_name = 'CoinGecko'"
                    " ON CONFLICT (crypto_id, vs_currency, hour_start) DO UPDATE SET"
                    " open_price = %(p)s, high_price = %(p)s, low_price = %(p)s,"
                    " close_price = %(p)s, mean_price = %(p)s,"
                    " load_timestamp = statement_timestamp()",
                    {"coin": one.coin, "at": at, "p": one.price},
                )
                continue
            row = connection.execute(
                "INSERT INTO quote_batches (landing_file, file_sha256, body_sha256, source,"
                " endpoint, vs_currencies, ingested_at, status, items_fetched, items_loaded)"
                " VALUES (gen_random_uuid()::text, repeat('0', 64), repeat('0', 64), %s,"
                " '/tickers', '{usd}', %s, 'completed', 0, 0) RETURNING quote_batch_id",
                [one.source, at + timedelta(minutes=10)],
            ).fetchone()
            assert row is not None
            if one.price is not None:
                connection.execute(
                    "INSERT INTO price_quotes VALUES (%s, %s, 'usd', %s, %s, NULL, NULL, %s, 0)",
                    [
                        *(one.source, f"{one.coin}-id"),
                        *(
                            at + timedelta(minutes=1, milliseconds=next(_moments)),
                            one.price,
                            row[0],
                        ),
                    ],
                )


def map_coins(warehouse: Warehouse, sources: Iterable[str], coins: Iterable[str]) -> None:
    with warehouse.load() as connection:
        for source in sources:
            for coin in coins:
                connection.execute(
                    "INSERT INTO coin_mappings (source, source_coin_id, crypto_id, evidence,"
                    " confirmed_by) VALUES (%s, %s, %s, 'a test', 'me')",
                    [source, f"{coin}-id", coin],
                )


def by_hand(said: Iterable[Said], mapped: set[tuple[str, str]]) -> dict[Key, tuple[Any, ...]]:
    """Median, lowest, highest, count and who is left out, by coin and hour."""
    prices: dict[Key, dict[str, list[Decimal]]] = defaultdict(lambda: defaultdict(list))
    asked: dict[int, set[str]] = defaultdict(set)
    for one in said:
        if one.source != COINGECKO:
            asked[one.hour].add(one.source)
        if one.price is not None and (one.source == COINGECKO or (one.source, one.coin) in mapped):
            prices[one.coin, one.hour][one.source].append(one.price)
    found = {}
    for coin in {coin for _, coin in mapped}:
        of_coin = {source for source, mapped_coin in mapped if mapped_coin == coin}
        for hour, sources in asked.items():
            means = {source: mean(some) for source, some in prices[coin, hour].items()}
            if not sources & of_coin or not means:
                continue
            middle = exact_median(list(means.values()))
            near = {s: p for s, p in means.items() if abs(p - middle) <= TOLERANCE * middle}
            counts = near if len(means) > 2 and 2 * len(near) > len(means) else means
            left_out = {COINGECKO, *of_coin} - counts.keys()
            used = list(counts.values())
            found[coin, hour] = (exact_median(used), min(used), max(used), len(used), left_out)
    return found


def mean(prices: list[Decimal]) -> Decimal:
    with localcontext() as context:
        context.prec = 80
        total = sum(prices, Decimal())
        return total if len(prices) == 1 else round(total / len(prices), 26)


def exact_median(prices: list[Decimal]) -> Decimal:
    with localcontext() as context:
        context.prec = 80
        return median(prices)


def held(warehouse: Warehouse) -> dict[Key, tuple[Any, ...]]:
    """What the warehouse has of it."""
    return {
        (coin, (at - START) // HOUR): (middle, low, high, count, set(left_out))
        for coin, at, middle, low, high, count, left_out in rows(
            warehouse,
            "SELECT crypto_id, hour_start, median_price, lowest_price, highest_price, source_count,"
            " left_out FROM analytics.fact_crypto_price_consensus",
        )
    }


def empty(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        connection.execute(
            "TRUNCATE analytics.fact_crypto_price_consensus, analytics.fact_crypto_price_hourly,"
            " price_quotes, quote_batches, coin_mappings CASCADE"
        )
        connection.execute("UPDATE consensus_state SET read_until = '1970-01-01 00:00:00+00'")


_PRICES = st.one_of(
    # Near to one another, on the border of the tolerance, and far away.
    st.decimals(min_value="99", max_value="101", places=3),
    st.sampled_from([Decimal(100), Decimal(102), Decimal("102.0000001"), Decimal(98)]),
    st.decimals(min_value="0.00000000000001", max_value="1e12", places=14).filter(bool),
)
_SAID = st.lists(
    st.builds(
        Said,
        st.sampled_from([COINGECKO, "A", "B", "C"]),
        st.sampled_from(["one", "two"]),
        st.integers(0, 2),
        _PRICES,
    )
    | st.builds(
        Said, st.sampled_from("ABC"), st.sampled_from(["one", "two"]), st.integers(0, 2), st.none()
    ),
    max_size=14,
    # CoinGecko's candle of an hour is one.
    unique_by=lambda one: (
        (one.source, one.coin, one.hour, one.price)
        if one.source != COINGECKO
        else (one.source, one.coin, one.hour)
    ),
)
_MAPPED = st.sets(st.tuples(st.sampled_from("ABC"), st.sampled_from(["one", "two"])))


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_SAID, _SAID, _MAPPED)
def test_it_is_what_a_person_would_compute_however_it_comes(
    warehouse: Warehouse, first: list[Said], second: list[Said], mapped: set[tuple[str, str]]
) -> None:
    known = {(one.source, one.coin, one.hour) for one in first if one.source == COINGECKO}
    second = [one for one in second if (one.source, one.coin, one.hour) not in known]
    empty(warehouse)
    say(warehouse, first)
    load_consensus(warehouse)
    for source, coin in mapped:
        map_coins(warehouse, [source], [coin])
    load_consensus(warehouse)
    assert held(warehouse) == by_hand(first, mapped)
    say(warehouse, second)
    load_consensus(warehouse)
    assert held(warehouse) == by_hand([*first, *second], mapped)
    # Nothing is new: nothing is written.
    assert load_consensus(warehouse) == {"rows_written": 0, "rows_dropped": 0}


def test_a_source_that_parts_from_two_others_is_left_out_and_why(warehouse: Warehouse) -> None:
    prices = {COINGECKO: "100", "A": "100.4", "B": "150"}
    say(warehouse, [Said(source, "one", 0, Decimal(price)) for source, price in prices.items()])
    map_coins(warehouse, "AB", ["one"])
    load_consensus(warehouse)
    ((middle, spread, count, shown, left_out),) = rows(
        warehouse,
        "SELECT median_price, spread_share, source_count, source_prices, left_out"
        " FROM analytics.fact_crypto_price_consensus",
    )
    assert (middle, spread, count) == (Decimal("100.2"), Decimal("0.0039920160"), 2)
    assert shown == {"CoinGecko": 100, "A": 100.4, "B": 150}
    assert left_out == {"B": "49.40 % from the median of 3 sources"}


@pytest.mark.parametrize("prices", [("100", "150"), ("100", "100", "150", "150")])
def test_of_two_camps_none_is_left_out(prices: tuple[str, ...], warehouse: Warehouse) -> None:
    sources = [COINGECKO, "A", "B", "C"][: len(prices)]
    said = [
        Said(source, "one", 0, Decimal(price))
        for source, price in zip(sources, prices, strict=True)
    ]
    say(warehouse, said)
    map_coins(warehouse, sources[1:], ["one"])
    load_consensus(warehouse)
    assert rows(
        warehouse,
        "SELECT median_price, source_count, left_out FROM analytics.fact_crypto_price_consensus",
    ) == [(Decimal("125"), len(prices), {})]


def test_a_rejected_quote_is_named_as_the_reason(warehouse: Warehouse) -> None:
    say(warehouse, [Said(COINGECKO, "one", 0, Decimal(1)), Said("A", "one", 0, None)])
    map_coins(warehouse, "A", ["one"])
    with warehouse.connection() as connection:
        connection.execute(
            "INSERT INTO rejected_quotes SELECT quote_batch_id, 0, 'one-id', 'usd',"
            " '{price_positive}', 'price is not above 0', '{}' FROM quote_batches"
        )
    load_consensus(warehouse)
    assert rows(warehouse, "SELECT left_out FROM analytics.fact_crypto_price_consensus") == [
        ({"A": "rejected: price_positive"},)
    ]


def test_a_candle_that_changes_and_a_mapping_taken_back_are_followed(warehouse: Warehouse) -> None:
    say(warehouse, [Said(COINGECKO, "one", 0, Decimal(1)), Said("A", "one", 0, Decimal(3))])
    map_coins(warehouse, "A", ["one"])
    load_consensus(warehouse)
    assert held(warehouse)["one", 0][0] == 2
    say(warehouse, [Said(COINGECKO, "one", 0, Decimal(2))])
    assert load_consensus(warehouse) == {"rows_written": 1, "rows_dropped": 0}
    assert held(warehouse)["one", 0][0] == Decimal("2.5")
    with warehouse.load() as connection:
        connection.execute(
            "UPDATE coin_mappings SET revoked_at = statement_timestamp(), revoked_by = 'me'"
        )
    assert load_consensus(warehouse) == {"rows_written": 0, "rows_dropped": 1}
    assert held(warehouse) == {}
