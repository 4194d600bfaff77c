"""One request to a source: its slot of the budget, its line in the log, its key, its retries."""

import email.utils
import logging
import time
from collections.abc import Callable
from datetime import datetime, timezone
from importlib.metadata import version
from typing import NamedTuple, ParamSpec, TypeVar

import httpx
import msgspec
import tenacity
from pydantic import SecretStr

from crypto_pipeline.fetching.budget import Budget
from crypto_pipeline.fetching.errors import SourceError, SourceErrors
from crypto_pipeline.fetching.request_log import RequestEntry, RequestLog, new_request_id

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Service(NamedTuple):
    """The plan of a source that is asked.

    Attributes:
        source: Name of the source, as the request ledger has it.
        plan: Name of the plan, likewise.
        label: Label of the data's origin, where the answer does not say.
        settings: With what the names of its settings begin.
        root: Root URL; None of a plan that has none of its own.
        key_header: The header that takes the API key; None of a plan without one.
        errors: How its answers become errors.
        is_sandbox: Whether its clock is simulated, and the pipeline's.
    """

    source: str
    plan: str
    label: str
    settings: str
    root: str | None
    key_header: str | None
    errors: SourceErrors
    is_sandbox: bool = False


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


class Answer(NamedTuple):
    """An answer with HTTP 200, or 304 to a request that named an ETag.

    Attributes:
        is_unchanged: Whether it is what the ETag stands for, and so has no body.
        sent_at: When the request was sent, UTC.
        received_at: When the answer was there, UTC: by the server's clock of the sandbox.
        headers: Its headers.
        received: The body as it came.
        body: The body without its content encoding; None if that is broken.
        source: Label of the data's origin.
    """

    is_unchanged: bool
    sent_at: datetime
    received_at: datetime
    headers: httpx.Headers
    received: bytes
    body: bytes | None
    source: str

    @property
    def kept_headers(self) -> dict[str, str]:
        """The headers worth keeping, names in lower case."""
        return {name: self.headers[name] for name in _KEPT_HEADERS if name in self.headers}

    @property
    def date(self) -> datetime | None:
        """What the server's clock says, UTC, to the second, where it says."""
        return _http_date(self.headers.get("date", ""))


