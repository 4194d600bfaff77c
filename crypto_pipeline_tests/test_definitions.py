"""The asset graph as a whole: a change of lineage shows in review, as a change of the snapshot."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from syrupy.assertion import SnapshotAssertion

from crypto_pipeline.definitions import defs


def test_the_asset_graph(snapshot: SnapshotAssertion) -> None:
    graph = defs.resolve_asset_graph()
    assert {
        key.to_user_string(): {
            "group": graph.get(key).group_name,
            "needs": sorted(parent.to_user_string() for parent in graph.get(key).parent_keys),
            "partitions": type(graph.get(key).partitions_def).__name__,
            "checks": sorted(
                check.name + (" (blocking)" if graph.get_check_spec(check).blocking else "")
                for check in graph.get_check_keys_for_assets({key})
            ),
        }
        for key in sorted(graph.get_all_asset_keys())
    } == snapshot


def test_every_asset_has_what_its_readers_need() -> None:
    for spec in defs.resolve_all_asset_specs():
        assert spec.description, spec.key
        assert spec.owners, spec.key
        assert spec.kinds, spec.key
        assert spec.group_name is not None
        assert spec.tags["layer"] == spec.group_name.partition("_")[0]
        assert spec.code_version, spec.key
        # History comes when it is asked for.
        assert (spec.freshness_policy is None) is spec.group_name.endswith("_history"), spec.key


def test_the_jobs_and_what_starts_them() -> None:
    repository = defs.get_repository_def()
    assert {
        "hourly_market_data",
        "ingest_market_data",
        "load_landing_zone",
        "backfill_price_history",
        "repair_price_history",
        "audit",
        "maintenance",
    } <= set(repository.job_names)
    schedules = {schedule.name: schedule for schedule in repository.schedule_defs}
    assert schedules["hourly_schedule"].cron_schedule == "10 * * * *"
    assert schedules["hourly_schedule"].default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedules["nightly_maintenance"].cron_schedule == "15 2 * * *"
    assert schedules["nightly_maintenance"].default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedules["nightly_repair"].cron_schedule == "50 0 * * *"
    assert [sensor.name for sensor in repository.sensor_defs] == ["alerts"]


_ASK = """
from crypto_pipeline.definitions import defs
repository = defs.get_repository_def()
print(*sorted(key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()))
print(*sorted(repository.job_names), *sorted(one.name for one in repository.schedule_defs))
"""
_PARTS = {
    "lake": ("lake/", "load_lake", "maintain_lake", "nightly_lake_maintenance"),
    "further source": (
        *("coinpaprika", "quote_batches", "price_quotes", "fact_crypto_price_consensus"),
        *("hourly_quotes", "daily_quotes", "hourly_consensus", "nightly_quotes_schedule"),
    ),
}


@pytest.mark.parametrize(
    ("variables", "has_folder", "used"),
    [
        ({}, False, set()),
        ({"COINPAPRIKA_PLAN": "free"}, True, {"lake", "further source"}),
        pytest.param(
            {"COINPAPRIKA_PLAN": "free"}, False, {"further source"}, marks=pytest.mark.long
        ),
        pytest.param({"LAKE_URI": "/no/such/lake"}, False, {"lake"}, marks=pytest.mark.long),
        pytest.param({"SPARK_REMOTE": "databricks"}, False, {"lake"}, marks=pytest.mark.long),
    ],
    ids=["nothing", "both", "a source", "LAKE_URI", "SPARK_REMOTE"],
)
def test_a_part_is_in_the_graph_when_it_is_in_use(
    variables: dict[str, str],
    has_folder: bool,
    used: set[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if has_folder:
        (tmp_path / "data" / "lake" / "crypto_warehouse").mkdir(parents=True)
    done = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, check=True)
    # A beta or deprecation warning would be there.
    assert done.stderr == ""
    for part, names in _PARTS.items():
        for name in names:
            assert (name in done.stdout) is (part in used), name
