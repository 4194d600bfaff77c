"""Alerts: one message when something goes wrong, one when it is well again.

An incident is a job whose newest run failed, an asset check of severity ERROR that fails, or an
asset that is stale by its freshness policy. A message goes to the log always, to a webhook and by
e-mail where they are set. What could not be delivered is tried again at the next evaluation.
"""

import html
import json
import re
import smtplib
import ssl
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timezone
from email.message import EmailMessage

import dagster as dg
import httpx
import msgspec

from crypto_pipeline.config.alert_addresses import AddressError, mail_server, webhook
from crypto_pipeline.config.redaction import redact
from crypto_pipeline.config.secret_references import SecretError
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.dagster_internals import freshness_states, newest_evaluations

_TIMEOUT = 10.0
"""Seconds to wait for a channel."""

_RUNS_A_TICK = 100
_MOST_WAITING = 100
"""Messages that wait for a channel that is down; the oldest go first."""


class Incident(msgspec.Struct, frozen=True):
    """Something that is wrong.

    Attributes:
        key: What it is about; while an incident is open there is no other of its key.
        since: When it was seen first, UTC.
        text: What is wrong, in a line.
    """

    key: str
    since: datetime
    text: str


class _Message(msgspec.Struct, frozen=True):
    event: str
    incident: Incident
    at: datetime
    text: str
    channels: tuple[str, ...]


class _State(msgspec.Struct):
    """What one evaluation leaves to the next, as the sensor's cursor."""

    runs_seen_until: datetime
    ended: dict[str, float] = {}
    incidents: dict[str, Incident] = {}
    waiting: list[_Message] = []


