"""Runs sql/migrations/0001_silver.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0001_silver"
down_revision = None


def upgrade() -> None:
    run_file(revision)
