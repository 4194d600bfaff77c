"""The landing zone as Dagster sees it: the resource, and the IO manager of bronze."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from crypto_pipeline.coingecko.capture import Capture
from crypto_pipeline.coingecko.schema import COLUMNS, decode_record
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.landing.landed import hour_of
from crypto_pipeline.landing.object_store import ObjectStoreError
from crypto_pipeline.landing.zone import LandingFile, LandingZone
from crypto_pipeline.model.markdown import markdown_table

_MOST_LISTED = 20
_MOST_SHOWN = 500
_PREVIEWED = 5
_SHOWN = ("crypto_id", "symbol", "current_price", "market_cap_rank", "last_updated")


class LandingZoneResource(dg.ConfigurableResource[Any]):
    """The landing zone that the environment names (``LANDING_ZONE_URI``)."""

    def zone(self) -> LandingZone:
        """Open the landing zone."""
        return LandingZone(Settings().landing_uri)


def files_metadata(paths: Sequence[str]) -> dict[str, dg.MetadataValue[Any]]:
    """Where landing files are: a path of one, a list of the first of several."""
    if len(paths) == 1:
        return {"landing_file": dg.PathMetadataValue(paths[0])}
    listed = "\n".join(f"- `{path}`" for path in paths[:_MOST_LISTED])
    more = f"\n- and {len(paths) - _MOST_LISTED} more" if len(paths) > _MOST_LISTED else ""
    return {"landing_files": dg.MarkdownMetadataValue(listed + more)}


def _describe(capture: Capture) -> dict[str, Any]:
    """What the UI shows of a fetch: figures to plot, and a few records to look at."""
    rows = [dict(zip(COLUMNS, decode_record(record), strict=True)) for record in capture.records]
    metadata: dict[str, Any] = {
        "records": len(rows),
        "pages": len(capture.responses),
        "source": capture.source,
        "ingested_at": dg.TimestampMetadataValue(capture.ingested_at.timestamp()),
        "request": dg.MarkdownMetadataValue(
            " ".join(f"`{name}={value}`" for name, value in capture.request.items())[:_MOST_SHOWN]
        ),
        "first records": dg.MarkdownMetadataValue(
            markdown_table(
                _SHOWN, [[row[column] for column in _SHOWN] for row in rows[:_PREVIEWED]]
            )
        ),
    }
    if capture.responses:
        took = capture.responses[-1].received_at - capture.ingested_at
        metadata["fetch (s)"] = round(took.total_seconds(), 1)
    updates = [row["last_updated"] for row in rows if isinstance(row["last_updated"], datetime)]
    if updates:
        age = capture.ingested_at - max(updates)
        metadata["age of the newest price (s)"] = round(age.total_seconds(), 1)
    return metadata


class LandingZoneIOManager(dg.ConfigurableIOManager):
    """Keeps captures as landing files of their hourly partition; gives the files of partitions back
    unread, so that a range of any length costs a listing.

    A list of files as output means that the partition was there already: nothing is written.
    """

    landing_zone: dg.ResourceDependency[LandingZoneResource]

    def handle_output(
        self, context: dg.OutputContext, obj: Sequence[Capture | LandingFile]
    ) -> None:
        """Write captures, and describe what now lies in the landing zone."""
        zone = self.landing_zone.zone()
        captures = [one for one in obj if isinstance(one, Capture)]
        files = [one for one in obj if isinstance(one, LandingFile)]
        try:
            files += [zone.write(capture) for capture in captures]
        except ObjectStoreError as error:
            raise dg.Failure(str(error), allow_retries=error.retryable) from None
        if captures:
            context.add_output_metadata(_describe(captures[0]))
        context.add_output_metadata(
            {
                "files": len(files),
                "size (bytes)": sum(file.size for file in files),
                **files_metadata([str(file.uri) for file in files]),
            }
        )

    def load_input(self, context: dg.InputContext) -> list[LandingFile]:
        """The files of the input's partitions, oldest first."""
        zone = self.landing_zone.zone()
        window = context.asset_partitions_time_window
        return list(zone.files(hour_of(window.start), hour_of(window.end)))
