"""The Dagster resource for CoinPaprika."""

from typing import Any

import dagster as dg

from crypto_pipeline.coinpaprika.client import CoinPaprikaClient
from crypto_pipeline.config.settings import Settings


class CoinPaprika(dg.ConfigurableResource[Any]):
    """CoinPaprika as the environment says (``COINPAPRIKA_*``), so that no key is part of a Dagster
    configuration."""

    def client(self, run_id: str | None = None) -> CoinPaprikaClient:
        """A client, to be used as a context manager, whose requests are those of a run."""
        return CoinPaprikaClient.from_settings(Settings(), run_id)
