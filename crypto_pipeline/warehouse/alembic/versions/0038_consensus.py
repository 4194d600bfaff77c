"""Runs sql/migrations/0038_consensus.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0038_consensus"
down_revision = "0037_quotes"


def upgrade() -> None:
    run_file(revision)
