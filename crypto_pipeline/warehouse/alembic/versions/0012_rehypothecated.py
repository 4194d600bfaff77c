"""Runs sql/migrations/0012_rehypothecated.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0012_rehypothecated"
down_revision = "0011_terms"


def upgrade() -> None:
    run_file(revision)
