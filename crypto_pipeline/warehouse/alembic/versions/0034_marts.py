"""Runs sql/migrations/0034_marts.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0034_marts"
down_revision = "0033_candle_reads"


def upgrade() -> None:
    run_file(revision)
