"""Records that are bad in one way each, and files that cannot be read."""

import gzip
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from crypto_pipeline.coingecko.schema import BASE_FIELDS
from crypto_pipeline_tests.market_records import ABSENT, coin, landing_json, market_record

Record = Mapping[str, object] | msgspec.Raw

NULLABLE = sorted(
    BASE_FIELDS - {"id", "symbol", "name", "current_price", "last_updated", "market_cap_rank"}
)
"""Fields of which no rule asks whether they are null."""

# For every rule, records of which the last breaks it, and no reject rule but it.
BROKEN_RECORDS: dict[str, list[Sequence[Record]]] = {
    "record_well_formed": [
        [market_record(ath="108786")],
        [market_record(image=5)],
        [market_record(image="https://\x00")],
        [market_record(roi=[])],
        [market_record(atl_date="yesterday")],
        [market_record(total_supply=msgspec.Raw(b"1e999999"))],
        [market_record(high_24h=msgspec.Raw(b"NaN"))],
        [market_record(high_24h=msgspec.Raw(b"-Infinity"))],
    ],
    "id_present": [[market_record(id="")], [market_record(id=None)], [market_record(id=ABSENT)]],
    "symbol_present": [[market_record(symbol="")], [market_record(symbol=None)]],
    "name_present": [[market_record(name="")], [market_record(name=None)]],
    "texts_short": [
        [market_record(id="x" * 201)],
        [market_record(symbol="\U0001f600" * 201)],
        [market_record(name="x" * 10_000)],
        [market_record(image="https://" + "x" * 2_000)],
        [market_record(roi={"times": 1, "currency": "x" * 201, "percentage": 1})],
    ],
    "price_present": [[market_record(current_price=None)], [market_record(current_price=ABSENT)]],
    "price_positive": [[market_record(current_price=0)], [market_record(current_price=-0.01)]],
    "last_updated_present": [[market_record(last_updated=None)]],
    "last_updated_plausible": [[market_record(last_updated="2009-01-02T23:59:59.999Z")]],
    "last_updated_not_in_future": [[market_record(last_updated="2026-11-24T05:06:00.001Z")]],
    "prices_not_negative": [
        [market_record(high_24h=-1)],
        [market_record(low_24h=-1, high_24h=None)],
        [market_record(ath=-1)],
        [market_record(atl=msgspec.Raw(b"-1e-30"))],
    ],
    "market_values_not_negative": [
        [market_record(market_cap=-1)],
        [market_record(fully_diluted_valuation=-1)],
        [market_record(total_volume=-1)],
    ],
    "supplies_not_negative": [
        [market_record(circulating_supply=-1)],
        [market_record(total_supply=-1)],
        [market_record(max_supply=-1)],
    ],
    "rank_positive": [
        [market_record(market_cap_rank=0)],
        [market_record(market_cap_rank=-7)],
        [market_record(market_cap_rank_with_rehypothecated=0)],
    ],
    "price_within_24h_high": [[market_record(current_price=96764)]],
    "price_within_24h_low": [[market_record(current_price=94870)]],
    "circulating_within_total": [[market_record(total_supply=19828292)]],
    "total_within_max": [[market_record(total_supply=21000001)]],
    "last_updated_fresh": [[market_record(last_updated="2026-11-23T05:00:59.999Z")]],
    "rank_present": [
        [market_record(market_cap_rank=None)],
        [market_record(market_cap_rank=ABSENT)],
    ],
    "rank_follows": [
        [market_record(), market_record(id="ethereum", symbol="eth", market_cap_rank=3)]
    ],
    "symbol_unique_in_response": [
        [market_record(), market_record(id="bitcoin-copy", market_cap_rank=2)]
    ],
    "fields_known": [[market_record(unheard_of=1)]],
    "fields_complete": [[market_record(ath_date=ABSENT)]],
}


