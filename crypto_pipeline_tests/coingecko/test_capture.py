import contextlib
from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_pipeline.coingecko.capture import (
    CURRENCY,
    LIVE_SOURCE,
    Capture,
    CaptureError,
    ResponseMeta,
    decode_capture,
    encode_capture,
)
from crypto_pipeline.config.settings import Settings

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


def _plain(records: bytes, ingested_at: str = "2024-05-01T12:00:00Z") -> bytes:
    return b'{"ingested_at": "%b", "source": "CoinGecko", "records": %b}' % (
        ingested_at.encode(),
        records,
    )


def _bytes(capture: Capture) -> list[bytes]:
    return [bytes(record) for record in capture.records]


def test_the_plain_form() -> None:
    capture = decode_capture(_plain(b'[{"id": "bitcoin"}, {"id":"ethereum"}]'))
    assert capture.ingested_at == NOON
    assert capture.source == LIVE_SOURCE
    assert _bytes(capture) == [b'{"id": "bitcoin"}', b'{"id":"ethereum"}']
    assert (capture.request, capture.responses, capture.error) == ({}, [], None)


@pytest.mark.parametrize(
    "ingested_at",
    ["2024-05-01T12:00:00", "2024-05-01 12:00:00.000000", "2024-05-01T14:00:00+02:00"],
)
def test_times_are_utc(ingested_at: str) -> None:
    capture = decode_capture(_plain(b"[]", ingested_at))
    assert capture.ingested_at == NOON
    assert capture.ingested_at.utcoffset() == timedelta(0)


def test_a_byte_order_mark_is_ignored() -> None:
    assert _bytes(decode_capture(b"\xef\xbb\xbf" + _plain(b"[1]"))) == [b"1"]


def test_bare_tokens_spoil_their_record_only() -> None:
    records = b'[{"id":"a","p":NaN},{"id":"b","p":-Infinity},{"id":"NaN \\" Infinity","p":1.10}]'
    assert _bytes(decode_capture(_plain(records))) == [
        b'{"id":"a","p":"NaN"}',
        b'{"id":"b","p":"-Infinity"}',
        b'{"id":"NaN \\" Infinity","p":1.10}',
    ]


def test_numbers_keep_their_digits() -> None:
    records = [b"1.10", b"2.1E+15", b"1e-12", b"1.10", b"2.1E+15"]
    assert _bytes(decode_capture(_plain(b"[" + b",".join(records) + b"]"))) == records


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "truncated in a file of 0 bytes"),
        (_plain(b'[{"id":"bitcoin"}')[:-1], "truncated in a file of 91 bytes"),
        (_plain(b"[1 2]"), r"\(byte 77\) in a file of"),
        (b"[]", "Expected `object`, got `array`"),
        (b'{"source":"x","records":[]}', "missing required field `ingested_at`"),
        (_plain(b"[]", "yesterday"), r"at `\$.ingested_at`"),
        (_plain(b'{"a": 1}'), r"Expected `array` - at `\$.records`"),
        (_plain(b"null"), r"Expected `array` - at `\$.records`"),
    ],
)
def test_what_is_no_capture_is_named(body: bytes, message: str) -> None:
    with pytest.raises(CaptureError, match=message):
        decode_capture(body)


def _asked(currency: str) -> bytes:
    return _plain(b"[]")[:-1] + b', "request": {"ids": "a", "vs_currency": %b}}' % currency.encode()


@pytest.mark.parametrize(
    ("told", "currency"),
    [('"usd"', "usd"), ('"EUR"', "eur"), ('" usd\\n"', "usd"), ('"bits"', "bits"), ("null", None)],
)
def test_a_currency_is_in_lower_case_and_null_is_none(told: str, currency: str | None) -> None:
    assert decode_capture(_asked(told)).vs_currency == currency


@pytest.mark.parametrize(
    "told", ['""', '" "', '["usd"]', '{"usd": 1}', "5", "true", '"usd,eur"', '"u"', '"ninechars"']
)
def test_what_is_no_currency_is_named(told: str) -> None:
    with pytest.raises(CaptureError, match=r"at `\$.request.vs_currency`") as caught:
        decode_capture(_asked(told))
    assert (caught.value.ingested_at, caught.value.source) == (NOON, LIVE_SOURCE)


def test_a_currency_is_what_the_settings_say_it_is() -> None:
    (pattern,) = (
        rule.pattern
        for rule in Settings.model_fields["coingecko_vs_currency"].metadata
        if hasattr(rule, "pattern")
    )
    assert pattern == f"^{CURRENCY.pattern}$"


def test_a_source_is_a_text_of_some_length() -> None:
    def source(text: str) -> str:
        return decode_capture(_plain(b"[]").replace(b"CoinGecko", text.encode())).source

    assert source(" CoinGecko sandbox ") == "CoinGecko sandbox"
    assert source("x" * 200) == "x" * 200
    for text in ("", " ", "x" * 201):
        with pytest.raises(CaptureError, match=r"at `\$.source`"):
            source(text)


def test_an_error_of_the_api_instead_of_records() -> None:
    body = _plain(
        b'{"status":{"error_code":403,"error_message":"This endpoint is temporarily unavailable'
        b' due to ongoing issues. Please visit https://status.coingecko.com"}}'
    )
    with pytest.raises(CaptureError, match=r"403.*This endpoint is temporarily unavailable due to"):
        decode_capture(body)


# Objects whose numbers have forms that a float would not give back.
_NUMBERS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)
_RECORDS = st.builds(
    lambda text, number: b'{"id": %b, "price" :%b}' % (msgspec.json.encode(text), number.encode()),
    st.text(),
    _NUMBERS,
)
_HEADERS = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2)
_TIMES = st.datetimes(timezones=st.just(timezone.utc))
_CAPTURES = st.builds(
    Capture,
    ingested_at=_TIMES,
    source=st.text("aé\N{NO-BREAK SPACE}😀", min_size=1, max_size=200),
    records=st.lists(_RECORDS.map(msgspec.Raw), max_size=4),
    request=_HEADERS,
    responses=st.lists(
        st.builds(
            ResponseMeta,
            page=st.integers(1, 99),
            received_at=_TIMES,
            records=st.integers(0, 250),
            headers=_HEADERS,
        ),
        max_size=2,
    ),
    error=st.none() | st.text(),
)


@given(_CAPTURES)
def test_a_capture_survives_its_file(capture: Capture) -> None:
    copy = decode_capture(encode_capture(capture))
    assert _bytes(copy) == _bytes(capture)
    assert msgspec.structs.replace(copy, records=[]) == msgspec.structs.replace(capture, records=[])


@given(st.binary() | st.binary().map(_plain))
def test_arbitrary_bytes_raise_only_capture_errors(body: bytes) -> None:
    with contextlib.suppress(CaptureError):
        decode_capture(body)
