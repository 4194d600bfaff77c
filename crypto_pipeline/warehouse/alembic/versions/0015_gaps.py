"""Runs sql/migrations/0015_gaps.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0015_gaps"
down_revision = "0014_price_history"


def upgrade() -> None:
    run_file(revision)