class Way(NamedTuple):
    """A way in which a record is bad: the fields that make it so, the rules broken, the reason."""

    fields: dict[str, object]
    rules: list[str]
    reason: str


_MALFORMED = "fields that are not of the documented JSON type, or not storable"

WAYS = {
    "no id": Way({"id": ABSENT}, ["id_present"], "no id (crypto_id = null)"),
    "empty symbol": Way({"symbol": ""}, ["symbol_present"], "no symbol (symbol = )"),
    "name null": Way({"name": None}, ["name_present"], "no name (name = null)"),
    "price null": Way(
        {"current_price": None}, ["price_present"], "no price (current_price = null)"
    ),
    "price a text": Way(
        {"current_price": "abc"},
        ["record_well_formed", "price_present"],
        f"{_MALFORMED} (malformed = current_price); no price (current_price = null)",
    ),
    "price 0": Way(
        {"current_price": 0}, ["price_positive"], "price is not above 0 (current_price = 0)"
    ),
    "price negative": Way(
        {"current_price": Decimal("-0.5")},
        ["price_positive"],
        "price is not above 0 (current_price = -0.5)",
    ),
    # Python's json module writes this; it is not JSON.
    "price NaN": Way(
        {"current_price": msgspec.Raw(json.dumps(float("nan")).encode())},
        ["record_well_formed", "price_present"],
        f"{_MALFORMED} (malformed = current_price); no price (current_price = null)",
    ),
    "unreadable time": Way(
        {"last_updated": "yesterday"},
        ["record_well_formed", "last_updated_present"],
        f"{_MALFORMED} (malformed = last_updated); no last_updated (last_updated = null)",
    ),
    "future time": Way(
        {"last_updated": "2026-11-24T05:06:01Z"},
        ["last_updated_not_in_future"],
        "last_updated lies after the fetch (last_updated = 2026-11-24 05:06:01+00,"
        " ingested_at = 2026-11-24 05:01:00+00)",
    ),
    "market cap negative": Way(
        {"market_cap": -1},
        ["market_values_not_negative"],
        "market cap, valuation or volume is negative (market_cap = -1,"
        " fully_diluted_valuation = 2016000000000, total_volume = 31265871423)",
    ),
    "rank 0": Way(
        {"market_cap_rank": 0},
        ["rank_positive"],
        "rank is not above 0 (market_cap_rank = 0, market_cap_rank_with_rehypothecated = null)",
    ),
}

GOOD = landing_json([coin(number) for number in range(20)])

BROKEN: dict[str, tuple[str, bytes, str]] = {
    "cut off": ("bad.json", GOOD[:-100], rf"cut off .* in a file of {len(GOOD) - 100} bytes"),
    "a web page": ("bad.json", b"<html>502</html>", "HTML or XML, such as an error page"),
    "no time": ("bad.json", b'{"source":"CoinGecko","records":[]}', "when it was fetched"),
    "a Python list": ("bad.json", b"[{'id': 'bitcoin', 'roi': None}]", "write it with json.dump"),
    "time unreadable": (
        "bad.json",
        landing_json([], ingested_at="yesterday"),
        r"at `\$.ingested_at`",
    ),
    "records not a list": (
        "bad.json",
        b'{"ingested_at":"2026-11-24T05:01:00Z","source":"CoinGecko","records":7}',
        r"at `\$.records`",
    ),
    "gzip cut off": (
        "bad.json.gz",
        gzip.compress(GOOD, mtime=0)[:-20],
        rf"not a whole gzip file of {len(gzip.compress(GOOD, mtime=0)) - 20} bytes",
    ),
    "gzip by name only": ("bad.json.gz", b"1f8b", "not a whole gzip file of 4 bytes"),
    "empty": ("bad.json", b"", "an empty file of 0 bytes"),
    "empty gzip": ("bad.json.gz", b"", "file of 0 bytes"),
    "not UTF-8": ("bad.json", b"\xff\xfe{}", "text in UTF-16: save it as UTF-8"),
}
