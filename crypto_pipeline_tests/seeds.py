"""The random cases of a test: two in the first tier, the others in the long one."""

from collections.abc import Iterable
from typing import Any

import pytest

_FIRST = 2


def seeds(numbers: Iterable[int]) -> list[Any]:
    """Parameters of a test that makes up its case from a seed."""
    return [
        number if place < _FIRST else pytest.param(number, marks=pytest.mark.long)
        for place, number in enumerate(numbers)
    ]
