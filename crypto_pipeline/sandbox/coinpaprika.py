"""The simulated market as CoinPaprika would tell it: tickers, contracts, daily candles.

Source: CoinPaprika's OpenAPI description 1.7. Prices are those of the same market, found every five
minutes; ``Conditions.deviations`` makes them part. Ids are a symbol and a name, as there.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta, timezone
from typing import NamedTuple

import msgspec

from crypto_pipeline.sandbox.json_numbers import amount_text, price_text, supply_text
from crypto_pipeline.sandbox.listing import QueryError
from crypto_pipeline.sandbox.market import Market, Quote
from crypto_pipeline.sandbox.simulated_coin import DAY_MS, HOUR_MS, MINUTE_MS, SimulatedCoin

LABEL = "CoinPaprika sandbox"

QUOTES = (
    *("BTC", "ETH", "USD", "EUR", "PLN", "KRW", "GBP", "CAD", "JPY", "RUB", "TRY", "NZD", "AUD"),
    *("CHF", "UAH", "HKD", "SGD", "NGN", "PHP", "MXN", "BRL", "THB", "CLP", "CNY", "CZK", "DKK"),
    *("HUF", "IDR", "ILS", "INR", "MYR", "NOK", "PKR", "SEK", "TWD", "ZAR", "VND", "ARS"),
)
"""The currencies of tickers that the market has a rate of."""

_MOST_QUOTES = 3
_MOST_CANDLES = 366
_UPDATED_EVERY_MS = 5 * MINUTE_MS
_PLATFORMS = {"ethereum": "eth-ethereum", "binance-smart-chain": "bnb-binance-coin"}
_CHANGES = (
    *("volume_24h_change_24h", "market_cap_change_24h"),
    *(f"percent_change_{period}" for period in ("15m", "30m", "1h", "6h", "12h", "24h")),
    *(f"percent_change_{period}" for period in ("7d", "30d", "1y")),
)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class CandleQuery(NamedTuple):
    """The candles that are asked for.

    Attributes:
        first: First day, UTC.
        days: How many days at most.
        quote: usd or btc.
    """

    first: date
    days: int
    quote: str


class ReachError(Exception):
    """The range begins before what the plan has; the message is the API's."""


