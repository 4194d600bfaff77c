"""The hours of the asset graph."""

import dagster as dg

from crypto_pipeline.landing.first_hour import first_hour

# The current hour is a partition while it lasts: the source has only a present.
hourly = dg.HourlyPartitionsDefinition(start_date=first_hour(), timezone="UTC", end_offset=1)
"""They begin with the oldest landing file. One that is older still needs a reload of the code
location, as any change of the graph does."""
