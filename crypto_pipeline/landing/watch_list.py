"""The watch list: a coin that was fetched once is fetched again when it leaves the top N.

The landing zone remembers it, so that a fetch needs no database: every file has the coins that
came, and says which of the tracked ones did not, and when each of them last did. So the newest
files have the whole list, however long ago a coin was seen. A file that was lost, or is another
machine's, takes nothing off the list, since more than one is read.

A coin is dropped when its newest rank is worse than ``keep_rank``, or when the answers of
``keep_days`` days lacked it. It is asked for in every fetch of the first day, and then once a day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from crypto_pipeline.coingecko.capture import Capture, CaptureError
from crypto_pipeline.coingecko.schema import coin_and_rank, coin_id
from crypto_pipeline.landing.landed import hour_of
from crypto_pipeline.landing.zone import LandingZone

_FILES = 3
"""Files of a currency that are read: one may be another machine's, or dropped in by hand."""
_REBUILT_FROM = 24
"""Files of a currency that are read where none says which coins did not come."""
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class WatchList:
    """The coins that are tracked in a currency.

    Attributes:
        answered_at: When each last came, UTC.
        due: Those that are to be asked for now.
        given_up: Those that came no more and are dropped, and when each last came.
    """

    answered_at: Mapping[str, datetime] = field(default_factory=dict)
    due: Sequence[str] = ()
    given_up: Mapping[str, datetime] = field(default_factory=dict)

    def noted(self, capture: Capture) -> Capture:
        """A capture that says which of the coins did not come."""
        came = {coin_id(record) for record in capture.records}
        left = {coin: time for coin, time in self.answered_at.items() if coin not in came}
        return msgspec.structs.replace(capture, unanswered=left)


@dataclass
class _Newest:
    """What the newest files of a currency say."""

    at: datetime | None = None
    ranks: dict[str, int | None] = field(default_factory=dict)
    answered_at: dict[str, datetime] = field(default_factory=dict)
    files: int = 0
    is_whole: bool = False

    @property
    def is_enough(self) -> bool:
        return self.files >= (_FILES if self.is_whole else _REBUILT_FROM)

    def add(self, capture: Capture) -> None:
        """Add the next older file."""
        self.files += 1
        self.at = max(self.at or capture.ingested_at, capture.ingested_at)
        for record in capture.records:
            coin, rank = coin_and_rank(record)
            if coin is not None:
                self.ranks.setdefault(coin, rank)
                self._saw(coin, capture.ingested_at)
        for coin, time in (capture.unanswered or {}).items():
            self._saw(coin, time)
        self.is_whole = self.is_whole or capture.unanswered is not None

    def watch_list(self, now: datetime, keep_rank: int | None, keep_days: int) -> WatchList:
        # Against the newest answer: a time in which nobody asked says nothing of a coin.
        missed = {
            coin: (self.at or time) - time
            for coin, time in self.answered_at.items()
            if keep_rank is None or (self.ranks.get(coin) or 0) <= keep_rank
        }
        kept = {coin: span for coin, span in missed.items() if span <= keep_days * _DAY}
        return WatchList(
            answered_at={coin: self.answered_at[coin] for coin in kept},
            due=[
                coin
                for coin, span in kept.items()
                if span < _DAY or (now - hour_of(self.answered_at[coin])) // _HOUR % 24 == 0
            ],
            given_up={coin: self.answered_at[coin] for coin in missed.keys() - kept.keys()},
        )

    def _saw(self, coin: str, time: datetime) -> None:
        self.answered_at[coin] = max(self.answered_at.get(coin, time), time)


def watch_lists(
    zone: LandingZone,
    currencies: Sequence[str],
    now: datetime,
    keep_rank: int | None,
    keep_days: int,
) -> dict[str, WatchList]:
    """The coins that are tracked in each currency. It reads some of the newest files, however many
    there are.

    Args:
        zone: The landing zone.
        currencies: The currencies.
        now: The hour that is about to be fetched.
        keep_rank: A coin whose newest rank is worse is dropped; None drops none.
        keep_days: A coin that the answers of more days lacked is dropped.

    Raises:
        OSError: the files cannot be listed.
        ObjectStoreError: the object store does not serve us.
    """
    newest = {currency: _Newest() for currency in currencies}
    for number, file in enumerate(zone.newest_files(now + _HOUR)):
        # A currency that is new has no files.
        enough = all(one.is_enough for one in newest.values())
        if enough or number >= _REBUILT_FROM * len(newest):
            break
        try:
            capture = file.capture()
        except (CaptureError, OSError):
            continue
        one = newest.get(capture.vs_currency or "")
        if one is not None and capture.records and not one.is_enough:
            one.add(capture)
    return {currency: one.watch_list(now, keep_rank, keep_days) for currency, one in newest.items()}
