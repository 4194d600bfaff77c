"""Runs sql/migrations/0014_price_history.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0014_price_history"
down_revision = "0013_file_forms"


def upgrade() -> None:
    run_file(revision)
