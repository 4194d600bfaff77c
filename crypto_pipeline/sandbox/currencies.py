"""The currencies of the simulated market, and what a dollar is worth in each at any time.

A coin's rate is its own price, so that a bitcoin is one bitcoin. Other rates move in waves around
those of February 2025; those that are tied to the dollar stay.
"""

import math
from collections.abc import Mapping
from random import Random

from crypto_pipeline.sandbox.listed_coins import LISTED_COINS, ListedCoin
from crypto_pipeline.sandbox.simulated_coin import HOUR_MS, SimulatedCoin

_COINS = {
    **{"btc": "bitcoin", "eth": "ethereum", "ltc": "litecoin", "bch": "bitcoin-cash"},
    **{"bnb": "binancecoin", "xrp": "ripple", "xlm": "stellar", "link": "chainlink"},
    **{"dot": "polkadot", "sol": "solana", "eos": "eos", "yfi": "yearn-finance"},
}
_PARTS_OF_A_BITCOIN = {"bits": 1e6, "sats": 1e8}
_TIED = {"usd": 1.0, "aed": 3.6725, "bhd": 0.376, "bmd": 1.0, "hkd": 7.77, "sar": 3.75}
_FIAT = {
    **{"ars": 1_060.0, "aud": 1.57, "bdt": 121.0, "brl": 5.7, "cad": 1.42, "chf": 0.9},
    **{"clp": 950.0, "cny": 7.28, "czk": 24.0, "dkk": 7.15, "eur": 0.96, "gbp": 0.79},
    **{"gel": 2.8, "huf": 385.0, "idr": 16_300.0, "ils": 3.55, "inr": 86.9},
    **{"jpy": 151.5, "krw": 1439.0, "kwd": 0.309, "lkr": 295.0, "mmk": 2_098.0},
    **{"mxn": 20.3, "myr": 4.43, "ngn": 1_500.0, "nok": 11.1, "nzd": 1.75, "php": 58.0},
    **{"pkr": 279.0, "pln": 3.98, "rub": 91.0, "sek": 10.7, "sgd": 1.34, "thb": 33.7},
    **{"try": 36.3, "twd": 32.8, "uah": 41.6, "vef": 0.1, "vnd": 25_500.0, "zar": 18.4},
    "xdr": 0.76,
}
_METALS = {"xag": 1 / 32.9, "xau": 1 / 2_935}
_USUAL = _FIAT | _METALS

CURRENCIES = (*_COINS, *_TIED, *_FIAT, *_METALS, *_PARTS_OF_A_BITCOIN)
"""The known values of ``vs_currency``."""

# Beside the coins of the listing; of these, only the price is used.
_ELSEWHERE = (
    ListedCoin("eos", "eos", "EOS", "", 0.6, 1, 1, 1, None),
    ListedCoin("yearn-finance", "yfi", "yearn.finance", "", 6_000, 1, 1, 1, None),
)
# Amplitudes of the waves, with the hours of the shortest and the longest.
_WAVES = ((0.7, 1_500, 9_000), (0.2, 200, 800), (0.1, 20, 60))
_FIAT_HEIGHT, _METAL_HEIGHT = 0.03, 0.08


class Currencies:
    """Rates at any time; the same seed gives the same.

    Args:
        seed: The market's seed.
    """

    def __init__(self, seed: int) -> None:
        coins = {coin.id: coin for coin in (*LISTED_COINS, *_ELSEWHERE)}
        self._coins = {
            code: SimulatedCoin(coins[id], seed, dead=False) for code, id in _COINS.items()
        }
        heights = dict.fromkeys(_FIAT, _FIAT_HEIGHT) | dict.fromkeys(_METALS, _METAL_HEIGHT)
        self._waves: Mapping[str, tuple[tuple[float, float, float], ...]] = {
            code: _waves(Random(f"{seed}|currency|{code}"), height)
            for code, height in heights.items()
        }

    def units_per_usd(self, code: str, at: int) -> float:
        """What a dollar is worth.

        Args:
            code: One of ``CURRENCIES``.
            at: Milliseconds since 1970.
        """
        if code in _TIED:
            return _TIED[code]
        if code in _PARTS_OF_A_BITCOIN:
            return _PARTS_OF_A_BITCOIN[code] / self._coins["btc"].price(at)
        if code in _COINS:
            return 1 / self._coins[code].price(at)
        exponent = 0.0
        for height, frequency, phase in self._waves[code]:
            exponent += height * math.sin(frequency * at + phase)
        return _USUAL[code] * math.exp(exponent)


def _waves(random: Random, height: float) -> tuple[tuple[float, float, float], ...]:
    return tuple(
        (
            height * share,
            2 * math.pi / (random.uniform(shortest, longest) * HOUR_MS),
            random.uniform(0, 2 * math.pi),
        )
        for share, shortest, longest in _WAVES
    )
