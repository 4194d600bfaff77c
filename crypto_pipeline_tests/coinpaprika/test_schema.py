"""The decoders of CoinPaprika's answers: nothing is rounded, and nothing that comes in raises."""

import json
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_pipeline.coinpaprika.schema import (
    CANDLE_COLUMNS,
    CONTRACT_COLUMNS,
    QUOTE_COLUMNS,
    WHOLE_RECORD,
    AnswerError,
    decode_candles,
    decode_contracts,
    decode_tickers,
    elements,
    platform_ids,
)
from crypto_pipeline_tests.quotes.answers import ticker

# The example of the schema "quotes" in CoinPaprika's OpenAPI description 1.7
# (github.com/coinpaprika/coinpaprika.github.io, openapi/schemas/tickers.yml), in the example of the
# schema "tick".
TICKER_EXAMPLE = b"""[{
  "id": "btc-bitcoin", "name": "Bitcoin", "symbol": "BTC", "rank": 1,
  "circulating_supply": 17007062, "total_supply": 17007062, "max_supply": 21000000,
  "beta_value": 0.735327, "first_data_at": "2010-11-14T07:20:41Z",
  "last_updated": "2018-11-14T07:20:41Z",
  "quotes": {
    "BTC": {
      "price": 1, "volume_24h": 1414951.9739396, "volume_24h_change_24h": -4.03,
      "market_cap": 17646575, "market_cap_change_24h": 0.01, "percent_change_15m": 0,
      "percent_change_30m": 0, "percent_change_1h": 0, "percent_change_6h": 0,
      "percent_change_12h": 0, "percent_change_24h": 0, "percent_change_7d": 0,
      "percent_change_30d": 0, "percent_change_1y": 0, "ath_price": null, "ath_date": null,
      "percent_from_price_ath": null
    },
    "USD": {
      "price": 5162.15941296, "volume_24h": 7304207651.1585, "volume_24h_change_24h": -2.5,
      "market_cap": 91094433242, "market_cap_change_24h": 1.6, "percent_change_15m": 0,
      "percent_change_30m": 0, "percent_change_1h": 0, "percent_change_6h": 0,
      "percent_change_12h": -0.09, "percent_change_24h": 1.59, "percent_change_7d": 0.28,
      "percent_change_30d": 27.39, "percent_change_1y": -37.99, "ath_price": 20089,
      "ath_date": "2017-12-17T12:19:00Z", "percent_from_price_ath": -74.3
    }
  }
}]"""
# The example of the schema "coins_ohlcv", openapi/schemas/coins.yml there.
CANDLE_EXAMPLE = b"""[{
  "time_open": "2018-03-01T00:00:00Z", "time_close": "2018-03-01T23:59:59Z", "open": 856.012,
  "high": 880.302, "low": 851.92, "close": 872.2, "volume": 1868520000,
  "market_cap": 83808161204
}]"""
# Those of openapi/schemas/contracts.yml there.
CONTRACT_EXAMPLE = (
    b'[{"address": "0xd26114cd6ee289accf82350c8d8487fedb8a0c07", "id": "omg-omisego",'
    b' "type": "ERC20"}]'
)


def quotes(body: bytes) -> list[dict[str, Any]]:
    """The decoded quotes of an answer."""
    return [dict(zip(QUOTE_COLUMNS, row, strict=True)) for row in decode_tickers(elements(body))]


def test_the_example_of_a_ticker_is_two_quotes_as_they_came() -> None:
    bitcoins, dollars = quotes(TICKER_EXAMPLE)
    assert dollars == {
        "item_index": 1,
        "record_index": 0,
        "source_coin_id": "btc-bitcoin",
        "symbol": "BTC",
        "name": "Bitcoin",
        "coin_rank": "1",
        "vs_currency": "usd",
        "price": "5162.15941296",
        "market_cap": "91094433242",
        "total_volume": "7304207651.1585",
        "last_updated": datetime(2018, 11, 14, 7, 20, 41, tzinfo=timezone.utc),
        "malformed": None,
        "unknown_fields": None,
        "missing_fields": None,
    }
    assert (bitcoins["vs_currency"], bitcoins["price"]) == ("btc", "1")


def test_the_example_of_a_candle() -> None:
    (row,) = decode_candles(elements(CANDLE_EXAMPLE))
    assert dict(zip(CANDLE_COLUMNS, row, strict=True)) == {
        "item_index": 0,
        "record_index": 0,
        "opened_at": datetime(2018, 3, 1, tzinfo=timezone.utc),
        "closed_at": datetime(2018, 3, 1, 23, 59, 59, tzinfo=timezone.utc),
        "open_price": "856.012",
        "high_price": "880.302",
        "low_price": "851.92",
        "close_price": "872.2",
        "total_volume": "1868520000",
        "market_cap": "83808161204",
        "malformed": None,
    }


