import json
from datetime import datetime, timezone
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_pipeline.coingecko.schema import (
    BASE_FIELDS,
    COLUMNS,
    INTEGER_FIELDS,
    NUMBER_FIELDS,
    OPTIONAL_FIELDS,
    TEXT_FIELDS,
    TIME_FIELDS,
    decode_record,
)
from crypto_pipeline_tests.market_records import ABSENT, market_record

_OPENAPI_FIELDS = {
    "id",
    "symbol",
    "name",
    "image",
    "current_price",
    "market_cap",
    "market_cap_rank",
    "fully_diluted_valuation",
    "total_volume",
    "high_24h",
    "low_24h",
    "price_change_24h",
    "price_change_percentage_24h",
    "market_cap_change_24h",
    "market_cap_change_percentage_24h",
    "circulating_supply",
    "total_supply",
    "max_supply",
    "ath",
    "ath_change_percentage",
    "ath_date",
    "atl",
    "atl_change_percentage",
    "atl_date",
    "roi",
    "last_updated",
}


def decoded(record: bytes) -> dict[str, object]:
    values = decode_record(msgspec.Raw(record))
    assert len(values) == len(COLUMNS)
    return dict(zip(COLUMNS, values, strict=True))


def decoded_with(field: str, json_value: str) -> dict[str, object]:
    """The valid record, decoded, with one field's value replaced by this very JSON text."""
    return decoded(msgspec.json.encode(market_record(**{field: msgspec.Raw(json_value.encode())})))


digits = st.text("0123456789", min_size=1, max_size=60)
integer_parts = st.one_of(st.just("0"), digits.map(lambda text: text.lstrip("0") or "0"))


@st.composite
def json_numbers(draw: st.DrawFn) -> str:
    """Any form that a JSON number can have, within a few hundred digits."""
    text = draw(st.sampled_from(["", "-"])) + draw(integer_parts)
    if draw(st.booleans()):
        text += "." + draw(digits)
    if draw(st.booleans()):
        sign = draw(st.sampled_from(["", "+", "-"]))
        text += draw(st.sampled_from("eE")) + sign + str(draw(st.integers(0, 300)))
    return text


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=[]))
    | st.datetimes(timezones=st.none() | st.timezones()).map(lambda time: time.isoformat()),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=6,
)


def test_the_base_fields_are_those_of_the_api_description() -> None:
    assert len(_OPENAPI_FIELDS) == 26
    assert BASE_FIELDS == _OPENAPI_FIELDS
    assert not BASE_FIELDS & OPTIONAL_FIELDS


def test_a_real_record_keeps_every_value() -> None:
    record = market_record(
        roi={"times": 40.1, "currency": "btc", "percentage": 4010.5},
        market_cap_rank_with_rehypothecated=2,
    )
    row = decoded(msgspec.json.encode(record))
    assert {row[column] for column in ("malformed", "unknown_fields", "missing_fields")} == {None}
    for field, column in TEXT_FIELDS.items():
        assert row[column] == record[field]
    for field, column in {**NUMBER_FIELDS, **INTEGER_FIELDS}.items():
        assert row[column] == msgspec.json.encode(record[field]).decode()
    for field, column in TIME_FIELDS.items():
        assert row[column] == datetime.fromisoformat(str(record[field]).replace("Z", "+00:00"))
    assert (row["roi_times"], row["roi_currency"], row["roi_percentage"]) == (
        "40.1",
        "btc",
        "4010.5",
    )


@given(number=json_numbers(), field=st.sampled_from(list(NUMBER_FIELDS)))
def test_a_number_keeps_its_text(number: str, field: str) -> None:
    row = decoded_with(field, number)
    assert row[NUMBER_FIELDS[field]] == number
    assert row["malformed"] is None


@pytest.mark.parametrize("number", ["2.1E+15", "1e-30", "1E27", "-0.0", "0.10", "9" * 40, "1e1000"])
def test_a_number_keeps_its_form(number: str) -> None:
    assert decoded_with("total_supply", number)["total_supply"] == number


@pytest.mark.parametrize("field", NUMBER_FIELDS)
@pytest.mark.parametrize(
    "value", ["true", "false", '"96000"', '""', '"NaN"', '"Infinity"', "[]", "{}", "[1]"]
)
def test_what_is_not_a_json_number_is_malformed(field: str, value: str) -> None:
    row = decoded_with(field, value)
    assert (row[NUMBER_FIELDS[field]], row["malformed"]) == (None, field)


