"""Runs sql/migrations/0013_file_forms.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0013_file_forms"
down_revision = "0012_rehypothecated"


def upgrade() -> None:
    run_file(revision)
