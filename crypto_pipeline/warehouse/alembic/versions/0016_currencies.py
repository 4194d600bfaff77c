"""Runs sql/migrations/0016_currencies.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0016_currencies"
down_revision = "0015_gaps"


def upgrade() -> None:
    run_file(revision)
