"""Runs sql/migrations/0020_quarantine.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0020_quarantine"
down_revision = "0017_ohlc"


def upgrade() -> None:
    run_file(revision)
