"""Canaries in every secret: runs that succeed and runs that fail leave none of them anywhere."""

import gzip
import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import boto3
import dagster as dg
import pytest
from click.testing import CliRunner
from psycopg import sql
from pytest_httpserver import HTTPServer

from crypto_pipeline.alerts import alerts
from crypto_pipeline.cli import main
from crypto_pipeline.cli.home import open_dagster_home
from crypto_pipeline.config.redaction import PLACEHOLDER
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.mail_server import mail_server
from crypto_pipeline_tests.s3_server import SECRET_KEY, Bucket

API_KEY = "CG-canary0api0key"
PASSWORD = "canary0pass/w@rd:1"
TOKEN = "canary0webhook0token"
MAIL_PASSWORD = "canary0mail/pass"
CANARIES = (
    API_KEY,
    PASSWORD,
    TOKEN,
    MAIL_PASSWORD,
    "canary0mail",
    SECRET_KEY,
    "canary0pass",
    "w@rd:1",
    "pass%2Fw%40rd",
    "piece0",
)


@pytest.fixture
def socket_folder(warehouse: Warehouse) -> str:
    """Where the test's PostgreSQL is, as ``DB_HOST``."""
    with warehouse.connection() as connection:
        return connection.info.host


@pytest.fixture
def planted(
    bucket: Bucket,
    socket_folder: str,
    httpserver: HTTPServer,
    command_line: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[SandboxServer]:
    """A pipeline whose every secret is a canary, each given in another way."""
    boto3.client("secretsmanager").create_secret(Name="canary/database", SecretString=PASSWORD)
    (tmp_path / "hook").write_text(httpserver.url_for(f"/services/{TOKEN}?key={TOKEN}"))
    for name, value in {
        "DATA_DIR": str(tmp_path / "data"),
        "LANDING_ZONE_URI": bucket.uri,
        "DB_HOST": socket_folder,
        "DB_USER": "postgres",
        "DB_PASSWORD": "aws-sm://canary/database",
        "ALERT_WEBHOOK_URL_FILE": str(tmp_path / "hook"),
        "COINGECKO_PLAN": "demo",
        "COINGECKO_API_KEY": API_KEY,
        "COINGECKO_TOP_N": "20",
    }.items():
        monkeypatch.setenv(name, value)
    with SandboxServer(Market(20)) as source:
        monkeypatch.setenv("COINGECKO_BASE_URL", source.base_url)
        yield source
    boto3.client("secretsmanager").delete_secret(
        SecretId="canary/database", ForceDeleteWithoutRecovery=True
    )


def everything_written(folder: Path, bucket: Bucket) -> Iterator[tuple[str, str]]:
    """All that is in the folder, the bucket and the database, with where it is."""
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "hook":
            yield str(path), path.read_bytes().decode(errors="replace")
    for entry in bucket.client.list_objects_v2(Bucket=bucket.name).get("Contents", []):
        body = bucket.client.get_object(Bucket=bucket.name, Key=entry["Key"])["Body"].read()
        content = gzip.decompress(body) if entry["Key"].endswith(".gz") else body
        yield entry["Key"], content.decode(errors="replace")
    with Warehouse().connection() as connection:
        tables = connection.execute(
            "SELECT n.nspname, c.relname FROM pg_class AS c"
            " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'r' AND n.nspname IN ('public', 'analytics', 'lake', 'dagster')"
        ).fetchall()
        for schema, table in tables:
            query = sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(schema, table))
            for (row,) in connection.execute(query):
                yield f"{schema}.{table}", row


def tell(instance: dg.DagsterInstance, cursor: str | None) -> str:
    """Evaluate the alerts as the daemon does; answers the cursor, which is stored."""
    result = alerts(
        dg.build_sensor_context(
            instance,
            cursor=cursor,
            repository_def=dg.Definitions(jobs=[careless_job]).get_repository_def(),
            sensor_name="alerts",
        )
    )
    assert isinstance(result, dg.SensorResult)
    assert result.cursor is not None
    return result.cursor


def assert_clean(where: str, text: str) -> None:
    """No canary, be it in the text of JSON within JSON."""
    for canary in CANARIES:
        assert canary not in text, f"{canary} in {where}"
        assert json.dumps(canary)[1:-1] not in text, f"{canary} in {where}"


@dg.op
def careless(context: dg.OpExecutionContext) -> None:
    """What no code of ours does: log a secret, and fail with it, in errors behind an error."""
    password = Settings().db_password
    assert password is not None
    context.log.info("connecting with %s", password.get_secret_value())
    context.log.warning(f"connecting with {password.get_secret_value()}")
    with Warehouse().load():
        try:
            raise ValueError(f"refused: {password.get_secret_value()}")
        except ValueError as error:
            raise RuntimeError(f"login {password.get_secret_value()} failed") from error


