"""What ``/coins/markets`` is asked and what a source of data answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple, Protocol, cast, get_args

import msgspec

Order = Literal[
    "market_cap_desc", "market_cap_asc", "volume_desc", "volume_asc", "id_asc", "id_desc"
]

# The other codes of /simple/supported_vs_currencies: worth of a dollar, roughly.
_OTHER_UNITS_PER_USD = {
    **{"ltc": 1 / 132, "bch": 1 / 320, "bnb": 1 / 650, "eos": 1 / 0.6, "xrp": 1 / 2.6},
    **{"xlm": 1 / 0.33, "link": 1 / 18, "dot": 1 / 5, "yfi": 1 / 6_000, "sol": 1 / 170},
    **{"aed": 3.67, "ars": 1_060.0, "bdt": 121.0, "bhd": 0.377, "bmd": 1.0, "clp": 950.0},
    **{"czk": 24.0, "dkk": 7.15, "gel": 2.8, "hkd": 7.77, "huf": 385.0, "idr": 16_300.0},
    **{"ils": 3.55, "kwd": 0.309, "lkr": 295.0, "mmk": 2_098.0, "mxn": 20.3, "myr": 4.43},
    **{"ngn": 1_500.0, "nok": 11.1, "nzd": 1.75, "php": 58.0, "pkr": 279.0, "pln": 3.98},
    **{"rub": 91.0, "sar": 3.75, "sek": 10.7, "sgd": 1.34, "thb": 33.7, "try": 36.3},
    **{"twd": 32.8, "uah": 41.6, "vef": 0.1, "vnd": 25_500.0, "zar": 18.4, "xdr": 0.76},
    **{"xag": 1 / 32.9, "xau": 1 / 2_935, "bits": 1 / 0.096_361, "sats": 1 / 0.000_963_61},
}

UNITS_PER_USD = {
    "usd": 1.0,
    "aud": 1.57,
    "brl": 5.7,
    "cad": 1.42,
    "chf": 0.9,
    "cny": 7.28,
    "eur": 0.96,
    "gbp": 0.79,
    "inr": 86.9,
    "jpy": 151.5,
    "krw": 1439.0,
    "btc": 1 / 96_361,
    "eth": 1 / 2_728.22,
    **_OTHER_UNITS_PER_USD,
}
"""The known values of ``vs_currency``, and the fixed rate at which the sandbox converts."""

MAX_PER_PAGE = 250


class QueryError(ValueError):
    """A request that the API would refuse.

    Attributes:
        status: HTTP status of the refusal.
    """

    def __init__(self, message: str, status: int = 422) -> None:
        super().__init__(message)
        self.status = status


class MarketsQuery(msgspec.Struct, frozen=True):
    """The parameters of one request, checked.

    Attributes:
        vs_currency: A key of ``UNITS_PER_USD``.
        ids: The only coins wanted, or None for all.
        order: How coins are sorted.
        per_page: Records on a page, 1 to 250.
        page: From 1.
        precision: Decimal places of prices; ``"full"`` for all digits; None for the API's own
            rounding.
        include_rehypothecated: Whether tokens that stand for others are listed too.
    """

    vs_currency: str
    ids: frozenset[str] | None = None
    order: Order = "market_cap_desc"
    per_page: int = 100
    page: int = 1
    precision: int | Literal["full"] | None = None
    include_rehypothecated: bool = False


class Page(NamedTuple):
    """One answer.

    Attributes:
        body: JSON, an array unless a recorded error body.
        total: Records on all pages together; None when the body is not a list.
        as_of: The time whose data this is, UTC.
    """

    body: bytes
    total: int | None
    as_of: datetime


class CoinName(msgspec.Struct, frozen=True):
    """One element of ``/coins/list``."""

    id: str
    symbol: str
    name: str


class KnownCoin(msgspec.Struct, frozen=True):
    """One element of ``/coins/list`` with platforms.

    Attributes:
        id: The coin's id.
        symbol: Ticker.
        name: Display name.
        platforms: Contract address by platform.
    """

    id: str
    symbol: str
    name: str
    platforms: dict[str, str]


class Source(Protocol):
    """Where the server's data comes from: ``Market`` or ``Recordings``."""

    @property
    def label(self) -> str:
        """Value of ``x-data-source``."""

    def page(self, at: datetime, query: MarketsQuery) -> Page:
        """The answer to a request at a simulated time."""

    def coins(self, at: datetime) -> list[CoinName]:
        """All coins known at a simulated time."""


def parse_query(parameters: Mapping[str, str]) -> MarketsQuery:
    """Check the query parameters of a request; those which the sandbox does not know are ignored.

    How the real API treats numbers out of range is not known; the sandbox refuses them, so that a
    client's mistake shows.

    Raises:
        QueryError: a parameter is missing or not valid.
    """
    currency = parameters.get("vs_currency", "").lower()
    if not currency:
        raise QueryError("Missing parameter vs_currency")
    if currency not in UNITS_PER_USD:
        raise QueryError("invalid vs_currency", status=400)
    order = parameters.get("order") or "market_cap_desc"
    if order not in get_args(Order):
        raise QueryError("invalid order")
    ids = frozenset(part.strip() for part in parameters.get("ids", "").split(",")) - {""}
    precision = parameters.get("precision")
    return MarketsQuery(
        vs_currency=currency,
        ids=ids or None,
        order=cast(Order, order),
        per_page=_whole("per_page", parameters.get("per_page", "100"), 1, MAX_PER_PAGE),
        page=_whole("page", parameters.get("page", "1"), 1, 10**9),
        precision=(
            None
            if not precision
            else "full"
            if precision == "full"
            else _whole("precision", precision, 0, 18)
        ),
        include_rehypothecated=_flag(
            "include_rehypothecated", parameters.get("include_rehypothecated", "false")
        ),
    )


def _flag(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise QueryError(f"invalid {name}")
    return text == "true"


def _whole(name: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit()) or not least <= int(text[:20]) <= most:
        raise QueryError(f"invalid {name}")
    return int(text)
