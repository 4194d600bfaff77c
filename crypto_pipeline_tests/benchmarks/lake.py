"""What an hour's load of the lake costs, by how many facts are there.

``python -m crypto_pipeline_tests.benchmarks.lake 1000000 20000000`` makes a lake of each size in a
temporary folder, as nightly maintenance leaves it (a month in few files, and a small one for each
hour since), and loads hours into it: new facts alone, which are appended, and with one that is
there, which is a MERGE.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import write_deltalake

from crypto_pipeline.lake_schema import FACT
from crypto_pipeline.storage.delta import Lake, Loaded, Step
from crypto_pipeline.storage.gold_arrow import arrow_schema

COINS = 2_500
HOURS_SINCE_MAINTENANCE = 24
ROUNDS = 5
END = datetime(2026, 11, 20, tzinfo=timezone.utc)

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
        lake.add_facts(rows, lake.loaded_change(), Step(number, [number]))
    return hours


def main() -> None:
    """Measure each size that the command line names."""
    for count in map(int, sys.argv[1:]):
        with tempfile.TemporaryDirectory() as folder:
            lake = Lake(folder)
            began = time.perf_counter()
            batch = fill(lake, count)
            state = lake.state(FACT)
            print(
                f"{count} facts, made in {time.perf_counter() - began:.0f} s: {state}", flush=True
            )
            results: dict[str, list[tuple[float, Loaded]]] = {"append": [], "merge": []}
            present = facts(END - timedelta(hours=1), batch)
            for number in range(2 * ROUNDS):
                kind = ("append", "merge")[number % 2]
                rows = facts(END + timedelta(hours=number), batch)
                if kind == "merge":
                    # One that is there already, from the load before.
                    rows = pa.concat_tables([rows, present.slice(0, 1)])
                began = time.perf_counter()
                loaded = lake.add_facts(rows, lake.loaded_change(), Step(batch, [batch]))
                results[kind].append((time.perf_counter() - began, loaded))
                present = rows
                batch += 1
            for kind, measured in results.items():
                seconds = sorted(taken for taken, _ in measured)
                last = measured[-1][1]
                print(
                    f"  {kind}: median {statistics.median(seconds) * 1000:.0f} ms"
                    f" ({seconds[0] * 1000:.0f} to {seconds[-1] * 1000:.0f}),"
                    f" files: {last.files_scanned} scanned, {last.files_added} added,"
                    f" {last.files_removed} removed",
                    flush=True,
                )


if __name__ == "__main__":
    main()
