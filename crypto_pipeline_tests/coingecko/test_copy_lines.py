"""A record's line of COPY says what ``decode_record`` says, whichever way it was made."""

import re
from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_pipeline.coingecko.copy_lines import LINE_COLUMNS, NULL, copy_lines, csv_line
from crypto_pipeline.coingecko.schema import BASE_FIELDS, COLUMNS, decode_record
from crypto_pipeline_tests.market_records import ABSENT, market_record

_encode = msgspec.json.Encoder(decimal_format="number").encode

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=5,
)
_TEXTS = st.sampled_from(
    [
        b'"plain"',
        b'"a,b"',
        b'"null"',
        b'""',
        b'"\\"quoted\\""',
        b'"\\u0000"',
        b'"\xff"',
        b'"\xc3\xa9"',
    ]
)
_NUMBERS = st.sampled_from(
    [
        b"0",
        b"-0",
        b"1.10",
        b"-2.5",
        b"1e-12",
        b"2.1E+15",
        b"1e999999",
        b"12345678901234567890.5",
        b"9" * 41,
        b"9" * 950 + b"e99",
        b"1e-999",
        b"1E+1001",
        b"true",
        b'"1.5"',
        b"null",
        b"2147483648",
        b"1.0",
    ]
)
_TIMES = st.sampled_from(
    [
        b'"2024-02-29T23:59:59.999Z"',
        b'"2024-02-30T00:00:00.000Z"',
        b'"2024-01-01T24:00:00.000Z"',
        b'"2024-01-01T00:00:00+02:00"',
        b'"2024-01-01"',
        b"1704067200",
        b"null",
    ]
)
_VALUE = re.compile(r'(?:"((?:[^"]|"")*)"|([^",\n]*))[,\n]')
_RAW = _TEXTS | _NUMBERS | _TIMES


def _values(line: bytes) -> list[str | None]:
    """The values of a line as COPY reads them: an unquoted null is none."""
    text = line.decode()
    assert text.endswith("\n")
    values: list[str | None] = []
    at = 0
    while at < len(text):
        match = _VALUE.match(text, at)
        assert match is not None, text[at:]
        quoted, bare = match.groups()
        if quoted is not None:
            values.append(quoted.replace('""', '"'))
        else:
            values.append(None if bare == NULL else bare)
        at = match.end()
    return values


def _expected(record: msgspec.Raw) -> dict[str, str | None]:
    return {
        column: value.isoformat() if isinstance(value, datetime) else value
        for column, value in zip(COLUMNS, decode_record(record), strict=True)
    }


def _assert_same(record: msgspec.Raw) -> None:
    """Alone, and between two plain records."""
    plain = msgspec.Raw(_encode(market_record()))
    for records in ([record], [plain, record, plain]):
        lines = copy_lines(records)
        assert len(lines) == len(records)
        for line, of in zip(lines, records, strict=True):
            _assert_says(line, _expected(of))


def _assert_says(line: bytes, expected: dict[str, str | None]) -> None:
    got = _values(line)
    assert sorted(LINE_COLUMNS) == sorted(COLUMNS)
    for column, value in zip(LINE_COLUMNS, got, strict=True):
        decoded = expected[column]
        if column in ("ath_date", "atl_date", "last_updated") and value is not None:
            assert decoded is not None
            assert datetime.fromisoformat(value.replace("Z", "+00:00")) == datetime.fromisoformat(
                decoded
            )
        else:
            assert value == decoded, column


@given(st.dictionaries(st.sampled_from(sorted(BASE_FIELDS)), _RAW, max_size=6))
def test_any_values_in_any_fields(changed: dict[str, bytes]) -> None:
    raw = {name: msgspec.Raw(value) for name, value in changed.items() if value != b'"\xff"'}
    _assert_same(msgspec.Raw(_encode(market_record(**raw))))


@given(_JSON)
def test_any_json_is_a_line(value: object) -> None:
    _assert_same(msgspec.Raw(_encode(value)))


@pytest.mark.parametrize(
    "roi",
    [
        None,
        {"times": 1.5, "currency": "usd", "percentage": -3},
        {"times": None, "currency": None, "percentage": None},
        {"times": 1.5},
        {"times": "x", "currency": 3, "percentage": 1},
        {"times": 1, "currency": 'u,"sd', "percentage": 1, "more": 1},
        [],
        5,
    ],
)
def test_every_form_of_roi(roi: object) -> None:
    _assert_same(msgspec.Raw(_encode(market_record(roi=roi))))


def test_text_that_is_not_utf_8_is_never_copied() -> None:
    record = _encode(market_record(name="NAME")).replace(b"NAME", b"\xff\xfe")
    _assert_same(msgspec.Raw(record))


def test_a_plain_record_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> tuple[None, ...]:
        raise AssertionError("decoded")

    monkeypatch.setattr("crypto_pipeline.coingecko.copy_lines.decode_record", fail)
    plain = msgspec.Raw(_encode(market_record()))
    assert len(copy_lines([plain, plain])) == 2
    assert copy_lines([]) == []
    with pytest.raises(AssertionError, match="decoded"):
        copy_lines([plain, msgspec.Raw(_encode(market_record(roi=ABSENT)))])


def test_a_text_of_the_form_of_null_is_a_text() -> None:
    assert csv_line(("null", None, 'a"b', 5)) == b'"null",null,"a""b","5"\n'
