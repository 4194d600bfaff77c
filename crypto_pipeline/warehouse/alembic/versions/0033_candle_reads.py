"""Runs sql/migrations/0033_candle_reads.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0033_candle_reads"
down_revision = "0032_aliases_in_history"


def upgrade() -> None:
    run_file(revision)
