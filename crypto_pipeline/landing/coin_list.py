"""Bronze of the list of coins: every answer, and each body once.

An answer is a small file under its day, ``coin_list/date=2026-11-27/<time>-<status>-<sha>.json``:
when it came, what was asked for, and the SHA-256 of its body. The body lies at
``coin_list/bodies/<sha256>.json.gz``, so that an answer which is the same as an earlier one takes
no room. The body is written first: an answer that is there has its body.
"""

import re
from collections.abc import Iterator
from datetime import datetime

import msgspec

from crypto_pipeline.coingecko.coin_list import CoinListAnswer, is_coin_list
from crypto_pipeline.landing.bodies import BodyError, is_sha256, keep_body, read_kept_body
from crypto_pipeline.landing.landed import wrong_time
from crypto_pipeline.landing.zone import COIN_LIST_FOLDER, LandingZone, StoredFile

_ANSWER = re.compile(rf"{COIN_LIST_FOLDER}/date=\d{{4}}-\d\d-\d\d/[^/]+\.json")
_SHOWN = 16
"""Characters of a body's SHA-256 in the name of an answer."""
_DAYS_LOOKED_BACK = 3
"""Days with answers in which the newest list is looked for: some answers are no list."""


class LandedCoinList(msgspec.Struct, frozen=True):
    """What the landing file of an answer says.

    Attributes:
        ingested_at: When the request was sent, UTC.
        source: Label of the data's origin.
        is_active: Whether it is the list of the active coins; else that of the inactive ones.
        request: Query parameters as sent; never a key.
        body_sha256: SHA-256 of the body, hexadecimal.
        headers: The response headers worth keeping, names in lower case.
    """

    ingested_at: datetime
    source: str
    is_active: bool
    request: dict[str, str]
    body_sha256: str
    headers: dict[str, str] = {}


class CoinListFileError(ValueError):
    """A landing file of the list of coins that cannot be read; the message says what is wrong."""


def keep_coin_list(zone: LandingZone, answer: CoinListAnswer) -> StoredFile:
    """Keep an answer.

    Raises:
        OSError: it cannot be written.
        ObjectStoreError: the object store does not serve us.
    """
    sha256 = keep_body(zone, COIN_LIST_FOLDER, answer.body)
    status = "active" if answer.is_active else "inactive"
    day = answer.ingested_at.date().isoformat()
    path = (
        f"{COIN_LIST_FOLDER}/date={day}/{answer.ingested_at:%Y%m%dT%H%M%S%fZ}-{status}"
        f"-{sha256[:_SHOWN]}.json"
    )
    landed = LandedCoinList(
        ingested_at=answer.ingested_at,
        source=answer.source,
        is_active=answer.is_active,
        request=answer.request,
        body_sha256=sha256,
        headers=answer.headers,
    )
    zone.put_new(path, msgspec.json.encode(landed))
    return zone.stored_file(path)


def coin_list_files(zone: LandingZone) -> Iterator[StoredFile]:
    """The landing files of all answers, oldest first.

    Raises:
        OSError: they cannot be listed.
        ObjectStoreError: the object store does not serve us.
    """
    for file in zone.stored(COIN_LIST_FOLDER):
        if _ANSWER.fullmatch(file.path):
            yield file


def newest_coin_list(zone: LandingZone, *, is_active: bool) -> CoinListAnswer | None:
    """The newest list that is kept, with its body; None if there is none, or it cannot be read. It
    costs a listing of the days, one of a day, and two reads, however many answers there are.

    Raises:
        OSError: the answers cannot be listed.
        ObjectStoreError: the object store does not serve us.
    """
    status = "active" if is_active else "inactive"
    days = [name for name in zone.folders(COIN_LIST_FOLDER) if name.startswith("date=")]
    for day in sorted(days, reverse=True)[:_DAYS_LOOKED_BACK]:
        for file in reversed(list(zone.stored(f"{COIN_LIST_FOLDER}/{day}"))):
            if not _ANSWER.fullmatch(file.path) or f"-{status}-" not in file.path:
                continue
            try:
                landed = read_coin_list_file(file)
                body = read_body(zone, landed.body_sha256)
            except (BodyError, CoinListFileError, OSError):
                return None
            if is_coin_list(body):
                return CoinListAnswer(
                    ingested_at=landed.ingested_at,
                    source=landed.source,
                    is_active=landed.is_active,
                    request=landed.request,
                    headers=landed.headers,
                    body=body,
                )
    return None


def read_coin_list_file(file: StoredFile) -> LandedCoinList:
    """Read the landing file of an answer.

    Raises:
        CoinListFileError: it is none.
        OSError: it cannot be read.
        ObjectStoreError: the object store does not serve us.
    """
    try:
        landed = msgspec.json.decode(file.content, type=LandedCoinList)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise CoinListFileError(f"the file of an answer is damaged: {problem}") from None
    if landed.ingested_at.tzinfo is None:
        raise CoinListFileError("the time of the answer has no zone - at `$.ingested_at`")
    if any("\x00" in text for text in (landed.source, *landed.request, *landed.request.values())):
        raise CoinListFileError("a NUL in the file's description, which PostgreSQL cannot hold")
    if not is_sha256(landed.body_sha256):
        raise CoinListFileError("the body's SHA-256 is none - at `$.body_sha256`")
    wrong = wrong_time(landed.ingested_at, landed.source)
    if wrong is not None:
        raise CoinListFileError(wrong)
    return landed


def read_body(zone: LandingZone, sha256: str) -> bytes:
    """The body of an answer, uncompressed.

    Raises:
        BodyError: it is not the one that was kept.
        OSError: it cannot be read.
        ObjectStoreError: the object store does not serve us.
    """
    return read_kept_body(zone, COIN_LIST_FOLDER, sha256)
