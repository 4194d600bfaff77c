"""Files of price history into silver: points, by the reader and the rules that the warehouse uses.

As for market snapshots, every step is a merge that does nothing a second time, and the batch of a
file says how far it is. CoinGecko's own candles and corrections are PostgreSQL's alone: a file of
the former is a batch without points.
"""

from typing import Final

from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.lakehouse.spark.points import HISTORY_TYPES, decode_history, history_path
from crypto_pipeline.lakehouse.spark.staging import (
    Staging,
    binary_files,
    months_list,
    spark_schema,
)
from crypto_pipeline.landing.landed import HISTORY_FOLDER, LANDING_FOLDER, history_of, is_shown

_DIMENSIONS: Final = ("dim_date", "dim_time", "dim_source", "dim_currency")


def history_folder(landing_path: str) -> str | None:
    """The folder with the price history beside one with market snapshots; None where that is none
    of a landing zone, of which nothing is known."""
    root, _, folder = landing_path.rstrip("/").rpartition("/")
    return f"{root}/{HISTORY_FOLDER}" if folder == LANDING_FOLDER else None


def new_history_files(lake: Lake, folder: str) -> list[str]:
    """Paths of the files of price history that are no completed batch, in their order.

    Args:
        lake: Where they may be loaded.
        folder: The folder ``price_history`` of a landing zone; it need not be there.
    """
    root, _, _ = folder.rstrip("/").rpartition("/")
    listed = binary_files(lake, [folder]).select("path").collect()
    # Not decoded: the folder of a coin is its id as a URL has it.
    paths = {f"{root}/{history_path(row['path'])}" for row in listed}
    done = {
        row["landing_file"]
        for row in lake.table("history_batches")
        .where("status = 'completed'")
        .select("landing_file")
        .collect()
    }
    return sorted(path for path in paths if _is_history(path) and history_path(path) not in done)


def _is_history(path: str) -> bool:
    return is_shown(path.rpartition("/")[2]) and history_of(history_path(path)) is not None


def load_history(lake: Lake, paths: list[str], max_rejected_share: float) -> None:
    """Load files of price history into silver, and what they need into the dimensions."""
    files = binary_files(lake, paths).select("path", "content").dropDuplicates(["path"])
    decoded = files.mapInArrow(decode_history, spark_schema(HISTORY_TYPES))
    with Staging(lake, "files", "points") as staging:
        staging.write("files", decoded)
        points = lake.run("history/staged_points", **staging.names)
        staging.write("points", points)
        _merge_staged(lake, staging.names, max_rejected_share)


def _merge_staged(lake: Lake, staged: dict[str, str], max_rejected_share: float) -> None:
    share = f"{max_rejected_share}"
    lake.view(
        "staged_history_batches", "history/staged_batches", max_rejected_share=share, **staged
    )
    lake.merge("history/begin_batches")
    lake.view("accepted_points", "history/accepted_points", **staged)
    months = months_list(
        row["snapshot_month"]
        for row in lake.spark.table("accepted_points").select("snapshot_month").distinct().collect()
    )
    lake.view("pending_snapshots", "history/pending_days", **staged)
    lake.view("pending_sources", "history/pending_sources", **staged)
    lake.view("pending_currencies", "history/pending_currencies", **staged)
    for table in _DIMENSIONS:
        lake.merge(f"gold/{table}")
    lake.merge("history/price_points", months=months)
    lake.merge("history/rejected_points", **staged)
    lake.merge("history/complete_batches", months=months, **staged)
