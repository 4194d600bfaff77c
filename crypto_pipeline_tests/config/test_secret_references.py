"""Secrets by reference, read through the vendors' own clients from servers on loopback."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError
from pytest_httpserver import HTTPServer

from crypto_pipeline.config.secret_references import SecretError
from crypto_pipeline.config.settings import Settings
from crypto_pipeline_tests.s3_server import S3Server
from crypto_pipeline_tests.secret_stores import Aws, Azure, Databricks, Store, certificate

CANARY = "canary:p@ss/word#1"


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HTTPServer, Path]]:
    """A server with TLS, and the certificate to trust."""
    trusted, context = certificate(tmp_path_factory.mktemp("tls"))
    with HTTPServer("127.0.0.1", 0, ssl_context=context) as server:
        yield server, trusted


@pytest.fixture(params=["aws", "azure", "databricks"])
def store(
    request: pytest.FixtureRequest,
    s3_server: S3Server,
    httpserver: HTTPServer,
    tls_server: tuple[HTTPServer, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Store]:
    """Each of the secret stores, with its client's usual credentials in the environment; the
    settings refer to its secret."""
    for server in (s3_server, tls_server[0]):
        server.clear()
    store: Store
    if request.param == "aws":
        store = Aws(s3_server, monkeypatch)
    elif request.param == "azure":
        store = Azure(*tls_server, monkeypatch)
    else:
        store = Databricks(httpserver, monkeypatch)
    monkeypatch.setenv("DB_HOST", "database.example")
    monkeypatch.setenv("DB_PASSWORD", store.reference)
    # No test waits long for what is not there.
    monkeypatch.setattr("crypto_pipeline.config.secret_references._TIMEOUT", 1)
    yield store
    s3_server.clear()


def password() -> str:
    """The database's password, as the pipeline gets it: from settings that are new each time."""
    secret = Settings().db_password
    assert secret is not None
    return secret.get_secret_value()


def why_not(store: Store) -> SecretError:
    """The error of a secret that cannot be read: it names variable and reference, no value."""
    with pytest.raises(SecretError) as caught:
        password()
    assert str(caught.value).startswith(f"DB_PASSWORD: {store.reference}: ")
    assert CANARY not in str(caught.value)
    assert caught.value.__suppress_context__
    return caught.value


# --- Every store -------------------------------------------------------------------------------


def test_a_secret_is_read_when_it_is_used(store: Store) -> None:
    store.put(CANARY)
    settings = Settings()
    assert store.reads == 0
    assert CANARY not in repr(settings)
    assert store.reads == 0
    assert settings.db_password is not None
    assert settings.db_password.get_secret_value() == CANARY
    assert store.reads == 1
    assert CANARY not in repr(settings) + repr(settings.db_password) + str(settings.db_password)


def test_a_secret_is_read_once_in_its_time_to_live(store: Store) -> None:
    store.put(CANARY)
    assert [password() for _ in range(3)] == [CANARY] * 3
    assert store.reads == 1


