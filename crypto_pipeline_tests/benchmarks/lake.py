"""What an hour's load of the lake costs, by how many facts are there.

It makes a lake of each size in a temporary folder, as nightly maintenance leaves it (a month in few
files, and a small one for each hour since), and loads hours into it: new facts alone, which are
appended, and with one that is there, which is a MERGE.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import write_deltalake
from rich.console import Console
from rich.table import Table

from crypto_pipeline.lakehouse.delta import Lake, Loaded, Step, add_facts
from crypto_pipeline.lakehouse.gold_arrow import arrow_schema
from crypto_pipeline.lakehouse.schema import FACT

COINS = 2_500
HOURS_SINCE_MAINTENANCE = 24
ROUNDS = 15
END = datetime(2026, 11, 20, tzinfo=timezone.utc)

_TARGET = 1.5
"""Times that an hour's load may take at the largest size, as issue 5 asks."""

_SCHEMA = arrow_schema(FACT)
_VALUES = np.random.default_rng(1)


def facts(hour: datetime, batch: int, coins: range = range(COINS)) -> pa.Table:
    """An hour's facts of so many coins, at the five-minute marks around it."""
    count = len(coins)
    marks = pa.array(
        [hour - timedelta(minutes=5 * (coin % 3)) for coin in coins],
        _SCHEMA.field("snapshot_time").type,
    )
    columns = {
        "date_key": pa.array([int(f"{hour:%Y%m%d}")] * count),
        "time_key": pa.array([hour.hour * 100] * count),
        "crypto_key": pa.array(list(coins)),
        "source_key": pa.array([1] * count),
        "crypto_id": pa.array([f"coin-{coin}" for coin in coins]),
        "vs_currency": pa.array(["usd"] * count),
        "snapshot_time": marks,
        "last_updated": marks,
        "batch_id": pa.array([batch] * count),
        "market_cap_rank": pa.array(list(coins)),
        "snapshot_month": pa.array([f"{mark:%Y-%m}" for mark in marks.to_pylist()]),
    }
    for name in FACT.decimals:
        digits = _VALUES.integers(1, 10**9, count)
        columns[name] = pa.array([Decimal(int(value)).scaleb(-6) for value in digits])
    return pa.table({name: columns[name].cast(_SCHEMA.field(name).type) for name in _SCHEMA.names})


def shifted(rows: pa.Table, by: timedelta, batch: int) -> pa.Table:
    """The same facts at another time."""
    marks = pc.add(rows.column("snapshot_time"), pa.scalar(by, pa.duration("us")))
    months = pc.strftime(marks, "%Y-%m")
    for name, values in (
        ("snapshot_time", marks),
        ("last_updated", marks),
        ("batch_id", pa.array([batch] * len(rows), pa.int64())),
        ("snapshot_month", months),
    ):
        rows = rows.set_column(_SCHEMA.get_field_index(name), _SCHEMA.field(name), values)
    return rows


def fill(lake: Lake, count: int) -> int:
    """Make the facts that are there; answers how many batches."""
    hours = count // COINS
    templates = [facts(END, 0) for _ in range(20)]
    first = END - timedelta(hours=hours)
    old = hours - HOURS_SINCE_MAINTENANCE

    def of_month(numbers: list[int]) -> Iterator[pa.RecordBatch]:
        for number in numbers:
            at = first + timedelta(hours=number)
            yield from shifted(templates[number % 20], at - END, number).to_batches()

    months: dict[str, list[int]] = {}
    for number in range(old):
        months.setdefault(f"{first + timedelta(hours=number):%Y-%m}", []).append(number)
    lake.table(FACT)
    for numbers in months.values():
        rows = pa.RecordBatchReader.from_batches(_SCHEMA, of_month(numbers))
        write_deltalake(lake.location(FACT), rows, mode="append")
    lake.maintain(FACT)
    for number in range(old, hours):
        rows = pa.Table.from_batches(list(of_month([number])))
        add_facts(lake.table(FACT), rows, Step(number, [number]))
    return hours


@dataclass(frozen=True)
class _Hours:
    """Hours that were loaded in one way.

    Attributes:
        seconds: From the look at what is loaded to the commit.
        processor: Seconds of the processor, all threads together.
        last: What the last of them did.
    """

    seconds: list[float]
    processor: list[float]
    last: Loaded


def _measure(lake: Lake, batch: int) -> dict[str, _Hours]:
    """Load hours into a lake that has so many batches, turn and turn about."""
    kinds = ("append", "MERGE")
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    processor: dict[str, list[float]] = {kind: [] for kind in kinds}
    last: dict[str, Loaded] = {}
    present = facts(END - timedelta(hours=1), batch)
    for number in range(2 * ROUNDS):
        kind = kinds[number % 2]
        rows = facts(END + timedelta(hours=number), batch)
        if kind == "MERGE":
            # One that is there already, from the load before.
            rows = pa.concat_tables([rows, present.slice(0, 1)])
        began, busy = time.perf_counter(), time.process_time()
        last[kind] = add_facts(lake.table(FACT), rows, Step(batch, [batch]))
        seconds[kind].append(time.perf_counter() - began)
        processor[kind].append(time.process_time() - busy)
        present = rows
        batch += 1
    return {kind: _Hours(seconds[kind], processor[kind], last[kind]) for kind in kinds}


def run(sizes: Sequence[int]) -> None:
    """Measure lakes of these sizes, in facts, and print."""
    table = Table(
        title=f"An hour of {COINS:,} facts into the lake; medians of {ROUNDS}, ms",
        title_justify="left",
    )
    for column in (
        *("facts", "files", "MB", "load", "time", "least", "processor"),
        *("files read", "added", "removed", "ratio"),
    ):
        table.add_column(column, justify="left" if column == "load" else "right")
    smallest: dict[str, float] = {}
    ratios = []
    for count in sorted(sizes):
        with tempfile.TemporaryDirectory() as folder:
            lake = Lake(folder)
            batch = fill(lake, count)
            state = lake.state(FACT)
            assert state is not None
            for kind, hours in _measure(lake, batch).items():
                median = statistics.median(hours.seconds)
                ratio = median / smallest.setdefault(kind, median)
                ratios.append(ratio)
                table.add_row(
                    *(f"{state.rows:,}", str(state.files), f"{state.bytes / 1e6:,.0f}", kind),
                    *(f"{1000 * value:.0f}" for value in (median, min(hours.seconds))),
                    f"{1000 * statistics.median(hours.processor):.0f}",
                    *(str(n) for n in (hours.last.files_scanned, hours.last.files_added)),
                    *(str(hours.last.files_removed), f"{ratio:.2f}"),
                )
    console = Console(width=110)
    console.print(table)
    if len(sizes) > 1:
        verdict = "met" if max(ratios) <= _TARGET else "missed"
        console.print(f"Target at most {_TARGET} x the smallest: {verdict} ({max(ratios):.2f})")
