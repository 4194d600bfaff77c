"""The answers of CoinPaprika, field by field, and their decoders.

Source: its OpenAPI description 1.7. "Missing values are returned as empty string"; real answers
have null or 0 for some of them. A number's text is never converted, so it is exact by construction.
"""

import itertools
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

import msgspec

from crypto_pipeline.coinpaprika.errors import error_from_body
from crypto_pipeline.fetching.tolerant_json import MALFORMED, split_array
from crypto_pipeline.fetching.values import (
    UNREADABLE,
    decode_fields,
    integer_text,
    listed,
    number_text,
    text_value,
    time_value,
)

_TICKER_FIELDS: Final = frozenset(
    {
        *("id", "name", "symbol", "rank", "total_supply", "max_supply", "beta_value"),
        *("first_data_at", "last_updated", "quotes"),
    }
)
"""Fields that every ticker has."""

_FORMER_FIELDS: Final = frozenset({"circulating_supply"})
"""Documented, but gone from real answers since 2024: no drift when they appear, nor when not."""

_QUOTE_FIELDS: Final = frozenset(
    {
        *("price", "volume_24h", "volume_24h_change_24h", "market_cap", "market_cap_change_24h"),
        *(f"percent_change_{period}" for period in ("15m", "30m", "1h", "6h", "12h", "24h")),
        *(f"percent_change_{period}" for period in ("7d", "30d", "1y")),
        *("ath_price", "ath_date", "percent_from_price_ath"),
    }
)
"""Fields that every quote of a ticker has."""

QUOTE_COLUMNS: Final = (
    *("item_index", "record_index", "source_coin_id", "symbol", "name", "coin_rank", "vs_currency"),
    *("price", "market_cap", "total_volume", "last_updated"),
    *("malformed", "unknown_fields", "missing_fields"),
)
"""What a decoded quote consists of, in this order."""

CANDLE_COLUMNS: Final = (
    *("item_index", "record_index", "opened_at", "closed_at"),
    *("open_price", "high_price", "low_price", "close_price", "total_volume", "market_cap"),
    "malformed",
)
"""What a decoded candle consists of, in this order."""

CONTRACT_COLUMNS: Final = (
    *("item_index", "record_index", "source_coin_id", "contract_address", "malformed"),
)
"""What a decoded contract consists of, in this order."""

WHOLE_RECORD: Final = "the whole record"
"""What is malformed of a record that is no JSON object."""

_CURRENCY = re.compile(r"[a-z]{2,8}")

Value = int | str | datetime | None
Row = tuple[Value, ...]


class AnswerError(ValueError):
    """A body that is no list; the message says what it is."""


def elements(body: bytes) -> list[msgspec.Raw]:
    """The elements of an answer, each as received.

    Raises:
        AnswerError: it is no list, or an error body of the API.
    """
    try:
        return split_array(body.removeprefix(b"\xef\xbb\xbf"))
    except MALFORMED as problem:
        error = error_from_body(body)
        raise AnswerError(
            f"no list, but {len(body)} bytes of something else ({problem})"
            if error is None
            else f"the API answered with an error: {error}"
        ) from None


def decode_tickers(records: list[msgspec.Raw]) -> Iterator[Row]:
    """The quotes of tickers as values of ``QUOTE_COLUMNS``, one row for each currency of a ticker.

    A value that is not of the documented JSON type becomes None and its field is named in
    ``malformed``. A ticker without a single quote is one row with an empty currency. Never raises:
    what is wrong with a record is said in its row.
    """
    items = itertools.count()
    for index, record in enumerate(records):
        for quote in _quotes_of(index, record):
            yield (next(items), *quote)


def decode_candles(records: list[msgspec.Raw]) -> Iterator[Row]:
    """Candles as values of ``CANDLE_COLUMNS``; never raises."""
    numbers = ("open", "high", "low", "close", "volume", "market_cap")
    for index, record in enumerate(records):
        fields, malformed = _object(record)
        times = [_read(fields, name, time_value, malformed) for name in ("time_open", "time_close")]
        values = [_read(fields, name, number_text, malformed) for name in numbers]
        yield (index, index, *times, *values, listed(malformed))


def decode_contracts(records: list[msgspec.Raw]) -> Iterator[Row]:
    """Contracts as values of ``CONTRACT_COLUMNS``; never raises."""
    for index, record in enumerate(records):
        fields, malformed = _object(record)
        values = [_read(fields, name, text_value, malformed) for name in ("id", "address")]
        yield (index, index, *values, listed(malformed))


def platform_ids(body: bytes) -> list[str]:
    """The ids of an answer with platforms; what is no text is left out.

    Raises:
        AnswerError: it is no list.
    """
    found = []
    for element in elements(body):
        try:
            found.append(text_value(bytes(element)))
        except UNREADABLE:
            continue
    return found


def _quotes_of(index: int, record: msgspec.Raw) -> Iterator[Row]:
    fields, malformed = _object(record)
    coin = [_read(fields, name, text_value, malformed) for name in ("id", "symbol", "name")]
    coin.append(_read(fields, "rank", integer_text, malformed))
    updated = _read(fields, "last_updated", time_value, malformed)
    quotes: dict[str, msgspec.Raw] = {}
    if "quotes" in fields:
        try:
            quotes = decode_fields(fields["quotes"])
        except UNREADABLE:
            malformed.append("quotes")
    unknown = fields.keys() - _TICKER_FIELDS - _FORMER_FIELDS
    missing = _TICKER_FIELDS - fields.keys()
    if not quotes:
        found, lacked = listed(sorted(unknown)), listed(sorted(missing))
        yield (index, *coin, "", None, None, None, updated, listed(malformed), found, lacked)
    for code, raw in quotes.items():
        wrong = [*malformed]
        currency = code.lower()
        if _CURRENCY.fullmatch(currency) is None:
            wrong.append(f"quotes.{code}")
            currency = ""
        values: dict[str, msgspec.Raw] = {}
        try:
            values = decode_fields(raw)
        except UNREADABLE:
            wrong.append(f"quotes.{code}")
        amounts = [
            _read(values, name, number_text, wrong, f"quotes.{code}.")
            for name in ("price", "market_cap", "volume_24h")
        ]
        more = {f"quotes.{name}" for name in values.keys() - _QUOTE_FIELDS}
        less = {f"quotes.{name}" for name in _QUOTE_FIELDS - values.keys()}
        yield (
            *(index, *coin, currency, *amounts, updated, listed(wrong)),
            *(listed(sorted(unknown | more)), listed(sorted(missing | less))),
        )


def _object(record: msgspec.Raw) -> tuple[dict[str, msgspec.Raw], list[str]]:
    """The fields of a record, and what is malformed of it so far."""
    try:
        return decode_fields(record), []
    except UNREADABLE:
        return {}, [WHOLE_RECORD]


def _read(
    fields: dict[str, msgspec.Raw],
    name: str,
    parse: Callable[[bytes], Value],
    malformed: list[str],
    below: str = "",
) -> Value:
    raw = fields.get(name)
    text = b"null" if raw is None else bytes(raw)
    if text == b"null" or (text == b'""' and parse is not text_value):
        return None
    try:
        return parse(text)
    except UNREADABLE:
        malformed.append(f"{below}{name}")
        return None
