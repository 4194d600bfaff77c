"""The star schema: its dimensions, its facts, and the history it keeps of every coin."""

import itertools
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto_pipeline.coingecko.capture import Capture
from crypto_pipeline.landing.zone import LandingFile, LandingZone
from crypto_pipeline.warehouse.bulk_load import load_to_gold
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline.warehouse.staging import load_to_silver
from crypto_pipeline_tests.market_records import market_record
from crypto_pipeline_tests.pipeline import rows

NOON = datetime(2024, 3, 5, 12, tzinfo=timezone.utc)
BUCKET = timedelta(minutes=5)
FOREVER = datetime(9999, 12, 31, tzinfo=timezone.utc)


class Snapshot(NamedTuple):
    """What the source said of a coin at a time."""

    crypto_id: str
    at: datetime
    symbol: str
    name: str


class Version(NamedTuple):
    """A row of dim_cryptocurrency, without its key."""

    symbol: str
    name: str
    valid_from: datetime
    valid_to: datetime
    is_current: bool


def land(zone: LandingZone, snapshots: Sequence[Snapshot], vs_currency: str = "usd") -> LandingFile:
    """Write a landing file that holds the snapshots."""
    records = [
        market_record(id=snapshot.crypto_id, symbol=snapshot.symbol, name=snapshot.name)
        | {"last_updated": snapshot.at.isoformat()}
        for snapshot in snapshots
    ]
    return zone.write(
        Capture(
            ingested_at=max(snapshot.at for snapshot in snapshots),
            source="CoinGecko",
            records=[msgspec.Raw(msgspec.json.encode(record)) for record in records],
            request={"vs_currency": vs_currency},
        )
    )


def load(warehouse: Warehouse, files: list[LandingFile]) -> dict[str, dict[str, int]]:
    """Load files into silver and all that waits into gold; what gold says it did."""
    silver(warehouse, files)
    return load_to_gold(warehouse)


def silver(warehouse: Warehouse, files: list[LandingFile]) -> None:
    """Load files into silver."""
    for _, lines in load_to_silver(warehouse, files, max_rejected_share=0.5):
        assert {line.level for line in lines} <= {logging.INFO}


def bitcoin(at: datetime, symbol: str = "btc", name: str = "Bitcoin") -> Snapshot:
    """A snapshot of one coin, under its usual name or another."""
    return Snapshot("bitcoin", at, symbol, name)


def test_the_unknown_members_are_there_from_the_start(warehouse: Warehouse) -> None:
    assert rows(
        warehouse, "SELECT crypto_key, crypto_id, is_current FROM analytics.dim_cryptocurrency"
    ) == [(-1, "(unknown)", True)]
    assert rows(warehouse, "SELECT * FROM analytics.dim_source") == [
        (-1, "(unknown)", "unknown", None, None)
    ]


def test_dim_date_has_whole_years(warehouse: Warehouse, zone: LandingZone) -> None:
    leap, common = NOON, NOON.replace(year=2022)
    load(warehouse, [land(zone, [bitcoin(leap)]), land(zone, [bitcoin(common)])])

    assert rows(
        warehouse,
        "SELECT calendar_year, count(*), min(full_date)::text, max(full_date)::text,"
        " max(day_of_year)"
        " FROM analytics.dim_date GROUP BY calendar_year ORDER BY calendar_year",
    ) == [
        (2022, 365, "2022-01-01", "2022-12-31", 365),
        (2024, 366, "2024-01-01", "2024-12-31", 366),
    ]


def test_dim_date_has_the_year_of_the_bucket(warehouse: Warehouse, zone: LandingZone) -> None:
    """The last seconds of a year are rounded into the next."""
    new_year = datetime(2025, 1, 1, tzinfo=timezone.utc)
    load(warehouse, [land(zone, [bitcoin(new_year - timedelta(seconds=1))])])

    assert rows(warehouse, "SELECT DISTINCT calendar_year FROM analytics.dim_date") == [(2025,)]
    assert rows(
        warehouse, "SELECT date_key, time_key FROM analytics.fact_crypto_price_metrics"
    ) == [(20250101, 0)]


