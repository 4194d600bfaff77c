"""Runs sql/migrations/0008_latest_prices.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0008_latest_prices"
down_revision = "0007_seen_months"


def upgrade() -> None:
    run_file(revision)
