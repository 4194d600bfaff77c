"""The one place where secrets are removed from what the process writes.

Every secret that is read is remembered here, in memory. From the first on, no log line of any
library shows one, and an error that passes ``redacted`` is cleaned before anyone prints or stores
it. What a secret is replaced by says so: ``<secret>``.
"""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import quote, unquote

PLACEHOLDER = "<secret>"

_SHORTEST = 4
"""Characters. Less is no secret, and would be found in every other word."""

_SHORTEST_TOKEN = 12
"""Characters of a part of a web address that may be one; a shorter one is a word of its path."""

_known: set[str] = set()


def remember(secret: str) -> None:
    """Never show this text again, nor what of it is secret by itself.

    Of a URL these are its password, in pieces too (an unescaped ``@`` or ``/`` makes libpq take one
    for the host), and the long parts of a web address, which is where a webhook has its token.
    """
    texts = {secret}
    scheme, separator, rest = secret.partition("://")
    if separator:
        login, at, _ = rest.rpartition("@")
        password = login.partition(":")[2] if at else ""
        texts |= {password, *re.split(r"[@/?#:]", password)}
        if scheme in ("http", "https"):
            parts = re.split(r"[/?&=]", rest.partition("/")[2])
            texts |= {part for part in parts if len(part) >= _SHORTEST_TOKEN}
    texts |= {unquote(text) for text in texts}
    texts |= {quote(text, safe="") for text in texts} | {json.dumps(text)[1:-1] for text in texts}
    texts = {text for text in texts if len(text) >= _SHORTEST} - _known
    if texts:
        _known.update(texts)
        _pattern.cache_clear()
        _clean_log_records()


def redact(text: str) -> str:
    """A text without the secrets that this process has read."""
    return _pattern().sub(PLACEHOLDER, text) if _known else text


@contextmanager
def redacted() -> Iterator[None]:
    """Clean an error that passes, and the errors behind it; its class stays."""
    try:
        yield
    except BaseException as error:
        _clean(error)
        if redact(str(error)) != str(error):
            # Its text comes from elsewhere than its arguments.
            raise RuntimeError(f"{type(error).__name__}: {redact(str(error))}") from None
        raise


@cache
def _pattern() -> re.Pattern[str]:
    # The longest first: one may be a part of another.
    return re.compile("|".join(re.escape(text) for text in sorted(_known, key=len, reverse=True)))


def _clean(error: BaseException | None) -> None:
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.args = tuple(redact(value) if isinstance(value, str) else value for value in one.args)
        waiting += [one.__cause__, one.__context__]


@cache
def _clean_log_records() -> None:
    """Put ourselves between loggers and handlers, whosever they are; once."""
    make = logging.getLogRecordFactory()

    def make_clean(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = make(*arguments, **named)
        try:
            message = record.getMessage()
        except Exception:
            # Logging reports a wrong format, with the arguments as they are. It must not end here.
            message = f"{record.msg} {record.args!r}"
            record.msg, record.args = message, ()
        if (clean := redact(message)) != message:
            record.msg, record.args = clean, ()
        if record.exc_info and record.exc_info[1]:
            _clean(record.exc_info[1])
        return record

    logging.setLogRecordFactory(make_clean)
