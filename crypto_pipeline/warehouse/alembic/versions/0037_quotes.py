"""Runs sql/migrations/0037_quotes.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0037_quotes"
down_revision = "0034_marts"


def upgrade() -> None:
    run_file(revision)
