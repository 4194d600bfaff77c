"""The dashboard of the known market."""

from collections.abc import Iterator

import pytest

from crypto_pipeline.dashboard.app import Budget
from crypto_pipeline.dashboard.reader import Reader, open_reader
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.dashboard.known_market import fill, served

BUDGET = Budget("demo", 10_000)


@pytest.fixture
def reader(warehouse: Warehouse, zone: LandingZone) -> Reader:
    """A reader of the known market."""
    fill(warehouse, zone)
    return open_reader(sandbox=False)


@pytest.fixture
def dashboard(reader: Reader) -> Iterator[str]:
    """The address of the known market's dashboard."""
    with served(reader, BUDGET) as url:
        yield url