def test_the_examples_of_contracts() -> None:
    (row,) = decode_contracts(elements(CONTRACT_EXAMPLE))
    assert dict(zip(CONTRACT_COLUMNS, row, strict=True)) == {
        "item_index": 0,
        "record_index": 0,
        "source_coin_id": "omg-omisego",
        "contract_address": "0xd26114cd6ee289accf82350c8d8487fedb8a0c07",
        "malformed": None,
    }
    assert platform_ids(b'["eth-ethereum", 7, "trx-tron"]') == ["eth-ethereum", "trx-tron"]


@pytest.mark.parametrize("missing", [None, ""])
def test_a_missing_value_is_null_or_an_empty_text(missing: object) -> None:
    (quote,) = quotes(json.dumps([ticker(price=missing, last_updated=missing)]).encode())
    assert (quote["price"], quote["last_updated"], quote["malformed"]) == (None, None, None)


@pytest.mark.parametrize(
    ("change", "malformed"),
    [
        ({"price": "12"}, "quotes.USD.price"),
        ({"price": True}, "quotes.USD.price"),
        ({"last_updated": "yesterday"}, "last_updated"),
        ({"id": 7}, "id"),
        ({"name": "a\u0000b"}, "name"),
        ({"rank": 1.5}, "rank"),
        ({"quotes": []}, "quotes"),
        ({"quotes": {"USD": 1}}, "quotes.USD"),
        ({"quotes": {"U$D": {}}}, "quotes.U$D"),
    ],
)
def test_what_is_of_another_type_is_named(change: dict[str, object], malformed: str) -> None:
    (quote,) = quotes(json.dumps([ticker(**change)]).encode())
    assert quote["malformed"] == malformed


def test_a_ticker_without_quotes_is_one_item() -> None:
    for record in (b"{}", b'{"quotes":{}}', b"7", b'"text"', b"null"):
        (quote,) = quotes(b"[" + record + b"]")
        assert quote["vs_currency"] == ""
    assert quotes(b"[7]")[0]["malformed"] == WHOLE_RECORD


def test_undocumented_and_missing_fields_are_named() -> None:
    record = ticker() | {"new": 1}
    del record["beta_value"]
    record["quotes"]["USD"]["newer"] = 1
    del record["quotes"]["USD"]["ath_price"]
    (quote,) = quotes(json.dumps([record]).encode())
    assert quote["unknown_fields"] == "new,quotes.newer"
    assert quote["missing_fields"] == "beta_value,quotes.ath_price"


def test_one_record_that_is_no_json_spoils_itself_only() -> None:
    good = json.dumps(ticker()).encode()
    broken, intact = quotes(b"[" + good.replace(b'"Bitcoin"', b'"\xff"') + b"," + good + b"]")
    assert broken["malformed"] == "name"
    assert intact["malformed"] is None


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"error":"you have reached maximum request limit"}', "the API answered with an error"),
        (b"<html>", "no list, but 6 bytes of something else"),
        (b'[{"id":', "no list, but 7 bytes of something else"),
        (b"", "no list, but 0 bytes of something else"),
    ],
)
def test_what_is_no_list_says_so(body: bytes, error: str) -> None:
    with pytest.raises(AnswerError, match=error):
        elements(body)


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=0, places=20),
    st.sampled_from(["{:f}", "{:e}"]),
)
def test_every_digit_of_a_price_stays(price: Decimal, notation: str) -> None:
    text = notation.format(price)
    (quote,) = quotes(
        json.dumps([ticker(price=0)]).replace('"price": 0', f'"price": {text}').encode()
    )
    assert quote["price"] == text
    assert Decimal(quote["price"]) == price


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(_JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(ticker(), _JSON)), max_size=4)
)
def test_whatever_comes_is_a_row(records: list[Any]) -> None:
    body = json.dumps(records).encode()
    for decode, columns in (
        (decode_tickers, QUOTE_COLUMNS),
        (decode_candles, CANDLE_COLUMNS),
        (decode_contracts, CONTRACT_COLUMNS),
    ):
        rows = list(decode(elements(body)))
        assert {len(row) for row in rows} <= {len(columns)}
        assert [row[0] for row in rows] == list(range(len(rows)))
        assert {row[1] for row in rows} == set(range(len(records)))


@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_decoded_or_named(body: bytes) -> None:
    try:
        records = elements(b"[" + body + b"]")
    except AnswerError:
        return
    for row in decode_tickers(records):
        msgspec.json.encode(row)
