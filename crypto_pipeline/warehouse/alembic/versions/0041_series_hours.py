"""Runs sql/migrations/0041_series_hours.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0041_series_hours"
down_revision = "0038_consensus"


def upgrade() -> None:
    run_file(revision)
