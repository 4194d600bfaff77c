"""Runs sql/migrations/0032_aliases_in_history.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0032_aliases_in_history"
down_revision = "0031_dashboard"


def upgrade() -> None:
    run_file(revision)
