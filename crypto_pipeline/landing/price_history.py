"""Bronze of price history: what was asked for or imported, by coin and currency.

A file lies at ``price_history/coin=<id>/currency=<code>/<name>``, the id encoded as in a URL. The
path says whose history it is: an export does not.

An answer is named by what was asked for and its body, ``ohlc-14-<sha>.json.gz``. The same answer
once more takes no room: beside the file lies a small one, ``ohlc-14-<sha>_<time>.json``, that says
when it came again. It is written after the other, so an answer that is there has its body.
"""

import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

import msgspec

from crypto_pipeline.coingecko.charts import ChartAnswer, encode_answer
from crypto_pipeline.coingecko.points import HistoryError, PriceHistory
from crypto_pipeline.coingecko.price_history import read_history
from crypto_pipeline.fetching.tolerant_json import MALFORMED
from crypto_pipeline.landing.compression import CompressionError, decompress
from crypto_pipeline.landing.landed import HISTORY_FOLDER, history_of
from crypto_pipeline.landing.repeated_answer import RepeatedAnswer, repeated_answer
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
    """Keep an answer of the chart or candle endpoint; whether its body is new. Of one that is there
    already, only when it came again is kept.

    Raises:
        OSError: it cannot be written.
        ObjectStoreError: the object store does not serve us.
    """
    sha256 = hashlib.sha256(answer.received).hexdigest()
    stem = f"{asked_for(answer.request)}-{sha256[:16]}"
    name = f"{stem}.json.gz"
    path = history_path(answer.coin, answer.request["vs_currency"], name)
    # Without a time of its own in the header, the same answer gives the same bytes.
    content = gzip.compress(encode_answer(answer), compresslevel=6, mtime=0)
    try:
        new = zone.put_new(path, content)
    except FileExistsError:
        # The same body, fetched at another time.
        new = False
        repeated = RepeatedAnswer(
            ingested_at=answer.ingested_at,
            source=answer.source,
            coin=answer.coin,
            request=answer.request,
            same_as=name,
            headers=answer.headers,
        )
        again = f"{stem}_{answer.ingested_at:%Y%m%dT%H%M%S%fZ}.json"
        path = history_path(answer.coin, answer.request["vs_currency"], again)
        zone.put_new(path, msgspec.json.encode(repeated))
    file = HistoryFile(zone.stored_file(path), answer.coin, answer.request["vs_currency"])
    return file, new


def asked_for(request: Mapping[str, str]) -> str:
    """With what the name of an answer to a request begins."""
    if "days" in request:
        return f"ohlc-{request['days']}"
    return f"chart-{request['from']}-{request['to']}"


def read_history_file(file: StoredFile) -> PriceHistory:
    """Read a landing file of price history. Of an answer that came again it is what it said the
    first time, of which the last point may stand for the now of then, at the time of the last.

    Raises:
        HistoryError: it holds none.
        CompressionError: it cannot be unpacked.
        OSError: it cannot be read.
        ObjectStoreError: the object store does not serve us.
    """
    repeated = repeated_answer(file.path, file.content)
    if repeated is None:
        return read_history(decompress(file.path, file.content))
    first = file.beside(repeated.same_as)
    history = read_history(decompress(first.path, first.content))
    return replace(history, ingested_at=repeated.ingested_at, source=repeated.source)


def read_answer(file: StoredFile) -> ChartAnswer | None:
    """The answer of a landing file with its body; None of a file that is gone or cannot be read."""
    try:
        repeated = repeated_answer(file.path, file.content)
        first = file if repeated is None else file.beside(repeated.same_as)
        answer = msgspec.json.decode(decompress(first.path, first.content), type=ChartAnswer)
    except (*MALFORMED, HistoryError, CompressionError, OSError):
        return None
    if repeated is None:
        return answer
    return msgspec.structs.replace(
        answer,
        ingested_at=repeated.ingested_at,
        source=repeated.source,
        request=repeated.request,
        headers=repeated.headers,
    )


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
