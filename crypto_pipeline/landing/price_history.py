"""Bronze of price history: what was asked for or imported, by coin and currency.

A file lies at ``price_history/coin=<id>/currency=<code>/<name>``, the id encoded as in a URL. The
path says whose history it is: an export does not. An answer that is the same as one that is there
already is kept once.
"""

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from crypto_pipeline.coingecko.charts import ChartAnswer, encode_answer
from crypto_pipeline.landing.landed import HISTORY_FOLDER, history_of
from crypto_pipeline.landing.zone import LandingZone, StoredFile


@dataclass(frozen=True)
class HistoryFile:
    """A landing file of price history.

    Attributes:
        file: The file.
        coin: The coin's id.
        vs_currency: The currency of all amounts.
    """

    file: StoredFile
    coin: str
    vs_currency: str


def history_path(coin: str, vs_currency: str, name: str) -> str:
    """Where a file of a coin's price history lies, below the landing zone's root."""
    return f"{HISTORY_FOLDER}/coin={quote(coin, safe='')}/currency={vs_currency}/{name}"


def history_files(zone: LandingZone) -> Iterator[HistoryFile]:
    """All landing files of price history, by their paths.

    Raises:
        OSError: they cannot be listed.
        ObjectStoreError: the object store does not serve us.
    """
    for file in zone.stored(HISTORY_FOLDER):
        whose = history_of(file.path)
        if whose is not None:
            yield HistoryFile(file, *whose)


def keep_answer(zone: LandingZone, answer: ChartAnswer) -> tuple[HistoryFile, bool]:
    """Keep an answer of the chart endpoint; whether it is new. The same body for the same range is
    the file that is there already.

    Raises:
        OSError: it cannot be written.
        ObjectStoreError: the object store does not serve us.
    """
    asked = (
        f"ohlc-{answer.request['days']}"
        if "days" in answer.request
        else f"chart-{answer.request['from']}-{answer.request['to']}"
    )
    name = f"{asked}-{hashlib.sha256(answer.received).hexdigest()[:16]}.json.gz"
    path = history_path(answer.coin, answer.request["vs_currency"], name)
    # Without a time of its own in the header, the same answer gives the same bytes.
    content = gzip.compress(encode_answer(answer), compresslevel=6, mtime=0)
    try:
        new = zone.put_new(path, content)
    except FileExistsError:
        # The same body, fetched at another time.
        new = False
    file = HistoryFile(zone.stored_file(path), answer.coin, answer.request["vs_currency"])
    return file, new


def keep_import(
    zone: LandingZone, name: str, content: bytes, coin: str, vs_currency: str
) -> tuple[HistoryFile, bool]:
    """Keep a file that somebody has, byte for byte; whether it is new. Exports of a coin have the
    same name every time, so its own has the beginning of its SHA-256 before it.

    Raises:
        OSError: it cannot be written.
        ObjectStoreError: the object store does not serve us.
    """
    told = f"{hashlib.sha256(content).hexdigest()[:16]}-{name}"
    path = history_path(coin, vs_currency, told)
    new = zone.put_new(path, content)
    return HistoryFile(zone.stored_file(path), coin, vs_currency), new
