"""What Azure's and Google's stores answer, and what a person is told of it.

Their emulators are not among the tests' packages; a server on loopback gives their answers.
"""

import base64
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from adlfs import AzureBlobFileSystem
from fsspec.config import conf, set_conf_env
from pytest_httpserver import HTTPServer
from werkzeug.wrappers import Request, Response

from crypto_pipeline.landing.object_store import ObjectStore, ObjectStoreError, StoredObject

pytestmark = pytest.mark.long

ACCOUNT_KEY = base64.b64encode(b"canary-account-key").decode()
Answer = Callable[[Request], Response]
Ask = Callable[[ObjectStore], object]


def azure_error(status: int, code: str) -> Response:
    """An answer in the form of Azure's errors; what was signed is in its detail."""
    body = (
        f"<Error><Code>{code}</Code><Message>{code} it is\nRequestId:1</Message>"
        f"<AuthenticationErrorDetail>signed: {ACCOUNT_KEY}</AuthenticationErrorDetail></Error>"
    )
    return Response(body, status, {"x-ms-error-code": code}, mimetype="application/xml")


def google_error(status: int, message: str) -> Response:
    """An answer in the form of Google's errors."""
    body = f'{{"error": {{"code": {status}, "message": "{message}"}}}}'
    return Response(body, status, mimetype="application/json")


class Cloud:
    """A store whose server answers as a test says, and which keeps the requests."""

    def __init__(self, server: HTTPServer, uri: str) -> None:
        self.uri = uri
        self.requests: list[Request] = []
        self.answer: Answer = lambda request: Response(status=500)
        server.expect_request(re.compile(".*")).respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        self.requests.append(request)
        return self.answer(request)

    def problem(self, ask: Callable[[ObjectStore], object]) -> str:
        """What is told; one line, no secret in it."""
        with pytest.raises(ObjectStoreError) as caught:
            ask(ObjectStore(self.uri))
        assert "\n" not in str(caught.value)
        assert ACCOUNT_KEY not in repr(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__
        return str(caught.value)


ASKED: list[Ask] = [
    lambda store: list(store.listing()),
    lambda store: store.top(),
    lambda store: store.read("a.json"),
    lambda store: store.put_new("a.json", b"{}"),
    lambda store: store.remove(StoredObject("a.json", 2, "1")),
]


@pytest.fixture(autouse=True)
def nothing_opened_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """No connection that was opened with the credentials of another test."""
    monkeypatch.setattr(AzureBlobFileSystem, "_cache", {})


@pytest.fixture
def azure(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """Azure's store."""
    monkeypatch.setenv(
        "AZURE_STORAGE_CONNECTION_STRING",
        f"AccountName=a;AccountKey={ACCOUNT_KEY};BlobEndpoint={httpserver.url_for('/a')};",
    )
    return Cloud(httpserver, f"abfs://container-{httpserver.port}/zone")


@pytest.fixture
def google(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """Google's store."""
    # Without it gcsfs asks over gRPC what kind of bucket it is.
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", httpserver.url_for("").rstrip("/"))
    monkeypatch.setenv("FSSPEC_GS_TOKEN", "anon")
    from gcsfs import GCSFileSystem  # Looks at the first when it is imported.

    monkeypatch.setattr(GCSFileSystem, "_cache", {})
    monkeypatch.setitem(conf, "gs", {})
    set_conf_env(conf)
    return Cloud(httpserver, f"gs://bucket-{httpserver.port}/zone")


@pytest.mark.parametrize("ask", ASKED)
def test_a_container_that_is_not_there_is_told(azure: Cloud, ask: Ask) -> None:
    azure.answer = lambda request: azure_error(404, "ContainerNotFound")
    assert azure.problem(ask) == f"{azure.uri}: there is no such container"


@pytest.mark.parametrize("ask", ASKED)
def test_a_denial_of_azure_is_told(azure: Cloud, ask: Ask) -> None:
    azure.answer = lambda request: azure_error(403, "AuthenticationFailed")
    told = f"{azure.uri}: access denied: "
    assert azure.problem(ask).startswith(told)


def test_a_file_that_is_gone_from_azure_is_no_problem_of_the_store(azure: Cloud) -> None:
    def answer(request: Request) -> Response:
        if "comp" in request.args:
            nothing = "<EnumerationResults><Blobs/></EnumerationResults>"
            return Response(nothing, mimetype="application/xml")
        return azure_error(404, "BlobNotFound")

    azure.answer = answer
    store = ObjectStore(azure.uri)
    with pytest.raises(FileNotFoundError):
        store.read("a.json")
    store.remove(StoredObject("a.json", 2, "1"))


def test_azure_writes_and_removes_on_condition(azure: Cloud) -> None:
    azure.answer = lambda request: {
        "PUT": azure_error(409, "BlobAlreadyExists"),
        "GET": Response(b"other", 206, {"Content-Range": "bytes 0-4/5", "ETag": '"1"'}),
        "DELETE": azure_error(412, "ConditionNotMet"),
    }[request.method]
    store = ObjectStore(azure.uri)
    with pytest.raises(FileExistsError, match="immutable"):
        store.put_new("a.json", b"{}")
    store.remove(StoredObject("a.json", 5, '"0"'))
    put, _, delete = azure.requests
    assert put.headers["If-None-Match"] == "*"
    assert delete.headers["If-Match"] == '"0"'


def test_azure_without_an_account_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", f"AccountKey={ACCOUNT_KEY};nonsense")
    with pytest.raises(ObjectStoreError, match="set AZURE_STORAGE_ACCOUNT_NAME and") as caught:
        ObjectStore("abfs://no-account/zone")
    assert ACCOUNT_KEY not in str(caught.value)


@pytest.mark.parametrize("ask", ASKED)
def test_a_google_bucket_that_is_not_there_is_told(google: Cloud, ask: Ask) -> None:
    google.answer = lambda request: google_error(404, "The specified bucket does not exist.")
    assert google.problem(ask) == f"{google.uri}: there is no such bucket"


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("ask", ASKED)
def test_a_denial_of_google_is_told(google: Cloud, ask: Ask, status: int) -> None:
    google.answer = lambda request: google_error(status, "caller has no access")
    assert google.problem(ask).startswith(f"{google.uri}: access denied: caller has no access")


def test_what_google_s_library_logs_is_not_printed(google: Cloud) -> None:
    """In a process of its own: here pytest takes what is logged."""
    google.answer = lambda request: google_error(401, "caller has no access")
    program = (
        "from crypto_pipeline.landing.object_store import ObjectStore, ObjectStoreError\n"
        f"try: ObjectStore({google.uri!r}).top()\n"
        "except ObjectStoreError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    assert "access denied" in done.stdout


def test_google_writes_and_removes_on_condition(google: Cloud) -> None:
    google.answer = lambda request: (
        Response(b"other") if request.method == "GET" else google_error(412, "conditionNotMet")
    )
    store = ObjectStore(google.uri)
    with pytest.raises(FileExistsError, match="immutable"):
        store.put_new("a.json", b"{}")
    store.remove(StoredObject("a.json", 5, "7"))
    put, _, delete = google.requests
    assert put.args["ifGenerationMatch"] == "0"
    assert delete.args["ifGenerationMatch"] == "7"
