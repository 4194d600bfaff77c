"""The HTTP client: pages of ``/coins/markets`` into one capture."""

import email.utils
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from types import TracebackType
from typing import NamedTuple, final
from urllib.parse import quote

import httpx
import msgspec
import tenacity
from pydantic import SecretStr

from crypto_pipeline.coingecko.capture import LIVE_SOURCE, Capture, ResponseMeta
from crypto_pipeline.coingecko.errors import (
    CoinGeckoError,
    MalformedResponse,
    NetworkError,
    error_from_body,
    error_from_response,
)
from crypto_pipeline.coingecko.limits import DEFAULT_PER_MINUTE, RequestBudget
from crypto_pipeline.config.settings import Plan, Settings


class _Service(NamedTuple):
    root: str | None
    key_header: str | None


_SERVICES = {
    Plan.PUBLIC: _Service("https://api.coingecko.com/api/v3", None),
    Plan.DEMO: _Service("https://api.coingecko.com/api/v3", "x-cg-demo-api-key"),
    Plan.PRO: _Service("https://pro-api.coingecko.com/api/v3", "x-cg-pro-api-key"),
    Plan.SANDBOX: _Service(None, None),
}

_MAX_PER_PAGE = 250
_MAX_IDS_LENGTH = 5500
"""Characters of an encoded ``ids``; keeps the whole URL below 6,000, which proxies let through."""

_MAX_RETRY_AFTER = 120.0
"""Seconds; a server that asks for a longer wait gets none: the next scheduled run is the retry."""

_KEPT_HEADERS = (
    "age",
    "etag",
    "cache-control",
    "cf-cache-status",
    "date",
    "total",
    "per-page",
    "link",
    "retry-after",
    "x-request-id",
    "x-data-source",
)

_logger = logging.getLogger(__name__)


class _Answer(NamedTuple):
    sent_at: datetime
    received_at: datetime
    headers: httpx.Headers
    body: bytes


class _Page(NamedTuple):
    answer: _Answer
    records: list[msgspec.Raw]


def request_budget(settings: Settings) -> RequestBudget:
    """The machine's budget for the plan, in ``data_dir``."""
    plan = settings.coingecko_plan
    return RequestBudget(
        settings.data_dir / f"request-budget-{plan.value}.sqlite3",
        settings.coingecko_requests_per_minute or DEFAULT_PER_MINUTE[plan],
    )