def test_a_date_is_described(warehouse: Warehouse, zone: LandingZone) -> None:
    load(warehouse, [land(zone, [bitcoin(NOON)])])

    # A Sunday that belongs to the last ISO week of its year.
    assert rows(warehouse, "SELECT * FROM analytics.dim_date WHERE full_date = '2024-12-29'") == [
        (
            20241229,
            datetime(2024, 12, 29).date(),
            2024,
            4,
            12,
            "December",
            29,
            364,
            7,
            "Sunday",
            2024,
            52,
            True,
        )
    ]


def test_dim_time_has_every_minute_of_a_day(warehouse: Warehouse) -> None:
    load_to_gold(warehouse)

    assert rows(
        warehouse,
        "SELECT count(*), count(DISTINCT full_time), min(time_key), max(time_key),"
        " bool_and(time_key = hour_24 * 100 + minute_of_hour"
        " AND minute_of_day = hour_24 * 60 + minute_of_hour)"
        " FROM analytics.dim_time",
    ) == [(1440, 1440, 0, 2359, True)]
    assert rows(
        warehouse,
        "SELECT part_of_day, min(hour_24), max(hour_24) FROM analytics.dim_time"
        " GROUP BY 1 ORDER BY 2",
    ) == [("night", 0, 5), ("morning", 6, 11), ("afternoon", 12, 17), ("evening", 18, 23)]


def test_the_facts_are_the_snapshots(warehouse: Warehouse, zone: LandingZone) -> None:
    moments = [NOON + number * BUCKET for number in range(3)]
    for at in moments:
        coins = [Snapshot(f"coin-{number}", at, "c", f"Coin {number}") for number in range(5)]
        load(warehouse, [land(zone, coins, currency) for currency in ("usd", "eur")])

    shared = (
        "crypto_id, vs_currency, snapshot_time, last_updated, batch_id, current_price, high_24h,"
        " low_24h, price_change_24h, price_change_pct_24h, ath, ath_change_pct, atl,"
        " atl_change_pct, market_cap, market_cap_rank, fully_diluted_valuation,"
        " total_volume, market_cap_change_24h, market_cap_change_pct_24h,"
        " circulating_supply, total_supply, max_supply, roi_times, roi_percentage"
    )
    facts = rows(
        warehouse, f"SELECT {shared} FROM analytics.fact_crypto_price_metrics ORDER BY 1, 2, 3"
    )
    assert len(facts) == 30
    assert facts == rows(warehouse, f"SELECT {shared} FROM v_price_history ORDER BY 1, 2, 3")
    assert rows(
        warehouse,
        "SELECT count(*) FROM analytics.fact_crypto_price_metrics AS f"
        " JOIN analytics.dim_date AS d USING (date_key)"
        " JOIN analytics.dim_time AS t USING (time_key)"
        " JOIN analytics.dim_cryptocurrency AS c USING (crypto_key)"
        " JOIN analytics.dim_source AS s USING (source_key)"
        " WHERE d.full_date + t.full_time = f.snapshot_time AT TIME ZONE 'UTC'"
        " AND c.crypto_id = f.crypto_id AND s.source_name = 'CoinGecko'",
    ) == [(30,)]