class Paprika:
    """The market as it is answered at a time.

    Args:
        market: Which one.
        at: When it is asked.
    """

    def __init__(self, market: Market, at: datetime) -> None:
        self._market = market
        self._now = (at - _EPOCH) // timedelta(milliseconds=1)
        # What is said now was found at the last full five minutes.
        self._found = self._now - self._now % _UPDATED_EVERY_MS
        self._at = at
        self._names = {one.id: one for one in market.coins(at)}
        self._coins = {coin: id for id in self._names if (coin := market.coin(id, at)) is not None}

    def tickers(self, quotes: tuple[str, ...]) -> bytes:
        """The ticker of every listed coin, the largest first."""
        found = [self._market.quote(coin, self._found) for coin in self._coins]
        found.sort(key=lambda quote: (-(quote.cap or 0), quote.coin.listed.id))
        records = (self._ticker(quote, rank, quotes) for rank, quote in enumerate(found, 1))
        return f"[{','.join(records)}]".encode()

    def platforms(self) -> bytes:
        """The ids of the platforms that have contracts."""
        return msgspec.json.encode(list(_PLATFORMS.values()))

    def contracts(self, platform: str) -> bytes | None:
        """The contracts of a platform; None of one that is not known."""
        if platform not in _PLATFORMS.values():
            return None
        known = self._market.with_platforms(self._market.coins(self._at), self._at)
        coins = {id: coin for coin, id in self._coins.items()}
        return msgspec.json.encode(
            [
                {"address": address, "id": _id(coins[entry.id]), "type": "ERC20"}
                for entry in known
                for on, address in entry.platforms.items()
                if _PLATFORMS[on] == platform and entry.id in coins
            ]
        )

    def candles(self, id: str, query: CandleQuery) -> bytes | None:
        """Daily candles of a coin, of the full hours and the last second of each day; None of a
        coin that is not known.

        Raises:
            ReachError: they begin before what the plan has.
        """
        coin = next((one for one in self._coins if _id(one) == id), None)
        if coin is None:
            return None
        self._check_reach(query.first)
        candles = []
        for number in range(query.days):
            day = query.first + timedelta(days=number)
            opens = (datetime(day.year, day.month, day.day, tzinfo=timezone.utc) - _EPOCH) // (
                timedelta(milliseconds=1)
            )
            if opens > self._now:
                break
            candles.append(self._candle(coin, opens, query.quote))
        return f"[{','.join(candles)}]".encode()

    def _ticker(self, quote: Quote, rank: int, quotes: tuple[str, ...]) -> str:
        listed, name = quote.coin.listed, self._names[self._coins[quote.coin]]
        texts = ",".join(f'"{code}":{self._quote(quote, code)}' for code in quotes)
        return (
            f'{{"id":{_string(_id(quote.coin))},"name":{_string(name.name)}'
            f',"symbol":{_string(name.symbol.upper())},"rank":{rank}'
            f',"total_supply":{supply_text(listed.total, quirks=False)}'
            # There is 0 for no limit.
            f',"max_supply":{supply_text(listed.maximum or 0, quirks=False)}'
            f',"beta_value":1.0,"first_data_at":"{_iso(quote.coin.listed_at)}"'
            f',"last_updated":"{_iso(quote.updated)}","quotes":{{{texts}}}}}'
        )

    def _quote(self, quote: Quote, code: str) -> str:
        coin = quote.coin
        rate = self._market.currencies.units_per_usd(code.lower(), quote.updated)
        factor = self._market.conditions.deviation(coin.listed.id, _time(quote.updated))
        price = quote.price * rate * factor
        text = price_text(price, "full", quirks=False) if self._market.has_price(coin) else "0"
        cap = 0 if quote.cap is None else quote.cap * rate * factor
        changes = ",".join(f'"{name}":0' for name in _CHANGES)
        return (
            f'{{"price":{text},"volume_24h":{amount_text(quote.volume * rate, quirks=False)}'
            f',"market_cap":{amount_text(cap, quirks=False)},{changes}'
            f',"ath_price":{price_text(coin.ath * rate, "full", quirks=False)}'
            f',"ath_date":"{_iso(coin.ath_at)}","percent_from_price_ath":0}}'
        )

    def _candle(self, coin: SimulatedCoin, opens: int, code: str) -> str:
        last = min(opens + DAY_MS - 1_000, self._now)
        times = [*range(opens, last, HOUR_MS), last]
        prices = [self._price(coin, time, code) for time in times]
        texts = ",".join(
            f'"{name}":{price_text(price, "full", quirks=False)}'
            for name, price in zip(
                ("open", "high", "low", "close"),
                (prices[0], max(prices), min(prices), prices[-1]),
                strict=True,
            )
        )
        quote = self._market.quote(coin, last)
        rate = self._market.currencies.units_per_usd(code, last)
        return (
            f'{{"time_open":"{_iso(opens)}","time_close":"{_iso(opens + DAY_MS - 1_000)}",{texts}'
            f',"volume":{amount_text(quote.volume * rate, quirks=False)}'
            f',"market_cap":{amount_text((quote.cap or 0) * rate, quirks=False)}}}'
        )

    def _price(self, coin: SimulatedCoin, time: int, code: str) -> float:
        factor = self._market.conditions.deviation(coin.listed.id, _time(time))
        return coin.price(time) * self._market.currencies.units_per_usd(code, time) * factor

    def _check_reach(self, first: date) -> None:
        reach = self._at - timedelta(days=1)
        if not self._market.conditions.is_paid and first < reach.date():
            raise ReachError(
                f"Getting historical OHLCV data before {reach:%Y-%m-%d %H:%M:%S} +0000 UTC is not"
                " allowed in this plan. Check plans on coinpaprika.com/api"
            )


def parse_quotes(parameters: Mapping[str, str]) -> tuple[str, ...]:
    """The parameter ``quotes`` of tickers.

    Raises:
        QueryError: it names too many currencies, or one that is not known.
    """
    codes = tuple(dict.fromkeys(parameters.get("quotes", "USD").upper().split(",")))
    if len(codes) > _MOST_QUOTES or not set(codes) <= set(QUOTES):
        raise QueryError("invalid parameters", status=400)
    return codes


def parse_candles(parameters: Mapping[str, str]) -> CandleQuery:
    """The parameters of ``ohlcv/historical``, of which the sandbox knows days.

    Raises:
        QueryError: one is missing or wrong.
    """
    quote = parameters.get("quote", "usd").lower()
    if quote not in ("usd", "btc") or parameters.get("interval", "24h") not in ("24h", "1d"):
        raise QueryError("invalid parameters", status=400)
    try:
        first = date.fromisoformat(parameters["start"][:10])
        last = date.fromisoformat(parameters["end"][:10]) if "end" in parameters else None
        days = int(parameters.get("limit", "1" if last is None else str(_MOST_CANDLES)))
    except (KeyError, ValueError):
        raise QueryError("invalid parameters", status=400) from None
    if last is not None:
        days = min(days, (last - first).days + 1)
    if not 0 < days <= _MOST_CANDLES:
        raise QueryError("invalid parameters", status=400)
    return CandleQuery(first, days, quote)


def _id(coin: SimulatedCoin) -> str:
    """As CoinPaprika makes them; a coin that is renamed keeps its own."""
    name = re.sub(r"[^a-z0-9]+", "-", coin.listed.name.lower()).strip("-")
    return f"{coin.listed.symbol.lower()}-{name}"


def _time(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _iso(milliseconds: int) -> str:
    return _time(milliseconds).strftime("%Y-%m-%dT%H:%M:%SZ")


def _string(text: str) -> str:
    return msgspec.json.encode(text).decode()
