import contextlib
from datetime import datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_pipeline.coingecko.capture import (
    CURRENCY,
    FILE_SOURCE,
    LIVE_SOURCE,
    Capture,
    CaptureError,
    ResponseMeta,
    TimeOrigin,
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


def test_what_is_no_json_in_a_record_leaves_every_record_its_bytes() -> None:
    records = [
        b'{"id":"a","p":NaN}',
        rb'{"id":"b","symbol":"\ud800"}',
        b'{"id":"c","name":"a\tb, ]} \\" [{"}',
        b'{"id":"d","deep":' + b"[" * 9_999 + b"]" * 9_999 + b"}",
        b'{"id":"\xff","p":1.10}',
    ]
    body = _plain(b"[" + b" ,\n".join(records) + b" ]")
    assert _bytes(decode_capture(body)) == records
    assert _bytes(decode_capture(body[body.index(b"[") : -1], "20240501T120000Z.json")) == records


def test_numbers_keep_their_digits() -> None:
    records = [b"1.10", b"2.1E+15", b"1e-12", b"1.10", b"2.1E+15"]
    assert _bytes(decode_capture(_plain(b"[" + b",".join(records) + b"]"))) == records


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "an empty file of 0 bytes"),
        (b" \n", "an empty file of 2 bytes"),
        (_plain(b'[{"id":"bitcoin"}')[:-1], "cut off or malformed, in a file of 91 bytes"),
        (_plain(b"[1, 2]]"), "cut off or malformed"),
        (b"[]", "nothing says when it was fetched: there are no records"),
        (b'[{"id":"bitcoin","symbol":"btc"}]', "the first of these has id, symbol; put the UTC"),
        (b"[[1713355200000,61142]]", "the first of these is no object"),
        (b'{"source":"x","records":[]}', "nothing says when it was fetched"),
        (b'{"bitcoin":{"usd":61142}}', "no array of records"),
        (b'{"a":[{"id":"x"}],"b":[{"id":"y"}]}', "several arrays.*\\(a, b\\): keep one of them"),
        (_plain(b"[]", "yesterday"), r"at `\$.ingested_at`"),
        (_plain(b'{"a": 1}'), r"Expected `array` - at `\$.records`"),
        (_plain(b"null"), r"Expected `array` - at `\$.records`"),
        (
            b"snapped_at,price,market_cap,total_volume\n2013-04-28 00:00:00 UTC,134.2,1.5e9,0.0\n",
            "a CSV with the columns snapped_at, price, market_cap, total_volume: of CSVs",
        ),
        (
            b"a;b\n1;2\n",
            "a CSV with the columns a, b: .*CoinGecko's own export .* has snapped",
        ),
        (b"[{'id': 'bitcoin', 'current_price': 1}]", "printed form of a Python list.*json.dump"),
        (b'{"id": "bitcoin", "roi": None}', "printed form of a Python list"),
        (b"<!DOCTYPE html><title>502</title>", "HTML or XML"),
        ("[]".encode("utf-16"), "UTF-16: save it as UTF-8"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (b"\x00\x01\x02", "binary data"),
        (b"hello", "text: records are read from the JSON of /coins/markets"),
    ],
)
def test_what_is_no_capture_is_named(body: bytes, message: str) -> None:
    with pytest.raises(CaptureError, match=message):
        decode_capture(body)


_BITCOIN = b'{"id": "bitcoin", "current_price": 1.10, "last_updated": "2024-05-01T11:59:30.000Z"}'
_ETHEREUM = b'{"id":"ethereum", "current_price": 2, "last_updated": "2024-05-01T11:58:30Z"}'


