"""Runs sql/migrations/0007_seen_months.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0007_seen_months"
down_revision = "0006_roles"


def upgrade() -> None:
    run_file(revision)
