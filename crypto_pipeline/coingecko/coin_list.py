"""The list of all coins: an answer of ``/coins/list`` with the contracts of each coin.

Source: CoinGecko's OpenAPI description: an array of objects with ``id``, ``symbol``, ``name`` and,
on request, ``platforms``, an object of contract addresses by platform, which may be null. A coin
with a chain of its own has none, or one without an address.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from crypto_pipeline.coingecko.errors import api_error
from crypto_pipeline.coingecko.looks import looks_like
from crypto_pipeline.fetching.tolerant_json import MALFORMED, split_array
from crypto_pipeline.fetching.values import UNREADABLE

COINS_LIST: Final = "/coins/list"

LONGEST_TEXT: Final = 200
"""Characters of an id, a symbol, a name or a platform: an index has room for three of them. The
longest id that was seen has 55, the longest symbol 40."""

LONGEST_ADDRESS: Final = 300
"""Characters of a contract's address; one of Cardano or of the Internet Computer has up to 120."""

_NUL = b"\\u0000"
"""How a NUL is written in JSON: PostgreSQL has none in a text."""


class CoinListError(ValueError):
    """A body that is no list of coins; the message says what it looks like."""


@dataclass(frozen=True)
class CoinListAnswer:
    """One answer of ``/coins/list``.

    Attributes:
        ingested_at: When the request was sent, UTC.
        source: Label of the data's origin.
        is_active: Whether it was asked for the active coins; else for the inactive ones.
        request: Query parameters as sent; never a key.
        headers: The response headers worth keeping, names in lower case.
        body: The answer byte for byte.
    """

    ingested_at: datetime
    source: str
    is_active: bool
    request: dict[str, str]
    headers: dict[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Flaw:
    """An element of a list that is no coin, or a contract that cannot be kept.

    Attributes:
        index: Position of the element, from 0.
        reason: What is wrong with it, in words.
        text: Its JSON as received; of a contract, the address.
        is_rejected: Whether the element is no coin; else it is one without that contract.
    """

    index: int
    reason: str
    text: str
    is_rejected: bool = True


@dataclass(frozen=True)
class CoinList:
    """What a list says.

    Attributes:
        fetched: Elements of the list.
        coins: Id, symbol and name of each coin, in the list's order, each id once.
        contracts: Id, platform and contract address.
        flaws: What could not be taken from it.
    """

    fetched: int
    coins: Sequence[tuple[str, str, str]]
    contracts: Sequence[tuple[str, str, str]]
    flaws: Sequence[Flaw]

    @property
    def rejected(self) -> int:
        """How many elements are no coin."""
        return sum(flaw.is_rejected for flaw in self.flaws)


class _Coin(msgspec.Struct):
    id: str
    symbol: str | None = None
    name: str | None = None
    platforms: dict[str, str | None] | None = None


_decode_coins = msgspec.json.Decoder(list[_Coin]).decode
_decode_coin = msgspec.json.Decoder(_Coin).decode


def is_coin_list(body: bytes) -> bool:
    """Whether a body has the outline of a list of coins: a whole array."""
    try:
        split_array(body)
    except MALFORMED:
        return False
    return True


def read_coin_list(body: bytes) -> CoinList:
    """Read a list of coins. What is wrong with an element spoils that element only.

    A symbol or a name that is missing is empty. Of two elements of one id, the first counts.

    Raises:
        CoinListError: it is no list, or an error body of the API.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    flaws: list[Flaw] = []
    found: Sequence[tuple[int, _Coin]]
    try:
        if _NUL in body:
            raise msgspec.DecodeError("a NUL")
        found = list(enumerate(_decode_coins(body)))
        fetched = len(found)
    except MALFORMED:
        elements = _elements(body)
        fetched = len(elements)
        found = [
            (index, coin)
            for index, element in enumerate(elements)
            if (coin := _coin(index, element, flaws)) is not None
        ]
    coins: dict[str, tuple[str, str, str]] = {}
    contracts: list[tuple[str, str, str]] = []
    for index, coin in found:
        symbol, name = coin.symbol or "", coin.name or ""
        reason = _reason(coin.id, symbol, name)
        if reason is not None:
            flaws.append(Flaw(index, reason, msgspec.json.encode(coin).decode()))
        elif coin.id not in coins:
            coins[coin.id] = (coin.id, symbol, name)
            contracts += _contracts(index, coin, flaws)
    return CoinList(fetched, list(coins.values()), contracts, flaws)


def _elements(body: bytes) -> list[msgspec.Raw]:
    try:
        return split_array(body)
    except MALFORMED as problem:
        raise CoinListError(
            api_error(body) or f"no list of coins, but {looks_like(body)} ({problem})"
        ) from None


def _coin(index: int, element: msgspec.Raw, flaws: list[Flaw]) -> _Coin | None:
    text = bytes(element)
    try:
        if _NUL in text:
            raise ValueError("a NUL, which PostgreSQL has not in a text")
        return _decode_coin(text)
    except UNREADABLE as problem:
        shown = text.decode(errors="replace").replace("\x00", "")
        flaws.append(Flaw(index, str(problem), shown))
        return None


def _reason(crypto_id: str, symbol: str, name: str) -> str | None:
    if not crypto_id:
        return "no id"
    if max(len(crypto_id), len(symbol), len(name)) > LONGEST_TEXT:
        return f"a text of more than {LONGEST_TEXT} characters"
    return None


def _contracts(index: int, coin: _Coin, flaws: list[Flaw]) -> list[tuple[str, str, str]]:
    """The contracts of a coin. One whose address is too long is left out and named; the coin is
    good all the same."""
    kept: list[tuple[str, str, str]] = []
    for platform, address in (coin.platforms or {}).items():
        if not platform or not address:
            continue
        if len(platform) > LONGEST_TEXT or len(address) > LONGEST_ADDRESS:
            flaws.append(
                Flaw(
                    index,
                    f"the coin's contract on {platform[:LONGEST_TEXT]} is too long",
                    address,
                    is_rejected=False,
                )
            )
        else:
            kept.append((coin.id, platform, address))
    return kept
