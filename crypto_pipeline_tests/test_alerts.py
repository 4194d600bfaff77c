"""Alerts, told to real servers on loopback: one message an incident, and one when it is over."""

import json
import socket
from collections.abc import Iterator
from datetime import datetime, timezone
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

import dagster as dg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from crypto_pipeline.alerts import alerts
from crypto_pipeline.settings import Settings


@dg.op(config_schema={"fails": bool})
def may_break(context: dg.OpExecutionContext) -> None:
    if context.op_config["fails"]:
        raise RuntimeError("the <reason> & more")


@dg.job
def hourly() -> None:
    may_break()


@dg.asset
def prices() -> None: ...


@dg.asset_check(asset=prices, blocking=True)
def sound() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


REPOSITORY = dg.Definitions(
    assets=[prices], asset_checks=[sound], jobs=[hourly]
).get_repository_def()


class Daemon:
    """Evaluates the sensor as the daemon does: each time with the cursor of the last."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.cursor: str | None = None
        # The first evaluation says from when on runs count.
        self.tick()

    def tick(self) -> None:
        result = alerts(
            dg.build_sensor_context(
                self.instance, cursor=self.cursor, repository_def=REPOSITORY, sensor_name="alerts"
            )
        )
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor

    def run(self, *, fails: bool) -> None:
        hourly.execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            run_config={"ops": {"may_break": {"config": {"fails": fails}}}},
            tags={"dagster/partition": "2026-11-24-05:00"},
        )

    def check(self, severity: dg.AssetCheckSeverity, *, passed: bool) -> None:
        self.instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=prices.key,
                check_name="sound",
                passed=passed,
                severity=severity,
                metadata={"wrong_rows": 3},
                blocking=True,
            )
        )

    def freshness(self, state: FreshnessState, before: FreshnessState) -> None:
        self.instance._report_runless_asset_event(
            FreshnessStateChange(
                key=prices.key,
                new_state=state,
                previous_state=before,
                state_change_timestamp=datetime.now(timezone.utc).timestamp(),
            )
        )


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Daemon(instance)


@pytest.fixture
def webhook(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> HTTPServer:
    httpserver.expect_request("/hook", method="POST").respond_with_data("ok")
    monkeypatch.setenv("ALERT_WEBHOOK_URL", httpserver.url_for("/hook?token=secret"))
    return httpserver


class Inbox(MessageHandler):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: list[EmailMessage] = []

    def prepare_message(self, session: object, envelope: object) -> EmailMessage:
        content = cast(bytes, getattr(envelope, "content"))  # noqa: B009
        return message_from_bytes(content, policy=policy.default)

    def handle_message(self, message: object) -> None:
        self.mails.append(cast(EmailMessage, message))


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    handler = Inbox()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    monkeypatch.setenv("ALERT_SMTP_URL", f"smtp://127.0.0.1:{port}")
    monkeypatch.setenv("ALERT_EMAIL_TO", "one@example.org, two@example.org")
    yield handler
    controller.stop()


def told(webhook: HTTPServer) -> list[tuple[str, str]]:
    bodies = [request.get_json() for request, _ in webhook.log]
    return [(body["event"], body["incident"]) for body in bodies]


def test_a_job_that_keeps_failing_is_told_once_and_its_recovery_once(
    daemon: Daemon, webhook: HTTPServer, inbox: Inbox
) -> None:
    for _ in range(3):
        daemon.run(fails=True)
        daemon.tick()
    assert told(webhook) == [("incident_opened", "job hourly")]
    body = webhook.log[0][0].get_json()
    assert body["text"].startswith(
        "ALERT hourly of 2026-11-24-05:00 failed: RuntimeError: the &lt;reason&gt; &amp; more"
    )
    daemon.tick()
    for _ in range(2):
        daemon.run(fails=False)
        daemon.tick()
    assert told(webhook)[1:] == [("incident_closed", "job hourly")]

    assert [mail["Subject"].split(" hourly")[0] for mail in inbox.mails] == [
        "[crypto-pipeline] ALERT",
        "[crypto-pipeline] RECOVERED job",
    ]
    assert inbox.mails[0]["To"] == "one@example.org, two@example.org"
    assert "the <reason> & more" in inbox.mails[0].get_content()
    daemon.run(fails=True)
    daemon.tick()
    assert told(webhook)[2:] == [("incident_opened", "job hourly")]


def test_a_failure_that_is_over_before_anyone_looked_is_told_all_the_same(
    daemon: Daemon, webhook: HTTPServer
) -> None:
    daemon.run(fails=True)
    daemon.run(fails=False)
    daemon.tick()
    assert told(webhook) == [("incident_opened", "job hourly"), ("incident_closed", "job hourly")]


def test_a_failed_run_that_is_touched_later_is_no_news(daemon: Daemon, webhook: HTTPServer) -> None:
    daemon.run(fails=True)
    daemon.run(fails=False)
    daemon.tick()
    (failed,) = daemon.instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    before = daemon.instance.get_run_record_by_id(failed.run_id)
    daemon.instance.add_run_tags(failed.run_id, {"seen": "yes"})
    after = daemon.instance.get_run_record_by_id(failed.run_id)
    assert before is not None
    assert after is not None
    assert after.update_timestamp > before.update_timestamp
    daemon.tick()
    assert len(webhook.log) == 2


def test_what_failed_before_the_first_evaluation_is_history(webhook: HTTPServer) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        earlier = Daemon(instance)
        earlier.run(fails=True)
        Daemon(instance).tick()
    assert told(webhook) == []


def test_a_failed_check_of_severity_error_is_told_until_it_passes(
    daemon: Daemon, webhook: HTTPServer
) -> None:
    daemon.check(dg.AssetCheckSeverity.WARN, passed=False)
    daemon.tick()
    assert told(webhook) == []
    for _ in range(2):
        daemon.check(dg.AssetCheckSeverity.ERROR, passed=False)
        daemon.tick()
    daemon.check(dg.AssetCheckSeverity.ERROR, passed=True)
    daemon.tick()
    daemon.tick()
    assert told(webhook) == [
        ("incident_opened", "check sound of prices"),
        ("incident_closed", "check sound of prices"),
    ]
    assert "wrong rows: 3" in webhook.log[0][0].get_json()["text"]


def test_a_stale_asset_is_told_until_it_is_fresh(daemon: Daemon, webhook: HTTPServer) -> None:
    steps = [
        FreshnessState.PASS,
        FreshnessState.WARN,
        FreshnessState.FAIL,
        FreshnessState.FAIL,
        FreshnessState.PASS,
    ]
    for before, state in zip([FreshnessState.UNKNOWN, *steps], steps, strict=False):
        daemon.freshness(state, before)
        daemon.tick()
    assert told(webhook) == [
        ("incident_opened", "asset prices"),
        ("incident_closed", "asset prices"),
    ]


def test_a_channel_that_is_down_gets_its_messages_later_and_the_other_no_second_time(
    daemon: Daemon,
    httpserver: HTTPServer,
    inbox: Inbox,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    answers = iter([500, 500, 200, 200])

    def answer(_request: Request) -> Response:
        return Response(status=next(answers))

    httpserver.expect_request("/hook", method="POST").respond_with_handler(answer)
    monkeypatch.setenv("ALERT_WEBHOOK_URL", httpserver.url_for("/hook?token=secret"))
    daemon.run(fails=True)
    daemon.tick()
    daemon.run(fails=False)
    daemon.tick()
    daemon.tick()
    assert [response.status_code for _, response in httpserver.log] == [500, 500, 200, 200]
    assert told(httpserver)[2:] == [
        ("incident_opened", "job hourly"),
        ("incident_closed", "job hourly"),
    ]
    assert len(inbox.mails) == 2
    said = "".join(capfd.readouterr())
    assert "webhook did not take the alert" in said
    assert "token=secret" not in said


def test_without_a_channel_the_log_has_it(
    daemon: Daemon, capfd: pytest.CaptureFixture[str]
) -> None:
    daemon.run(fails=True)
    daemon.tick()
    assert '"incident": "job hourly"' in "".join(capfd.readouterr())


def test_a_password_is_not_sent_in_the_open(
    daemon: Daemon, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = Settings().alert_smtp_url
    assert url is not None
    monkeypatch.setenv(
        "ALERT_SMTP_URL", url.get_secret_value().replace("smtp://", "smtp://user:secret@")
    )
    daemon.run(fails=True)
    daemon.tick()
    assert inbox.mails == []
    assert daemon.cursor is not None
    assert json.loads(daemon.cursor)["waiting"][0]["channels"] == ["e-mail"]


@pytest.mark.parametrize(
    "variables",
    [{"ALERT_EMAIL_TO": "a@example.org"}, {"ALERT_SMTP_URL": "mail.example.org"}],
    ids=["no server", "no URL"],
)
def test_a_mail_server_that_cannot_be_right_is_refused(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match="ALERT_SMTP_URL"):
        Settings()
