"""Which combinations of settings the pipeline refuses."""

import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import ValidationError

from crypto_pipeline.settings import Settings
from crypto_pipeline.storage.postgres import warehouse_conninfo

CERTIFICATE = {"DB_SSLCERT": "client.crt", "DB_SSLKEY": "client.key"}


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"DB_HOST": "db"}, "DB_HOST is set without DB_PASSWORD: refusing to connect"),
        ({"DB_HOST": "db", "DB_PASSWORD": ""}, "refusing to connect"),
        ({"DB_HOST": "db", **CERTIFICATE}, "refusing to connect"),
        ({"DB_HOST": "/run/postgresql"}, "refusing to connect"),
        ({"DB_HOST": "db", "DB_AUTH": "peer"}, "DB_AUTH=peer needs DB_HOST to be the folder"),
        ({"DB_HOST": "db", "DB_AUTH": "cert"}, "DB_AUTH=cert needs DB_SSLCERT and DB_SSLKEY"),
        (
            {"DB_HOST": "/run/postgresql", "DB_AUTH": "peer", "DB_PASSWORD": "canary"},
            "DB_AUTH=peer takes no DB_PASSWORD",
        ),
        ({"DB_HOST": "db", "DB_AUTH": "trust", "DB_PASSWORD": "canary"}, "db_auth"),
        ({"DB_HOST": "db", "DB_SSLMODE": "on", "DB_PASSWORD": "canary"}, "db_sslmode"),
        ({"LANDING_ZONE_URI": "s3://key:canary@bucket"}, "holds a password"),
        ({"LAKE_URI": "s3://key:canary@bucket"}, "holds a password"),
    ],
)
def test_a_login_that_is_not_clear_is_refused(
    variables: dict[str, str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=problem) as caught:
        Settings()
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("variables", "conninfo"),
    [
        (
            {"DB_HOST": "/run/postgresql", "DB_AUTH": "peer", "DB_USER": "etl"},
            {"host": "/run/postgresql", "user": "etl"},
        ),
        (
            {"DB_HOST": "db", "DB_AUTH": "cert", "DB_SSLMODE": "verify-full", **CERTIFICATE},
            {
                "host": "db",
                "user": "etl_role",
                "sslmode": "verify-full",
                "sslcert": "client.crt",
                "sslkey": "client.key",
            },
        ),
        (
            {"DB_HOST": "db", "DB_PASSWORD": "p", "DB_SSLMODE": "verify-ca", "DB_SSLROOTCERT": "a"},
            {
                "host": "db",
                "user": "etl_role",
                "password": "p",
                "sslmode": "verify-ca",
                "sslrootcert": "a",
            },
        ),
    ],
)
def test_a_login_reaches_libpq_as_it_was_asked_for(
    variables: dict[str, str], conninfo: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    expected = {"port": "5432", "dbname": "crypto_warehouse", **conninfo}
    assert conninfo_to_dict(warehouse_conninfo(Settings())) == expected


def test_an_account_in_an_azure_uri_is_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    uri = "abfs://container@account.dfs.core.windows.net/landing"
    monkeypatch.setenv("LANDING_ZONE_URI", uri)
    assert Settings().landing_uri == uri
