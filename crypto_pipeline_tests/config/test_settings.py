"""Which combinations of settings the pipeline refuses."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from psycopg.conninfo import conninfo_to_dict
from pydantic import ValidationError

from crypto_pipeline.cli import main
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.warehouse.postgres import warehouse_conninfo

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


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SPARK_REMOTE", "canary"),
        ("DB_PORT", "canary"),
        ("DB_PORT", "0"),
        ("DB_PORT", "65536"),
        ("DATA_DIR", "~canary/data"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_variable(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    done = CliRunner().invoke(main, ["status"])
    assert done.exit_code == 1
    assert done.output.startswith(f"{variable}: "), done.output
    assert len(done.output.splitlines()) == 1
    assert "canary" not in done.output


def test_the_graph_and_the_help_show_with_a_wrong_value(tmp_path: Path) -> None:
    """In a process of its own, as the graph is made when it is imported."""
    (tmp_path / ".env").write_text("DB_PORT=many\nSPARK_REMOTE=somewhere\n")
    asked = (
        "import sys; from click.testing import CliRunner; from crypto_pipeline.cli import main\n"
        "for verb in (['-h'], ['run', '-h'], ['run'], ['parity'], ['doctor']):\n"
        "    done = CliRunner().invoke(main, verb)\n"
        "    print(done.exit_code, 'Usage' in done.output, 'DB_PORT: ' in done.output,\n"
        "        'SPARK_REMOTE: ' in done.output)\n"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == [
        "0 True False False",
        "0 True False False",
        "1 False True True",
        "1 False False True",
        "1 False True True",
    ], done.stderr


def test_a_home_folder_needs_no_shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DATA_DIR", "~/x")
    assert Settings().data_dir == tmp_path / "x"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@ss:w/rd#x%zz@localhost:1/db",
        "postgresql://u:ab@cd@localhost:1/db",
        "postgresql://u:1/cd@localhost:1/db",
        "postgresql://u:ab?cd@ef@localhost:1/db",
        "postgresql://u:1?cd/ef@localhost:1/db",
        "postgresql://u:ab@localhost:xy/db",
        "postgresql://u:ab@localhost:0/db",
        "postgresql://u:ab@localhost:1,other:65536/db",
        "postgresql+psycopg://u:ab@localhost/db",
        "mysql://u:ab@localhost/db",
        "ab",
    ],
)
@pytest.mark.parametrize("place", ["the variable", "a file"])
def test_a_database_url_that_cannot_be_read_is_not_shown(
    url: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "url").write_text(url)
    name, value = ("_FILE", str(tmp_path / "url")) if place == "a file" else ("", url)
    monkeypatch.setenv(f"DATABASE_URL{name}", value)
    done = CliRunner().invoke(main, ["status"])
    assert done.exit_code == 1
    assert done.output == (
        f"DATABASE_URL{name} is not a URL postgresql://USER:PASSWORD@HOST:PORT/DATABASE with a port"
        " from 1 to 65535: in the user and the password, write @ : / ? # % as %40 %3A %2F %3F %23"
        " %25\n"
    )


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p%40ss%3Aw%2Frd%23x%25@localhost:1/db",
        "postgres://u@one:5432,two:/db?sslmode=require",
        "postgresql:///db?host=/run/postgresql&user=a@b",
        "host=localhost port=1 password='a@b://c/d@e'",
    ],
)
def test_a_database_url_reaches_libpq(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    assert conninfo_to_dict(warehouse_conninfo(Settings())) == conninfo_to_dict(url)


@pytest.mark.parametrize(
    ("variables", "currencies"),
    [
        ({}, ("usd",)),
        ({"COINGECKO_VS_CURRENCY": "eur"}, ("eur",)),
        ({"COINGECKO_VS_CURRENCIES": "usd, EUR,btc,usd"}, ("usd", "eur", "btc")),
        (
            {"COINGECKO_VS_CURRENCIES": "usd,eur", "COINGECKO_VS_CURRENCY": "btc"},
            ("btc", "usd", "eur"),
        ),
        (
            {"COINGECKO_VS_CURRENCIES": "usd,eur", "COINGECKO_VS_CURRENCY": "eur"},
            ("eur", "usd"),
        ),
    ],
)
def test_the_old_variable_is_one_of_the_currencies(
    variables: dict[str, str], currencies: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Settings().currencies == currencies


@pytest.mark.parametrize("value", ["us d", "u", "usd,€uro", "verylongcode"])
def test_what_is_no_currency_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COINGECKO_VS_CURRENCIES", value)
    with pytest.raises(ValidationError, match="no list of currencies"):
        Settings()
