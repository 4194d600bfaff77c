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
from crypto_pipeline.sandbox.currencies import Currencies
from crypto_pipeline.sandbox.json_numbers import (
    amount_text,
    decimal_text,
    price_text,
    supply_text,
)
from crypto_pipeline.sandbox.listed_coins import OWN_CHAIN, REHYPOTHECATED_COINS
from crypto_pipeline.sandbox.listing import (
    CoinName,
    KnownCoin,
    MarketsQuery,
    Page,
    SimplePriceQuery,
)
from crypto_pipeline.sandbox.simulated_coin import (
    DAY_MS,
    DEAD_SHARE,
    HOUR_MS,
    SimulatedCoin,
    list_coins,
)

SLOT_MS = 30_000
"""How long one body is served, as the real API's cache does: 30 s of simulated time."""

MIN_COINS = 10

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LATE_MS = quirk.UNKNOWN_CAP_DAYS * DAY_MS
_IMAGES = "https://coin-images.coingecko.com/coins/images/"


class Quote(NamedTuple):
    """What the market says of a coin at a time, in USD.

    Attributes:
        coin: The coin.
        updated: When it was found, milliseconds since 1970.
        price: For one coin.
        cap: Of all in circulation; 0 or None where it is not known.
        volume: Traded in the 24 hours before.
        rank: By cap, None without one.
        rank_with_rehypothecated: Likewise, tokens that stand for others included.
    """

    coin: SimulatedCoin
    updated: int
    price: float
    cap: float | None
    volume: float
    rank: int | None = None
    rank_with_rehypothecated: int | None = None


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
        currencies: What a dollar is worth.
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
        self.currencies = Currencies(seed)
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
        self._late_cap = self._pick("late cap", ids, quirk.UNKNOWN_CAP)
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
        self._by_id = {coin.listed.id: coin for coin in (*self._coins, *self._rehypothecated)}

    def page(self, at: datetime, query: MarketsQuery) -> Page:
        """The answer at a simulated time: that of the latest full 30 seconds."""
        now = _milliseconds(at)
        slot = now - now % SLOT_MS
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
            quotes.sort(key=lambda quote: quote.volume)
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
        body = ",".join(self._record(quote, query, named_at) for quote in selected)
        return Page(f"[{body}]".encode(), len(quotes), named_at)

    def simple_price(self, at: datetime, query: SimplePriceQuery) -> bytes:
        """The answer of ``/simple/price`` at a simulated time: that of the latest full 30 s."""
        now = _milliseconds(at)
        slot = now - now % SLOT_MS
        named_at = _EPOCH + timedelta(milliseconds=slot)
        shown: dict[str, str] = {}
        symbols: set[str] = set()
        for quote in self._ranked(slot, include_rehypothecated=True):
            name = self._name(quote.coin.listed.id, named_at)
            symbol = name.symbol.lower()
            by_symbol = symbol in query.symbols and (query.all_of_symbol or symbol not in symbols)
            symbols.add(symbol)
            if by_symbol or name.id in query.ids or name.name.lower() in query.names:
                shown[name.id] = self._simple_price(quote, query)
        return f"{{{','.join(f'{_string(id)}:{text}' for id, text in shown.items())}}}".encode()

    def coins(self, at: datetime) -> list[CoinName]:
        """All listed coins, sorted by id."""
        return self._list(at, active=True)

    def delisted_coins(self, at: datetime) -> list[CoinName]:
        """The coins that were listed once, sorted by id."""
        return self._list(at, active=False)

    def with_platforms(self, coins: Iterable[CoinName], at: datetime) -> list[KnownCoin]:
        """Coins with their contract addresses; one keeps them under another id."""
        return [
            KnownCoin(coin.id, coin.symbol, coin.name, self._platforms(coin.id, at))
            for coin in coins
        ]

    def coin(self, id: str, at: datetime) -> SimulatedCoin | None:
        """The coin that has an id at a time, listed or not."""
        of = self.conditions.coin_of(id, at)
        return None if of is None else self._by_id.get(of)

    def has_price(self, coin: SimulatedCoin) -> bool:
        """Whether the listing says a price of a coin that can be one."""
        return coin.listed.id not in self._bad_price

    def quote(self, coin: SimulatedCoin, at: int) -> Quote:
        """What is said of a coin at a time, in milliseconds: that of the latest full 30 s."""
        updated = coin.updated_at(at - at % SLOT_MS)
        price = coin.price(updated)
        cap: float | None = price * coin.listed.circulating
        if coin.listed.id in self._late_cap and at < coin.listed_at + _LATE_MS:
            cap = 0.0
        if self.conditions.unknown_caps:
            time = _EPOCH + timedelta(milliseconds=at)
            unknown = self.conditions.unknown_cap(coin.listed.id, time)
            if unknown is not None:
                cap = None if unknown.is_null else 0.0
        return Quote(coin, updated, price, cap, coin.volume(updated))

    def _ranked(self, slot: int, include_rehypothecated: bool) -> list[Quote]:
        more = self._rehypothecated if include_rehypothecated else []
        at = _EPOCH + timedelta(milliseconds=slot)
        quotes = [
            self.quote(coin, slot) for coin in (*self._coins, *more) if self._is_listed(coin, at)
        ]
        quotes.sort(key=lambda quote: (-(quote.cap or 0), quote.coin.listed.id))
        ranks, places = itertools.count(1), itertools.count(1)
        return [
            quote._replace(
                rank=None if quote.coin in more else next(ranks),
                rank_with_rehypothecated=next(places),
            )
            if quote.cap
            else quote
            for quote in quotes
        ]

    def _list(self, at: datetime, active: bool) -> list[CoinName]:
        known = (
            id
            for id, coin in self._by_id.items()
            if _milliseconds(at) >= coin.listed_at and self.conditions.was_listed(id, at)
        )
        return sorted(
            (self._name(id, at) for id in known if self.conditions.is_listed(id, at) == active),
            key=lambda coin: coin.id,
        )

    def _is_listed(self, coin: SimulatedCoin, at: datetime) -> bool:
        return _milliseconds(at) >= coin.listed_at and self.conditions.is_listed(coin.listed.id, at)

    def _platforms(self, id: str, at: datetime) -> dict[str, str]:
        coin = self.conditions.coin_of(id, at) or id
        if coin in OWN_CHAIN and not self.conditions.changed_id(coin):
            return {}
        address = f"0x{_address(self._seed, coin)}"
        platforms = {"ethereum": address}
        if quirk.unit(self._seed, "platform", coin) < quirk.SECOND_PLATFORM:
            platforms["binance-smart-chain"] = address
        return platforms

    def _repeats(self, slot: int, first: int, before: Quote, after: Quote) -> bool:
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

    def _simple_price(self, quote: Quote, query: SimplePriceQuery) -> str:
        id = quote.coin.listed.id
        parts = []
        for code in query.vs_currencies:
            rate = self.currencies.units_per_usd(code, quote.updated)
            price = price_text(quote.price * rate, query.precision, self._quirks)
            parts.append(f'"{code}":{self._bad_price.get(id) or price}')
            if query.market_cap:
                parts.append(f'"{code}_market_cap":{self._cap_text(quote.cap, rate)}')
            if query.volume:
                volume = amount_text(quote.volume * rate, self._quirks)
                parts.append(f'"{code}_24h_vol":{volume}')
            if query.change:
                before = self._before(quote, code)
                change = decimal_text((quote.price * rate / before - 1) * 100, 12)
                parts.append(f'"{code}_24h_change":{change}')
        if query.last_updated_at:
            parts.append(f'"last_updated_at":{quote.updated // 1000}')
        return f"{{{','.join(parts)}}}"

    def _cap_text(self, cap: float | None, rate: float) -> str:
        return "null" if cap is None else amount_text(cap * rate, self._quirks)

    def _before(self, quote: Quote, currency: str) -> float:
        """The price 24 hours before, in a currency; of a dead coin there is no other."""
        time = quote.updated if quote.coin.dead else quote.updated - DAY_MS
        price = quote.price if quote.coin.dead else quote.coin.price(time)
        return price * self.currencies.units_per_usd(currency, time)

    def _record(self, quote: Quote, query: MarketsQuery, named_at: datetime) -> str:
        coin, updated, usd = quote.coin, quote.updated, quote.price
        listed = coin.listed
        id, odd = listed.id, self._quirks
        rate = self.currencies.units_per_usd(query.vs_currency, updated)
        now = usd * rate

        def price(value: float) -> str:
            return price_text(value, query.precision, odd)

        def amount(value: float) -> str:
            return amount_text(value, odd)

        high, low = self._range_24h(coin, updated, now, query.vs_currency)
        before = self._before(quote, query.vs_currency)
        change = decimal_text((now / before - 1) * 100, 5)
        cap = self._cap_text(quote.cap, rate)
        cap_change = amount((now - before) * listed.circulating) if quote.cap else cap
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
            place = quote.rank_with_rehypothecated
            more = f',"market_cap_rank_with_rehypothecated":{"null" if place is None else place}'
        if id in self._additional:
            score = decimal_text(100 * quirk.unit(self._seed, "score", id), 1)
            more += f',"{quirk.ADDITIONAL_FIELD_NAME}":{score}'
        return (
            f'{{"id":{_string(name.id)},"symbol":{_string(name.symbol)},"name":{_string(name.name)}'
            f',"image":{_string(_IMAGES + listed.image)}'
            f',"current_price":{self._bad_price.get(id) or price(now)}'
            f',"market_cap":{cap}'
            f',"market_cap_rank":{"null" if id in self._no_rank else rank}'
            f',"fully_diluted_valuation":{"null" if id in self._no_total else amount(now * total)}'
            f',"total_volume":{amount(quote.volume * rate)}'
            f',"high_24h":{price(high)},"low_24h":{price(low)}'
            f',"price_change_24h":{price(now - before)}'
            f',"price_change_percentage_24h":{change}'
            f',"market_cap_change_24h":{cap_change}'
            f',"market_cap_change_percentage_24h":{change}'
            f',"circulating_supply":{supply_text(listed.circulating, odd)}'
            f',"total_supply":{"null" if id in self._no_total else supply_text(total, odd)}'
            f',"max_supply":{"null" if id in self._no_max else supply_text(maximum, odd)}'
            f',"ath":{price(coin.ath * rate)}'
            f',"ath_change_percentage":{decimal_text((usd / coin.ath - 1) * 100, 5)}'
            f',"ath_date":"{_iso(coin.ath_at)}"'
            f',"atl":{price(coin.atl * rate)}'
            f',"atl_change_percentage":{decimal_text((usd / coin.atl - 1) * 100, 5)}'
            f',"atl_date":"{_iso(coin.atl_at)}"'
            f',"roi":{roi},"last_updated":"{_iso(updated)}"{more}}}'
        )

    def _range_24h(
        self, coin: SimulatedCoin, updated: int, now: float, currency: str
    ) -> tuple[float, float]:
        """Highest and lowest of the last 24 hours' full-hour prices and the present one."""
        prices = [now]
        if not coin.dead:
            last_hour = updated - updated % HOUR_MS
            prices += (
                coin.price_on_the_hour(time) * self.currencies.units_per_usd(currency, time)
                for time in range(last_hour - 23 * HOUR_MS, last_hour + 1, HOUR_MS)
            )
        high, low = max(prices), min(prices)
        if self._quirks:
            chance = quirk.unit(self._seed, "range", coin.listed.id, updated)
            if chance < quirk.PRICE_ABOVE_HIGH:
                high = now * 0.995
                low = min(low, high)
            elif chance < quirk.PRICE_ABOVE_HIGH + quirk.PRICE_BELOW_LOW:
                low = now * 1.005
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
