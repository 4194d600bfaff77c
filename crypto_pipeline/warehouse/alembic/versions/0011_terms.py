"""Runs sql/migrations/0011_terms.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0011_terms"
down_revision = "0010_merge"


def upgrade() -> None:
    run_file(revision)