@pytest.mark.parametrize(
    "number",
    [
        "1e999999",
        "-1e999999",
        "1e-999999",
        "0e999999",
        "1" + "0" * 2_000,
        "0." + "0" * 2_000 + "1",
        "1e99999999999999999999",
        "1e-99999999999999999999",
        "0e99999999999999999999",
    ],
)
@pytest.mark.parametrize("field", ["current_price", "market_cap_rank"])
def test_a_number_that_would_fill_the_memory_is_malformed(field: str, number: str) -> None:
    row = decoded_with(field, number)
    assert (row[field], row["malformed"]) == (None, field)


@pytest.mark.parametrize(
    ("value", "rank"),
    [
        ("1", "1"),
        ("1.0", "1"),
        ("1E+2", "100"),
        ("0", "0"),
        ("-3", "-3"),
        ("2147483647", "2147483647"),
    ],
)
def test_a_whole_number_is_a_rank_in_whatever_form(value: str, rank: str) -> None:
    row = decoded_with("market_cap_rank", value)
    assert (row["market_cap_rank"], row["malformed"]) == (rank, None)


@pytest.mark.parametrize(
    "value", ["1.5", "2147483648", "-2147483649", "1e30", "1." + "0" * 40 + "1"]
)
def test_a_rank_that_no_integer_column_holds_is_malformed(value: str) -> None:
    row = decoded_with("market_cap_rank", value)
    assert (row["market_cap_rank"], row["malformed"]) == (None, "market_cap_rank")


@pytest.mark.parametrize("field", TEXT_FIELDS)
@pytest.mark.parametrize("value", ["1", "true", "[]", "{}", r'"a\u0000b"'])
def test_a_text_that_postgresql_cannot_hold_is_malformed(field: str, value: str) -> None:
    row = decoded_with(field, value)
    assert (row[TEXT_FIELDS[field]], row["malformed"]) == (None, field)


@pytest.mark.parametrize(
    "value",
    [r'"\ud800"', r'"\udc00x"', r'"\ud83d\ud83d\ude00"', '"a\tb"', '"a\x00b"', r'"\x"', "tru"],
)
def test_what_is_no_json_spoils_its_field(value: str) -> None:
    row = decoded(b'{"id": "a", "symbol": %b, "current_price": 1.10}' % value.encode())
    assert (row["crypto_id"], row["symbol"], row["current_price"]) == ("a", None, "1.10")
    assert row["malformed"] == "symbol"


@pytest.mark.parametrize(
    "value", [r'"\ud800"', r'{"price": ["\ud800"]}', "01", "[" * 9_999 + "]" * 9_999]
)
def test_what_is_no_json_in_a_field_that_is_not_stored_spoils_the_record_too(value: str) -> None:
    row = decoded(b'{"id": "a", "sparkline_in_7d": %b}' % value.encode())
    assert (row["crypto_id"], row["malformed"]) == ("a", "sparkline_in_7d")


def test_bare_tokens_spoil_the_field_in_which_they_stand() -> None:
    row = decoded(
        b'{"id": "NaN \\" Infinity", "current_price": NaN, "ath": -Infinity, "atl": 1.10,'
        b' "sparkline_in_7d": {"price": [1.5, NaN]}}'
    )
    assert (row["crypto_id"], row["atl"]) == ('NaN " Infinity', "1.10")
    assert row["malformed"] == "current_price,ath"


@given(text=st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_any_other_text_is_kept(text: str) -> None:
    for ensure_ascii in (True, False):
        row = decoded_with("name", json.dumps(text, ensure_ascii=ensure_ascii))
        assert (row["name"], row["malformed"]) == (text, None)


@pytest.mark.parametrize("field", TIME_FIELDS)
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-24T05:00:31.123Z", datetime(2026, 11, 24, 5, 0, 31, 123_000, timezone.utc)),
        ("2026-11-24T10:45:31+05:45", datetime(2026, 11, 24, 5, 0, 31, 0, timezone.utc)),
        ("2026-11-24T05:00:31", datetime(2026, 11, 24, 5, 0, 31, 0, timezone.utc)),
        ("2026-11-24 05:00:31", datetime(2026, 11, 24, 5, 0, 31, 0, timezone.utc)),
    ],
)
def test_a_time_is_an_instant_and_without_a_zone_in_utc(
    field: str, value: str, expected: datetime
) -> None:
    row = decoded_with(field, f'"{value}"')
    assert (row[field], row["malformed"]) == (expected, None)


