"""Landing files through silver into gold.

Delta has no transaction over several tables. So every step is a merge that does nothing a second
time, and the row of a batch says how far it is: "loading" once its number is given, "completed"
when silver has all of it, and with its ``gold_loaded_at`` when gold has. A load that dies is
finished by the next. One load at a time: the job that runs it sees to that.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.pandas.types import from_arrow_schema

from crypto_pipeline.coingecko.landed import below_root
from crypto_pipeline.spark.decode import CAPTURE_TYPES, decode_captures
from crypto_pipeline.spark.lake import Lake
from crypto_pipeline.spark.rules import rule_columns
from crypto_pipeline.spark.tables import statistics_property

_FILES_AT_ONCE: Final = 200
"""Files of a silver load; a million records of a history are several loads."""

_CAPTURE = re.compile(r"[^/.][^/]*\.json(\.gz)?$")
_MONTH = re.compile(r"\d{4}-\d\d")

_SILVER: Final = ("cryptocurrencies", "price_snapshots", "market_metrics", "rejected_records")
# Dimensions before the facts that point at them.
_GOLD: Final = (
    "dim_date",
    "dim_time",
    "dim_source",
    "dim_cryptocurrency",
    "moved_facts",
    "unfit_values",
    "fact_crypto_price_metrics",
)


@dataclass(frozen=True)
class Loaded:
    """What a load did.

    Attributes:
        files: Files that it took.
        completed: Batches that gold has now and had not before.
        failed: What is wrong with the files that are failed batches, by landing file.
        records: Records of the completed batches.
    """

    files: int
    completed: int
    failed: dict[str, str]
    records: int


def load(lake: Lake, landing_path: str, max_rejected_share: float = 0.5) -> Loaded:
    """Load every landing file that is no completed batch yet, into silver and gold.

    Args:
        lake: Where to; its tables are created if they are not there.
        landing_path: Folder with the files, such as a volume; all that lies below it is read.
        max_rejected_share: A batch fails when a larger share of its records is rejected.
    """
    lake.create()
    files = new_files(lake, landing_path)
    gold = load_to_gold(lake)
    for group in groups(files):
        load_to_silver(lake, group, max_rejected_share)
        gold += load_to_gold(lake)
    records, failed = 0, {}
    batches = lake.table("ingestion_batches")
    for row in batches.where("status = 'failed'").select("landing_file", "error").collect():
        failed[row["landing_file"]] = row["error"]
    if gold:
        ids = _one_column(lake, "batch_id bigint", gold)
        total = batches.join(ids, "batch_id").selectExpr("sum(records_fetched) AS records")
        records = int(total.collect()[0]["records"] or 0)
    return Loaded(len(files), len(gold), failed, records)


def new_files(lake: Lake, landing_path: str) -> list[str]:
    """Paths of the landing files that are no completed batch, oldest first.

    A file that does not lie under its hour may be one that is: its content tells its hour, so it is
    taken, and left when its batch turns out to be complete.
    """
    root = landing_path.rstrip("/")
    listed = _binary_files(lake, [root]).select("path").collect()
    paths = {f"{root}/{_below(root, row['path'])}" for row in listed}
    done = {
        row["landing_file"]
        for row in lake.table("ingestion_batches")
        .where("status = 'completed'")
        .select("landing_file")
        .collect()
    }
    return sorted(
        path for path in paths if _CAPTURE.search(path) is not None and below_root(path) not in done
    )


def groups(files: list[str]) -> Iterator[list[str]]:
    """Files in groups that a silver load takes at once, in their order."""
    for start in range(0, len(files), _FILES_AT_ONCE):
        yield files[start : start + _FILES_AT_ONCE]


def load_to_silver(lake: Lake, paths: list[str], max_rejected_share: float) -> None:
    """Load files into silver."""
    captures = _binary_files(lake, paths).select("path", "modificationTime", "content")
    # Sail 0.7 reads a file twice where its own split of the work cuts through it.
    captures = captures.dropDuplicates(["path"])
    decoded = captures.mapInArrow(decode_captures, _spark_schema(CAPTURE_TYPES))
    _stage(lake, "staged_captures", decoded)
    _refuse_namesakes(lake)
    share = {"max_rejected_share": f"{max_rejected_share}"}
    _stage(lake, "staged_records", lake.run("staging/staged_records", **rule_columns()))
    lake.view("staged_batches", "staging/staged_batches", **share)
    lake.run("silver/begin_batches")
    lake.view("accepted_records", "staging/accepted_records")
    months = _months(
        row["snapshot_month"]
        for row in lake.spark.table("accepted_records")
        .select("snapshot_month")
        .distinct()
        .collect()
    )
    for table in _SILVER:
        lake.run(f"silver/{table}", months=months)
    lake.run("silver/complete_batches", months=months)


def load_to_gold(lake: Lake) -> list[int]:
    """Load the batches that wait for gold into the star schema; their numbers."""
    waiting = lake.run("gold/waiting_batches").collect()
    if not waiting:
        return []
    # A batch that another load completes from here on is not one of those that are marked below.
    batches = lake.spark.createDataFrame(
        waiting, "batch_id bigint, source string, source_kind string"
    )
    batches.createOrReplaceTempView("waiting_batches")
    ids = [row["batch_id"] for row in waiting]
    lake.view(
        "waiting_snapshots",
        "gold/waiting_snapshots",
        first_batch=str(ids[0]),
        last_batch=str(ids[-1]),
    )
    snapshots = lake.spark.table("waiting_snapshots").select("snapshot_month").distinct()
    months = _months(row["snapshot_month"] for row in snapshots.collect())
    for statement in _GOLD:
        lake.run(f"gold/{statement}", months=months)
    lake.run("gold/loaded_batches")
    return ids


def _binary_files(lake: Lake, paths: list[str]) -> DataFrame:
    reader = lake.spark.read.format("binaryFile").option("recursiveFileLookup", "true")
    return reader.load(paths)


def _below(root: str, path: str) -> str:
    """A path relative to the root, whose scheme and slashes engines write in their own ways."""
    _, _, bare = root.rpartition("://")
    return unquote(path).partition(f"{bare.strip('/')}/")[2]


def _stage(lake: Lake, name: str, rows: DataFrame) -> None:
    writer = rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
    writer = writer.option(*statistics_property(()))
    if lake.location is not None:
        writer = writer.option("path", lake.path(name))
    writer.saveAsTable(f"{lake.quoted}.{name}")


def _refuse_namesakes(lake: Lake) -> None:
    names = lake.table("staged_captures").groupBy("landing_file").count().where("count > 1")
    for row in names.collect():
        raise FileExistsError(
            f"{row['count']} files belong at {row['landing_file']}: rename all but one of them"
        )


def _months(months: Iterable[Any]) -> str:
    """Months as SQL literals; at least one, for the syntax."""
    found = sorted(str(month) for month in months)
    assert all(_MONTH.fullmatch(month) for month in found)
    return ", ".join(f"'{month}'" for month in found) or "''"


def _one_column(lake: Lake, schema: str, values: Iterable[Any]) -> DataFrame:
    return lake.spark.createDataFrame([(value,) for value in values], schema)


def _spark_schema(types: dict[str, pa.DataType]) -> Any:
    return from_arrow_schema(pa.schema(list(types.items())))
