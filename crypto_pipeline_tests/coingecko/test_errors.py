import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_pipeline.coingecko.errors import (
    AuthenticationError,
    BadRequest,
    Blocked,
    CoinGeckoError,
    MalformedResponse,
    NetworkError,
    PlanError,
    RateLimited,
    ServerError,
    error_from_body,
    error_from_response,
)

WRONG_PAIR = "COINGECKO_PLAN and COINGECKO_API_KEY do not belong together"

# A real body, met with HTTP 200.
UNAVAILABLE = (
    b'{"status":{"error_code":403,"error_message":"This endpoint is temporarily unavailable due to'
    b' ongoing issues. Please visit https://status.coingecko.com"}}'
)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code", "excerpts"),
    [
        (404, b'{"error":"coin not found"}', BadRequest, None, ["coin not found"]),
        (422, b'{"error":"invalid vs_currency"}', BadRequest, None, ["COINGECKO_VS_CURRENCIES"]),
        (
            429,
            b'{"status":{"error_code":429,"error_message":"You\'ve exceeded the Rate Limit."}}',
            RateLimited,
            429,
            ["You've exceeded the Rate Limit.", "wait"],
        ),
        (200, b'{"status":{"error_code":429,"error_message":"slow"}}', RateLimited, 429, ["slow"]),
        (
            401,
            b'{"status":{"error_code":401,"error_message":"invalid pro api key usage"}}',
            AuthenticationError,
            401,
            ["invalid pro api key usage"],
        ),
        (
            401,
            b'{"error":{"status":{"timestamp":"2026-03-05T08:16:12.383+00:00","error_code":10012,'
            + b'"error_message":"Your request exceeds the allowed time range."}}}',
            PlanError,
            10012,
            ["allowed time range", "ask for a time range"],
        ),
        (
            400,
            b'{"error_code":10010,"status":{"error_message":"change your root URL"}}',
            AuthenticationError,
            10010,
            ["change your root URL", WRONG_PAIR],
        ),
        (400, b'{"status":{"error_code":10011}}', AuthenticationError, 10011, [WRONG_PAIR]),
        (
            401,
            b'{"error_code":10002,"error_message":"API Key Missing"}',
            AuthenticationError,
            10002,
            ["API Key Missing", "set COINGECKO_API_KEY"],
        ),
        (401, b'{"error_code":"10005"}', PlanError, 10005, ["the endpoint needs a larger"]),
        (
            200,
            UNAVAILABLE,
            Blocked,
            403,
            ["403", "This endpoint is temporarily unavailable due to"],
        ),
        (503, b'{"error":"maintenance"}', ServerError, None, ["maintenance", "status.coingecko"]),
        (408, b'{"status":{"error_code":408}}', ServerError, 408, []),
    ],
)
def test_each_error_shape(
    status: int, body: bytes, kind: type[CoinGeckoError], code: int | None, excerpts: list[str]
) -> None:
    error = error_from_body(body, status)
    assert type(error) is kind
    assert (error.status, error.code) == (status, code)
    assert f"HTTP {status}" in str(error)
    assert "\n" not in str(error)
    for excerpt in excerpts:
        assert excerpt in str(error)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'[{"error":"x"}]',
        b"<html>",
        b"{}",
        b'{"gecko_says":"(V3) To the Moon!"}',
        b'{"status":{"error_code":0,"error_message":null}}',
        b'{"error":null}',
        b'{"error_code":true}',
        b'["\xff"]',
        b"[" * 100_000,
    ],
)
def test_a_body_that_is_no_error(body: bytes) -> None:
    assert error_from_body(body, 200) is None


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (301, b"", BadRequest),
        (403, b"error code: 1020", Blocked),
        (403, b"<html>Forbidden</html>", Blocked),
        (418, b"", BadRequest),
        (429, b"error code: 1015", RateLimited),
        (502, b"<html>Bad gateway</html>", ServerError),
    ],
)
def test_a_body_of_any_form(status: int, body: bytes, kind: type[CoinGeckoError]) -> None:
    error = error_from_response(body, status, retry_after=7.0)
    assert type(error) is kind
    assert error.retry_after == 7.0
    assert "it asks to wait 7 s" in str(error)


def test_which_errors_are_worth_a_retry() -> None:
    retryable = {kind for kind in CoinGeckoError.__subclasses__() if kind.retryable}
    assert retryable == {NetworkError, RateLimited, ServerError, MalformedResponse}


def test_text_is_one_short_line_without_keys() -> None:
    text = (
        "invalid key CG-abcdefghijklmnopqrstuvwx at /ping?x_cg_pro_api_key=secret&x=1 " + "x" * 999
    )
    error = error_from_body(msgspec.json.encode({"error": text + "\nsecond line"}), 401)
    assert error is not None
    assert "invalid key <key> at /ping?x_cg_pro_api_key=<key>&x=1" in str(error)
    assert len(error.text) == 300
    assert "second" not in str(error)


def test_an_error_survives_the_way_between_processes() -> None:
    error = error_from_body(UNAVAILABLE, 200, retry_after=1.5)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is Blocked
    assert str(copy) == str(error)
    assert copy.retry_after == 1.5


@given(st.binary(), st.none() | st.integers(100, 599))
def test_arbitrary_bytes_never_raise(body: bytes, status: int | None) -> None:
    error = error_from_body(body, status)
    assert error is None or str(error)
    assert str(error_from_response(body, status or 500))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "status", "error_code", "error_message"]), children
        )
    ),
)


@given(_JSON)
def test_arbitrary_json_never_raises(answer: object) -> None:
    error = error_from_body(msgspec.json.encode(answer))
    assert error is None or len(str(error).splitlines()) == 1
