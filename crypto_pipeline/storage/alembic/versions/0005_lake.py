"""Runs sql/migrations/0005_lake.sql."""

from crypto_pipeline.storage.alembic.run_file import run_file

revision = "0005_lake"
down_revision = "0003_maintenance"


def upgrade() -> None:
    run_file(revision)