def one_line(event: dg.DagsterEvent) -> str:
    """The cause of a failure, without its stack."""
    if not event.is_step_failure:
        return event.message or "the run failed"
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return data.user_failure_data.description
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    text = error.message if error is not None else event.message or "the step failed"
    # The class of an error of ours says nothing that its text does not.
    return re.sub(r"^crypto_pipeline\.[\w.]+: ", "", " ".join(text.split()))


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Report failed runs, failed checks and stale assets: once, and when it is over.",
)
def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Compare what is wrong now with what was known, and report the difference."""
    now = datetime.now(timezone.utc)
    settings = Settings()
    state = (
        _State(runs_seen_until=now)
        if context.cursor is None
        else msgspec.json.decode(context.cursor, type=_State)
    )
    channels = _channels(settings)
    for key, found in _changes(context, state):
        # What is stored in the cursor, too.
        text = None if found is None else redact(found)
        known = state.incidents.get(key)
        if text is not None and known is None:
            incident = state.incidents[key] = Incident(key, now, text)
            event, line = "incident_opened", text
        elif text is None and known is not None:
            incident = state.incidents.pop(key)
            event, line = "incident_closed", f"{key} is well again; {known.text}"
        else:
            continue
        message = _Message(event, incident, now, line, tuple(channels))
        context.log.error(json.dumps(_body(message)))
        state.waiting.append(message)
    down: set[str] = set()
    state.waiting = [
        msgspec.structs.replace(message, channels=left)
        for message in state.waiting[-_MOST_WAITING:]
        if (left := _deliver(context, channels, message, down))
    ]
    return dg.SensorResult(
        cursor=msgspec.json.encode(state).decode(),
        skip_reason=f"{len(state.incidents)} incidents are open",
    )


# --------------------------------------------------------------------------------------------
# What is wrong
# --------------------------------------------------------------------------------------------


def _changes(
    context: dg.SensorEvaluationContext, state: _State
) -> Iterator[tuple[str, str | None]]:
    """Keys of incidents with what is wrong now, None where all is well; in order of time."""
    yield from _finished_runs(context.instance, state)
    assert context.repository_def is not None
    graph = context.repository_def.asset_graph
    yield from _checks(context.instance, graph.asset_check_keys)
    yield from _freshness(context.instance, graph.get_all_asset_keys())


def _finished_runs(instance: dg.DagsterInstance, state: _State) -> Iterator[tuple[str, str | None]]:
    records = instance.get_run_records(
        dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE],
            updated_after=state.runs_seen_until,
        ),
        limit=_RUNS_A_TICK,
        order_by="update_timestamp",
        ascending=True,
    )
    for record in records:
        run = record.dagster_run
        state.runs_seen_until = record.update_timestamp.replace(tzinfo=timezone.utc)
        # A run can be changed after its end, by a tag for instance: that is no news.
        end = record.end_time or 0.0
        if end <= state.ended.get(run.job_name, -1.0):
            continue
        state.ended[run.job_name] = end
        if run.status is dg.DagsterRunStatus.SUCCESS:
            yield f"job {run.job_name}", None
            continue
        failures = [
            entry.event_log_entry.dagster_event
            for kind in (dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.RUN_FAILURE)
            for entry in instance.get_records_for_run(run.run_id, of_type=kind, limit=1).records
        ]
        reason = next(
            (one_line(event) for event in failures if event is not None), "no reason given"
        )
        partition = run.tags.get("dagster/partition")
        yield (
            f"job {run.job_name}",
            f"{run.job_name}{f' of {partition}' if partition else ''} failed: {reason}"
            f" (run {run.run_id})",
        )


def _checks(
    instance: dg.DagsterInstance, keys: Iterable[dg.AssetCheckKey]
) -> Iterator[tuple[str, str | None]]:
    for run_id, key, evaluation in newest_evaluations(instance, keys):
        name = f"check {key.name} of {key.asset_key.to_user_string()}"
        if evaluation.passed or evaluation.severity is not dg.AssetCheckSeverity.ERROR:
            yield name, None
            continue
        wrong = evaluation.metadata.get("wrong_rows")
        rows = "" if wrong is None else f", wrong rows: {wrong.value}"
        yield name, f"{name} failed{rows} (run {run_id})"


def _freshness(
    instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey]
) -> Iterator[tuple[str, str | None]]:
    for key, state, since in freshness_states(instance, keys):
        name = f"asset {key.to_user_string()}"
        if state == "FAIL":
            yield name, f"{name} is stale since {since:%Y-%m-%d %H:%M} UTC"
        elif state in ("PASS", "WARN"):
            yield name, None


# --------------------------------------------------------------------------------------------
# Who gets the messages
# --------------------------------------------------------------------------------------------


def _channels(settings: Settings) -> dict[str, Callable[[_Message], None]]:
    channels: dict[str, Callable[[_Message], None]] = {}
    if settings.alert_webhook_url is not None:
        channels["webhook"] = lambda message: _post(settings, message)
    if settings.alert_email_to:
        channels["e-mail"] = lambda message: _mail(settings, message)
    return channels


def _deliver(
    context: dg.SensorEvaluationContext,
    channels: dict[str, Callable[[_Message], None]],
    message: _Message,
    down: set[str],
) -> tuple[str, ...]:
    """Send a message to the channels that lack it, but for those that are down; adds to these.

    Returns:
        The channels that lack it still.
    """
    left = []
    for channel in message.channels:
        if channel not in channels:
            continue
        if channel in down:
            # What came first is sent first.
            left.append(channel)
            continue
        try:
            channels[channel](message)
            continue
        except (AddressError, SecretError) as error:
            problem = str(error)
        except (httpx.HTTPError, smtplib.SMTPException, OSError) as error:
            # The addresses are secrets, and the libraries' messages quote them.
            problem = type(error).__name__
        context.log.error("%s did not take the alert: %s", channel, problem)
        down.add(channel)
        left.append(channel)
    return tuple(left)


def _body(message: _Message) -> dict[str, str]:
    return {
        "event": message.event,
        "incident": message.incident.key,
        "since": message.incident.since.isoformat(),
        "at": message.at.isoformat(),
        # What chat services show; Slack wants these three characters as entities.
        "text": html.escape(_headline(message), quote=False),
    }


def _headline(message: _Message) -> str:
    mark = "ALERT" if message.event == "incident_opened" else "RECOVERED"
    # Again: this process may have come to know more secrets.
    return redact(f"{mark} {message.text}")


def _post(settings: Settings, message: _Message) -> None:
    url = webhook(settings)
    assert url is not None
    httpx.post(url, json=_body(message), timeout=_TIMEOUT).raise_for_status()


def _mail(settings: Settings, message: _Message) -> None:
    to = mail_server(settings)
    assert to is not None
    mail = EmailMessage()
    mail["Subject"] = f"[crypto-pipeline] {_headline(message)}"[:150]
    mail["From"] = settings.alert_email_from
    mail["To"] = ", ".join(settings.alert_email_to)
    mail["Date"] = message.at
    mail.set_content(
        f"{_headline(message)}\n\nSince: {message.incident.since:%Y-%m-%d %H:%M:%S} UTC\n"
    )
    context = ssl.create_default_context()
    server: smtplib.SMTP
    if to.tls:
        server = smtplib.SMTP_SSL(to.host, to.port, timeout=_TIMEOUT, context=context)
    else:
        server = smtplib.SMTP(to.host, to.port, timeout=_TIMEOUT)
    with server:
        if not to.tls:
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            elif to.login:
                raise smtplib.SMTPNotSupportedError("no TLS: the password is not sent")
        if to.login:
            server.login(*to.login)
        server.send_message(mail)
