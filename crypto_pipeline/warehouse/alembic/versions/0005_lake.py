"""Runs sql/migrations/0005_lake.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0005_lake"
down_revision = "0004_whole_months"


def upgrade() -> None:
    run_file(revision)
