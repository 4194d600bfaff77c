"""Runs sql/migrations/0017_ohlc.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0017_ohlc"
down_revision = "0016_currencies"


def upgrade() -> None:
    run_file(revision)
