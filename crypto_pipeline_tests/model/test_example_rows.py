"""The example rows are what the sample leads to."""

from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.example_rows import EXAMPLES, example_row
from crypto_pipeline.model.registry import CANDLE_TABLES, GOLD_TABLES, SILVER_TABLES
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.example_rows import examples


def test_the_rows_are_those_of_a_load(warehouse: Warehouse, zone: LandingZone) -> None:
    """When this fails, ``make sample``."""
    assert EXAMPLES.read_text(encoding="utf-8") == examples(warehouse, zone)


def test_every_table_of_the_graph_has_one_that_fits_it() -> None:
    for table in (*SILVER_TABLES, *GOLD_TABLES, *CANDLE_TABLES):
        row = example_row(table)
        assert row
        assert set(row) <= {column.name for column in table.columns}