@dg.job(executor_def=dg.in_process_executor)
def careless_job() -> None:
    careless()


@pytest.mark.long
def test_no_canary_is_in_anything_that_was_written(
    planted: SandboxServer,
    bucket: Bucket,
    httpserver: HTTPServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    printed: list[str] = []

    def run(*arguments: str, code: int, one_line: bool = True, **environment: str) -> None:
        done = CliRunner().invoke(main, arguments, env=environment)
        assert done.exit_code == code, done.output
        if code and one_line:
            # In words for a person, not as a traceback.
            assert len(done.output.splitlines()) == 1, done.output
        printed.append(done.output + repr(done.exception))

    run("run", code=0)
    run("replay", code=0)
    run("status", "--json", code=0)
    run("metrics", code=0)
    run("doctor", code=0)
    run("lake", code=0)
    run("sql", "SELECT count(*) FROM analytics.fact_crypto_price_metrics", code=0)
    # Who asks for a secret is not told it, nor what he typed of one.
    run("sql", f"SELECT '{PASSWORD}' FROM nowhere", code=1, one_line=False)
    run("lake", code=1, LAKE_URI=f"s3://user:{SECRET_KEY}@bucket/lake")
    run("lake", code=1, LAKE_URI="s3://no-such-bucket/lake")

    # The source refuses the key, and quotes it.
    refusal = {"status": {"error_code": 10002, "error_message": f"API Key {API_KEY} is wrong"}}
    httpserver.expect_request("/api/coins/markets").respond_with_json(refusal, status=401)
    httpserver.expect_request("/api/ping").respond_with_json(refusal, status=401)
    run("run", code=1, COINGECKO_BASE_URL=httpserver.url_for("/api"))
    run("doctor", code=1, one_line=False, COINGECKO_BASE_URL=httpserver.url_for("/api"))
    # A password that was not escaped; a database that is not there; text that is no URL.
    for url in (
        f"postgresql://etl:{PASSWORD}@127.0.0.1:9/database",
        f"postgresql://etl:{PASSWORD.replace('@', '%40').replace('/', '%2F')}@127.0.0.1:9/d",
        "postgresql://etl:piece0one@piece0two@127.0.0.1:9/database",
        f"host=127.0.0.1 port=9 password='{PASSWORD}'",
        PASSWORD,
    ):
        for verb in (["status", "--json"], ["metrics"], ["replay"]):
            run(*verb, code=1, DATABASE_URL=url)
        run("doctor", code=1, one_line=False, DATABASE_URL=url)
    run("status", code=1, DB_NAME="no_such_database")
    run("status", code=1, COINGECKO_PLAN="public")
    run("load", code=1, LANDING_ZONE_URI=f"s3://user:{SECRET_KEY}@bucket")

    # A run that fails with a secret in its error, and the word about it: the webhook does not take
    # it, the mail server gets no password that others could read.
    httpserver.expect_request(f"/services/{TOKEN}").respond_with_data("no", status=500)
    with mail_server() as inbox, open_dagster_home(Settings()) as instance:
        server = f"127.0.0.1:{inbox.port}"
        monkeypatch.setenv("ALERT_SMTP_URL", f"smtp://me:{quote(MAIL_PASSWORD, safe='')}@{server}")
        monkeypatch.setenv("ALERT_EMAIL_TO", "a@example.org")
        cursor = tell(instance, None)
        result = careless_job.execute_in_process(instance=instance, raise_on_error=False)
        assert not result.success
        cursor = tell(instance, cursor)
        monkeypatch.setenv("ALERT_SMTP_URL", f"smtp://{server}")
        cursor = tell(instance, cursor)
        printed += [instance.info_str(), cursor]
    told = [request for request, _ in httpserver.log if request.path.startswith("/services")]
    assert len(told) == 2
    (mail,) = inbox.mails
    printed += [told[0].get_data(as_text=True), mail.as_string(), mail.get_content()]
    assert f"refused: {PLACEHOLDER}" in mail.get_content()

    printed += [caplog.text, *capfd.readouterr(), repr(Settings()), str(Settings())]
    for number, text in enumerate(printed):
        assert_clean(f"output {number}", text)
    written = list(everything_written(tmp_path, bucket))
    for where, text in written:
        assert_clean(where, text)

    # It was looked for where it would have been.
    events = [text for where, text in written if where == "dagster.event_logs"]
    assert any(f"connecting with {PLACEHOLDER}" in text for text in events)
    assert any(f"login {PLACEHOLDER} failed" in text for text in events)
    assert any(f"refused: {PLACEHOLDER}" in text for text in events)
    places = {where for where, _ in written}
    assert any(where.endswith(".json.gz") for where in places)
    assert os.environ["DAGSTER_POSTGRES_URL"] not in "".join(itertools.chain(printed))
