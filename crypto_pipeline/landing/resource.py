"""The landing zone as Dagster sees it: the resource, and the IO manager of bronze."""

from typing import Any

import dagster as dg

from crypto_pipeline.coingecko.capture import Capture
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.landing.landed import hour_of
from crypto_pipeline.landing.object_store import ObjectStoreError
from crypto_pipeline.landing.zone import LandingFile, LandingZone


class LandingZoneResource(dg.ConfigurableResource[Any]):
    """The landing zone that the environment names (``LANDING_ZONE_URI``)."""

    def zone(self) -> LandingZone:
        """Open the landing zone."""
        return LandingZone(Settings().landing_uri)


class LandingZoneIOManager(dg.ConfigurableIOManager):
    """Keeps a capture as a landing file of its hourly partition; gives the files of partitions back
    unread, so that a range of any length costs a listing.

    A list of files as output means that the partition was there already: nothing is written.
    """

    landing_zone: dg.ResourceDependency[LandingZoneResource]

    def handle_output(self, context: dg.OutputContext, obj: Capture | list[LandingFile]) -> None:
        """Write a capture, and describe what now lies in the landing zone."""
        zone = self.landing_zone.zone()
        if isinstance(obj, Capture):
            try:
                files, capture = [zone.write(obj)], obj
            except ObjectStoreError as error:
                raise dg.Failure(str(error), allow_retries=error.retryable) from None
            context.add_output_metadata(
                {
                    "records": len(capture.records),
                    "pages": len(capture.responses),
                    "source": capture.source,
                    "ingested_at": dg.TimestampMetadataValue(capture.ingested_at.timestamp()),
                    "request": dg.JsonMetadataValue(dict(capture.request)),
                }
            )
        else:
            files = obj
        context.add_output_metadata(
            {
                "files": len(files),
                "bytes": sum(file.size for file in files),
                "landing_file": dg.PathMetadataValue(str(files[-1].uri)),
            }
        )

    def load_input(self, context: dg.InputContext) -> list[LandingFile]:
        """The files of the input's partitions, oldest first."""
        zone = self.landing_zone.zone()
        window = context.asset_partitions_time_window
        return list(zone.files(hour_of(window.start), hour_of(window.end)))
