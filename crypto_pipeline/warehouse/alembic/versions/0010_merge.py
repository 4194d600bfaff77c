"""Runs sql/migrations/0010_merge.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0010_merge"
down_revision = "0009_names"


def upgrade() -> None:
    run_file(revision)
