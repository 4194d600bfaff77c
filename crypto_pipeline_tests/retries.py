"""Runs that try a step again at once; Dagster has no setting for that."""

import pytest


def without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing lie between the tries of an asset whose retries have a jitter."""
    monkeypatch.setattr("dagster._core.definitions.policy.random", lambda: 0.0)
