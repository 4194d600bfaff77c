"""Run the sandbox: in the background of a test or a benchmark, or in the foreground of a shell."""

import socket
from threading import Thread
from time import sleep
from types import TracebackType
from typing import final

import uvicorn

from crypto_pipeline.sandbox.app import API_PREFIX, CONTROL_PREFIX, PAPRIKA_PREFIX, create_app
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.faults import FaultScript
from crypto_pipeline.sandbox.listing import Source
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.quirks import RENAMED_AFTER
from crypto_pipeline.sandbox.request_count import RequestCount

_HOST = "127.0.0.1"


@final
class SandboxServer:
    """The sandbox in a thread, as a context manager; ready for requests inside the block.

    Args:
        source: A ``Market`` or ``Recordings``; by default a market of 1000 coins, in which
            one is renamed three hours after the clock's start.
        clock: By default one that shows the real time.
        port: On 127.0.0.1; by default one that is free.

    Attributes:
        clock: As given.
        faults: The script of faults.
        requests: What the API was asked for, but for ``/ping``.

    Raises:
        OSError: on entry, when the port is taken.
        RuntimeError: on entry, when the server does not start.
    """

    def __init__(
        self,
        source: Source | None = None,
        *,
        clock: SimulatedClock | None = None,
        port: int = 0,
    ) -> None:
        self.clock = SimulatedClock() if clock is None else clock
        self.faults = FaultScript()
        self.requests = RequestCount()
        self._port = port
        self._server = _server(source, self.clock, self.faults, _HOST, port, self.requests)

    @property
    def base_url(self) -> str:
        """Root of the API, ``http://127.0.0.1:PORT/api/v3``."""
        return f"http://{_HOST}:{self._port}{API_PREFIX}"

    @property
    def coinpaprika_url(self) -> str:
        """Root of CoinPaprika's API, ``http://127.0.0.1:PORT/v1``."""
        return f"http://{_HOST}:{self._port}{PAPRIKA_PREFIX}"

    @property
    def control_url(self) -> str:
        """Root of the controls, ``http://127.0.0.1:PORT/sandbox``."""
        return f"http://{_HOST}:{self._port}{CONTROL_PREFIX}"

    def __enter__(self) -> "SandboxServer":
        self._socket = socket.create_server((_HOST, self._port))
        self._port = self._socket.getsockname()[1]
        self._thread = Thread(
            target=self._server.run, args=([self._socket],), name="coingecko-sandbox", daemon=True
        )
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                self._socket.close()
                raise RuntimeError("the sandbox server did not start; its log says why")
            sleep(0.005)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


def serve(
    source: Source | None = None,
    *,
    clock: SimulatedClock | None = None,
    host: str = _HOST,
    port: int = 8765,
) -> None:
    """Run the sandbox until interrupted, then raise ``KeyboardInterrupt``.

    Args:
        source: As for ``SandboxServer``.
        clock: As for ``SandboxServer``.
        host: Address to listen on.
        port: Port to listen on.
    """
    clock = SimulatedClock() if clock is None else clock
    _server(source, clock, FaultScript(), host, port).run()


def _server(
    source: Source | None,
    clock: SimulatedClock,
    faults: FaultScript,
    host: str,
    port: int,
    requests: RequestCount | None = None,
) -> uvicorn.Server:
    if source is None:
        source = Market(rename_at=clock.start + RENAMED_AFTER)
    return uvicorn.Server(
        uvicorn.Config(
            create_app(clock, source, faults, requests),
            host=host,
            port=port,
            log_level="warning",
            ws="none",
            lifespan="off",
            # The app sends the simulated date.
            date_header=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
