"""Runs a migration's SQL file as it stands."""

from alembic import op

from crypto_pipeline.model.sql import read_sql


def run_file(revision: str) -> None:
    """Run ``sql/migrations/<revision>.sql`` on Alembic's connection, past SQLAlchemy's own
    parsing: the file is plain SQL with many statements."""
    driver_connection = op.get_bind().connection.driver_connection
    assert driver_connection is not None
    driver_connection.execute(read_sql(f"migrations/{revision}.sql"))