def test_the_latest_prices_are_those_of_the_newest_snapshots(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    """Whichever month they lie in, and in whatever order they came."""
    old = NOON - timedelta(days=40)
    seen = {"usd": [NOON, old, NOON + BUCKET], "eur": [old, NOON]}
    for currency, moments in seen.items():
        for at in moments:
            coins = (
                [bitcoin(at)] if at == NOON else [bitcoin(at), Snapshot("gone", at, "g", "Gone")]
            )
            load(warehouse, [land(zone, coins, currency)])

    columns = (
        "crypto_id, symbol, name, vs_currency, current_price, price_change_pct_24h,"
        " market_cap, market_cap_rank, total_volume, snapshot_time, last_updated"
    )
    latest = rows(warehouse, f"SELECT {columns} FROM v_latest_prices ORDER BY 1, 4")
    assert latest == rows(
        warehouse,
        f"SELECT DISTINCT ON (crypto_id, vs_currency) {columns} FROM v_price_history"
        " ORDER BY crypto_id, vs_currency, snapshot_time DESC",
    )
    assert [(row[0], row[3], row[9]) for row in latest] == [
        ("bitcoin", "eur", NOON),
        ("bitcoin", "usd", NOON + BUCKET),
        ("gone", "eur", old),
        ("gone", "usd", NOON + BUCKET),
    ]
    assert rows(warehouse, "SELECT crypto_id, vs_currency FROM v_latest_prices WHERE is_stale") == [
        ("gone", "eur")
    ]


def test_a_load_touches_only_the_batches_that_wait(warehouse: Warehouse, zone: LandingZone) -> None:
    def written() -> dict[tuple[Any, ...], Any]:
        # xmin is the transaction that wrote a row.
        query = "SELECT snapshot_time, xmin::text FROM analytics.fact_crypto_price_metrics"
        return dict(rows(warehouse, query))

    load(warehouse, [land(zone, [bitcoin(NOON)])])
    first = written()
    counts = load(warehouse, [land(zone, [bitcoin(NOON + BUCKET)])])

    assert counts["fact_crypto_price_metrics"] == {"rows_inserted": 1, "batches_loaded": 1}
    assert counts["dim_cryptocurrency"] == {"rows_inserted": 0, "rows_updated": 0}
    assert counts["dim_date"] == counts["dim_time"] == {"rows_inserted": 0, "rows_updated": 0}
    # The source's newest fetch is a later one.
    assert counts["dim_source"] == {"rows_inserted": 0, "rows_updated": 1}
    assert first.items() < written().items()

    counts = load_to_gold(warehouse)
    assert counts["fact_crypto_price_metrics"] == {"rows_inserted": 0, "batches_loaded": 0}


def versions(warehouse: Warehouse, crypto_id: str) -> list[Version]:
    """The versions of a coin, oldest first."""
    found = rows(
        warehouse,
        "SELECT symbol, name, valid_from, valid_to, is_current FROM analytics.dim_cryptocurrency"
        f" WHERE crypto_id = '{crypto_id}' ORDER BY valid_from",
    )
    return [Version(*row) for row in found]


def test_a_new_logo_opens_no_version(warehouse: Warehouse, zone: LandingZone) -> None:
    for at, image in ((NOON, "old.png"), (NOON + BUCKET, "new.png")):
        record = market_record(last_updated=at.isoformat(), image=image)
        raw = msgspec.Raw(msgspec.json.encode(record))
        load(warehouse, [zone.write(Capture(at, "CoinGecko", [raw]))])

    assert versions(warehouse, "bitcoin") == [Version("btc", "Bitcoin", NOON, FOREVER, True)]
    assert rows(warehouse, "SELECT image_url FROM cryptocurrencies") == [("new.png",)]


def test_a_late_file_splits_a_version(warehouse: Warehouse, zone: LandingZone) -> None:
    """And the facts that are there already move to the version that now covers them."""
    load(warehouse, [land(zone, [bitcoin(NOON + number * BUCKET)]) for number in (0, 2)])
    load(warehouse, [land(zone, [bitcoin(NOON + BUCKET, "xbt")])])

    assert versions(warehouse, "bitcoin") == [
        Version("btc", "Bitcoin", NOON, NOON + BUCKET, False),
        Version("xbt", "Bitcoin", NOON + BUCKET, NOON + 2 * BUCKET, False),
        Version("btc", "Bitcoin", NOON + 2 * BUCKET, FOREVER, True),
    ]
    assert rows(
        warehouse,
        "SELECT c.symbol, c.valid_from FROM analytics.fact_crypto_price_metrics AS f"
        " JOIN analytics.dim_cryptocurrency AS c USING (crypto_key) ORDER BY f.snapshot_time",
    ) == [("btc", NOON), ("xbt", NOON + BUCKET), ("btc", NOON + 2 * BUCKET)]


# A few coins, moments and names, so that names change, return, and are seen late. Every moment is
# a bucket of its own: two records for one bucket would make the order of loading matter, as it
# should.
_EXAMPLES = itertools.count()
_COINS = st.sampled_from(["a", "b"])
_MOMENTS = st.integers(0, 11)
_NAMES = st.sampled_from([("old", "Old"), ("new", "Old"), ("new", "New")])


@st.composite
def histories(draw: st.DrawFn) -> list[list[list[Snapshot]]]:
    """A history of coins, divided into files, and these into rounds of loading, in any order."""
    # Every example has coins of its own, so that the tables need not be emptied in between.
    example = next(_EXAMPLES)
    said = draw(st.dictionaries(st.tuples(_COINS, _MOMENTS), _NAMES, min_size=1, max_size=12))
    snapshots = draw(
        st.permutations(
            [
                Snapshot(f"{coin}-{example}", NOON + moment * BUCKET, symbol, name)
                for (coin, moment), (symbol, name) in said.items()
            ]
        )
    )
    files: dict[int, list[Snapshot]] = {}
    for snapshot in snapshots:
        files.setdefault(draw(st.integers(0, 4)), []).append(snapshot)
    rounds: dict[int, list[list[Snapshot]]] = {}
    for file in files.values():
        rounds.setdefault(draw(st.integers(0, 2)), []).append(file)
    return list(rounds.values())


def expected_versions(history: Sequence[Snapshot]) -> list[Version]:
    """The versions of one coin: the runs of one symbol and name, in time order."""
    in_time = sorted(history, key=lambda snapshot: snapshot.at)
    runs = [
        (name, next(run).at)
        for name, run in itertools.groupby(in_time, lambda seen: (seen.symbol, seen.name))
    ]
    ends = [start for _, start in runs[1:]] + [FOREVER]
    return [
        Version(symbol, name, start, end, end == FOREVER)
        for ((symbol, name), start), end in zip(runs, ends, strict=True)
    ]


@pytest.mark.long
@settings(
    max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(histories(), st.booleans())
def test_the_history_of_a_coin_does_not_depend_on_the_order_of_loading(
    warehouse: Warehouse,
    zone: LandingZone,
    rounds: list[list[list[Snapshot]]],
    gold_every_round: bool,
) -> None:
    for files in rounds:
        silver(warehouse, [land(zone, file) for file in files])
        if gold_every_round:
            load_to_gold(warehouse)
    load_to_gold(warehouse)

    history = [snapshot for files in rounds for file in files for snapshot in file]
    for crypto_id in {snapshot.crypto_id for snapshot in history}:
        of_coin = [snapshot for snapshot in history if snapshot.crypto_id == crypto_id]
        expected = expected_versions(of_coin)
        found = versions(warehouse, crypto_id)
        assert found == expected
        # What the reference implies, said directly: no overlap, no hole, one current version.
        assert all(
            one.valid_to == following.valid_from for one, following in itertools.pairwise(found)
        )
        assert [version.is_current for version in found].count(True) == 1
        assert rows(
            warehouse,
            "SELECT f.last_updated, c.symbol, c.name, c.valid_from"
            " FROM analytics.fact_crypto_price_metrics AS f"
            " JOIN analytics.dim_cryptocurrency AS c USING (crypto_key)"
            f" WHERE f.crypto_id = '{crypto_id}' ORDER BY f.last_updated",
        ) == [
            (
                snapshot.at,
                snapshot.symbol,
                snapshot.name,
                next(v.valid_from for v in expected if v.valid_from <= snapshot.at < v.valid_to),
            )
            for snapshot in sorted(of_coin, key=lambda snapshot: snapshot.at)
        ]


@pytest.mark.parametrize("eur_first", [True, False])
def test_a_coin_in_two_currencies_has_one_history(
    eur_first: bool, warehouse: Warehouse, zone: LandingZone
) -> None:
    usd = land(zone, [bitcoin(NOON), bitcoin(NOON + BUCKET, "xbt")], "usd")
    eur = land(zone, [bitcoin(NOON), bitcoin(NOON + BUCKET, "xbt")], "eur")
    for file in (eur, usd) if eur_first else (usd, eur):
        load(warehouse, [file])

    assert versions(warehouse, "bitcoin") == [
        Version("btc", "Bitcoin", NOON, NOON + BUCKET, False),
        Version("xbt", "Bitcoin", NOON + BUCKET, FOREVER, True),
    ]
