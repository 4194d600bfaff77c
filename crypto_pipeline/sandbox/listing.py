"""What ``/coins/markets`` and its like are asked, and what a source of data answers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple, Protocol, cast, get_args

import msgspec

from crypto_pipeline.sandbox.currencies import CURRENCIES

Order = Literal[
    "market_cap_desc", "market_cap_asc", "volume_desc", "volume_asc", "id_asc", "id_desc"
]

Precision = int | Literal["full"] | None
"""Decimal places of prices; ``"full"`` for all digits; None for the API's own rounding."""

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
        vs_currency: One of ``CURRENCIES``.
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
    precision: Precision = None
    include_rehypothecated: bool = False


class SimplePriceQuery(msgspec.Struct, frozen=True):
    """The parameters of one request for ``/simple/price``, checked.

    Attributes:
        vs_currencies: Those of ``CURRENCIES`` that were asked for.
        ids: The coins wanted.
        names: Likewise, by name, in small letters.
        symbols: Likewise, by symbol, in small letters.
        all_of_symbol: Whether a symbol means all its coins, or the largest.
        market_cap: Whether to say it too.
        volume: Likewise.
        change: Likewise.
        last_updated_at: Likewise.
        precision: As for ``MarketsQuery``.
    """

    vs_currencies: tuple[str, ...]
    ids: frozenset[str]
    names: frozenset[str]
    symbols: frozenset[str]
    all_of_symbol: bool = False
    market_cap: bool = False
    volume: bool = False
    change: bool = False
    last_updated_at: bool = False
    precision: Precision = None


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
    currency = parse_currency(parameters)
    order = parameters.get("order") or "market_cap_desc"
    if order not in get_args(Order):
        raise QueryError("invalid order")
    ids = frozenset(_listed(parameters, "ids"))
    return MarketsQuery(
        vs_currency=currency,
        ids=ids or None,
        order=cast(Order, order),
        per_page=_whole("per_page", parameters.get("per_page", "100"), 1, MAX_PER_PAGE),
        page=_whole("page", parameters.get("page", "1"), 1, 10**9),
        precision=parse_precision(parameters),
        include_rehypothecated=parse_flag(parameters, "include_rehypothecated"),
    )


def parse_simple_price(parameters: Mapping[str, str]) -> SimplePriceQuery:
    """Check the query parameters of a request for ``/simple/price``; what is not known is passed
    over, as the real API does.

    Raises:
        QueryError: a parameter is missing or not valid.
    """
    currencies = _listed(parameters, "vs_currencies")
    if not currencies:
        raise QueryError("Missing parameter vs_currencies")
    ids, names, symbols = (_listed(parameters, name) for name in ("ids", "names", "symbols"))
    if not (ids or names or symbols):
        raise QueryError("Missing parameter ids")
    tokens = parameters.get("include_tokens", "top")
    if tokens not in ("top", "all"):
        raise QueryError("invalid include_tokens")
    return SimplePriceQuery(
        vs_currencies=tuple(
            code for code in dict.fromkeys(map(str.lower, currencies)) if code in CURRENCIES
        ),
        ids=frozenset(ids),
        names=frozenset(map(str.lower, names)),
        symbols=frozenset(map(str.lower, symbols)),
        all_of_symbol=tokens == "all",
        market_cap=parse_flag(parameters, "include_market_cap"),
        volume=parse_flag(parameters, "include_24hr_vol"),
        change=parse_flag(parameters, "include_24hr_change"),
        last_updated_at=parse_flag(parameters, "include_last_updated_at"),
        precision=parse_precision(parameters),
    )


def parse_currency(parameters: Mapping[str, str]) -> str:
    """The parameter ``vs_currency``.

    Raises:
        QueryError: it is missing or not known.
    """
    currency = parameters.get("vs_currency", "").lower()
    if not currency:
        raise QueryError("Missing parameter vs_currency")
    if currency not in CURRENCIES:
        raise QueryError("invalid vs_currency", status=400)
    return currency


def parse_precision(parameters: Mapping[str, str]) -> Precision:
    """The parameter ``precision``.

    Raises:
        QueryError: it is not valid.
    """
    precision = parameters.get("precision")
    if not precision:
        return None
    return "full" if precision == "full" else _whole("precision", precision, 0, 18)


def parse_flag(parameters: Mapping[str, str], name: str) -> bool:
    """A parameter that is true or false, and false if it is not there.

    Raises:
        QueryError: it is neither.
    """
    text = parameters.get(name, "false")
    if text not in ("true", "false"):
        raise QueryError(f"invalid {name}")
    return text == "true"


def _listed(parameters: Mapping[str, str], name: str) -> list[str]:
    parts = (part.strip() for part in parameters.get(name, "").split(","))
    return [part for part in parts if part]


def _whole(name: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit()) or not least <= int(text[:20]) <= most:
        raise QueryError(f"invalid {name}")
    return int(text)