class HttpTransport:
    """Requests to one plan of a source.

    Args:
        service: The plan.
        api_key: Its key; sent in its header only.
        base_url: Overrides the plan's root URL; required where it has none.
        budget: Gives every attempt its slot.
        log: Where every attempt is written down.
        run_id: Dagster's run that asks.
        timeout: Seconds to wait for a connection and for each part of an answer.
        max_attempts: How often a request is made before giving up.
        max_wait: Longest wait between attempts in seconds, where the source does not name one.

    Raises:
        ValueError: the plan lacks its key or root URL, or one of them cannot be right.
    """

    def __init__(
        self,
        service: Service,
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
        root = httpx.URL(base_url or service.root or "")
        if root.scheme not in ("http", "https") or not root.host:
            raise ValueError(
                f"plan {service.plan}: {service.settings}_BASE_URL must be a http:// or https://"
                " URL"
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
                raise ValueError(
                    f"plan {service.plan}: {service.settings}_API_KEY is missing or not a key"
                )
            headers[service.key_header] = self._key
        self.service = service
        self._budget = budget
        self._log = log
        self._run_id = run_id
        self._http = httpx.Client(base_url=root, headers=headers, timeout=timeout)
        self._backoff = tenacity.wait_random_exponential(max=max_wait)
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_worth_retrying),
            wait=self._wait,
            stop=tenacity.stop_after_attempt(max_attempts),
            before_sleep=_log_retry,
            reraise=True,
        )

    @property
    def host(self) -> str:
        """The host that is asked."""
        return self._http.base_url.host

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def retrying(self, ask: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Call what makes a request until it succeeds, as often as is worth it.

        Raises:
            SourceError: that of the last attempt.
        """
        return self._retrying(ask, *args, **kwargs)

    def get(
        self,
        path: str,
        query: dict[str, str],
        endpoint: str | None = None,
        etag: str | None = None,
    ) -> Answer:
        """One attempt, which takes one slot of the budget and is written down.

        Args:
            path: Below the root.
            query: The parameters.
            endpoint: The path with names in braces for what varies, where something does.
            etag: That of an answer which we have: the same one is not sent again.

        Raises:
            SourceError: there is no such answer.
        """
        request_id = new_request_id()
        self._budget.acquire(request_id)
        sent_at = datetime.now(timezone.utc)
        began = time.perf_counter()
        status: int | None = None
        headers = httpx.Headers()
        received = b""
        try:
            with self._http.stream(
                "GET", path, params=query, headers={"if-none-match": etag} if etag else None
            ) as response:
                status, headers = response.status_code, response.headers
                # As it came: what is compressed badly is kept, too.
                received = b"".join(response.iter_raw())
        except httpx.TransportError as failure:
            reason = str(failure) or type(failure).__name__
            raise self.service.errors.network(f"{self.host}: {reason}") from None
        finally:
            if self._log is not None:
                self._log.add(
                    RequestEntry(
                        request_id=request_id,
                        sent_at=sent_at,
                        api=self.service.source,
                        plan=self.service.plan,
                        endpoint=endpoint or path,
                        http_status=status,
                        # CoinGecko counts the answers with HTTP 200; the others do not say.
                        credits=int(status == 200),
                        received_bytes=len(received),
                        duration_ms=round((time.perf_counter() - began) * 1000),
                        is_cached=_is_cached(headers),
                        run_id=self._run_id,
                    )
                )
        received_at = datetime.now(timezone.utc)
        body = _decoded(response, received)
        is_unchanged = etag is not None and status == 304
        if status != 200 and not is_unchanged:
            raise self.service.errors.of_response(
                self.without_key(body or b""),
                response.status_code,
                _retry_after(response.headers),
            )
        if self.service.is_sandbox:
            received_at = self._sandbox_time(response.headers)
        return Answer(
            is_unchanged,
            sent_at,
            received_at,
            response.headers,
            received,
            body,
            str(response.headers.get("x-data-source", self.service.label)),
        )

    def time_of(self, answer: Answer) -> datetime:
        """When an answer was asked for, by the pipeline's clock."""
        return answer.received_at if self.service.is_sandbox else answer.sent_at

    def without_key(self, body: bytes) -> bytes:
        """A body that may echo the key, without it."""
        return body.replace(self._key.encode(), b"<key>") if self._key else body

    def text_of(self, answer: Answer) -> bytes:
        """What came, as far as it can be read, without the key."""
        return self.without_key(answer.received if answer.body is None else answer.body)

    def refuse_error(self, answer: Answer) -> None:
        """Let an answer with HTTP 200 that is an error fail as one.

        Raises:
            SourceError: it is one.
        """
        error = self.service.errors.in_body(self.text_of(answer), 200, _retry_after(answer.headers))
        if error is not None:
            raise error from None

    def _sandbox_time(self, headers: httpx.Headers) -> datetime:
        try:
            time = msgspec.convert(headers["x-sandbox-time"], datetime)
        except (KeyError, msgspec.ValidationError):
            raise self.service.errors.malformed(
                "no time in the header x-sandbox-time: this is not a sandbox server"
            ) from None
        return time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = _failure(state)
        return self._backoff(state) if error.retry_after is None else error.retry_after


def _decoded(response: httpx.Response, received: bytes) -> bytes | None:
    """The body without its content encoding; None if that is broken."""
    try:
        return httpx.Response(200, headers=response.headers, content=received).content
    except httpx.DecodingError:
        return None


def _is_cached(headers: httpx.Headers) -> bool | None:
    """Whether an answer came from the source's cache; None where it does not say."""
    if "cf-cache-status" in headers:
        return headers["cf-cache-status"].upper() in ("HIT", "STALE", "UPDATING", "REVALIDATED")
    return headers["age"] != "0" if "age" in headers else None


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
        isinstance(error, SourceError)
        and error.retryable
        and (error.retry_after is None or error.retry_after <= _MAX_RETRY_AFTER)
    )


def _failure(state: tenacity.RetryCallState) -> SourceError:
    assert state.outcome is not None
    error = state.outcome.exception()
    assert isinstance(error, SourceError)  # nothing else is retried
    return error


def _log_retry(state: tenacity.RetryCallState) -> None:
    _logger.warning(
        "attempt %d failed, the next in %.1f s: %s",
        state.attempt_number,
        state.upcoming_sleep,
        _failure(state),
    )
