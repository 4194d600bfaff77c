"""Landing files through silver into gold.

Delta has no transaction over several tables. So every step is a merge that does nothing a second
time, and the row of a batch says how far it is: "loading" once its number is given, "completed"
when silver has all of it, and with its ``gold_loaded_at`` when gold has. A load that dies is
finished by the next.

Loads at the same time do each other no harm, each in a session of its own. What is theirs alone is
named after them. Delta refuses a commit where the table has changed since the merge read it, and a
merge ends with an error where a number that it would give is taken: either way it is run again.
They may do the same work twice, so taking turns is still better.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from crypto_pipeline.lakehouse.spark.candles import load_candles
from crypto_pipeline.lakehouse.spark.decode import CAPTURE_TYPES, decode_captures
from crypto_pipeline.lakehouse.spark.history import (
    history_folder,
    load_history,
    new_history_files,
)
from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.lakehouse.spark.staging import (
    Staging,
    below,
    binary_files,
    months_list,
    one_column,
    spark_schema,
)
from crypto_pipeline.landing.landed import (
    below_root,
    filed_hour,
    is_named_as_capture,
    is_shown,
)

_FILES_AT_ONCE: Final = 200
"""Files of a silver load; a million records of a history are several loads."""

_SILVER: Final = ("cryptocurrencies", "price_snapshots", "market_metrics", "rejected_records")
# In which order a version is known before the facts that point at it: see load_to_gold.
_DIMENSIONS: Final = ("dim_date", "dim_time", "dim_source", "dim_currency")
_FACTS: Final = ("unrepresentable_values", "fact_crypto_price_metrics")

_ROUNDS: Final = 3
"""How often versions are computed, and facts moved to theirs, for what other loads have done
meanwhile. There may be no end: two records of one instant can give a coin two names."""


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
        landing_path: Folder with the files, such as a volume; all that lies below it is read. If it
            is the folder ``market_snapshots`` of a landing zone, the price history beside it is
            read too.
        max_rejected_share: A batch fails when a larger share of its records is rejected.
    """
    lake.create()
    files = new_files(lake, landing_path)
    gold = load_to_gold(lake)
    for group in groups(files):
        load_to_silver(lake, group, max_rejected_share)
        gold += load_to_gold(lake)
        load_candles(lake)
    history = load_price_history(lake, landing_path, max_rejected_share)
    records, failed = 0, {}
    batches = lake.table("ingestion_batches")
    for of in (batches, lake.table("history_batches")):
        for row in of.where("status = 'failed'").select("landing_file", "error").collect():
            failed[row["landing_file"]] = row["error"]
    if gold:
        ids = one_column(lake, "batch_id bigint", gold)
        total = batches.join(ids, "batch_id").selectExpr("sum(records_fetched) AS records")
        records = int(total.collect()[0]["records"] or 0)
    return Loaded(len(files) + history, len(gold), failed, records)


def load_price_history(lake: Lake, landing_path: str, max_rejected_share: float = 0.5) -> int:
    """Load the files of price history beside the landing files into silver, and then all that is
    pending into the candles; how many files."""
    folder = history_folder(landing_path)
    files = [] if folder is None else new_history_files(lake, folder)
    for group in groups(files):
        load_history(lake, group, max_rejected_share)
        load_candles(lake)
    # Also what a load has left that died.
    load_candles(lake)
    return len(files)


def new_files(lake: Lake, landing_path: str) -> list[str]:
    """Paths of the landing files that are no completed batch, oldest first.

    A file that does not lie under its hour may be one that is: its content has its hour, so it is
    taken, and left when its batch turns out to be complete.
    """
    root = landing_path.rstrip("/")
    listed = binary_files(lake, [root]).select("path").collect()
    paths = {f"{root}/{below(root, row['path'])}" for row in listed}
    done = {
        row["landing_file"]
        for row in lake.table("ingestion_batches")
        .where("status = 'completed'")
        .select("landing_file")
        .collect()
    }
    return sorted(path for path in paths if _is_landing_file(path) and below_root(path) not in done)


def _is_landing_file(path: str) -> bool:
    """Whether a file lies under an hour or is named as one that should; what else was dropped into
    the landing zone, an archive for instance, the warehouse files first."""
    name = path.rpartition("/")[2]
    return is_shown(name) and (
        filed_hour(below_root(path)) is not None or is_named_as_capture(name)
    )


def groups(files: list[str]) -> Iterator[list[str]]:
    """Files in groups that a silver load takes at once, in their order."""
    for start in range(0, len(files), _FILES_AT_ONCE):
        yield files[start : start + _FILES_AT_ONCE]


