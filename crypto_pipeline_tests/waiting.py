"""Waiting for what another process or thread does."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], bool], seconds: float = 10, pause: float = 0.05) -> bool:
    """Whether the condition comes true within so many seconds.

    Args:
        condition: What to wait for.
        seconds: The longest wait.
        pause: Seconds between two looks.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True
