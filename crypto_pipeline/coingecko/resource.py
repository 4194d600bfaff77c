"""The Dagster resource for CoinGecko."""

from typing import Any

import dagster as dg

from crypto_pipeline.coingecko.client import CoinGeckoClient
from crypto_pipeline.config.settings import Settings


class CoinGecko(dg.ConfigurableResource[Any]):
    """CoinGecko as the environment says (``COINGECKO_*``), so that no key is part of a Dagster
    configuration."""

    def client(self, run_id: str | None = None) -> CoinGeckoClient:
        """A client, to be used as a context manager, whose requests are those of a run."""
        return CoinGeckoClient.from_settings(Settings(), run_id)