@pytest.mark.parametrize("field", TIME_FIELDS)
@pytest.mark.parametrize(
    "value", ['"yesterday"', '""', "1732424431", "true", '"2026-02-30T00:00:00Z"', '"2026-11-24"']
)
def test_what_is_no_time_is_malformed(field: str, value: str) -> None:
    row = decoded_with(field, value)
    assert (row[field], row["malformed"]) == (None, field)


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_whose_year_in_utc_python_cannot_hold_is_malformed(value: str) -> None:
    row = decoded_with("atl_date", f'"{value}"')
    assert (row["atl_date"], row["malformed"]) == (None, "atl_date")


@pytest.mark.parametrize(
    ("value", "roi", "malformed"),
    [
        ("null", (None, None, None), None),
        ("{}", (None, None, None), None),
        ('{"times": 1.50, "currency": "usd"}', ("1.50", "usd", None), None),
        ('{"times": null, "currency": null, "percentage": null}', (None, None, None), None),
        (
            '{"times": "1", "currency": 2, "percentage": 3}',
            (None, None, "3"),
            "roi.times,roi.currency",
        ),
        ('{"times": 1, "extra": 2}', ("1", None, None), None),
        ("[]", (None, None, None), "roi"),
        ("5", (None, None, None), "roi"),
        ('"btc"', (None, None, None), "roi"),
        ("false", (None, None, None), "roi"),
    ],
)
def test_shapes_of_roi(value: str, roi: tuple[object, ...], malformed: str | None) -> None:
    row = decoded_with("roi", value)
    assert (row["roi_times"], row["roi_currency"], row["roi_percentage"]) == roi
    assert row["malformed"] == malformed


def test_null_is_no_value_and_no_fault() -> None:
    row = decoded(msgspec.json.encode(dict.fromkeys(BASE_FIELDS)))
    assert set(row.values()) == {None}


def test_unknown_and_missing_fields_are_named() -> None:
    record = market_record(zeta=1, alpha=None, ath=ABSENT, image=ABSENT)
    row = decoded(msgspec.json.encode(record))
    assert (row["unknown_fields"], row["missing_fields"]) == ("alpha,zeta", "ath,image")
    assert row["malformed"] is None


def test_fields_that_come_on_request_are_no_drift() -> None:
    record = market_record(**dict.fromkeys(OPTIONAL_FIELDS, 1))
    assert decoded(msgspec.json.encode(record))["unknown_fields"] is None


def test_a_field_name_that_postgresql_cannot_hold_is_named_without_it() -> None:
    row = decoded(b'{"a\\u0000b": 1}')
    assert row["unknown_fields"] == "ab"


@pytest.mark.parametrize(
    "record",
    [
        b"null",
        b"[]",
        b"5",
        b'"bitcoin"',
        b"true",
        b"",
        b"{",
        b'{"id": "bitcoin"]',
        b'{"id" "bitcoin"}',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_what_is_not_an_object_is_malformed_as_a_whole(record: bytes) -> None:
    row = decoded(record)
    assert row.pop("malformed") == "the whole record"
    assert set(row.values()) == {None}


@pytest.mark.parametrize(
    "record",
    [
        b'{"extra": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"\xff": 1}',
        b'{"id": "\xff"}',
        b'{"\\ud800": 1}',
        b'{"id": "\\ud800"}',
        b'{"roi": {"\xff": 1}}',
        b'{"roi": {"\\ud800": 1}}',
    ],
)
def test_bytes_that_are_hard_to_read_make_a_malformed_record(record: bytes) -> None:
    row = decoded(record)
    assert row["malformed"] is not None
    for value in row.values():
        assert value is None or isinstance(value, str)


@given(
    record=st.dictionaries(
        st.sampled_from(sorted(BASE_FIELDS)) | st.text(), json_values, max_size=8
    )
    | json_values
)
def test_arbitrary_json_never_raises(record: object) -> None:
    row = decoded(json.dumps(record).encode())
    for column, value in row.items():
        if column in TIME_FIELDS.values():
            assert value is None or (isinstance(value, datetime) and value.utcoffset() is not None)
        else:
            assert value is None or (isinstance(value, str) and "\x00" not in value)
            # What PostgreSQL is sent is UTF-8.
            assert value is None or value.encode()
    for column in (*NUMBER_FIELDS.values(), *INTEGER_FIELDS.values()):
        if (value := row[column]) is not None:
            assert Decimal(str(value)).is_finite()


@given(
    record=st.binary(max_size=60)
    | st.binary(max_size=20).map(lambda raw: b'{"id": "' + raw + b'"}')
)
def test_arbitrary_bytes_never_raise(record: bytes) -> None:
    decoded(record)