@pytest.mark.parametrize(
    ("body", "origin"),
    [
        (b"[%b,%b]", TimeOrigin.LAST_UPDATED),
        (b'{"data": [%b,%b]}', TimeOrigin.LAST_UPDATED),
        (b'{"status": {"ok": true}, "errors": [], "coins": [%b,%b]}', TimeOrigin.LAST_UPDATED),
        (b"%b\n%b\n", TimeOrigin.LAST_UPDATED),
        (b"%b\r\n\r\n%b", TimeOrigin.LAST_UPDATED),
        (b'{"fetched_at": "2024-05-01T12:00:00Z", "result": [%b,%b]}', TimeOrigin.ENVELOPE),
        (b'{"result": [%b,%b], "timestamp": 1714564800}', TimeOrigin.ENVELOPE),
        (b'{"result": [%b,%b], "ts": 1714564800000}', TimeOrigin.ENVELOPE),
        (b'{"records": [%b,%b], "ingested_at": "2024-05-01T12:00:00"}', TimeOrigin.ENVELOPE),
    ],
)
def test_the_forms_in_which_people_keep_a_response(body: bytes, origin: TimeOrigin) -> None:
    capture = decode_capture(body % (_BITCOIN, _ETHEREUM))
    assert _bytes(capture) == [_BITCOIN, _ETHEREUM]
    assert capture.time_origin is origin
    seconds = 30 if origin is TimeOrigin.LAST_UPDATED else 0
    assert capture.ingested_at == NOON - timedelta(seconds=seconds)
    assert (capture.source, capture.vs_currency) == (FILE_SOURCE, None)


def test_a_single_record_is_one_too() -> None:
    assert _bytes(decode_capture(_BITCOIN)) == [_BITCOIN]


def test_a_file_may_name_its_source_and_currency_beside_the_records() -> None:
    capture = decode_capture(b'{"data": [%b], "vs_currency": "EUR", "source": "me"}' % _BITCOIN)
    assert (capture.source, capture.vs_currency) == ("me", "eur")
    with pytest.raises(CaptureError, match="no currency"):
        decode_capture(b'{"data": [%b], "vs_currency": 5}' % _BITCOIN)


@pytest.mark.parametrize(
    "name",
    [
        "2024-05-01T120000Z.json",
        "20240501T120000Z.json.gz",
        "markets 2024-05-01T12:00:00Z (1).json",
        "markets_2024-05-01_12-00-00_UTC.json",
        "20240501T120000000000Z-0a1b.json",
        "2023-13-01T120000Z-2024-05-01T12.00.00+0000.json",
    ],
)
def test_the_name_may_hold_the_time_of_the_fetch(name: str) -> None:
    capture = decode_capture(b"[%b]" % _BITCOIN, f"folder-2020-01-01T000000Z/{name}")
    assert (capture.ingested_at, capture.time_origin) == (NOON, TimeOrigin.FILE_NAME)


@pytest.mark.parametrize(
    "name",
    ["markets_2024-05-01.json", "2024-05-01T120000.json", "120240501T120000Z.json", "a.json"],
)
def test_a_date_or_a_local_time_in_a_name_is_no_time_of_a_fetch(name: str) -> None:
    assert decode_capture(b"[%b]" % _BITCOIN, name).time_origin is TimeOrigin.LAST_UPDATED


def test_a_time_beside_the_records_goes_before_the_name_and_this_before_the_records() -> None:
    body = b'{"time": "2024-05-01T12:00:00Z", "data": [%b]}' % _BITCOIN
    assert decode_capture(body, "20230101T000000Z.json").time_origin is TimeOrigin.ENVELOPE


def test_an_impossible_time_of_one_record_is_not_the_time_of_the_fetch() -> None:
    late = b'{"id": "x", "current_price": 1, "last_updated": "9999-01-01T00:00:00Z"}'
    early = b'{"id": "y", "current_price": 1, "last_updated": 5}'
    capture = decode_capture(b"[%b, %b, 7, %b]" % (late, _BITCOIN, early))
    assert capture.ingested_at == NOON - timedelta(seconds=30)


def test_an_unreadable_answer_is_read_by_a_version_that_can() -> None:
    kept = Capture(
        ingested_at=NOON,
        source="CoinGecko sandbox",
        records=[],
        request={"vs_currency": "eur"},
        error="unreadable: lone surrogate",
        unreadable=b"[%b]" % _BITCOIN,
    )
    capture = decode_capture(encode_capture(kept))
    assert _bytes(capture) == [_BITCOIN]
    assert (capture.source, capture.vs_currency) == ("CoinGecko sandbox", "eur")
    assert capture.error is None
    with pytest.raises(CaptureError, match="unreadable: lone surrogate") as caught:
        decode_capture(encode_capture(msgspec.structs.replace(kept, unreadable=b"\xff<")))
    assert (caught.value.ingested_at, caught.value.source) == (NOON, "CoinGecko sandbox")


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
