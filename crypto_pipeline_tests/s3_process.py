"""The S3 server in a process of its own.

delta-rs keeps Python's lock while it waits for some answers, so a server in the same process would
never give them.

The program reads an order a line from its standard input, as JSON, and answers with a line each:

``{"clear": true}`` forgets requests and faults.
``{"requests": true}`` answers with the requests since then: method, path, ``If-None-Match`` and the
access key that signed it.
``{"fail": <times>, "code": ..., "status": ...}`` answers so many requests with this error.
``{"lose": [<part of a path>, ...]}`` serves each commit to such a log when it is first sent, and
answers with an error.
``{"kill": <process>, "at": <part of a path>, "served": <whether it is>}`` kills a process when the
first PUT to such a path has arrived.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Response

from crypto_pipeline_tests.s3_server import Request, S3Server, client_of, s3_error


class S3Process:
    """The server's process, as a test sees it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.url = str(self._answer())
        self.client = client_of(self.url)

    def tell(self, **order: Any) -> Any:
        """Give an order; answers what it answers."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def stop(self) -> None:
        """End it."""
        self.client.close()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def _obey(server: S3Server, order: dict[str, Any]) -> Any:
    if "clear" in order:
        server.clear()
    elif "requests" in order:
        return [
            [
                request.method,
                request.path,
                request.headers.get("if-none-match"),
                request.access_key if "authorization" in request.headers else None,
            ]
            for request in server.requests
        ]
    elif "fail" in order:
        left = [order["fail"]]

        def fail(request: Request) -> Response | None:
            left[0] -= 1
            return s3_error(order["status"], order["code"]) if left[0] >= 0 else None

        server.fault = fail
    elif "lose" in order:
        lost: set[str] = set()

        def lose(request: Request) -> None:
            commit = request.method == "PUT" and request.path.endswith(".json")
            meant = any(part in request.path for part in order["lose"])
            if commit and meant and request.path not in lost:
                lost.add(request.path)
                server.lose_answers = 1

        server.fault = lose
    elif "kill" in order:
        server.fault = _killer(order)
    return None


def _killer(order: dict[str, Any]) -> Callable[[Request], Response | None]:
    alive = [order["kill"]]

    def kill(request: Request) -> Response | None:
        if alive and request.method == "PUT" and order["at"] in request.path:
            os.kill(alive.pop(), signal.SIGKILL)
            if not order["served"]:
                return s3_error(500, "InternalError")
        return None

    return kill


def main() -> None:
    """Serve until the standard input ends."""
    server = S3Server()
    print(json.dumps(server.url), flush=True)
    for line in sys.stdin:
        print(json.dumps(_obey(server, json.loads(line))), flush=True)
    server.stop()


if __name__ == "__main__":
    main()
