"""Runs sql/migrations/0006_roles.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0006_roles"
down_revision = "0005_lake"


def upgrade() -> None:
    run_file(revision)
