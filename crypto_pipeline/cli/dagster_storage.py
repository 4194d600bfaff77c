"""Dagster's own storage in the warehouse database, with the password of the moment."""

from collections.abc import Mapping
from typing import Any

from dagster_postgres.auth import PgTokenProvider
from dagster_postgres.utils import pg_url_from_config
from psycopg.conninfo import conninfo_to_dict
from pydantic import ValidationError
from sqlalchemy import make_url

from crypto_pipeline.cli.home import storage_url
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.dagster_internals import LeanPostgresStorage
from crypto_pipeline.warehouse.postgres import warehouse_conninfo


class WarehouseStorage(LeanPostgresStorage):
    """Dagster's PostgreSQL storage. Where it is the warehouse's database, each connection asks the
    settings for the password: it may have been rotated since Dagster started."""

    @classmethod
    def from_config_value(
        cls, inst_data: Any, config_value: Mapping[str, Any]
    ) -> "WarehouseStorage":
        """Made by Dagster, from ``dagster.yaml``."""
        url = pg_url_from_config(config_value)
        return cls(
            inst_data=inst_data,
            postgres_url=url,
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            token_provider=_CurrentPassword() if is_the_warehouse(url) else None,
        )


class _CurrentPassword(PgTokenProvider):
    def _fetch_token(self) -> tuple[str, float]:
        # Expired at once: the settings know for how long a secret is good.
        return str(conninfo_to_dict(warehouse_conninfo(Settings()))["password"]), 0.0


def is_the_warehouse(url: str) -> bool:
    """Whether a URL is that of the warehouse's database, which has a password."""
    try:
        settings = Settings()
    except ValidationError:
        # The UI shows what there is, also while a setting is wrong.
        return False
    if settings.embedded:
        return False
    warehouse = make_url(storage_url(warehouse_conninfo(settings)))
    return warehouse.password is not None and (
        warehouse.set(password="") == make_url(url).set(password="")
    )
