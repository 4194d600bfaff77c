"""The HTTP client: tickers, contracts by platform, and daily candles, each as it came."""

from collections.abc import Callable, Sequence
from datetime import date
from types import TracebackType
from typing import Final, final
from urllib.parse import quote

from crypto_pipeline.coinpaprika.errors import ERRORS, MalformedResponse
from crypto_pipeline.coinpaprika.limits import request_budget
from crypto_pipeline.config.settings import CoinPaprikaPlan, Settings
from crypto_pipeline.fetching.answer import SourceAnswer
from crypto_pipeline.fetching.request_log import request_log
from crypto_pipeline.fetching.tolerant_json import MALFORMED, split_array
from crypto_pipeline.fetching.transport import HttpTransport, Service

COINPAPRIKA: Final = "coinpaprika"
"""CoinPaprika's name in the request ledger and in the landing zone."""

LIVE_SOURCE: Final = "CoinPaprika"
"""Label of what the real API answers."""

TICKERS: Final = "/tickers"
PLATFORMS: Final = "/contracts"
CONTRACTS: Final = "/contracts/{platform_id}"
OHLCV: Final = "/coins/{coin_id}/ohlcv/historical"
"""The endpoints that are asked."""

_ROOTS: dict[CoinPaprikaPlan, tuple[str | None, str | None]] = {
    CoinPaprikaPlan.FREE: ("https://api.coinpaprika.com/v1", None),
    CoinPaprikaPlan.PRO: ("https://api-pro.coinpaprika.com/v1", "authorization"),
    CoinPaprikaPlan.SANDBOX: (None, None),
}


def service(plan: CoinPaprikaPlan) -> Service:
    """The host and the key header of a plan."""
    root, key_header = _ROOTS[plan]
    return Service(
        source=COINPAPRIKA,
        plan=plan.value,
        label=LIVE_SOURCE,
        settings="COINPAPRIKA",
        root=root,
        key_header=key_header,
        errors=ERRORS,
        is_sandbox=plan is CoinPaprikaPlan.SANDBOX,
    )


@final
class CoinPaprikaClient:
    """A client of one CoinPaprika plan; use it as a context manager.

    Args:
        transport: Makes its requests.
    """

    def __init__(self, transport: HttpTransport) -> None:
        self._transport = transport

    @classmethod
    def from_settings(cls, settings: Settings, run_id: str | None = None) -> "CoinPaprikaClient":
        """The client that the settings describe, with the machine's budget in ``data_dir``.

        Raises:
            ValueError: CoinPaprika is off, or the plan lacks its key or root URL.
        """
        if settings.coinpaprika_plan is None:
            raise ValueError("CoinPaprika is off: set COINPAPRIKA_PLAN")
        return cls(
            HttpTransport(
                service(settings.coinpaprika_plan),
                api_key=settings.coinpaprika_api_key,
                base_url=settings.coinpaprika_base_url,
                budget=request_budget(settings),
                log=request_log(settings),
                run_id=run_id,
            )
        )

    def __enter__(self) -> "CoinPaprikaClient":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._transport.close()

    def __repr__(self) -> str:
        of = self._transport
        return f"CoinPaprikaClient(plan={of.service.plan!r}, host={of.host!r})"

    def tickers(
        self,
        currencies: Sequence[str],
        on_unreadable: Callable[[SourceAnswer], None] | None = None,
    ) -> SourceAnswer:
        """Fetch the ticker of every active coin: 2,500 on the free plan, else all.

        Args:
            currencies: Codes, at most ``MOST_QUOTES``.
            on_unreadable: Called with every answer that came with HTTP 200 and is no list.

        Raises:
            CoinPaprikaError: they could not be got.
        """
        query = {"quotes": ",".join(code.upper() for code in currencies)}
        return self._transport.retrying(self._get, TICKERS, TICKERS, query, on_unreadable)

    def platforms(self) -> SourceAnswer:
        """Fetch the ids of the platforms that have contracts.

        Raises:
            CoinPaprikaError: they could not be got.
        """
        return self._transport.retrying(self._get, PLATFORMS, PLATFORMS, {}, None)

    def contracts(self, platform: str) -> SourceAnswer:
        """Fetch the contracts of a platform, each with the coin it is of.

        Raises:
            CoinPaprikaError: they could not be got.
        """
        path = CONTRACTS.replace("{platform_id}", quote(platform, safe=""))
        return self._transport.retrying(self._get, CONTRACTS, path, {}, None)

    def daily_candles(self, coin: str, currency: str, first: date, last: date) -> SourceAnswer:
        """Fetch the candles of some days (UTC) of a coin. How far back they reach is the plan's:
        the last 24 hours of the free one.

        Args:
            coin: CoinPaprika's id.
            currency: usd or btc.
            first: First day.
            last: Last day, of the same year's length at most.

        Raises:
            PlanError: the range begins before the plan's reach.
            CoinPaprikaError: they could not be got.
        """
        path = OHLCV.replace("{coin_id}", quote(coin, safe=""))
        query = {
            "start": first.isoformat(),
            "end": last.isoformat(),
            "limit": str((last - first).days + 1),
            "quote": currency,
        }
        return self._transport.retrying(self._get, OHLCV, path, query, None)

    def _get(
        self,
        endpoint: str,
        path: str,
        query: dict[str, str],
        on_unreadable: Callable[[SourceAnswer], None] | None,
    ) -> SourceAnswer:
        """One attempt.

        Raises:
            MalformedResponse: the answer is not even the outline of a list.
        """
        answer = self._transport.get(path, query, endpoint)
        self._transport.refuse_error(answer)
        kept = SourceAnswer(
            ingested_at=self._transport.time_of(answer),
            source=answer.source,
            endpoint=endpoint,
            path=path,
            request=query,
            headers=answer.kept_headers,
            body=self._transport.text_of(answer),
        )
        try:
            if answer.body is None:
                raise MalformedResponse("its content encoding is broken", status=200)
            split_array(kept.body)
        except (*MALFORMED, MalformedResponse) as problem:
            if on_unreadable is not None:
                on_unreadable(kept)
            if isinstance(problem, MalformedResponse):
                raise
            raise MalformedResponse(str(problem), status=200) from None
        return kept
