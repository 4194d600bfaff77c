"""Runs sql/migrations/0030_coin_list.sql."""

from crypto_pipeline.warehouse.alembic.run_file import run_file

revision = "0030_coin_list"
down_revision = "0017_ohlc"


def upgrade() -> None:
    run_file(revision)
