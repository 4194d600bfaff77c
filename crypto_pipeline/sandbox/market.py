"""A made-up market in the shape of ``/coins/markets``.

The same seed, number of coins and simulated time give the same bytes: nothing is carried over from
one request to the next.
"""

import itertools
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from crypto_pipeline.sandbox import quirks as quirk
from crypto_pipeline.sandbox.clock import iso_milliseconds
from crypto_pipeline.sandbox.conditions import Conditions
from crypto_pipeline.sandbox.json_numbers import (
    amount_text,
    decimal_text,
    price_text,
    supply_text,
)
from crypto_pipeline.sandbox.listed_coins import REHYPOTHECATED_COINS
from crypto_pipeline.sandbox.listing import (
    UNITS_PER_USD,
    CoinName,
    KnownCoin,
    MarketsQuery,
    Page,
)
from crypto_pipeline.sandbox.simulated_coin import (
    DAY_MS,
    DEAD_SHARE,
    SimulatedCoin,
    list_coins,
)

SLOT_MS = 30_000
"""How long one body is served, as the real API's cache does: 30 s of simulated time."""

MIN_COINS = 10

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_IMAGES = "https://coin-images.coingecko.com/coins/images/"


class _Quote(NamedTuple):
    coin: SimulatedCoin
    updated: int
    price: float
    cap: float
    rank: int | None = None
    rank_with_rehypothecated: int = 0


