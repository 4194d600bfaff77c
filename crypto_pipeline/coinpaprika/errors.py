"""What can go wrong between us and CoinPaprika.

* CoinPaprikaError
  x NetworkError (retryable)
  x RateLimited (retryable)
  x ServerError (retryable)
  x MalformedResponse (retryable)
  x AuthenticationError
  x PlanError
  x BadRequest
"""

from typing import ClassVar

import msgspec

from crypto_pipeline.fetching.errors import SourceError, SourceErrors
from crypto_pipeline.fetching.tolerant_json import MALFORMED


class CoinPaprikaError(SourceError):
    """Base of all errors of CoinPaprika."""

    headline: ClassVar[str] = "CoinPaprika refused the request"
    advice: ClassVar[str] = "check the COINPAPRIKA_* settings"


class NetworkError(CoinPaprikaError):
    """No answer: no connection, no such host, a timeout. ``text`` is ``<host>: <reason>``."""

    retryable = True
    headline = "cannot reach CoinPaprika at"
    advice = "check the network"
    is_place = True


class RateLimited(CoinPaprikaError):
    """HTTP 429: too many requests in a second, or in the month."""

    retryable = True
    headline = "CoinPaprika's rate limit is exceeded"
    advice = "wait, or use a plan with a larger limit"


class ServerError(CoinPaprikaError):
    """CoinPaprika failed or took too long: 408 and 5xx."""

    retryable = True
    headline = "CoinPaprika failed"
    advice = "try again later"


class MalformedResponse(CoinPaprikaError):
    """An answer that is not the JSON it should be, for instance a body that was cut off."""

    retryable = True
    headline = "CoinPaprika's answer is unreadable"
    advice = "try again later, and check COINPAPRIKA_BASE_URL if it is set"


class AuthenticationError(CoinPaprikaError):
    """The API key is wrong, 403, or missing, 401."""

    headline = "CoinPaprika refused the API key"
    advice = "check COINPAPRIKA_API_KEY and COINPAPRIKA_PLAN"


class PlanError(CoinPaprikaError):
    """The plan does not include what was asked for, or its month is used up: 402."""

    headline = "CoinPaprika's plan does not include this request"
    advice = "use a larger plan"


class BadRequest(CoinPaprikaError):
    """The request itself is wrong: all other 4xx, and redirects."""

    advice = "check COINGECKO_VS_CURRENCIES and COINPAPRIKA_BASE_URL"


_BY_STATUS: dict[int, type[CoinPaprikaError]] = {
    401: AuthenticationError,
    402: PlanError,
    403: AuthenticationError,
    408: ServerError,
    429: RateLimited,
}
"""By its description: 402 an insufficient plan, 403 an invalid key, 429 too many requests."""


def error_from_body(
    body: bytes, status: int | None = None, retry_after: float | None = None
) -> CoinPaprikaError | None:
    """Recognise an error body, ``{"error": "<text>"}``, whatever the HTTP status.

    Args:
        body: The decompressed body.
        status: HTTP status it came with.
        retry_after: Seconds its Retry-After header asks to wait.

    Returns:
        The error, or None if the body is anything else: a list, other JSON, not JSON.
    """
    try:
        answer = msgspec.json.decode(body)
    except MALFORMED:
        return None
    if not isinstance(answer, dict) or not isinstance(answer.get("error"), str):
        return None
    return _error(answer["error"], status, retry_after)


def error_from_response(
    body: bytes, status: int, retry_after: float | None = None
) -> CoinPaprikaError:
    """The error of a response with a status other than 200, whose body may be of any form."""
    return error_from_body(body, status, retry_after) or _error("", status, retry_after)


def _error(text: str, status: int | None, retry_after: float | None) -> CoinPaprikaError:
    kind: type[CoinPaprikaError] = BadRequest
    if status is not None:
        kind = _BY_STATUS.get(status, ServerError if status >= 500 else BadRequest)
    return kind(text, status=status, retry_after=retry_after)


ERRORS = SourceErrors(
    network=NetworkError,
    malformed=MalformedResponse,
    in_body=error_from_body,
    of_response=error_from_response,
)
"""What a request to CoinPaprika can fail with."""
