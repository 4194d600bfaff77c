"""Bronze of further sources: every answer of each, and each body once.

An answer is a small file in the folder of its source, under its day:
``sources/coinpaprika/date=2026-11-27/<time>-tickers-<random>.json``. It says when it came and what
was asked for, and names its body.
"""

import re
import secrets
from collections.abc import Iterator
from datetime import datetime

import msgspec

from crypto_pipeline.fetching.answer import SourceAnswer
from crypto_pipeline.fetching.tolerant_json import MALFORMED
from crypto_pipeline.landing.bodies import is_sha256, keep_body, read_kept_body
from crypto_pipeline.landing.landed import wrong_time
from crypto_pipeline.landing.zone import SOURCES_FOLDER, LandingZone, StoredFile

_ANSWER = re.compile(rf"({SOURCES_FOLDER}/[^/]+)/date=\d{{4}}-\d\d-\d\d/[^/]+\.json")
_IN_BRACES = re.compile(r"\{[^}]*\}")


class LandedAnswer(msgspec.Struct, frozen=True):
    """What the landing file of an answer says.

    Attributes:
        ingested_at: When the request was sent, UTC.
        source: Label of the data's origin.
        endpoint: The path, with names in braces for what varies.
        path: The path that was asked for.
        request: Query parameters as sent; never a key.
        body_sha256: SHA-256 of the body, hexadecimal.
        headers: The response headers worth keeping, names in lower case.
    """

    ingested_at: datetime
    source: str
    endpoint: str
    path: str
    request: dict[str, str]
    body_sha256: str
    headers: dict[str, str] = {}


class AnswerFileError(ValueError):
    """A landing file of an answer that cannot be read; the message says what is wrong."""


def keep_source_answer(zone: LandingZone, name: str, answer: SourceAnswer) -> StoredFile:
    """Keep an answer.

    Args:
        zone: Where.
        name: The source's name, which its folder has.
        answer: The answer.

    Raises:
        OSError: it cannot be written.
        ObjectStoreError: the object store does not serve us.
    """
    folder = f"{SOURCES_FOLDER}/{name}"
    sha256 = keep_body(zone, folder, answer.body)
    parts = _IN_BRACES.sub("", answer.endpoint).split("/")
    endpoint = "-".join(part for part in parts if part)
    path = (
        f"{folder}/date={answer.ingested_at.date().isoformat()}"
        f"/{answer.ingested_at:%Y%m%dT%H%M%S%fZ}-{endpoint}-{secrets.token_hex(4)}.json"
    )
    landed = LandedAnswer(
        ingested_at=answer.ingested_at,
        source=answer.source,
        endpoint=answer.endpoint,
        path=answer.path,
        request=answer.request,
        body_sha256=sha256,
        headers=answer.headers,
    )
    zone.put_new(path, msgspec.json.encode(landed))
    return zone.stored_file(path)


def source_answer_files(zone: LandingZone) -> Iterator[StoredFile]:
    """The landing files of all answers of further sources, oldest first for each source.

    Raises:
        OSError: they cannot be listed.
        ObjectStoreError: the object store does not serve us.
    """
    for file in zone.stored(SOURCES_FOLDER):
        if _ANSWER.fullmatch(file.path):
            yield file


def read_source_answer(file: StoredFile) -> LandedAnswer:
    """Read the landing file of an answer.

    Raises:
        AnswerFileError: it is none.
        OSError: it cannot be read.
        ObjectStoreError: the object store does not serve us.
    """
    try:
        landed = msgspec.json.decode(file.content, type=LandedAnswer)
    except MALFORMED as problem:
        raise AnswerFileError(f"the file of an answer is damaged: {problem}") from None
    if landed.ingested_at.tzinfo is None:
        raise AnswerFileError("the time of the answer has no zone - at `$.ingested_at`")
    texts = (landed.source, landed.endpoint, landed.path)
    if any("\x00" in text for text in (*texts, *landed.request, *landed.request.values())):
        raise AnswerFileError("a NUL in the file's description, which PostgreSQL cannot hold")
    if not is_sha256(landed.body_sha256):
        raise AnswerFileError("the body's SHA-256 is none - at `$.body_sha256`")
    wrong = wrong_time(landed.ingested_at, landed.source)
    if wrong is not None:
        raise AnswerFileError(wrong)
    return landed


def read_answer_body(zone: LandingZone, file: StoredFile, landed: LandedAnswer) -> bytes:
    """The body of an answer, uncompressed.

    Raises:
        BodyError: it is not the one that was kept.
        OSError: it cannot be read.
        ObjectStoreError: the object store does not serve us.
    """
    match = _ANSWER.fullmatch(file.path)
    assert match is not None
    return read_kept_body(zone, match[1], landed.body_sha256)
