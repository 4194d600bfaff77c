"""Whether there is anything to load, asked without Dagster: most of the time there is not."""

from crypto_pipeline.cli.dagster_tables import dagster_is_readable
from crypto_pipeline.coins.load import files_to_load as coin_lists_to_load
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.history.load import files_to_load as history_to_load
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.bulk_load import files_to_load
from crypto_pipeline.warehouse.postgres import Warehouse


def nothing_to_do() -> bool:
    """Whether a load would find no file to file or to load, and nothing that a load before it has
    left: batches pending for gold, hours not reported or not checked. Of a lake nothing is known
    here."""
    settings = Settings()
    if settings.has_lake:
        return False
    warehouse, zone = Warehouse(), LandingZone(settings.landing_uri)
    with warehouse.connection() as connection:
        if not dagster_is_readable(connection):
            return False
        row = connection.execute(read_sql("reports/nothing_left_over.sql")).fetchone()
    return (
        row == (True,)
        and not zone.has_unfiled()
        and not files_to_load(warehouse, zone)
        and not history_to_load(warehouse, zone)
        and not coin_lists_to_load(warehouse, zone)
    )
