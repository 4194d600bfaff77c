"""The watch list: a coin that was fetched once is fetched again when it leaves the top N.

The landing zone remembers it, so that a fetch needs no database: the newest files of a currency
have all coins that are tracked.
"""

from datetime import datetime, timedelta

from crypto_pipeline.coingecko.capture import CaptureError
from crypto_pipeline.coingecko.schema import coin_and_rank
from crypto_pipeline.landing.zone import LandingZone

_LOOKED_BACK = timedelta(days=7)
_FILES = 3
"""Files that are read: in one a coin may be missing, because ranks moved or a page did not come."""


def tracked_coins(
    zone: LandingZone, vs_currency: str, now: datetime, keep_rank: int | None
) -> list[str]:
    """The ids of the coins that the newest files of a currency have, in the order of their files.

    Args:
        zone: The landing zone.
        vs_currency: The currency.
        now: The hour that is about to be fetched.
        keep_rank: A coin whose newest rank is worse is dropped; None drops none.

    Raises:
        OSError: the files cannot be listed.
        ObjectStoreError: the object store does not serve us.
    """
    ranks: dict[str, int | None] = {}
    read = 0
    for file in reversed(list(zone.files(now - _LOOKED_BACK, now + timedelta(hours=1)))):
        try:
            capture = file.capture()
        except (CaptureError, OSError):
            continue
        if capture.vs_currency != vs_currency or not capture.records:
            continue
        for record in capture.records:
            coin, rank = coin_and_rank(record)
            if coin is not None:
                ranks.setdefault(coin, rank)
        read += 1
        if read == _FILES:
            break
    return [
        coin
        for coin, rank in ranks.items()
        if keep_rank is None or rank is None or rank <= keep_rank
    ]
