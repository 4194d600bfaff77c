"""An answer of a source, as it is kept: byte for byte, with when and what was asked."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class SourceAnswer:
    """One answer with HTTP 200.

    Attributes:
        ingested_at: When the request was sent, UTC.
        source: Label of the data's origin.
        endpoint: The path, with names in braces for what varies.
        path: The path that was asked for.
        request: Query parameters as sent; never a key.
        headers: The response headers worth keeping, names in lower case.
        body: The answer byte for byte.
    """

    ingested_at: datetime
    source: str
    endpoint: str
    path: str
    request: dict[str, str]
    headers: dict[str, str]
    body: bytes = field(repr=False)
