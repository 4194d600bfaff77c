"""Alerts, told to real servers on loopback: one message an incident, and one when it is over."""

import json
from collections.abc import Iterator

import dagster as dg
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from crypto_pipeline.alerts import alerts
from crypto_pipeline.config.settings import Settings
from crypto_pipeline_tests.freshness import report_freshness
from crypto_pipeline_tests.mail_server import Inbox, mail_server


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

    def freshness(self, state: str) -> None:
        report_freshness(self.instance, prices.key, state)


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Daemon(instance)


@pytest.fixture
def webhook(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> HTTPServer:
    httpserver.expect_request("/hook", method="POST").respond_with_data("ok")
    monkeypatch.setenv("ALERT_WEBHOOK_URL", httpserver.url_for("/hook?token=secret"))
    return httpserver


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    with mail_server() as inbox:
        monkeypatch.setenv("ALERT_SMTP_URL", f"smtp://127.0.0.1:{inbox.port}")
        monkeypatch.setenv("ALERT_EMAIL_TO", "one@example.org, two@example.org")
        yield inbox


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


def test_a_secret_in_an_error_is_not_told(
    daemon: Daemon,
    webhook: HTTPServer,
    inbox: Inbox,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """By a run whose process did not know it for one."""
    daemon.run(fails=True)
    monkeypatch.setenv("COINGECKO_PLAN", "demo")
    monkeypatch.setenv("COINGECKO_API_KEY", "the <reason> & more")
    capfd.readouterr()
    daemon.tick()
    assert "RuntimeError: &lt;secret&gt;" in webhook.log[0][0].get_json()["text"]
    assert "RuntimeError: <secret>" in inbox.mails[0].get_content()
    assert daemon.cursor is not None
    for text in (daemon.cursor, str(inbox.mails[0]["Subject"]), "".join(capfd.readouterr())):
        assert "reason" not in text


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
    for state in ("PASS", "WARN", "FAIL", "FAIL", "PASS"):
        daemon.freshness(state)
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
    ("variables", "said"),
    [
        ({"ALERT_SMTP_URL": "hush.example.org"}, "ALERT_SMTP_URL must be"),
        ({"ALERT_SMTP_URL": "smtp://"}, "ALERT_SMTP_URL must be"),
        ({"ALERT_SMTP_URL": "smtp://hush.example.org:port"}, "ALERT_SMTP_URL must be"),
        ({"ALERT_SMTP_URL_FILE": "none"}, "ALERT_SMTP_URL_FILE: none: No such file"),
        ({"ALERT_WEBHOOK_URL": "http://hush.example.org:port"}, "ALERT_WEBHOOK_URL is no URL"),
        ({"ALERT_WEBHOOK_URL": "hush.example.org/hook"}, "ALERT_WEBHOOK_URL is no URL"),
        ({"ALERT_WEBHOOK_URL_FILE": "none"}, "ALERT_WEBHOOK_URL_FILE: none: No such file"),
    ],
)
def test_an_address_that_cannot_be_right_is_named_once_it_is_needed_and_the_alert_waits(
    daemon: Daemon,
    variables: dict[str, str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Not at the start of each process: a secret may be in a store on the network."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if "ALERT_SMTP_URL" in "".join(variables):
        monkeypatch.setenv("ALERT_EMAIL_TO", "a@example.org")
    Settings()
    daemon.run(fails=True)
    daemon.tick()
    written = "".join(capfd.readouterr())
    assert said in written
    assert "hush" not in written
    assert daemon.cursor is not None
    assert len(json.loads(daemon.cursor)["waiting"]) == 1


def test_an_address_without_a_mail_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERT_EMAIL_TO", "a@example.org")
    with pytest.raises(ValueError, match="ALERT_SMTP_URL"):
        Settings()
