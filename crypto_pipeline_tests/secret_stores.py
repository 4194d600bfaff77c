"""Secret stores on loopback, for the vendors' own clients."""

import base64
import datetime
import ipaddress
import json
import ssl
from abc import ABC, abstractmethod
from pathlib import Path

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pytest_httpserver import HTTPServer
from werkzeug.wrappers import Request, Response

from crypto_pipeline_tests.s3_server import Request as S3Request
from crypto_pipeline_tests.s3_server import S3Server, point_at


class Store(ABC):
    """A store that has one secret, and says how often it was read."""

    def __init__(self) -> None:
        self.secret: str | None = None
        self.forbidden = False
        self.reads = 0

    @property
    @abstractmethod
    def reference(self) -> str:
        """Names the secret."""

    def put(self, value: str) -> None:
        """Set the secret, or rotate it."""
        self.secret = value

    @abstractmethod
    def hide(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """From now on, the clients look for it where nothing answers."""


class Aws(Store):
    """AWS Secrets Manager, moto's; the secret is a field of a JSON object."""

    reference = "aws-sm://prod/warehouse#password"

    def __init__(self, server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        point_at(server, monkeypatch)
        self._server = server
        self._client = boto3.client("secretsmanager")
        for name in self._names():
            self._client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        server.fault = self._look

    def put(self, value: str) -> None:
        text = json.dumps({"username": "etl", "password": value, "port": 5432, "nested": {}})
        known = self._names()
        self._server.requests.clear()
        if known:
            self._client.put_secret_value(SecretId=known[0], SecretString=text)
        else:
            self._client.create_secret(Name="prod/warehouse", SecretString=text)

    def hide(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")

    def _names(self) -> list[str]:
        return [secret["Name"] for secret in self._client.list_secrets()["SecretList"]]

    def _look(self, request: S3Request) -> Response | None:
        target = request.headers["x-amz-target"]
        if not target.endswith("GetSecretValue"):
            return None
        self.reads += 1
        if self.forbidden:
            return Response(json.dumps({"__type": "AccessDeniedException"}), 400)
        return None


class Azure(Store):
    """Azure Key Vault's REST, and the endpoint that gives a machine's identity its token."""

    def __init__(self, server: HTTPServer, trusted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._host = f"{server.host}:{server.port}"
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
        monkeypatch.setenv("IDENTITY_ENDPOINT", server.url_for("/identity"))
        monkeypatch.setenv("IDENTITY_HEADER", "header")
        server.expect_request("/identity").respond_with_json(
            {"access_token": "token", "expires_on": "4102444800", "token_type": "Bearer"}
        )
        server.expect_request("/secrets/warehouse/").respond_with_handler(self._answer)
        server.expect_request("/secrets/warehouse").respond_with_handler(self._answer)

    @property
    def reference(self) -> str:
        return f"azure-kv://{self._host}/warehouse"

    def hide(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._host = "127.0.0.1:9"

    def _answer(self, request: Request) -> Response:
        if "Authorization" not in request.headers:
            # The client takes a vault's word for its own domain only: what follows its first dot.
            domain = self._host.partition(".")[2]
            challenge = f'Bearer authorization="https://login/tenant", resource="https://{domain}"'
            return Response(status=401, headers={"WWW-Authenticate": challenge})
        assert request.headers["Authorization"] == "Bearer token"
        self.reads += 1
        if self.forbidden:
            return _json({"error": {"code": "Forbidden", "message": "no get permission"}}, 403)
        if self.secret is None:
            return _json({"error": {"code": "SecretNotFound", "message": "no such secret"}}, 404)
        return _json({"value": self.secret, "id": f"https://{self._host}/secrets/warehouse/1"})


class Databricks(Store):
    """The REST of Databricks' secrets."""

    reference = "dbx-secret://prod/warehouse"

    def __init__(self, server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        monkeypatch.setenv("DATABRICKS_HOST", server.url_for(""))
        monkeypatch.setenv("DATABRICKS_TOKEN", "token")
        server.expect_request(
            "/api/2.0/secrets/get",
            query_string={"scope": "prod", "key": "warehouse"},
            headers={"Authorization": "Bearer token"},
        ).respond_with_handler(self._answer)

    def hide(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATABRICKS_HOST", "http://127.0.0.1:9")

    def _answer(self, request: Request) -> Response:
        self.reads += 1
        if self.forbidden:
            return _json({"error_code": "PERMISSION_DENIED", "message": "no READ"}, 403)
        if self.secret is None:
            return _json({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "none"}, 404)
        return _json({"key": "k", "value": base64.b64encode(self.secret.encode()).decode()})


def _json(body: object, status: int = 200) -> Response:
    return Response(json.dumps(body), status, content_type="application/json")


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for loopback that signs itself, and what a server needs to show it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.timezone.utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path, secret = folder / "certificate.pem", folder / "key.pem"
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, secret)
    return path, context
