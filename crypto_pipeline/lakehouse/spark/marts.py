"""The marts on Spark: made of its own candles, in the load that makes these, before their batches
are marked as loaded. So a load that dies makes both again.

Spark knows no aliases of coins, which are PostgreSQL's.
"""

from crypto_pipeline.lakehouse.schema import MART_TABLES
from crypto_pipeline.lakehouse.spark.lake import Lake


def make_marts(lake: Lake) -> None:
    """Make what the candles of the view ``changed_days`` reach."""
    is_new = not lake.table(MART_TABLES[-2].name).head(1)
    if is_new:
        lake.view("mart_days", "marts/all_days")
    else:
        lake.spark.table("changed_days").createOrReplaceTempView("mart_days")
    for table in MART_TABLES:
        lake.merge(f"marts/{table.name}")
