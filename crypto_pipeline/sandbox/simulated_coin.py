"""One coin of the simulated market: what stays the same, and how price and volume move."""

import math
from random import Random
from typing import NamedTuple

from crypto_pipeline.sandbox.listed_coins import LISTED_COINS, STABLECOINS, ListedCoin

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

DEAD_SHARE = 0.005
"""Share of the generated coins which hardly ever trade, so that ``last_updated`` is weeks old."""

ROI_SHARE = 0.15
"""Share of the coins that have a ``roi`` (real: 15 to 34 %)."""

_PUBLICATION_DELAY_MS = 5_000
_DEAD_FOR_MS = 14 * DAY_MS
_DEAD_PERIOD_MS = 90 * DAY_MS

# Shares of a coin's volatility by length of the wave, in hours: together 1, so that the sum of
# the waves has a known bound, beyond which the all-time high and low can be put.
_WAVES = (
    (0.4, 1.0, 0.02),
    (2.0, 6.0, 0.06),
    (12.0, 30.0, 0.12),
    (72.0, 168.0, 0.20),
    (480.0, 1440.0, 0.25),
    (3600.0, 9600.0, 0.35),
)


class Roi(NamedTuple):
    """What a coin's ``roi`` compares its price with: the price at its first sale, in USD."""

    currency: str
    price: float


_HOURS_KEPT = 240


class SimulatedCoin:
    """A coin that moves as a sum of waves: any time can be asked for, in any order.

    Times are milliseconds since the Unix epoch, and prices USD. All follows from the arguments.

    Args:
        listed: The coin before it moves.
        seed: The market's seed.
        dead: Whether it hardly ever trades: for an instant every 90 days, at least 14 days ago.

    Attributes:
        listed: As given.
        dead: As given.
        ath: All-time high.
        ath_at: Its time.
        atl: All-time low.
        atl_at: Its time.
        listed_at: When the coin was new.
        roi: What its return is compared with, None for most.
    """

    def __init__(self, listed: ListedCoin, seed: int, dead: bool) -> None:
        random = Random(f"{seed}|{listed.id}")
        self.listed = listed
        self.dead = dead
        self._hours: dict[int, float] = {}
        stable = listed.id in STABLECOINS
        volatility = 0.001 if stable else random.uniform(0.10, 0.22)
        self._waves = tuple(
            (
                volatility * share,
                2 * math.pi / (random.uniform(shortest, longest) * HOUR_MS),
                random.uniform(0, 2 * math.pi),
            )
            for shortest, longest, share in _WAVES
        )
        self._volume_wave = 2 * math.pi / (random.uniform(8, 40) * HOUR_MS)
        self._update_period = random.randint(MINUTE_MS, 2 * MINUTE_MS)
        self._update_phase = random.randrange(_DEAD_PERIOD_MS)
        bound = math.exp(volatility)
        self.ath = listed.price * bound * (1.1 if stable else random.uniform(1.05, 9))
        self.atl = listed.price / bound / (1.1 if stable else random.uniform(1.1, 900))
        self.ath_at = 1_483_228_800_000 + random.randrange(1700 * DAY_MS)  # 2017 to mid-2021
        self.atl_at = 1_373_068_800_000 + random.randrange(1200 * DAY_MS)  # mid-2013 to 2016
        # So that the all-time low is within the coin's life.
        self.listed_at = self.atl_at - 30 * DAY_MS
        self.roi = (
            Roi(random.choice(("usd", "eth", "btc")), listed.price / random.uniform(0.2, 60))
            if random.random() < ROI_SHARE and not stable
            else None
        )

    def updated_at(self, at: int) -> int:
        """When the data that is shown at a time was made."""
        period = _DEAD_PERIOD_MS if self.dead else self._update_period
        delay = _DEAD_FOR_MS if self.dead else _PUBLICATION_DELAY_MS
        return at - delay - (at - delay - self._update_phase) % period

    def price(self, at: int) -> float:
        """USD for one coin."""
        exponent = 0.0
        for height, frequency, phase in self._waves:
            exponent += height * math.sin(frequency * at + phase)
        return self.listed.price * math.exp(exponent)

    def price_on_the_hour(self, at: int) -> float:
        """As ``price``, of a full hour: those of the last day are asked for again every hour."""
        price = self._hours.get(at)
        if price is None:
            if len(self._hours) >= _HOURS_KEPT:
                self._hours.clear()
            price = self._hours[at] = self.price(at)
        return price

    def volume(self, at: int) -> float:
        """Traded in the 24 hours before a time, USD."""
        return self.listed.volume * (1 + 0.4 * math.sin(self._volume_wave * at))


def list_coins(seed: int, count: int, tiny: int) -> list[ListedCoin]:
    """The market's coins by falling market cap: the well-known ones, then generated ones.

    Args:
        seed: The market's seed.
        count: How many.
        tiny: How many of the generated ones have a price of about 1e-12.
    """
    coins = list(LISTED_COINS[:count])
    first_tiny = max(len(coins), count * 3 // 5)
    for number in range(len(coins), count):
        random = Random(f"{seed}|generated|{number}")
        price = 10 ** random.uniform(-6, 2.5)
        if first_tiny <= number < first_tiny + tiny:
            price = random.uniform(1, 9) * 1e-12
        cap = 5e8 * (number / len(LISTED_COINS)) ** -1.6 * random.uniform(0.9, 1.1)
        circulating = _rounded(cap / price)
        total = _rounded(circulating * random.choice((1.0, random.uniform(1.0, 2.5))))
        coins.append(
            ListedCoin(
                id=f"sandbox-coin-{number:04d}",
                symbol=f"sbx{number:04d}",
                name=f"Sandbox Coin {number:04d}",
                image=f"{90_000 + number}/large/sandbox.png?1700000000",
                price=price,
                volume=cap * random.uniform(0.001, 0.08),
                circulating=circulating,
                total=total,
                maximum=_rounded(total * random.choice((1.0, 1.25, 2.0))),
            )
        )
    return coins


def _rounded(supply: float) -> float:
    return float(f"{supply:.12g}")
