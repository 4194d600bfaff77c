"""The hours of the asset graph."""

import dagster as dg

from crypto_pipeline.settings import Settings

# The current hour is a partition while it lasts: the source has only a present.
hourly = dg.HourlyPartitionsDefinition(
    start_date=Settings().history_start, timezone="UTC", end_offset=1
)
