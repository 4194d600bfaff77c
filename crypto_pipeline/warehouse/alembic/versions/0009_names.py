"""Runs sql/migrations/0009_names.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0009_names"
down_revision = "0008_latest_prices"


def upgrade() -> None:
    run_file(revision)
