"""Requests to CoinGecko: the host and the key header of each plan."""

from typing import final

from pydantic import SecretStr

from crypto_pipeline.coingecko.capture import LIVE_SOURCE
from crypto_pipeline.coingecko.errors import ERRORS
from crypto_pipeline.config.settings import Plan
from crypto_pipeline.fetching.budget import Budget
from crypto_pipeline.fetching.request_log import COINGECKO, RequestLog
from crypto_pipeline.fetching.transport import HttpTransport, Service

_ROOTS: dict[Plan, tuple[str | None, str | None]] = {
    Plan.PUBLIC: ("https://api.coingecko.com/api/v3", None),
    Plan.DEMO: ("https://api.coingecko.com/api/v3", "x-cg-demo-api-key"),
    Plan.PRO: ("https://pro-api.coingecko.com/api/v3", "x-cg-pro-api-key"),
    Plan.SANDBOX: (None, None),
}


@final
class Transport(HttpTransport):
    """Requests to one CoinGecko plan.

    Args:
        plan: Decides host and key header.
        budget: As of ``HttpTransport``, like all that follow.
        log: Likewise.
        run_id: Likewise.
        api_key: Key of the demo or pro plan.
        base_url: Overrides the plan's root URL; required for the sandbox plan.
        timeout: Likewise.
        max_attempts: Likewise.
        max_wait: Likewise.

    Raises:
        ValueError: the plan lacks its key or root URL, or one of them cannot be right.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        budget: Budget,
        log: RequestLog | None = None,
        run_id: str | None = None,
        api_key: SecretStr | None = None,
        base_url: str | None = None,
        timeout: float = 30.0,
        max_attempts: int = 5,
        max_wait: float = 60.0,
    ) -> None:
        root, key_header = _ROOTS[plan]
        service = Service(
            source=COINGECKO,
            plan=plan.value,
            label=LIVE_SOURCE,
            settings="COINGECKO",
            root=root,
            key_header=key_header,
            errors=ERRORS,
            is_sandbox=plan is Plan.SANDBOX,
        )
        self.plan = plan
        super().__init__(
            service,
            budget=budget,
            log=log,
            run_id=run_id,
            api_key=api_key,
            base_url=base_url,
            timeout=timeout,
            max_attempts=max_attempts,
            max_wait=max_wait,
        )
