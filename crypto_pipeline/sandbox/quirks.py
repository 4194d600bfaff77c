"""The oddities of real responses that the simulated market reproduces on purpose.

Each is on or off together with ``Market(quirks=...)``, and depends on nothing but the seed and the
simulated time. A rate *of coins* picks exactly that share of the listing, at least one coin; a rate
*of updates* is a chance, drawn anew each time a coin's data changes. Beside these, and always with
the quirks: whole and fractional numbers mixed in one field, and scientific notation
(``json_numbers``), and two records that no consumer should accept, with ``current_price`` null and
0. None of the others breaks the API's contract.
"""

from collections.abc import Iterable
from datetime import timedelta
from hashlib import blake2b

NULL_TOTAL_SUPPLY = 0.04
"""Of coins: ``total_supply`` and with it ``fully_diluted_valuation`` null (real: 1 to 6 %)."""

NULL_MAX_SUPPLY = 0.4
"""Of coins: ``max_supply`` null (real: 37 to 70 %)."""

NULL_RANK = 0.005
"""Of coins: ``market_cap_rank`` null, though the coin keeps its place in the listing."""

TINY_PRICE = 0.003
"""Of coins: a price of about 1e-12 USD, and so a supply of more than 1e15."""

SYMBOL_COLLISION = 0.02
"""Of coins: the symbol of a well-known coin under another id (real: 28 % of all coins)."""

CIRCULATING_ABOVE_TOTAL = 0.02
"""Of coins: ``circulating_supply`` exceeds ``total_supply`` (real: 3 to 4 %)."""

ADDITIONAL_FIELD = 0.01
"""Of coins: one more field, ``ADDITIONAL_FIELD_NAME``, after the known ones."""

ADDITIONAL_FIELD_NAME = "liquidity_score"
"""A field which the API does not have, a number: it may add fields at any time."""

PRICE_ABOVE_HIGH = 0.03
"""Of updates: ``high_24h`` lags behind ``current_price`` (real: 2 to 14 %)."""

PRICE_BELOW_LOW = 0.012
"""Of updates: ``low_24h`` lags behind ``current_price`` (real: about 1 %)."""

REPEATED_AT_BORDER = 0.05
"""Of page borders, drawn anew every 30 s: by market cap, the last coin of a page is also the first
of the next, and the coin which it overtook is on neither."""

UNKNOWN_CAP = 0.3
"""Of coins: ``market_cap`` is 0 in their first ``UNKNOWN_CAP_DAYS`` (real: those of Shiba Inu)."""

UNKNOWN_CAP_DAYS = 274
"""How long a supply may stay unknown."""

SECOND_PLATFORM = 0.3
"""Of contracts: one of the same address on another chain."""

RENAMED_COIN = "render-token"
"""This coin is (rndr, Render Token) and then (render, Render), as the real one was."""

RENAMED_AFTER = timedelta(hours=3)
"""How long after the clock's start the coin is renamed."""


def unit(*parts: object) -> float:
    """A number in [0, 1) that looks random but follows from the parts alone."""
    digest = blake2b("|".join(map(str, parts)).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def pick(seed: int, quirk: str, candidates: Iterable[str], count: int) -> frozenset[str]:
    """The coins that have a quirk: ``count`` of the candidates, or all when there are fewer."""
    return frozenset(sorted(candidates, key=lambda coin: unit(seed, quirk, coin))[:count])
