"""Alembic's entry point; ``storage/migrations.py`` hands in the connection and its transaction."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=None,
    version_table_schema="public",
)
context.run_migrations()
