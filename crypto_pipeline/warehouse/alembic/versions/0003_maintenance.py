"""Runs sql/migrations/0003_maintenance.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0003_maintenance"
down_revision = "0002_gold"


def upgrade() -> None:
    run_file(revision)
