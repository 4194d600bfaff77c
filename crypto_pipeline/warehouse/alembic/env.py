"""Alembic's entry point; ``migrations.py`` hands in the connection and its transaction."""

from alembic import context

from crypto_pipeline.model.sql import read_sql

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=None,
    version_table_schema="public",
)
context.run_migrations()
# A migration may have made tables and columns: what they mean, how a lake has them, who sees them.
for file in ("comments", "lake/views", "lake/candles", "lake/marts", "grants"):
    connection.connection.driver_connection.execute(read_sql(f"{file}.sql"))
