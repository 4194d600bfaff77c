"""The further sources: what is loaded of the answers of each, by endpoint.

To add one is to add its decoders here: ``docs/SOURCES.md``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote

import msgspec

from crypto_pipeline.coinpaprika import schema as coinpaprika
from crypto_pipeline.coinpaprika.client import COINPAPRIKA, CONTRACTS, OHLCV, PLATFORMS, TICKERS
from crypto_pipeline.landing.source_answers import LandedAnswer

Kind = Literal["quotes", "contracts", "candles"]


@dataclass(frozen=True)
class Reading:
    """How the answers of an endpoint are read.

    Attributes:
        kind: What they hold.
        columns: The columns of an item, in the order in which the decoder gives them.
        decode: Gives the items of an answer's records, whatever is wrong with one.
        about: What the request says of all items: currency, coin, platform.
    """

    kind: Kind
    columns: tuple[str, ...]
    decode: Callable[[list[msgspec.Raw]], Iterator[coinpaprika.Row]]
    about: Callable[[LandedAnswer], Mapping[str, str]] = lambda answer: {}


@dataclass(frozen=True)
class FurtherSource:
    """A source beside CoinGecko.

    Attributes:
        records: The records of a body; raises ``ValueError`` if it is none.
        readings: By endpoint; an endpoint without one is kept and not loaded.
        currencies: The currencies of current prices that an answer was asked for.
    """

    records: Callable[[bytes], list[msgspec.Raw]]
    readings: Mapping[str, Reading]
    currencies: Callable[[LandedAnswer], Sequence[str]]


def _paprika_currencies(answer: LandedAnswer) -> Sequence[str]:
    if answer.endpoint != TICKERS:
        return ()
    # Without the parameter it answers in US dollars.
    return tuple(answer.request.get("quotes", "USD").lower().split(","))


FURTHER_SOURCES: Final[Mapping[str, FurtherSource]] = {
    COINPAPRIKA: FurtherSource(
        records=coinpaprika.elements,
        readings={
            TICKERS: Reading("quotes", coinpaprika.QUOTE_COLUMNS, coinpaprika.decode_tickers),
            CONTRACTS: Reading(
                "contracts",
                coinpaprika.CONTRACT_COLUMNS,
                coinpaprika.decode_contracts,
                lambda answer: {"platform": unquote(answer.path.rpartition("/")[2])},
            ),
            OHLCV: Reading(
                "candles",
                coinpaprika.CANDLE_COLUMNS,
                coinpaprika.decode_candles,
                lambda answer: {
                    "source_coin_id": unquote(answer.path.split("/")[2]),
                    "vs_currency": answer.request["quote"],
                },
            ),
        },
        currencies=_paprika_currencies,
    ),
}
"""By name, which is that of their folder in the landing zone."""

NOT_LOADED: Final = frozenset({PLATFORMS})
"""Endpoints whose answers only say what to ask next."""
