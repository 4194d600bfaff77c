"""What a reader chooses: the parameters of the queries, checked before they reach one."""

import re
from collections.abc import Callable, Mapping
from typing import Final

MOST_COINS = 8
"""Coins that are compared at a time: as many as there are colours that can be told apart."""

_CODE = re.compile(r"[a-z]{2,8}")
_PLAN = re.compile(r"[a-z]{1,20}")
_LONGEST_ID = 200


class ParameterError(ValueError):
    """A parameter that a query cannot take; the message names it."""


def _code(text: str) -> str:
    if not _CODE.fullmatch(text):
        raise ValueError("a currency's code such as usd")
    return text


def _plan(text: str) -> str:
    if not _PLAN.fullmatch(text):
        raise ValueError("the name of a plan")
    return text


def _between(lowest: int, highest: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not (text.isascii() and text.isdecimal() and lowest <= int(text) <= highest):
            raise ValueError(f"a whole number from {lowest} to {highest}")
        return text

    return check


def _coin(text: str) -> str:
    if not text or len(text) > _LONGEST_ID or not text.isprintable():
        raise ValueError("the id of a coin such as bitcoin")
    return text


def _coins(text: str) -> str:
    ids = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not 1 <= len(ids) <= MOST_COINS:
        raise ValueError(f"one to {MOST_COINS} ids of coins, with commas between")
    return ",".join(map(_coin, ids))


_CHECKS: Final[Mapping[str, Callable[[str], str]]] = {
    "currency": _code,
    "days": _between(1, 10_000),
    "hours": _between(1, 10_000),
    "top": _between(1, 5_000),
    "coin": _coin,
    "coins": _coins,
    "plan": _plan,
}

DEFAULTS: Final[Mapping[str, str]] = {
    "currency": "usd",
    "days": "30",
    "hours": "24",
    "top": "100",
    "coin": "bitcoin",
    "coins": "bitcoin,ethereum,solana,ripple",
    "plan": "public",
}
"""What is chosen where a reader chooses nothing."""


def checked(name: str, given: Mapping[str, str]) -> str:
    """The value of a parameter: the given one, or what is chosen by default.

    Raises:
        ParameterError: it cannot be one.
    """
    try:
        return _CHECKS[name](given.get(name, DEFAULTS[name]))
    except ValueError as problem:
        raise ParameterError(f"{name} has to be {problem}") from None