class Market:
    """A deterministic market of simulated coins.

    Args:
        coins: How many are listed; the first 74 are well-known ones.
        seed: Another seed is another market.
        quirks: Whether to reproduce the oddities of real data, see ``quirks``.
        rename_at: When ``quirks.RENAMED_COIN`` gets its new symbol and name; None: always had.

    Attributes:
        seed: As given.
        quirks: As given.
        conditions: What a test asks for beyond the usual; may be replaced at any time.

    Raises:
        ValueError: fewer coins than ``MIN_COINS``.
    """

    label = "CoinGecko sandbox"

    def __init__(
        self,
        coins: int = 1000,
        *,
        seed: int = 1,
        quirks: bool = True,
        rename_at: datetime | None = None,
    ) -> None:
        if coins < MIN_COINS:
            raise ValueError(f"a market needs at least {MIN_COINS} coins: {coins}")
        self.seed = seed
        self.quirks = quirks
        self.conditions = Conditions()
        self._seed = seed
        self._quirks = quirks
        self._rename_at = rename_at if quirks else None
        listed = list_coins(seed, coins, self._share(quirk.TINY_PRICE, coins))
        generated = [coin.id for coin in listed if coin.id.startswith("sandbox-")]
        # Among the largest 250 of a full market, so that the usual request meets them.
        bad = [listed[min(100, coins - 2)].id, listed[min(150, coins - 1)].id]
        dead = quirk.pick(
            seed, "dead", (id for id in generated if id not in bad), round(DEAD_SHARE * coins)
        )
        self._coins = [SimulatedCoin(coin, seed, coin.id in dead) for coin in listed]
        self._rehypothecated = [
            SimulatedCoin(coin, seed, dead=False) for coin in REHYPOTHECATED_COINS
        ]

        self._bad_price = dict(zip(bad, ("null", "0"), strict=True)) if quirks else {}
        ids = [coin.id for coin in listed if coin.id not in bad and coin.id != quirk.RENAMED_COIN]
        self._no_total = self._pick("no total", ids, quirk.NULL_TOTAL_SUPPLY)
        self._no_max = self._pick("no max", ids, quirk.NULL_MAX_SUPPLY)
        self._no_rank = self._pick("no rank", ids, quirk.NULL_RANK)
        self._more_circulating = self._pick(
            "circulating",
            (id for id in ids if id not in self._no_total),
            quirk.CIRCULATING_ABOVE_TOTAL,
        )
        self._additional = self._pick("additional", ids, quirk.ADDITIONAL_FIELD)
        colliding = self._pick(
            "symbol", (id for id in ids if id in set(generated)), quirk.SYMBOL_COLLISION
        )
        self._names = {
            coin.id: CoinName(
                coin.id,
                listed[number % 10].symbol if coin.id in colliding else coin.symbol,
                coin.name,
            )
            for number, coin in enumerate(listed)
        }
        self._names |= {
            coin.id: CoinName(coin.id, coin.symbol, coin.name) for coin in REHYPOTHECATED_COINS
        }

    def page(self, at: datetime, query: MarketsQuery) -> Page:
        """The answer at a simulated time: that of the latest full 30 seconds."""
        now = _milliseconds(at)
        slot = now - now % SLOT_MS
        rate = UNITS_PER_USD[query.vs_currency]
        named_at = _EPOCH + timedelta(milliseconds=slot)
        quotes = self._ranked(slot, query.include_rehypothecated)
        if query.ids is not None:
            quotes = [
                quote
                for quote in quotes
                if self.conditions.id_at(quote.coin.listed.id, named_at) in query.ids
            ]
        key = query.order.rpartition("_")[0]
        if key == "volume":
            quotes.sort(key=lambda quote: quote.coin.volume(quote.updated))
        elif key == "id":
            quotes.sort(key=lambda quote: quote.coin.listed.id)
        else:
            quotes.reverse()
        if query.order.endswith("_desc"):
            quotes.reverse()
        first = (query.page - 1) * query.per_page
        selected = quotes[first : first + query.per_page]
        if query.order == "market_cap_desc" and query.ids is None and first and selected:
            before = quotes[first - 1]
            if self._repeats(slot, first, before, selected[0]):
                selected[0] = before
        body = ",".join(self._record(quote, query, rate, named_at) for quote in selected)
        return Page(f"[{body}]".encode(), len(quotes), named_at)

    def coins(self, at: datetime) -> list[CoinName]:
        """All listed coins, sorted by id."""
        return sorted(
            (self._name(id, at) for id in self._names if self.conditions.is_listed(id, at)),
            key=lambda coin: coin.id,
        )

    def delisted_coins(self, at: datetime) -> list[CoinName]:
        """The coins that were listed once, sorted by id."""
        return sorted(
            (self._name(id, at) for id in self._names if not self.conditions.is_listed(id, at)),
            key=lambda coin: coin.id,
        )

    def with_platforms(self, coins: Iterable[CoinName], at: datetime) -> list[KnownCoin]:
        """Coins with their contract addresses; the largest ones have a chain of their own."""
        return [
            KnownCoin(
                coin.id,
                coin.symbol,
                coin.name,
                {"ethereum": f"0x{_address(self._seed, self.conditions.coin_of(coin.id, at))}"}
                if coin.id.startswith("sandbox-") or self.conditions.coin_of(coin.id, at) != coin.id
                else {},
            )
            for coin in coins
        ]

    def coin(self, id: str, at: datetime) -> SimulatedCoin | None:
        """The coin that has an id at a time, listed or not."""
        of = self.conditions.coin_of(id, at)
        known = (*self._coins, *self._rehypothecated)
        return next((coin for coin in known if coin.listed.id == of), None)

    def _ranked(self, slot: int, include_rehypothecated: bool) -> list[_Quote]:
        quotes = []
        more = self._rehypothecated if include_rehypothecated else []
        at = _EPOCH + timedelta(milliseconds=slot)
        for coin in (*self._coins, *more):
            if not self.conditions.is_listed(coin.listed.id, at):
                continue
            updated = coin.updated_at(slot)
            price = coin.price(updated)
            quotes.append(_Quote(coin, updated, price, price * coin.listed.circulating))
        quotes.sort(key=lambda quote: (-quote.cap, quote.coin.listed.id))
        ranks = itertools.count(1)
        return [
            quote._replace(
                rank=None if quote.coin in more else next(ranks), rank_with_rehypothecated=place
            )
            for place, quote in enumerate(quotes, 1)
        ]

    def _repeats(self, slot: int, first: int, before: _Quote, after: _Quote) -> bool:
        # The two bad records stay exactly two.
        if not self._quirks or {before.coin.listed.id, after.coin.listed.id} & set(self._bad_price):
            return False
        return quirk.unit(self._seed, "border", slot, first) < quirk.REPEATED_AT_BORDER

    def _name(self, id: str, at: datetime) -> CoinName:
        listed_as = self.conditions.id_at(id, at)
        given = self.conditions.name_at(id, at)
        if given is not None:
            return CoinName(listed_as, *given)
        name = self._usual_name(id, at)
        return CoinName(listed_as, name.symbol, name.name)

    def _usual_name(self, id: str, at: datetime) -> CoinName:
        if id == quirk.RENAMED_COIN and self._rename_at is not None and at < self._rename_at:
            return CoinName(id, "rndr", "Render Token")
        return self._names[id]

    def _record(self, quote: _Quote, query: MarketsQuery, rate: float, named_at: datetime) -> str:
        coin, updated, usd = quote.coin, quote.updated, quote.price
        listed = coin.listed
        id, odd = listed.id, self._quirks

        def price(value: float) -> str:
            return price_text(value * rate, query.precision, odd)

        def amount(value: float) -> str:
            return amount_text(value * rate, odd)

        high, low = self._range_24h(coin, updated, usd)
        usd_before = usd if coin.dead else coin.price(updated - DAY_MS)
        change = decimal_text((usd / usd_before - 1) * 100, 5)
        cap_change = (usd - usd_before) * listed.circulating
        total = listed.circulating * 0.98 if id in self._more_circulating else listed.total
        maximum = listed.total if listed.maximum is None else listed.maximum
        roi = "null"
        if coin.roi is not None:
            times = usd / coin.roi.price - 1
            roi = (
                f'{{"times":{decimal_text(times, 12)},"currency":"{coin.roi.currency}"'
                f',"percentage":{decimal_text(times * 100, 10)}}}'
            )
        rank = "null" if quote.rank is None else quote.rank
        name = self._name(id, named_at)
        more = ""
        if query.include_rehypothecated:
            more = f',"market_cap_rank_with_rehypothecated":{quote.rank_with_rehypothecated}'
        if id in self._additional:
            score = decimal_text(100 * quirk.unit(self._seed, "score", id), 1)
            more += f',"{quirk.ADDITIONAL_FIELD_NAME}":{score}'
        return (
            f'{{"id":{_string(name.id)},"symbol":{_string(name.symbol)},"name":{_string(name.name)}'
            f',"image":{_string(_IMAGES + listed.image)}'
            f',"current_price":{self._bad_price.get(id) or price(usd)}'
            f',"market_cap":{amount(quote.cap)}'
            f',"market_cap_rank":{"null" if id in self._no_rank else rank}'
            f',"fully_diluted_valuation":{"null" if id in self._no_total else amount(usd * total)}'
            f',"total_volume":{amount(coin.volume(updated))}'
            f',"high_24h":{price(high)},"low_24h":{price(low)}'
            f',"price_change_24h":{price(usd - usd_before)}'
            f',"price_change_percentage_24h":{change}'
            f',"market_cap_change_24h":{amount(cap_change)}'
            f',"market_cap_change_percentage_24h":{change}'
            f',"circulating_supply":{supply_text(listed.circulating, odd)}'
            f',"total_supply":{"null" if id in self._no_total else supply_text(total, odd)}'
            f',"max_supply":{"null" if id in self._no_max else supply_text(maximum, odd)}'
            f',"ath":{price(coin.ath)}'
            f',"ath_change_percentage":{decimal_text((usd / coin.ath - 1) * 100, 5)}'
            f',"ath_date":"{_iso(coin.ath_at)}"'
            f',"atl":{price(coin.atl)}'
            f',"atl_change_percentage":{decimal_text((usd / coin.atl - 1) * 100, 5)}'
            f',"atl_date":"{_iso(coin.atl_at)}"'
            f',"roi":{roi},"last_updated":"{_iso(updated)}"{more}}}'
        )

    def _range_24h(self, coin: SimulatedCoin, updated: int, usd: float) -> tuple[float, float]:
        high, low = coin.range_24h(updated)
        if self._quirks:
            chance = quirk.unit(self._seed, "range", coin.listed.id, updated)
            if chance < quirk.PRICE_ABOVE_HIGH:
                high = usd * 0.995
                low = min(low, high)
            elif chance < quirk.PRICE_ABOVE_HIGH + quirk.PRICE_BELOW_LOW:
                low = usd * 1.005
                high = max(low, high)
        return high, low

    def _share(self, rate: float, count: int) -> int:
        return max(1, round(rate * count)) if self._quirks else 0

    def _pick(self, name: str, ids: Iterable[str], rate: float) -> frozenset[str]:
        return quirk.pick(self._seed, name, ids, self._share(rate, len(self._coins)))


def _address(seed: int, coin: str | None) -> str:
    return blake2b(f"{seed}|{coin}".encode(), digest_size=20).hexdigest()


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _iso(milliseconds: int) -> str:
    return iso_milliseconds(_EPOCH + timedelta(milliseconds=milliseconds))


def _string(text: str) -> str:
    return msgspec.json.encode(text).decode()
