"""Runs sql/migrations/0004_whole_months.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0004_whole_months"
down_revision = "0003_maintenance"


def upgrade() -> None:
    run_file(revision)
