"""The hourly job of 250 coins against Dagster's own time for as many trivial assets and checks.

Both run warm, in this process, with runs and events kept in PostgreSQL as in production.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
from rich.console import Console
from rich.table import Table

from crypto_pipeline.automation import HOURLY_JOB
from crypto_pipeline.cli.home import open_dagster_home
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.definitions import defs
from crypto_pipeline.model.partitions import partition_key
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.server import SandboxServer

_RUNS = 5
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Configuration of a run whose events are not written out."""


def trivial_definitions() -> dg.Definitions:
    """A graph of the same shape, steps, assets and checks, that does nothing."""
    group_of = {spec.key: spec.group_name for spec in defs.resolve_all_asset_specs()}
    groups: dict[str | None, list[str]] = {}
    for key, group in group_of.items():
        groups.setdefault(group, []).append(key.path[-1])
    assets: list[dg.AssetsDefinition] = []
    checks: list[dg.AssetChecksDefinition] = []
    upstream: list[str] = []
    for group in ("bronze", "silver", "gold"):
        assets.append(_assets(group, groups[group], upstream))
        checks.append(
            _checks(
                group,
                [
                    dg.AssetCheckSpec(check.name, asset=check.asset_key.path[-1])
                    for check in defs.resolve_asset_graph().asset_check_keys
                    # Not by the asset's name: the lake's tables have those of gold.
                    if group_of[check.asset_key] == group
                ],
            )
        )
        upstream = groups[group]
    return dg.Definitions(
        assets=assets,
        asset_checks=checks,
        jobs=[dg.define_asset_job("trivial", executor_def=dg.in_process_executor)],
    )


def _assets(name: str, tables: list[str], upstream: list[str]) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"trivial_{name}", specs=[dg.AssetSpec(table, deps=upstream) for table in tables]
    )
    def assets() -> Iterator[dg.MaterializeResult[None]]:
        for table in tables:
            yield dg.MaterializeResult(asset_key=table)

    return assets


def _checks(name: str, specs: list[dg.AssetCheckSpec]) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(name=f"trivial_{name}_checks", specs=specs)
    def checks() -> Iterator[dg.AssetCheckResult]:
        for spec in specs:
            yield dg.AssetCheckResult(asset_key=spec.asset_key, check_name=spec.name, passed=True)

    return checks


def _seconds(run: Callable[[int], dg.ExecuteInProcessResult]) -> list[float]:
    times = []
    for number in range(_RUNS + 1):
        started = time.perf_counter()
        assert run(number).success
        times.append(time.perf_counter() - started)
    return times[1:]  # the first one warms up


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp") as folder:
        os.chdir(folder)
        os.environ["DATA_DIR"] = str(Path(folder) / "data")
        hours = datetime.now(timezone.utc).replace(minute=0, second=5) - timedelta(hours=_RUNS + 1)
        clock = SimulatedClock(hours)
        with SandboxServer(clock=clock) as server:
            os.environ["COINGECKO_PLAN"] = "sandbox"
            os.environ["COINGECKO_BASE_URL"] = server.base_url
            with open_dagster_home(Settings()) as instance:
                hourly = defs.resolve_job_def(HOURLY_JOB)
                trivial = trivial_definitions().resolve_job_def("trivial")

                def run_hourly(number: int) -> dg.ExecuteInProcessResult:
                    clock.set(hours + timedelta(hours=number))
                    return hourly.execute_in_process(
                        instance=instance,
                        partition_key=partition_key(clock.now()),
                        run_config=QUIET,
                    )

                ours = _seconds(run_hourly)
                theirs = _seconds(
                    lambda _: trivial.execute_in_process(instance=instance, run_config=QUIET)
                )
    _print(ours, theirs)


def _print(ours: list[float], theirs: list[float]) -> None:
    table = Table(title=f"Hourly job, 250 coins, warm, {_RUNS} runs", title_justify="left")
    for column in ("", "median s", "least s", "most s"):
        table.add_column(column, justify="right" if column else "left")
    for name, times in (("hourly_market_data", ours), ("trivial assets and checks", theirs)):
        table.add_row(
            name, *(f"{value:.2f}" for value in (statistics.median(times), min(times), max(times)))
        )
    beyond = statistics.median(ours) - statistics.median(theirs)
    table.add_row("beyond Dagster's own time", f"{beyond:.2f}", "", "", style="bold")
    Console().print(table)
