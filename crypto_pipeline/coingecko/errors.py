"""What can go wrong between us and CoinGecko.

* CoinGeckoError
  x NetworkError (retryable)
  x RateLimited (retryable)
  x ServerError (retryable)
  x MalformedResponse (retryable)
  x AuthenticationError
  x PlanError
  x Blocked
  x BadRequest
"""

import re
from typing import Any, ClassVar

import msgspec

from crypto_pipeline.fetching.errors import SourceError, SourceErrors

# CoinGecko's keys read "CG-" and 24 characters; a query string may name one of any form.
_KEY = re.compile(r"CG-[\w-]{8,}|(?<=api_key=)[^\s&\"'<>]+")

# Cloudflare's firewall answers in plain text or HTML: "error code: 1020".
_CDN_CODE = re.compile(rb"error code:? *(\d{4})", re.IGNORECASE)


class CoinGeckoError(SourceError):
    """Base of all errors of CoinGecko.

    Attributes:
        code: CoinGecko's ``error_code``, if the body had one.
    """

    headline: ClassVar[str] = "CoinGecko refused the request"
    advice: ClassVar[str] = "check the COINGECKO_* settings"
    key_pattern: ClassVar[re.Pattern[str]] = _KEY

    @property
    def what_to_do(self) -> str:
        """The advice for the code, or else for the kind."""
        return ADVICE_BY_CODE.get(self.code or 0, self.advice)


class NetworkError(CoinGeckoError):
    """No answer: no connection, no such host, a timeout. ``text`` is ``<host>: <reason>``."""

    retryable = True
    headline = "cannot reach CoinGecko at"
    advice = "check the network"
    is_place = True


class RateLimited(CoinGeckoError):
    """HTTP 429, or that code in the body of another status; also the keyless daily ceiling."""

    retryable = True
    headline = "CoinGecko's rate limit is exceeded"
    advice = (
        "wait, lower COINGECKO_REQUESTS_PER_MINUTE, or set COINGECKO_PLAN and COINGECKO_API_KEY"
        " for a larger limit"
    )


class ServerError(CoinGeckoError):
    """CoinGecko failed or took too long: 408 and 5xx."""

    retryable = True
    headline = "CoinGecko failed"
    advice = "try again later and see https://status.coingecko.com"


class MalformedResponse(CoinGeckoError):
    """An answer that is not the JSON it should be, for instance a body that was cut off."""

    retryable = True
    headline = "CoinGecko's answer is unreadable"
    advice = "try again later, and check COINGECKO_BASE_URL if it is set"


class AuthenticationError(CoinGeckoError):
    """The API key is missing, wrong, or of another plan: 401, 10002, 10010, 10011."""

    headline = "CoinGecko refused the API key"
    advice = "check COINGECKO_API_KEY and COINGECKO_PLAN"


class PlanError(CoinGeckoError):
    """The plan does not include what was asked for: 10005, 10012."""

    headline = "CoinGecko's plan does not include this request"
    advice = "use a larger plan"


class Blocked(CoinGeckoError):
    """CoinGecko or its firewall turned the client away: 403, 1020."""

    headline = "CoinGecko blocked the request"
    advice = "do not retry at once: try later or from another IP address, or use an API key"


class BadRequest(CoinGeckoError):
    """The request itself is wrong: 400, 404, 422, all other 4xx, and redirects."""

    advice = "check COINGECKO_VS_CURRENCIES, COINGECKO_IDS and COINGECKO_BASE_URL"


_BY_NUMBER: dict[int, type[CoinGeckoError]] = {
    401: AuthenticationError,
    403: Blocked,
    408: ServerError,
    429: RateLimited,
    1020: Blocked,
    10002: AuthenticationError,
    10005: PlanError,
    10010: AuthenticationError,
    10011: AuthenticationError,
    10012: PlanError,
}

_WRONG_PAIR = (
    "COINGECKO_PLAN and COINGECKO_API_KEY do not belong together: set COINGECKO_PLAN to the plan"
    " the key was issued for"
)
ADVICE_BY_CODE = {
    10002: "set COINGECKO_API_KEY, and COINGECKO_PLAN to its plan",
    10005: "the endpoint needs a larger CoinGecko plan",
    10010: _WRONG_PAIR,
    10011: _WRONG_PAIR,
    10012: "ask for a time range that the plan covers, or use a larger plan",
}


def error_from_body(
    body: bytes, status: int | None = None, retry_after: float | None = None
) -> CoinGeckoError | None:
    """Recognise an error body of the API, whatever the HTTP status.

    CoinGecko sends them in several shapes, also with HTTP 200: ``{"error": "<text>"}``,
    ``{"status": {"error_code", "error_message"}}``, the same inside ``"error"``, and the two keys
    at the top level or split between the levels (bodies seen in tests of other clients).

    Args:
        body: The decompressed body.
        status: HTTP status it came with.
        retry_after: Seconds its Retry-After header asks to wait.

    Returns:
        The error, or None if the body is anything else: a list, other JSON, not JSON.
    """
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(answer, dict):
        return None
    error = answer.get("error")
    levels = [answer, answer.get("status"), error]
    if isinstance(error, dict):
        levels.append(error.get("status"))
    code: int | None = None
    text = error if isinstance(error, str) else ""
    for level in levels:
        if isinstance(level, dict):
            code = code or _code(level.get("error_code"))
            message = level.get("error_message")
            text = text or (message if isinstance(message, str) else "")
    if code is None and not text:
        return None
    return _error(text, status, code, retry_after)


def api_error(body: bytes) -> str | None:
    """In words, the error that a body is instead of what was asked for; None if it is none."""
    error = error_from_body(body)
    return None if error is None else f"the API answered with an error: {error}"


def error_from_response(
    body: bytes, status: int, retry_after: float | None = None
) -> CoinGeckoError:
    """The error of a response with a status other than 200, whose body may be of any form."""
    error = error_from_body(body, status, retry_after)
    if error is not None:
        return error
    cdn_code = _CDN_CODE.search(body)
    return _error("", status, int(cdn_code[1]) if cdn_code else None, retry_after)


def _error(
    text: str, status: int | None, code: int | None, retry_after: float | None
) -> CoinGeckoError:
    return _kind(code, status)(text, status=status, code=code, retry_after=retry_after)


def _kind(*numbers: int | None) -> type[CoinGeckoError]:
    """The class for the first number that says something: the body's code, then the status."""
    for number in numbers:
        if number in _BY_NUMBER:
            return _BY_NUMBER[number]
        if number is not None and 500 <= number < 600:
            return ServerError
        if number is not None and 300 <= number < 500:
            return BadRequest
    return BadRequest


def _code(value: Any) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,6}", value):
        return int(value) or None
    return value or None if type(value) is int else None


ERRORS = SourceErrors(
    network=NetworkError,
    malformed=MalformedResponse,
    in_body=error_from_body,
    of_response=error_from_response,
)
"""What a request to CoinGecko can fail with."""