@final
class CoinGeckoClient:
    """A client of one CoinGecko plan; use it as a context manager.

    Args:
        plan: Decides host and key header.
        api_key: Key of the demo or pro plan; sent in that header only.
        base_url: Overrides the plan's root URL; required for the sandbox plan.
        budget: Gives every attempt its slot.
        timeout: Seconds to wait for a connection and for each part of an answer.
        max_attempts: How often a page is asked for before giving up.
        max_wait: Longest wait between attempts in seconds, where CoinGecko does not name one.

    Raises:
        ValueError: the plan lacks its key or root URL, or one of them cannot be right.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        budget: RequestBudget,
        api_key: SecretStr | None = None,
        base_url: str | None = None,
        timeout: float = 30.0,
        max_attempts: int = 5,
        max_wait: float = 60.0,
    ) -> None:
        service = _SERVICES[plan]
        root = httpx.URL(base_url or service.root or "")
        if root.scheme not in ("http", "https") or not root.host:
            raise ValueError(
                f"plan {plan.value}: COINGECKO_BASE_URL must be a http:// or https:// URL"
            )
        headers = {
            "accept": "application/json",
            # Requests without one were seen to be blocked (HTTP 403).
            "user-agent": f"crypto-pipeline/{version('crypto-pipeline')}",
        }
        self._key = "" if api_key is None else api_key.get_secret_value().strip()
        if service.key_header is not None:
            # A key with control characters would be quoted in the HTTP library's error.
            if not (self._key.isascii() and self._key.isprintable() and self._key):
                raise ValueError(f"plan {plan.value}: COINGECKO_API_KEY is missing or not a key")
            headers[service.key_header] = self._key
        self._plan = plan
        self._budget = budget
        self._http = httpx.Client(base_url=root, headers=headers, timeout=timeout)
        self._backoff = tenacity.wait_random_exponential(max=max_wait)
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_worth_retrying),
            wait=self._wait,
            stop=tenacity.stop_after_attempt(max_attempts),
            before_sleep=_log_retry,
            reraise=True,
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> "CoinGeckoClient":
        """The client that the settings describe, with the machine's budget in ``data_dir``."""
        return cls(
            settings.coingecko_plan,
            api_key=settings.coingecko_api_key,
            base_url=settings.coingecko_base_url,
            budget=request_budget(settings),
        )

    def __enter__(self) -> "CoinGeckoClient":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __repr__(self) -> str:
        return f"CoinGeckoClient(plan={self._plan.value!r}, host={self._http.base_url.host!r})"

    def now(self) -> datetime:
        """The pipeline's clock, UTC: the system's, or the server's for the sandbox plan.

        Raises:
            CoinGeckoError: the sandbox server cannot be reached or sends no time.
        """
        if self._plan is Plan.SANDBOX:
            return self._retrying(self._get, "/ping", {}).received_at
        return datetime.now(timezone.utc)

    def ping(self) -> datetime | None:
        """Ask once whether the service answers and takes the key; what its clock says, UTC, to the
        second, where it says.

        Raises:
            CoinGeckoError: it does not answer, or refuses the key.
        """
        return _http_date(self._get("/ping", {}).headers.get("date", ""))

    def markets(
        self,
        vs_currency: str,
        top_n: int | None,
        ids: Sequence[str] = (),
        include_rehypothecated: bool = False,
        on_page: Callable[[int, int], None] | None = None,
    ) -> Capture:
        """Fetch the coins of largest market cap, or those named, as one capture.

        Ranks move while paging, so a coin may come twice or not at all; the records are not
        deduplicated.

        Args:
            vs_currency: Currency of all prices, e.g. ``usd``.
            top_n: How many coins, from 1; None is all there are. Not used with ``ids``.
            ids: Coin ids to fetch instead.
            include_rehypothecated: Whether tokens that stand for others are listed too.
            on_page: Called after each page with its number, from 1, and the records so far.

        Returns:
            The capture. ``ingested_at`` is when the request that got the first page was sent (the
            server's time for the sandbox). ``request`` leaves out ``page`` and has all ids.
            If a later page fails for good, the capture has the pages got, and ``error``.

        Raises:
            CoinGeckoError: not even the first page could be got.
        """
        limit = None if ids else top_n
        per_page = _MAX_PER_PAGE if limit is None else min(limit, _MAX_PER_PAGE)
        request = {
            "vs_currency": vs_currency,
            "order": "market_cap_desc",
            "per_page": str(per_page),
            "precision": "full",
            "sparkline": "false",
        }
        if include_rehypothecated:
            request["include_rehypothecated"] = "true"
        queries: Iterator[dict[str, str]]
        if ids:
            queries = (
                request | {"ids": ",".join(chunk), "page": "1"} for chunk in _chunks_of_ids(ids)
            )
        else:
            queries = (request | {"page": str(page)} for page in itertools.count(1))

        records: list[msgspec.Raw] = []
        responses: list[ResponseMeta] = []
        first: _Answer | None = None
        error: str | None = None
        for number, query in enumerate(queries, 1):
            try:
                answer, page = self._retrying(self._get_page, query)
            except CoinGeckoError as failure:
                if first is None:
                    raise
                error = str(failure)
                break
            first = first or answer
            records += page[: None if limit is None else limit - len(records)]
            responses.append(
                ResponseMeta(
                    page=number,
                    received_at=answer.received_at,
                    records=len(page),
                    headers={
                        name: answer.headers[name]
                        for name in _KEPT_HEADERS
                        if name in answer.headers
                    },
                )
            )
            if on_page is not None:
                on_page(number, len(records))
            if not ids and (len(page) < per_page or len(records) == limit):
                break

        assert first is not None  # there is at least one query, and its failure was raised
        return Capture(
            ingested_at=first.received_at if self._plan is Plan.SANDBOX else first.sent_at,
            source=first.headers.get("x-data-source", LIVE_SOURCE),
            records=records,
            request=request | ({"ids": ",".join(ids)} if ids else {}),
            responses=responses,
            error=error,
        )

    def _get_page(self, query: dict[str, str]) -> _Page:
        answer = self._get("/coins/markets", query)
        try:
            views = msgspec.json.decode(answer.body, type=list[msgspec.Raw])
        except (msgspec.DecodeError, RecursionError) as malformed:
            body = self._without_key(answer.body)
            error = error_from_body(body, 200, _retry_after(answer.headers))
            raise error or MalformedResponse(str(malformed), status=200) from None
        # A view would keep the page's whole buffer alive.
        return _Page(answer, [view.copy() for view in views])

    def _get(self, path: str, query: dict[str, str]) -> _Answer:
        """One attempt, which takes one slot of the budget."""
        self._budget.acquire()
        sent_at = datetime.now(timezone.utc)
        try:
            response = self._http.get(path, params=query)
        except httpx.DecodingError as malformed:
            raise MalformedResponse(str(malformed)) from None
        except httpx.TransportError as failure:
            reason = str(failure) or type(failure).__name__
            raise NetworkError(f"{self._http.base_url.host}: {reason}") from None
        received_at = datetime.now(timezone.utc)
        if response.status_code != 200:
            body = self._without_key(response.content)
            raise error_from_response(body, response.status_code, _retry_after(response.headers))
        if self._plan is Plan.SANDBOX:
            received_at = _sandbox_time(response.headers)
        return _Answer(sent_at, received_at, response.headers, response.content)

    def _without_key(self, body: bytes) -> bytes:
        """An error body that may echo the key, without it."""
        return body.replace(self._key.encode(), b"<key>") if self._key else body

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = _failure(state)
        return self._backoff(state) if error.retry_after is None else error.retry_after


