"""The dashboard of the known market."""

from collections.abc import Iterator

import psycopg
import pytest

from crypto_pipeline.dashboard.app import Budget
from crypto_pipeline.dashboard.reader import Reader, open_reader
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.dashboard.known_market import fill, served

BUDGET = Budget("demo", 10_000)


@pytest.fixture(scope="module", autouse=True)
def role_of_this_module(server_conninfo: str) -> Iterator[None]:
    """The session's server has the role for a module only: a schema that is made with it has rights
    that others lack."""
    yield
    with psycopg.connect(server_conninfo, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS analytics_role")


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
