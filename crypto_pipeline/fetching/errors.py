"""What can go wrong between us and a source; each source says it in its own words (``errors.py`` of
its room)."""

import re
from collections.abc import Callable
from typing import ClassVar, NamedTuple

_MAX_TEXT = 300
"""An answer may be a whole web page; more than this is no help in a log line."""


class SourceError(Exception):
    """Base of all errors of a source; ``str()`` is one line: what happened and what to do next.

    An API key in the text is blanked out.

    Attributes:
        text: The reason in the source's own words, or ours: one line of at most 300 characters.
        status: HTTP status, if there was an answer.
        code: The source's own number of the error, if the body had one.
        retry_after: Seconds that the source asks to wait.
        retryable: Whether the same request may succeed later.
        headline: What happened.
        advice: What to do next.
        key_pattern: What an API key looks like, where that is known.
        is_place: Whether ``text`` says where it happened, ``<host>: <reason>``.
    """

    retryable: ClassVar[bool] = False
    headline: ClassVar[str] = "the source refused the request"
    advice: ClassVar[str] = "check the settings"
    key_pattern: ClassVar[re.Pattern[str] | None] = None
    is_place: ClassVar[bool] = False

    def __init__(
        self,
        text: str = "",
        *,
        status: int | None = None,
        code: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.text = self._one_line(text)
        super().__init__(self.text)
        self.status = status
        self.code = code
        self.retry_after = retry_after

    @property
    def what_to_do(self) -> str:
        """What to do next."""
        return self.advice

    def __str__(self) -> str:
        if self.is_place:
            return f"{self.headline} {self.text}; {self.what_to_do}"
        numbers = [
            f"{name} {number}"
            for name, number in (("HTTP", self.status), ("error_code", self.code))
            if number is not None
        ]
        where = f" ({', '.join(numbers)})" if numbers else ""
        text = f": {self.text}" if self.text else ""
        asked = f"; it asks to wait {self.retry_after:g} s" if self.retry_after is not None else ""
        return f"{self.headline}{where}{text}{asked}; {self.what_to_do}"

    def _one_line(self, text: str) -> str:
        lines = text.strip().splitlines()
        if not lines:
            return ""
        line = lines[0] if self.key_pattern is None else self.key_pattern.sub("<key>", lines[0])
        return line[:_MAX_TEXT].rstrip()


class SourceErrors(NamedTuple):
    """How a source's answers become its errors.

    Attributes:
        network: The error of no answer at all; takes ``<host>: <reason>``.
        malformed: The error of an answer that is not what it should be.
        in_body: The error that a body is instead of what was asked for, by body, HTTP status and
            seconds to wait; None if it is none.
        of_response: The error of an answer with a status other than 200, likewise.
    """

    network: type[SourceError]
    malformed: type[SourceError]
    in_body: Callable[[bytes, int | None, float | None], SourceError | None]
    of_response: Callable[[bytes, int, float | None], SourceError]
