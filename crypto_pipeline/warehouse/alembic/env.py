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
# A migration may have made tables, which the other roles are to see.
connection.connection.driver_connection.execute(read_sql("grants.sql"))
