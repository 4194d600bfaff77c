"""Runs sql/migrations/0031_dashboard.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0031_dashboard"
down_revision = "0030_coin_list"


def upgrade() -> None:
    run_file(revision)
