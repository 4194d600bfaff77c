"""The consensus: what the sources say of a coin's price in an hour, brought up to what is new."""

from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse


def load_consensus(warehouse: Warehouse) -> dict[str, int]:
    """Compute the hours anew in which answers, candles or mappings are new, in one transaction.

    Returns:
        ``rows_written`` and ``rows_dropped``.
    """
    with warehouse.load() as connection:
        connection.execute(read_sql("consensus/changed.sql"))
        connection.execute(read_sql("consensus/compute.sql"))
        row = connection.execute(read_sql("consensus/merge.sql")).fetchone()
        connection.execute(read_sql("consensus/done.sql"))
    assert row is not None
    return {"rows_written": int(row[0]), "rows_dropped": int(row[1])}
