"""The warehouse against a model of it: whatever is landed, loaded and replayed, in whatever order,
it holds what a few dictionaries hold.

A run of the long tier takes some hundred steps; ``MODEL_EXAMPLES=200`` takes ten thousand.
"""

import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import ClassVar

import hypothesis
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from crypto_pipeline.history.load import files_to_load as history_to_load
from crypto_pipeline.history.load import load_history
from crypto_pipeline.warehouse.bulk_load import files_to_load, load_files
from crypto_pipeline.warehouse.candles import load_candles_of_snapshots
from crypto_pipeline_tests.conftest import NewWarehouse
from crypto_pipeline_tests.history.test_load import land_chart
from crypto_pipeline_tests.market_records import coin, drop, landing_json
from crypto_pipeline_tests.pipeline import rows

_START = datetime(2026, 3, 30, 22, tzinfo=timezone.utc)
_HOUR = timedelta(hours=1)
_FIVE = timedelta(minutes=5)
_STEPS = 50
_EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "6"))

_coins = st.integers(0, 3)
_currencies = st.sampled_from(["usd", "eur"])
_good_prices = st.one_of(
    st.decimals(Decimal("1e-18"), Decimal("1e12"), places=18),
    st.decimals(Decimal("0.5"), Decimal(9), places=2),
)
_prices = st.one_of(_good_prices, _good_prices, st.sampled_from([None, Decimal(0), Decimal(-1)]))

Key = tuple[str, str, datetime]
"""Coin, currency, bucket."""


def _bucket(time: datetime) -> datetime:
    """The nearest five minutes; in the middle, the later."""
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    return epoch + (time - epoch + _FIVE / 2) // _FIVE * _FIVE


def _hour(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)


@dataclass(frozen=True)
class Record:
    """A record of a snapshot file."""

    coin: str
    price: Decimal | None
    last_updated: datetime

    @property
    def is_good(self) -> bool:
        """Whether no rule rejects it; none is from the future."""
        return self.price is not None and self.price > 0


@dataclass(frozen=True)
class Snapshot:
    """A landing file of ``/coins/markets``."""

    name: str
    vs_currency: str
    ingested_at: datetime
    records: tuple[Record, ...]


@dataclass(frozen=True)
class Chart:
    """A landing file of hourly points."""

    ingested_at: datetime
    coin: str
    vs_currency: str
    points: tuple[tuple[datetime, Decimal], ...]


@dataclass
class Model:
    """What the warehouse should hold."""

    snapshots: dict[Key, Decimal] = field(default_factory=dict)
    points: dict[Key, Decimal] = field(default_factory=dict)
    batches: dict[str, tuple[int, int, int]] = field(default_factory=dict)

    def load(self, snapshots: list[Snapshot], charts: list[Chart]) -> None:
        """Take files that were pending together; the first write wins, by the time of fetching."""
        for file in sorted(snapshots, key=lambda file: (file.ingested_at, file.name)):
            loaded = duplicate = rejected = 0
            # Of a coin twice in a file the fresher record wins.
            order = sorted(
                enumerate(file.records), key=lambda one: (-one[1].last_updated.timestamp(), one[0])
            )
            for _, record in order:
                key = (record.coin, file.vs_currency, _bucket(record.last_updated))
                if not record.is_good:
                    rejected += 1
                elif key in self.snapshots:
                    duplicate += 1
                else:
                    assert record.price is not None
                    self.snapshots[key] = record.price
                    loaded += 1
            self.batches[file.name] = (loaded, duplicate, rejected)
        for chart in sorted(charts, key=lambda chart: chart.ingested_at):
            for time, price in chart.points:
                self.points.setdefault((chart.coin, chart.vs_currency, _hour(time)), price)

    @property
    def candles(self) -> dict[Key, tuple[Decimal, Decimal, Decimal, Decimal, int, str]]:
        """Open, high, low, close, observations and origin of each hour: of its snapshots, or else
        of its point."""
        hours: dict[Key, list[Decimal]] = {}
        for (coin_id, currency, bucket), price in sorted(self.snapshots.items()):
            hours.setdefault((coin_id, currency, _hour(bucket)), []).append(price)
        candles = {
            key: (prices[0], max(prices), min(prices), prices[-1], len(prices), "snapshot")
            for key, prices in hours.items()
        }
        for key, price in self.points.items():
            candles.setdefault(key, (price, price, price, price, 1, "chart"))
        return candles