def load_to_silver(lake: Lake, paths: list[str], max_rejected_share: float) -> None:
    """Load files into silver."""
    captures = binary_files(lake, paths).select("path", "modificationTime", "content")
    # Sail 0.7 reads a file twice where its own split of the work cuts through it.
    captures = captures.dropDuplicates(["path"])
    decoded = captures.mapInArrow(decode_captures, spark_schema(CAPTURE_TYPES))
    with Staging(lake, "captures", "records") as staging:
        staging.write("captures", decoded)
        _refuse_namesakes(lake, staging.names["captures"])
        records = lake.run("staging/staged_records", **staging.names)
        staging.write("records", records)
        _merge_staged(lake, staging.names, max_rejected_share)


def _merge_staged(lake: Lake, staged: dict[str, str], max_rejected_share: float) -> None:
    share = f"{max_rejected_share}"
    lake.view("staged_batches", "staging/staged_batches", max_rejected_share=share, **staged)
    lake.merge("silver/begin_batches")
    lake.view("accepted_records", "staging/accepted_records", **staged)
    months = months_list(
        row["snapshot_month"]
        for row in lake.spark.table("accepted_records")
        .select("snapshot_month")
        .distinct()
        .collect()
    )
    for table in _SILVER:
        lake.merge(f"silver/{table}", months=months, **staged)
    lake.merge("silver/complete_batches", months=months, **staged)


def load_to_gold(lake: Lake) -> list[int]:
    """Load the batches that are pending for gold into the star schema; their numbers.

    What it costs follows what has changed: the history of versions and facts is read from the first
    snapshot on that says something new of a coin, and not at all where none does.
    """
    waiting = lake.run("gold/pending_batches").collect()
    if not waiting:
        return []
    # A batch that another load completes from here on is not one of those that are marked below.
    batches = lake.spark.createDataFrame(
        waiting, "batch_id bigint, source string, source_kind string"
    )
    batches.createOrReplaceTempView("pending_batches")
    ids = [row["batch_id"] for row in waiting]
    lake.view(
        "pending_snapshots",
        "gold/pending_snapshots",
        first_batch=str(ids[0]),
        last_batch=str(ids[-1]),
    )
    snapshots = lake.spark.table("pending_snapshots").select("snapshot_month").distinct()
    months = months_list(row["snapshot_month"] for row in snapshots.collect())
    lake.view("pending_sources", "gold/pending_sources")
    lake.view("pending_currencies", "gold/pending_currencies")
    for statement in _DIMENSIONS:
        lake.merge(f"gold/{statement}")
    _load_versions(lake)
    lake.view("changed_logos", "gold/changed_logos")
    if lake.spark.table("changed_logos").head(1):
        lake.merge("gold/current_logos")
    for statement in _FACTS:
        lake.merge(f"gold/{statement}", months=months)
    _reassign_facts(lake)
    lake.merge("gold/loaded_batches")
    return ids


def _load_versions(lake: Lake) -> None:
    snapshots = "pending_snapshots"
    for _ in range(_ROUNDS):
        changed = lake.run("gold/changed_coins", snapshots=snapshots).collect()
        if not changed:
            return
        coins = one_column(lake, "crypto_id string", (row["crypto_id"] for row in changed))
        coins.createOrReplaceTempView("changed_coins")
        # Texts, which are in UTC whatever the client's time zone.
        first = min(row["first_change"] for row in changed)
        lake.view(
            "changed_snapshots",
            "gold/changed_snapshots",
            first_change=first,
            first_month=first[:7],
        )
        lake.merge("gold/dim_cryptocurrency")
        # What another load has completed since it was read may say otherwise.
        snapshots = "changed_snapshots"


def _reassign_facts(lake: Lake) -> None:
    (row,) = lake.run("gold/first_reassigned").collect()
    first = row["first_reassigned"]
    if first is None:
        return
    since = {"first_reassigned": first, "first_month": first[:7]}
    lake.view("outdated_facts", "gold/outdated_facts", **since)
    for _ in range(_ROUNDS):
        if not lake.spark.table("outdated_facts").head(1):
            return
        lake.merge("gold/reassigned_facts", **since)


def _refuse_namesakes(lake: Lake, captures: str) -> None:
    names = lake.spark.table(captures).groupBy("landing_file").count().where("count > 1")
    for row in names.collect():
        raise FileExistsError(
            f"{row['count']} files belong at {row['landing_file']}: rename all but one of them"
        )
