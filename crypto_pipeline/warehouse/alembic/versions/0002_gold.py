"""Runs sql/migrations/0002_gold.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0002_gold"
down_revision = "0001_silver"


def upgrade() -> None:
    run_file(revision)
