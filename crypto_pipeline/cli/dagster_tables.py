"""Dagster's tables, read without Dagster, whose import takes longer than all the rest."""

import psycopg

from crypto_pipeline.model.sql import read_sql


def dagster_is_readable(connection: psycopg.Connection) -> bool:
    """Whether they are in this database, and this role may read them."""
    return connection.execute(read_sql("reports/dagster_readable.sql")).fetchone() == (True,)
