"""What CoinGecko's plans let us ask: requests a minute, credits a month, days back."""

from crypto_pipeline.config.settings import Plan, Settings
from crypto_pipeline.fetching.budget import RequestBudget

DEFAULT_PER_MINUTE: dict[Plan, int | None] = {
    Plan.PUBLIC: 5,
    Plan.DEMO: 30,
    Plan.PRO: 250,
    Plan.SANDBOX: None,
}
"""Requests a minute by plan; None is no limit.

The lowest figures that CoinGecko publishes: keyless access is shared by all users of an IP address
and has no promised rate; Demo is 30 on the pricing page (100 in newer documentation); 250 is the
smallest paid plan. They move, hence COINGECKO_REQUESTS_PER_MINUTE.
"""

DEFAULT_PER_MONTH: dict[Plan, int | None] = {
    Plan.PUBLIC: None,
    Plan.DEMO: 10_000,
    Plan.PRO: 100_000,
    Plan.SANDBOX: None,
}
"""Credits a month by plan; None is no figure that is published. Demo's is on the pricing page, as
is that of the smallest paid plan; hence COINGECKO_REQUESTS_PER_MONTH."""

LISTS_INACTIVE_COINS = frozenset({Plan.PRO, Plan.SANDBOX})
"""Plans that answer ``/coins/list`` for the inactive coins too, by CoinGecko's documentation."""

_HISTORY_DAYS: dict[Plan, int | None] = {
    Plan.PUBLIC: 365,
    Plan.DEMO: 365,
    Plan.PRO: 730,
    Plan.SANDBOX: None,
}
"""Days back that a plan's charts reach; None is all there is. 730 are those of the smallest paid
plan; hence COINGECKO_HISTORY_DAYS."""


def history_days(settings: Settings) -> int | None:
    """Days back that the plan's charts reach; None is all there is."""
    return settings.coingecko_history_days or _HISTORY_DAYS[settings.coingecko_plan]


def request_budget(settings: Settings) -> RequestBudget:
    """The machine's budget for the plan, in ``data_dir``."""
    plan = settings.coingecko_plan
    return RequestBudget(
        settings.data_dir / f"request-budget-{plan.value}.sqlite3",
        settings.coingecko_requests_per_minute or DEFAULT_PER_MINUTE[plan],
    )
