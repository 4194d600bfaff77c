"""The lake assets through Spark: one variable decides."""

from pathlib import Path

import dagster as dg
import pytest
from pytest_httpserver import HTTPServer

from crypto_pipeline.definitions import defs
from crypto_pipeline.lakehouse.schema import CANDLE_TABLES, LAKE_TABLES, MART_TABLES
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.market_records import coin, drop, landing_json
from crypto_pipeline_tests.pipeline import load_landing_zone

pytestmark = pytest.mark.long


def materialized(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, object]]:
    """Metadata by lake table."""
    found = [
        event.step_materialization_data.materialization
        for event in result.get_asset_materialization_events()
    ]
    return {
        event.asset_key.path[-1]: {name: value.value for name, value in event.metadata.items()}
        for event in found
    }


def load_lake(*, raise_on_error: bool = True) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def("load_lake").execute_in_process(raise_on_error=raise_on_error)


def test_spark_connect_loads_the_lake_and_is_compared_with_postgresql(
    warehouse: Warehouse,
    zone: LandingZone,
    spark_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SPARK_REMOTE", spark_url)
    monkeypatch.setenv("SPARK_SCHEMA", "from_dagster")
    monkeypatch.setenv("LAKE_URI", str(tmp_path / "lake"))
    drop(zone, "hour.json", landing_json([coin(n) for n in range(4)]))
    load_landing_zone()

    result = load_lake()

    made = materialized(result)
    assert made.keys() == {t.name for t in (*LAKE_TABLES, *CANDLE_TABLES, *MART_TABLES)}
    assert made["fact_crypto_price_hourly"]["dagster/row_count"] == 4
    facts = materialized(result)["fact_crypto_price_metrics"]
    assert (facts["dagster/row_count"], facts["batches_loaded"]) == (4, 1)
    assert [check.passed for check in result.get_asset_check_evaluations()] == [True] * 3

    with warehouse.connection() as connection:
        connection.execute(
            "UPDATE analytics.fact_crypto_price_metrics SET ath = ath + 1e-26"
            " WHERE crypto_id = 'coin-0002'"
        )
        connection.execute(
            "UPDATE analytics.fact_crypto_price_daily SET low_price = low_price - 1e-26"
            " WHERE crypto_id = 'coin-0002'"
        )
    for check in load_lake().get_asset_check_evaluations():
        if check.check_name == "lake_marts_equal_postgres":
            # Of other candles nothing is compared.
            assert check.metadata["rows"].value == 0
            continue
        assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
        assert check.metadata["wrong_rows"].value == 1
        assert "coin-0002 usd" in str(check.metadata["samples"].value)


def test_files_in_another_order_are_a_warning(
    warehouse: Warehouse,
    zone: LandingZone,
    spark_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SPARK_REMOTE", spark_url)
    monkeypatch.setenv("SPARK_SCHEMA", "another_order")
    monkeypatch.setenv("LAKE_URI", str(tmp_path / "lake"))
    for name in ("second", "first"):
        drop(zone, f"{name}.json", landing_json([coin(0)]))
        load_landing_zone()
    checks = load_lake().get_asset_check_evaluations()
    found = {check.check_name: check for check in checks}
    facts = found["delta_equals_postgres"]
    assert (facts.passed, facts.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert (facts.metadata["wrong_rows"].value, facts.metadata["of_another_order"].value) == (0, 1)
    # Both files say the same.
    assert found["lake_candles_equal_postgres"].passed


@pytest.mark.parametrize(
    ("ended", "outcome"),
    [("TERMINATED", "SUCCESS"), ("TERMINATED", "FAILED"), ("INTERNAL_ERROR", "FAILED")],
)
def test_a_databricks_job_loads_the_lake(
    ended: str,
    outcome: str,
    warehouse: Warehouse,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SPARK_REMOTE", "databricks-job:42")
    monkeypatch.setenv("DATABRICKS_HOST", httpserver.url_for("").rstrip("/"))
    monkeypatch.setenv("DATABRICKS_TOKEN", "not-a-real-token")
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/dev/null")
    started = httpserver.expect_request("/api/2.2/jobs/run-now", "POST", json={"job_id": 42})
    started.respond_with_json({"run_id": 7})
    asked = httpserver.expect_request("/api/2.2/jobs/runs/get", query_string={"run_id": "7"})
    state = {"life_cycle_state": ended, "result_state": outcome, "state_message": "no more"}
    asked.respond_with_json({"run_id": 7, "run_page_url": "https://example.com/7", "state": state})

    result = load_lake(raise_on_error=False)

    assert result.success == (outcome == "SUCCESS")
    if result.success:
        assert materialized(result)["dim_date"] == {
            "run_id": 7,
            "run_page": "https://example.com/7",
        }
    else:
        failures = [str(event.event_specific_data) for event in result.get_step_failure_events()]
        assert any("job 42 failed in Databricks" in failure for failure in failures)
