from crypto_pipeline.coingecko.limits import DEFAULT_PER_MINUTE
from crypto_pipeline.config.settings import Plan


def test_every_plan_has_a_budget() -> None:
    assert set(DEFAULT_PER_MINUTE) == set(Plan)
