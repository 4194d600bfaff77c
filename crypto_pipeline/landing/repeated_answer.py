"""An answer of the chart or candle endpoint that came once more: a small file that names the one
with the body. Needs neither Dagster nor a database."""

import re
from datetime import datetime

import msgspec

from crypto_pipeline.coingecko.points import HistoryError
from crypto_pipeline.fetching.tolerant_json import MALFORMED

_NAME = re.compile(r"((?:chart|ohlc)-[^/]+-[0-9a-f]{16})_\d{8}T\d{12}Z\.json")


class RepeatedAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept of an answer that is the same as one that is there: its landing file.

    Attributes:
        ingested_at: When the request was sent, UTC.
        source: Label of the data's origin.
        coin: The coin's id.
        request: Query parameters as sent; never a key.
        same_as: Name of the file beside it that has the body.
        headers: The response headers worth keeping, names in lower case.
    """

    ingested_at: datetime
    source: str
    coin: str
    request: dict[str, str]
    same_as: str
    headers: dict[str, str] = {}


def repeated_answer(path: str, content: bytes) -> RepeatedAnswer | None:
    """What a landing file says of an answer that came again; None of any other file.

    Raises:
        HistoryError: it is one of ours and damaged.
    """
    match = _NAME.fullmatch(path.rpartition("/")[2])
    if match is None:
        return None
    try:
        repeated = msgspec.json.decode(content, type=RepeatedAnswer)
    except MALFORMED as problem:
        raise HistoryError(f"our file of an answer is damaged: {problem}") from None
    if repeated.same_as != f"{match[1]}.json.gz":
        raise HistoryError("our file of an answer is damaged: it names another answer's body")
    return repeated