def _chunks_of_ids(ids: Sequence[str]) -> Iterator[list[str]]:
    """Split ids into requests: at most a page's worth each, in a URL that is not too long."""
    chunk: list[str] = []
    length = 0
    for coin_id in dict.fromkeys(ids):
        encoded = len(quote(coin_id, safe="")) + len("%2C")
        if len(chunk) == _MAX_PER_PAGE or (chunk and length + encoded > _MAX_IDS_LENGTH):
            yield chunk
            chunk, length = [], 0
        chunk.append(coin_id)
        length += encoded
    yield chunk


def _sandbox_time(headers: httpx.Headers) -> datetime:
    try:
        time = msgspec.convert(headers["x-sandbox-time"], datetime)
    except (KeyError, msgspec.ValidationError):
        raise MalformedResponse(
            "no time in the header x-sandbox-time: this is not a sandbox server"
        ) from None
    return time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds to wait by the header Retry-After, in either form of RFC 9110 section 10.2.3."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    until = _http_date(value)
    if until is None:
        return None
    return max(0.0, (until - datetime.now(timezone.utc)).total_seconds())


def _http_date(value: str) -> datetime | None:
    """The time of a header, None if it is none."""
    try:
        time = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time


def _worth_retrying(error: BaseException) -> bool:
    return (
        isinstance(error, CoinGeckoError)
        and error.retryable
        and (error.retry_after is None or error.retry_after <= _MAX_RETRY_AFTER)
    )


def _failure(state: tenacity.RetryCallState) -> CoinGeckoError:
    assert state.outcome is not None
    error = state.outcome.exception()
    assert isinstance(error, CoinGeckoError)  # nothing else is retried
    return error


def _log_retry(state: tenacity.RetryCallState) -> None:
    _logger.warning(
        "attempt %d failed, the next in %.1f s: %s",
        state.attempt_number,
        state.upcoming_sleep,
        _failure(state),
    )
