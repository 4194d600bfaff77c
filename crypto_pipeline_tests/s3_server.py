"""A real S3 server on loopback (moto's), with a log of its requests and faults on demand."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote
from uuid import uuid4

import boto3
import httpx
import pytest
from moto.backends import get_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

ACCESS_KEY = "AKIACANARYACCESSKEY0"
SECRET_KEY = "canary-secret-access-key"

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True)
class Request:
    """A request as the server got it."""

    method: str
    path: str
    query: str
    headers: dict[str, str]

    @property
    def access_key(self) -> str:
        """The access key id that signed it."""
        return self.headers["authorization"].partition("Credential=")[2].partition("/")[0]


def client_of(url: str) -> Any:
    """The tests' own client of a server."""
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="the-tests-own",
        aws_secret_access_key="the-tests-own",
    )


class S3Server:
    """The server. ``fault`` may answer a request instead of it; ``lose_answers`` counts down the
    requests that are served but answered with an error."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.fault: Callable[[Request], Response | None] = lambda request: None
        self.lose_answers = 0
        self._moto: Application = DomainDispatcherApplication(create_backend_app)
        # S3 checks a condition and writes in one act; this server's threads would not.
        self._one_at_a_time = threading.Lock()
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()
        self._http = httpx.Client(base_url=self.url)
        self.client = client_of(self.url)

    def stop(self) -> None:
        """End the server."""
        self._http.close()
        self.client.close()
        self._server.shutdown()
        self._server.server_close()

    def clear(self) -> None:
        """Forget faults and requests, and let every access key in."""
        self.fault = lambda request: None
        self.lose_answers = 0
        self.let_in(10**9)
        self.requests.clear()

    def let_in(self, requests: int) -> None:
        """From so many requests on, the server asks for an access key that it knows."""
        self._http.post("/moto-api/reset-auth", content=str(requests)).raise_for_status()

    def _serve(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(
            environ["REQUEST_METHOD"],
            unquote(environ["PATH_INFO"]),
            environ["QUERY_STRING"],
            {
                name.removeprefix("HTTP_").replace("_", "-").lower(): value
                for name, value in environ.items()
                if name.startswith("HTTP_")
            },
        )
        self.requests.append(request)
        if (answer := self.fault(request)) is not None:
            return answer(environ, start)
        if self.lose_answers > 0:
            self.lose_answers -= 1
            with self._one_at_a_time:
                list(self._moto(environ, lambda *told: None))
            return s3_error(500, "InternalError")(environ, start)
        with self._one_at_a_time:
            return list(self._moto(environ, start))


def s3_error(status: int, code: str) -> Response:
    """An answer in the form of S3's errors."""
    body = f"<Error><Code>{code}</Code><Message>{code} it is</Message></Error>"
    return Response(body, status, content_type="application/xml")


class Bucket:
    """A bucket of its own for a test."""

    def __init__(self, server: S3Server) -> None:
        self.server = server
        self.name = f"bucket-{uuid4()}"
        self.uri = f"s3://{self.name}/landing"
        self.client = server.client
        self.client.create_bucket(Bucket=self.name)
        server.requests.clear()

    def fill(self, keys: Iterable[str], body: bytes) -> None:
        """Put many objects without a request each."""
        backend = get_backend("s3")["123456789012"]["aws"]
        for key in keys:
            backend.put_object(self.name, key, body)

    def asked(self) -> list[str]:
        """The methods of the requests since the last time, in order."""
        methods = [request.method for request in self.server.requests]
        self.server.requests.clear()
        return methods


class HasUrl(Protocol):
    """A server, in this process or another."""

    url: str


def point_at(server: HasUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which the AWS SDK finds this server and its keys, and nothing else."""
    for name, value in {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "no-config",
        "AWS_SHARED_CREDENTIALS_FILE": "no-credentials",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "2",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN"):
        monkeypatch.delenv(name, raising=False)
