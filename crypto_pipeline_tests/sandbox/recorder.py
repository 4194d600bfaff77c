"""A sandbox server that keeps what it was asked and what it answered."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from time import sleep
from typing import NamedTuple

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crypto_pipeline.sandbox.app import API_PREFIX, create_app
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.market import Market


class Exchange(NamedTuple):
    """A request and its answer."""

    request: Request
    response: Response


class Recorder:
    """Keeps the exchanges of an application.

    Attributes:
        base_url: Root of the API, once it is served.
        exchanges: In their order.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.base_url = ""
        self.exchanges: list[Exchange] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)
            if not message.get("more_body", False) and message["type"] == "http.response.body":
                # Before the client has it all, and looks.
                self._keep(Request(scope), messages)
            await send(message)

        await self._app(scope, receive, keep)

    def _keep(self, request: Request, messages: list[Message]) -> None:
        start, *bodies = messages
        response = Response(b"".join(part["body"] for part in bodies), start["status"])
        response.raw_headers = list(start["headers"])
        self.exchanges.append(Exchange(request, response))


@contextmanager
def recorded(market: Market, clock: SimulatedClock) -> Iterator[Recorder]:
    """Serve a market, on 127.0.0.1, and record."""
    recorder = Recorder(create_app(clock, market))
    server = uvicorn.Server(
        uvicorn.Config(recorder, port=0, log_level="warning", ws="none", lifespan="off")
    )
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    recorder.base_url = f"http://127.0.0.1:{port}{API_PREFIX}"
    try:
        yield recorder
    finally:
        server.should_exit = True
        thread.join()
