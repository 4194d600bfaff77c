"""Arrays and objects of JSON split into the texts of their members, whatever is wrong in one.

What is JSON is split by msgspec. What it refuses as a whole (a lone surrogate, a control character
or a bare ``NaN`` in one of 250 records) is split by its strings and brackets alone, so that the
member which is wrong spoils itself only. A member keeps its bytes.
"""

import re

import msgspec

MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for what is no JSON, or none that it can hold."""

_WHITE_SPACE = b" \t\n\r"
_MARK = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{},:]', re.DOTALL)
_STRING_OR_BARE_TOKEN = re.compile(rb'("(?:[^"\\]|\\.)*")|-?\b(?:NaN|Infinity)\b', re.DOTALL)
_CLOSING = {b"[": b"]", b"{": b"}"}

_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode


def split_array(body: bytes | msgspec.Raw) -> list[msgspec.Raw]:
    """The elements of a JSON array.

    Raises:
        msgspec.ValidationError: it is no array.
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: it is not even the outline of one.
    """
    try:
        return _decode_array(body)
    except msgspec.ValidationError:
        raise
    except MALFORMED:
        members = _members(bytes(body), b"[")
        if members is None:
            raise
        return [msgspec.Raw(text) for text, _ in members]


def split_object(body: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The values of a JSON object by their keys; of a key that comes twice, the last one.

    Raises:
        msgspec.ValidationError: it is no object.
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: it is not even the outline of one.
    """
    try:
        return _decode_object(body)
    except msgspec.ValidationError:
        raise
    except MALFORMED:
        members = _members(bytes(body), b"{")
        if members is None:
            raise
        fields = {}
        for text, colon in members:
            if colon is None:
                raise
            key = text[:colon].strip(_WHITE_SPACE)
            fields[_decode_text(key)] = msgspec.Raw(text[colon + 1 :].strip(_WHITE_SPACE))
        return fields


def is_json(value: bytes | msgspec.Raw, *, bare_tokens: bool = False) -> bool:
    """Whether a text is JSON; on request, beside tokens that JSON does not have but other writers
    emit: ``NaN`` and ``Infinity``."""
    try:
        msgspec.json.decode(value, type=msgspec.Raw)
    except MALFORMED:
        if not bare_tokens:
            return False
        return is_json(_STRING_OR_BARE_TOKEN.sub(lambda m: m[1] or b"null", bytes(value)))
    return True


def _members(body: bytes, opening: bytes) -> list[tuple[bytes, int | None]] | None:
    """What stands between the commas of the outermost brackets, each with the place of its first
    colon; None if the brackets do not match, or are others."""
    body = body.strip(_WHITE_SPACE)
    if body[:1] != opening:
        return None
    members: list[tuple[bytes, int | None]] = []
    open_brackets: list[bytes] = []
    start, colon = 1, None
    for mark in _MARK.finditer(body):
        token = mark.group()
        if token in _CLOSING:
            open_brackets.append(_CLOSING[token])
        elif token in (b"]", b"}"):
            if not open_brackets or open_brackets.pop() != token:
                return None
            if not open_brackets:
                if mark.end() != len(body):
                    return None
                members.append(_member(body[start : mark.start()], start, colon))
                # A comma too many stands for nothing.
                return [member for member in members if member[0]]
        elif len(open_brackets) == 1:
            if token == b",":
                members.append(_member(body[start : mark.start()], start, colon))
                start, colon = mark.end(), None
            elif token == b":" and colon is None:
                colon = mark.start()
    return None


def _member(text: bytes, start: int, colon: int | None) -> tuple[bytes, int | None]:
    stripped = text.lstrip(_WHITE_SPACE)
    skipped = start + len(text) - len(stripped)
    return stripped.rstrip(_WHITE_SPACE), None if colon is None else colon - skipped
