"""The example queries, of the documentation too, on days of sandbox data: what runs on the lake
answers what PostgreSQL answers, and what does not is about silver."""

import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from crypto_pipeline.lakehouse.delta import Lake
from crypto_pipeline.lakehouse.load import load_lake
from crypto_pipeline.lakehouse.marts import load_marts
from crypto_pipeline.lakehouse.queries import lake_queries
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.cli.test_documentation import EXAMPLE_QUERIES, queries, shown_queries
from crypto_pipeline_tests.pipeline import run_hour

pytestmark = pytest.mark.long

# A Friday: a day of the week, and a weekend.
START = datetime(2024, 3, 8, 20, 0, 10, tzinfo=timezone.utc)
SNAPSHOTS = 6
COINS = 60

ALL = list(queries(EXAMPLE_QUERIES))
SHOWN = shown_queries()
LAKE_VIEWS = {"v_latest_prices", "v_price_history"}
"""Views that the lake has too."""


@pytest.fixture
def loaded(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Fetches at different parts of three days, in which a coin is renamed, and a lake of them."""
    times = [START + number * timedelta(hours=7) for number in range(SNAPSHOTS)]
    market = Market(COINS, rename_at=times[2].replace(second=0))
    with SandboxServer(market, clock=SimulatedClock(START, speed=0)) as server:
        monkeypatch.setenv("COINGECKO_PLAN", "sandbox")
        monkeypatch.setenv("COINGECKO_BASE_URL", server.base_url)
        for time in times:
            server.clock.set(time)
            run_hour(time)
    lake = Lake(str(tmp_path / "lake"))
    load_lake(warehouse, lake)
    load_marts(warehouse, lake)
    return lake


def comparable(value: Any) -> Any:
    """A number as its digits, whatever the type that an engine gives it."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return value
    return Decimal(str(value)).normalize()


def answer(cursor: Any, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Names of the columns and the rows; in the order of the engine where the query gives none."""
    result = cursor.execute(query)
    names = [column[0] for column in result.description]
    found = [tuple(map(comparable, row)) for row in result.fetchall()]
    ordered = "ORDER BY" in query.rpartition(")")[2]
    return names, found if ordered else sorted(found)


def test_what_asks_the_star_schema_is_answered_the_same(warehouse: Warehouse, loaded: Lake) -> None:
    on_both = []
    with warehouse.connection() as postgres, lake_queries(loaded) as lake:
        for query in dict.fromkeys([*SHOWN, *ALL]):
            expected = answer(postgres, query)
            silver = set(re.findall(r"(?:FROM|JOIN) (\w+)\b(?!\.)", query)) - LAKE_VIEWS
            if silver:
                with pytest.raises(duckdb.CatalogException) as error:
                    lake.execute(query)
                assert any(f"{name} does not exist" in str(error.value) for name in silver), query
            else:
                assert expected[1], query
                assert answer(lake, query) == expected, query
                on_both.append(query)
    assert len(on_both) == 13
    # Of those that the documentation shows, the ones on schema analytics and the lake's views.
    assert sum(query in on_both for query in SHOWN) == 3
