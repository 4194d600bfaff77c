"""The hours and months of the asset graph."""

from datetime import datetime, timedelta, timezone

import dagster as dg
from pydantic import ValidationError

from crypto_pipeline.coingecko.limits import history_days
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.history.backfill import FIRST_MOMENT
from crypto_pipeline.landing.first_hour import first_hour

# The current hour is a partition while it lasts: the source has only a present.
hourly = dg.HourlyPartitionsDefinition(start_date=first_hour(), timezone="UTC", end_offset=1)
"""They begin with the oldest landing file. One that is older still needs a reload of the code
location, as any change of the graph does."""


def _first_month() -> datetime:
    """The first month of which the plan's charts have all days."""
    try:
        settings = Settings()
    except ValidationError:
        return FIRST_MOMENT.replace(day=1)
    # The sandbox has no end of a past: a year of it is enough to look at.
    days = history_days(settings) or 365
    reach = datetime.now(timezone.utc) - timedelta(days=days)
    return (reach.replace(day=1) + timedelta(days=32)).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )


monthly = dg.MonthlyPartitionsDefinition(start_date=_first_month(), timezone="UTC", end_offset=1)
"""The months that charts can be asked for, the current one with them."""
