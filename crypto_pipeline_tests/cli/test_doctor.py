"""What the doctor finds, each fault a real one where it can be made."""

import platform
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from http.server import HTTPServer as PlainServer
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from psycopg.conninfo import make_conninfo
from pytest_httpserver import HTTPServer

from crypto_pipeline.cli import main
from crypto_pipeline.cli.doctor import Finding, Verdict, examine
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline.warehouse.postgres import Warehouse, warehouse_conninfo


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with SandboxServer(Market(10), clock=SimulatedClock()) as server:
        monkeypatch.setenv("COINGECKO_PLAN", "sandbox")
        monkeypatch.setenv("COINGECKO_BASE_URL", server.base_url)
        yield


def found() -> dict[str, Finding]:
    return {finding.subject: finding for finding in examine()}


def ill(findings: dict[str, Finding]) -> set[str]:
    return {name for name, finding in findings.items() if finding.verdict is not Verdict.OK}


@pytest.mark.usefixtures("sandbox")
def test_all_is_well(warehouse: Warehouse) -> None:
    with warehouse.connection():
        pass
    done = CliRunner().invoke(main, ["doctor"])
    assert done.exit_code == 0, done.output
    for subject in ("Python", "packages", "disk", "database", "schema", "rights", "API"):
        assert f"ok      {subject}: " in done.output
    assert "->" not in done.output


@pytest.mark.usefixtures("warehouse")
def test_a_fault_is_a_line_with_its_remedy_and_a_status() -> None:
    done = CliRunner().invoke(main, ["doctor"], env={"COINGECKO_API_KEY": "CG-secret"})
    assert done.exit_code == 1
    assert "failed  settings: COINGECKO_API_KEY is set, but COINGECKO_PLAN is public" in done.output
    assert "-> correct it in the environment or in .env" in done.output
    assert "CG-secret" not in done.output


@pytest.mark.usefixtures("warehouse")
def test_what_never_answers_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crypto_pipeline.cli.doctor._MOST_SECONDS", 2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        monkeypatch.setenv("COINGECKO_PLAN", "sandbox")
        monkeypatch.setenv("COINGECKO_BASE_URL", f"http://127.0.0.1:{port}/api/v3")
        monkeypatch.setenv("DATABASE_URL", f"postgresql://someone@127.0.0.1:{port}/none")
        started = time.monotonic()
        findings = found()
        # Each by itself would wait for half a minute or longer.
        assert time.monotonic() - started < 10
    assert ill(findings) == {"database", "API"}
    assert {findings[name].state for name in ("database", "API")} == {"no answer within 2 s"}
    assert "network" in findings["API"].remedy


@pytest.mark.usefixtures("sandbox")
def test_a_database_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://someone@127.0.0.1:9/none")
    findings = found()
    assert ill(findings) == {"database"}
    assert "check DATABASE_URL" in findings["database"].remedy


@pytest.mark.usefixtures("sandbox")
def test_a_role_without_rights_and_a_schema_that_is_behind(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    with warehouse.connection() as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0002_gold'")
        connection.execute("CREATE ROLE powerless LOGIN")
        connection.execute("GRANT SELECT ON alembic_version, data_origin TO powerless")
    conninfo = warehouse_conninfo(Settings())
    monkeypatch.setenv("DATABASE_URL", make_conninfo(conninfo, user="powerless"))
    findings = found()
    with psycopg.connect(conninfo) as connection:
        connection.execute("DROP OWNED BY powerless")
        connection.execute("DROP ROLE powerless")
    assert ill(findings) == {"schema", "rights"}
    assert findings["schema"].state == "revision 0002_gold"
    assert "INSERT on public.price_snapshots" in findings["rights"].state
    assert "EXECUTE on ensure_month_partitions" in findings["rights"].state
    assert "SELECT on public.data_origin" not in findings["rights"].state
    assert "sql/roles.sql" in findings["rights"].remedy


@pytest.fixture
def api(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> HTTPServer:
    """A service of which the demo plan's key is asked."""
    monkeypatch.setenv("COINGECKO_PLAN", "demo")
    monkeypatch.setenv("COINGECKO_API_KEY", "CG-0123456789")
    monkeypatch.setenv("COINGECKO_BASE_URL", httpserver.url_for("/api/v3"))
    return httpserver


@pytest.mark.usefixtures("warehouse")
def test_a_key_of_another_plan(api: HTTPServer) -> None:
    api.expect_request("/api/v3/ping").respond_with_json(
        {"status": {"error_code": 10010, "error_message": "of another host"}}, status=400
    )
    finding = found()["API"]
    assert finding.verdict is Verdict.FAILED
    assert "refused the API key" in finding.state
    assert "a paid one is plan pro" in finding.remedy


class _LateClock(BaseHTTPRequestHandler):
    """Answers with a date of an hour ago."""

    def do_GET(self) -> None:
        self.send_response_only(200)
        self.send_header("date", formatdate(time.time() - 3600, usegmt=True))
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.mark.usefixtures("warehouse", "api")
def test_a_clock_that_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    with PlainServer(("127.0.0.1", 0), _LateClock) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("COINGECKO_BASE_URL", f"http://127.0.0.1:{server.server_port}")
        finding = found()["API's clock"]
        server.shutdown()
    assert finding.verdict is Verdict.FAILED
    assert finding.state.startswith("differs by 36")
    assert "set this machine's clock" in finding.remedy


@pytest.mark.usefixtures("warehouse", "sandbox")
def test_a_full_disk_and_a_landing_zone_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=100_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    (tmp_path / "file").touch()
    monkeypatch.setenv("LANDING_ZONE_URI", str(tmp_path / "file" / "zone"))
    findings = found()
    assert ill(findings) >= {"disk", "landing zone"}
    assert "0.1 GB free" in findings["disk"].state
    assert "LANDING_ZONE_URI" in findings["landing zone"].remedy


@pytest.mark.usefixtures("warehouse", "sandbox")
def test_a_python_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "python_version", lambda: "3.9.18")
    findings = found()
    assert ill(findings) == {"Python"}
    assert findings["Python"].state == "3.9.18"
    assert "a Python >=3.10" in findings["Python"].remedy


def test_alerts_are_looked_at_before_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK_URL", "http://127.0.0.1:9/hook")
    monkeypatch.setenv("ALERT_SMTP_URL", "hush.example.org")
    by_subject = found()
    assert by_subject["webhook"].verdict is Verdict.OK
    assert by_subject["mail server"].verdict is Verdict.FAILED
    assert "ALERT_SMTP_URL" in by_subject["mail server"].state
    assert "hush" not in by_subject["mail server"].state
