"""What happens by itself: the hourly tick, and the word about a failed run."""

from datetime import datetime, timezone

import dagster as dg
import pytest
from pytest_httpserver import HTTPServer

from crypto_pipeline.automation import (
    audited_checks,
    failed_runs,
    hourly_assets,
    hourly_schedule,
)
from crypto_pipeline.definitions import defs


def test_the_tick_asks_for_the_hour_that_has_begun() -> None:
    tick = dg.build_schedule_context(
        scheduled_execution_time=datetime(2026, 11, 24, 5, 0, tzinfo=timezone.utc),
        repository_def=defs.get_repository_def(),
    )
    requests = hourly_schedule.evaluate_tick(tick).run_requests
    assert requests is not None
    assert [request.partition_key for request in requests] == ["2026-11-24-05:00"]


@dg.op
def breaks() -> None:
    raise RuntimeError("the reason")


@dg.job
def broken_job() -> None:
    breaks()


def _tell(instance: dg.DagsterInstance) -> None:
    result = broken_job.execute_in_process(instance=instance, raise_on_error=False)
    failed_runs(
        dg.build_run_status_sensor_context(
            sensor_name="failed_runs",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=result.get_run_failure_event(),
        ).for_run_failure()
    )


def test_a_failed_run_is_told_to_the_webhook(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    httpserver.expect_request("/hook", method="POST").respond_with_data("ok")
    monkeypatch.setenv("ALERT_WEBHOOK_URL", httpserver.url_for("/hook?token=secret"))
    with dg.DagsterInstance.ephemeral() as instance:
        _tell(instance)
    request, _ = httpserver.log[0]
    body = request.get_json()
    assert body["event"] == "run_failed"
    assert body["job"] == "broken_job"
    assert "broken_job" in body["text"]


def test_a_webhook_that_is_down_does_no_harm_and_stays_secret(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ALERT_WEBHOOK_URL", "http://127.0.0.1:1/hook?token=secret")
    with dg.DagsterInstance.ephemeral() as instance:
        _tell(instance)
    assert "token=secret" not in "".join(capfd.readouterr())


def test_without_a_webhook_the_log_has_it(capfd: pytest.CaptureFixture[str]) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        _tell(instance)
    assert '"event": "run_failed"' in "".join(capfd.readouterr())


def test_the_hour_and_the_audit_care_for_the_lake_if_there_is_one() -> None:
    graph = defs.resolve_asset_graph()
    facts = dg.AssetKey(["lake", "fact_crypto_price_metrics"])
    parity = dg.AssetCheckKey(facts, "delta_equals_postgres")
    for lake in (True, False):
        assert (facts in hourly_assets(lake).resolve(graph)) is lake
        assert (parity in hourly_assets(lake).resolve_checks(graph)) is lake
        assert (parity in audited_checks(lake).resolve_checks(graph)) is lake
    without = audited_checks(False).resolve_checks(graph)
    assert audited_checks(True).resolve_checks(graph) - without == {parity}
