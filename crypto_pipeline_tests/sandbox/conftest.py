"""A sandbox server for each test module that asks for one, and a client of it."""

from collections.abc import Iterator
from datetime import datetime, timezone

import httpx
import pytest

from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.server import SandboxServer

START = datetime(2026, 11, 24, 5, 0, 10, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    with SandboxServer(clock=SimulatedClock(START, speed=0)) as server:
        yield server


@pytest.fixture
def server(running: SandboxServer) -> SandboxServer:
    """The module's server, with its clock and faults as at the beginning."""
    running.clock.set(START)
    running.faults.clear()
    return running


@pytest.fixture
def client(server: SandboxServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.base_url) as opened:
        yield opened