class Loads(RuleBasedStateMachine):
    """Files come and are loaded, at once or late, once more, or all anew."""

    new_warehouse: ClassVar[NewWarehouse]

    def __init__(self) -> None:
        super().__init__()
        self.exit = ExitStack()
        self.warehouse, self.zone = self.exit.enter_context(type(self).new_warehouse())
        self.model = Model()
        self.snapshots: list[Snapshot] = []
        self.charts: list[Chart] = []
        self.loaded = (0, 0)
        self.number = 0

    @rule(
        minutes=st.integers(0, 60 * 30),
        currency=_currencies,
        records=st.lists(st.tuples(_coins, _prices, st.integers(0, 900)), min_size=1, max_size=5),
    )
    def land_snapshot(
        self, minutes: int, currency: str, records: list[tuple[int, Decimal | None, int]]
    ) -> None:
        """An answer of a time in two days, around the end of a month."""
        # No two are of the same moment.
        at = _START + timedelta(minutes=minutes, milliseconds=self.number)
        told = tuple(
            Record(f"coin-{number:04d}", price, at - timedelta(seconds=age))
            for number, price, age in records
        )
        name = f"s{self.number:04d}.json"
        self.number += 1
        body = landing_json(
            [
                coin(
                    int(record.coin[-4:]),
                    current_price=record.price,
                    last_updated=record.last_updated.isoformat(),
                )
                for record in told
            ],
            at,
            request={"vs_currency": currency},
        )
        drop(self.zone, name, body)
        self.zone.file_unfiled()
        self.snapshots.append(Snapshot(name, currency, at, told))

    @rule(
        hour=st.integers(0, 26),
        number=_coins,
        currency=_currencies,
        prices=st.lists(_good_prices, min_size=3, max_size=6),
        minute=st.integers(0, 54),
    )
    def land_chart(
        self, hour: int, number: int, currency: str, prices: list[Decimal], minute: int
    ) -> None:
        """Hours of a coin."""
        first = _START + hour * _HOUR + timedelta(minutes=minute)
        at = _START + timedelta(days=30, seconds=self.number)
        self.number += 1
        points = tuple((first + n * _HOUR, price) for n, price in enumerate(prices))
        coin_id = f"coin-{number:04d}"
        land_chart(self.zone, list(points), coin=coin_id, vs_currency=currency, asked_at=at)
        self.charts.append(Chart(at, coin_id, currency, points))

    @rule()
    def load(self) -> None:
        """What is pending."""
        list(load_files(self.warehouse, files_to_load(self.warehouse, self.zone), 1))
        assert load_history(self.warehouse, history_to_load(self.warehouse, self.zone), 1) == 0
        load_candles_of_snapshots(self.warehouse)
        snapshots, charts = self.loaded
        self.model.load(self.snapshots[snapshots:], self.charts[charts:])
        self.loaded = (len(self.snapshots), len(self.charts))

    @rule()
    def replay(self) -> None:
        """All that was ever landed, from the start and together."""
        with self.warehouse.connection() as connection:
            connection.execute("SELECT begin_replay()")
            connection.execute("UPDATE loading.replays SET finished_at = now()")
        self.model = Model()
        self.loaded = (0, 0)
        self.load()

    @invariant()
    def the_warehouse_holds_what_the_model_holds(self) -> None:
        """Silver, gold, candles and the counts of every batch."""
        snapshots = {
            (coin_id, currency, time): price
            for coin_id, currency, time, price in rows(
                self.warehouse,
                "SELECT crypto_id, vs_currency, snapshot_time, current_price FROM price_snapshots",
            )
        }
        assert snapshots == self.model.snapshots
        facts = rows(
            self.warehouse,
            "SELECT crypto_id, vs_currency, snapshot_time, current_price"
            " FROM analytics.fact_crypto_price_metrics",
        )
        assert {(c, v, t): p for c, v, t, p in facts} == snapshots
        points = rows(
            self.warehouse, "SELECT crypto_id, vs_currency, bucket_time, price FROM price_points"
        )
        assert {(c, v, t): p for c, v, t, p in points} == self.model.points
        candles = rows(
            self.warehouse,
            "SELECT crypto_id, vs_currency, hour_start, open_price, high_price, low_price,"
            " close_price, observations, origin FROM analytics.fact_crypto_price_hourly",
        )
        assert {(c, v, t): tuple(rest) for c, v, t, *rest in candles} == self.model.candles
        days = rows(
            self.warehouse,
            "SELECT crypto_id, vs_currency, day, round(coverage_share * 24)"
            " FROM analytics.fact_crypto_price_daily",
        )
        hours_of_days: dict[tuple[str, str, object], int] = {}
        for coin_id, currency, hour in self.model.candles:
            day = (coin_id, currency, hour.date())
            hours_of_days[day] = hours_of_days.get(day, 0) + 1
        assert {(c, v, d): h for c, v, d, h in days} == hours_of_days
        batches = rows(
            self.warehouse,
            "SELECT split_part(landing_file, '/', -1), records_loaded, records_duplicate,"
            " records_rejected FROM ingestion_batches",
        )
        assert {name: tuple(counts) for name, *counts in batches} == self.model.batches

    def teardown(self) -> None:
        """The database goes."""
        self.exit.close()


@pytest.mark.long
def test_the_warehouse_is_as_its_model(new_warehouse: NewWarehouse) -> None:
    """Fails with the shortest steps that lead to a difference."""
    Loads.new_warehouse = staticmethod(new_warehouse)
    run_state_machine_as_test(
        Loads,
        settings=hypothesis.settings(
            max_examples=_EXAMPLES, stateful_step_count=_STEPS, deadline=None
        ),
    )