def test_a_rotated_secret_is_taken_up_without_a_restart(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TTL_SECONDS", "60")
    store.put("before")
    assert password() == "before"
    store.put(CANARY)
    assert password() == "before"
    now = time.monotonic()
    monkeypatch.setattr("time.monotonic", lambda: now + 61)
    assert password() == CANARY


def test_a_time_to_live_of_nothing_reads_every_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_TTL_SECONDS", "0")
    for value in ("one", "two"):
        store.put(value)
        assert password() == value


def test_a_missing_secret_is_told(store: Store) -> None:
    error = why_not(store)
    assert str(error).endswith("there is no such secret")
    assert not error.retryable


def test_a_secret_that_we_may_not_read_is_told(store: Store) -> None:
    store.put(CANARY)
    store.forbidden = True
    error = why_not(store)
    assert "the store does not let us read it" in str(error)
    assert not error.retryable
    # A failure is not kept.
    store.forbidden = False
    assert password() == CANARY


def test_a_store_that_does_not_answer_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(CANARY)
    store.hide(monkeypatch)
    monkeypatch.setenv("DB_PASSWORD", store.reference)
    error = why_not(store)
    assert "the store cannot be asked" in str(error)
    assert error.retryable


# --- One store's own ---------------------------------------------------------------------------


@pytest.mark.parametrize("store", ["aws"], indirect=True)
@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("#username", "etl"),
        ("#port", "5432"),
        ("#nested", "the secret has no text of that key"),
        ("#other", "the secret has no text of that key"),
    ],
)
def test_a_key_of_a_secret_of_aws(
    store: Store, key: str, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(CANARY)
    monkeypatch.setenv("DB_PASSWORD", f"aws-sm://prod/warehouse{key}")
    if key in ("#username", "#port"):
        assert password() == found
    else:
        with pytest.raises(SecretError, match=found) as caught:
            password()
        assert CANARY not in str(caught.value)


@pytest.mark.parametrize("store", ["aws"], indirect=True)
def test_without_a_key_it_is_the_whole_text(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(CANARY)
    monkeypatch.setenv("DB_PASSWORD", "aws-sm://prod/warehouse")
    assert password().startswith('{"username": "etl"')


@pytest.mark.parametrize("store", ["databricks"], indirect=True)
def test_without_a_login_databricks_is_not_asked(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DATABRICKS_TOKEN")
    assert "no Databricks credentials found" in str(why_not(store))
    assert store.reads == 0


@pytest.mark.parametrize(
    ("reference", "module", "extra"),
    [
        ("aws-sm://name", "boto3", "aws"),
        ("azure-kv://vault/name", "azure.keyvault.secrets", "azure"),
        ("dbx-secret://scope/key", "databricks.sdk", "databricks"),
    ],
)
def test_a_missing_library_is_named_by_its_extra(
    reference: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setenv("DB_PASSWORD", reference)
    with pytest.raises(SecretError) as caught:
        password()
    assert str(caught.value) == (
        f'DB_PASSWORD: {reference}: a library is missing: pip install "crypto-pipeline[{extra}]"'
    )


# --- Files and plain values --------------------------------------------------------------------


def test_a_secret_in_a_file_is_read_at_every_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "password"
    monkeypatch.setenv("DB_PASSWORD_FILE", str(file))
    for value in (" before ", CANARY):
        file.write_text(f"{value}\n")
        assert password() == value


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file"), (b"", "the file is empty"), (b"\n", "empty"), (b"\xff\xfe", "UTF-8")],
)
def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("DB_PASSWORD_FILE", str(file))
    with pytest.raises(SecretError, match=reason) as caught:
        password()
    assert str(caught.value).startswith(f"DB_PASSWORD_FILE: {file}: ")


def test_a_secret_and_its_file_are_one_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PASSWORD", CANARY)
    monkeypatch.setenv("DB_PASSWORD_FILE", str(tmp_path))
    with pytest.raises(ValidationError, match="is set, and so is its _FILE") as caught:
        Settings()
    assert caught.value.errors()[0]["loc"] == ("db_password",)
    assert CANARY not in str(caught.value)


def test_a_dotenv_file_may_hold_values_references_and_files(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(CANARY)
    Path(".env").write_text(
        "COINGECKO_PLAN=demo\nCOINGECKO_API_KEY=plain\n"
        f"DB_PASSWORD_FILE={tmp_path / 'password'}\nDATABASE_URL=aws-sm://prod/url#of it\n"
    )
    settings = Settings()
    assert settings.coingecko_api_key is not None
    assert settings.coingecko_api_key.get_secret_value() == "plain"
    assert password() == CANARY
    with pytest.raises(SecretError, match="^DATABASE_URL: aws-sm://prod/url#of it: "):
        assert settings.database_url
        settings.database_url.get_secret_value()


@pytest.mark.parametrize("value", ["https://a/b", "postgresql://u:p@h/d", "a://b", "://", "x"])
def test_what_is_no_reference_is_the_value(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", value)
    assert password() == value


@pytest.mark.parametrize(
    "reference",
    ["aws-sm://", "aws-sm://#key", "azure-kv://", "azure-kv://vault", "dbx-secret://scope/"],
)
def test_half_a_reference_is_refused_at_once(
    reference: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_PASSWORD", reference)
    with pytest.raises(ValidationError, match=f"{reference} is not a whole reference"):
        Settings()
