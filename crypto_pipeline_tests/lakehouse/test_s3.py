"""The lake in S3: what is tried of it in a folder holds there too, over a real S3 server."""

import contextlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import DeltaTable

from crypto_pipeline.automation import LOAD_LAKE_JOB, hourly_assets
from crypto_pipeline.cli import main
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.definitions import defs
from crypto_pipeline.lakehouse import load as lake_module
from crypto_pipeline.lakehouse.delta import CommitFailedError, Lake, Loaded, Step, add_facts
from crypto_pipeline.lakehouse.load import load_lake
from crypto_pipeline.lakehouse.schema import (
    DIM_CRYPTOCURRENCY,
    FACT,
    UNREPRESENTABLE_VALUES,
    LakeError,
)
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.partitions import partition_key
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline.warehouse.maintenance import drop_old_months
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.jobs import START, Jobs, drop_files
from crypto_pipeline_tests.lakes import HOUR, assert_equal, land
from crypto_pipeline_tests.pipeline import batches, load_landing_zone
from crypto_pipeline_tests.s3_process import S3Process
from crypto_pipeline_tests.s3_server import ACCESS_KEY, point_at

pytestmark = pytest.mark.long

COINS = 40
GOOD = COINS - 2


@pytest.fixture(scope="module")
def running() -> Iterator[S3Process]:
    server = S3Process()
    yield server
    server.stop()


@pytest.fixture
def s3(environment: None, running: S3Process, monkeypatch: pytest.MonkeyPatch) -> S3Process:
    """The server, which the environment names, and its keys."""
    point_at(running, monkeypatch)
    running.tell(clear=True)
    return running


@pytest.fixture
def lake(s3: S3Process, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake that is not there yet, in a bucket of its own; the settings name it."""
    bucket = f"bucket-{uuid4()}"
    s3.client.create_bucket(Bucket=bucket)
    s3.tell(clear=True)
    monkeypatch.setenv("LAKE_URI", f"s3://{bucket}/lake")
    return Lake.from_settings(Settings())


@pytest.fixture
def source(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    """A sandbox whose clock stands still, as the source that the settings name."""
    with SandboxServer(Market(COINS), clock=SimulatedClock(HOUR, speed=0)) as running:
        monkeypatch.setenv("COINGECKO_PLAN", "sandbox")
        monkeypatch.setenv("COINGECKO_BASE_URL", running.base_url)
        yield running


def committed_batches(lake: Lake) -> list[str]:
    """What the commits of facts say they brought."""
    delta = lake.open(FACT)
    assert delta is not None
    return [commit["batch_ids"] for commit in delta.history() if "batch_ids" in commit]


def test_the_hourly_job_and_maintenance_keep_a_lake_in_s3(
    warehouse: Warehouse, source: SandboxServer, lake: Lake, s3: S3Process
) -> None:
    # What the hourly job is where LAKE_URI is set: the graph is made before a test sets it.
    with_lake = dg.define_asset_job("with_lake", selection=hourly_assets(lake=True))
    hourly = dg.Definitions.merge(defs, dg.Definitions(jobs=[with_lake])).resolve_job_def(
        "with_lake"
    )
    for hours in range(2):
        at = HOUR + timedelta(hours=hours, seconds=10)
        source.clock.set(at)
        done = hourly.execute_in_process(partition_key=partition_key(at))
        (check,) = (
            check
            for check in done.get_asset_check_evaluations()
            if check.check_name == "delta_equals_postgres"
        )
        assert (check.passed, check.metadata["facts"].value) == (True, GOOD)
    state = lake.state(FACT)
    assert state is not None
    # Each hour was an append: a file more.
    assert (state.files, state.rows) == (2, 2 * GOOD)
    requests = s3.tell(requests=True)
    commits = [request for request in requests if request[0] == "PUT" and "_log/0" in request[1]]
    assert {condition for _, path, condition, _ in commits if path.endswith(".json")} == {"*"}
    assert {key for *_, key in requests} == {ACCESS_KEY}

    assert defs.resolve_job_def("maintain_lake").execute_in_process().success

    state = lake.state(FACT)
    assert state is not None
    assert (state.files, state.rows) == (1, 2 * GOOD)
    assert_equal(warehouse, lake)
    for arguments, told in (
        (["parity", "--full"], f"{2 * GOOD} facts of 1 months compared, 0 differences"),
        (["sql", "SELECT count(*) FROM analytics.fact_crypto_price_metrics"], str(2 * GOOD)),
    ):
        answer = CliRunner().invoke(main, arguments)
        assert answer.exit_code == 0, answer.output
        assert told in answer.output.replace("\n", " ")


def test_what_is_there_is_merged(warehouse: Warehouse, zone: LandingZone, lake: Lake) -> None:
    old = HOUR - timedelta(days=90)
    land(zone, old, {}, {"id": "x", "symbol": "x"})
    for hour in (0, 2, 3):
        land(zone, HOUR + timedelta(hours=hour))
    load_landing_zone()
    load_lake(warehouse, lake)
    # A late file splits a version: the facts after it point at another one.
    land(zone, HOUR + timedelta(hours=1), {"name": "New"})
    load_landing_zone()
    loaded = load_lake(warehouse, lake)[FACT.name]
    assert (loaded.rows_inserted, loaded.rows_updated) == (1, 2)
    assert_equal(warehouse, lake)
    # A fact that PostgreSQL has dropped comes again: the lake has its key.
    assert drop_old_months(warehouse, 1)
    land(
        zone,
        HOUR + timedelta(hours=4),
        {},
        {"id": "x", "symbol": "x", "last_updated": old.isoformat()},
    )
    load_landing_zone()
    loaded = load_lake(warehouse, lake)[FACT.name]
    assert (loaded.rows_inserted, loaded.rows_updated) == (1, 1)
    assert_equal(warehouse, lake)


def test_of_two_that_commit_at_once_one_is_refused_and_comes_again(
    warehouse: Warehouse, zone: LandingZone, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No lock keeps them apart, and both have looked at the same version before one commits."""
    land(zone, HOUR)
    load_landing_zone()
    load_lake(warehouse, lake)
    for hour in range(1, 9):
        land(zone, HOUR + timedelta(hours=hour))
    load_landing_zone()
    monkeypatch.setattr(lake_module, "exclusive", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(lake_module, "FACTS_A_COMMIT", 2)
    both_have_looked = threading.Barrier(2)
    looks = threading.local()
    refused = []

    def add(delta: DeltaTable, facts: pa.Table, step: Step) -> Loaded:
        if not getattr(looks, "done", False):
            looks.done = True
            both_have_looked.wait(60)
        try:
            return add_facts(delta, facts, step)
        except CommitFailedError as error:
            refused.append(error)
            raise

    monkeypatch.setattr(lake_module, "add_facts", add)
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: load_lake(warehouse, lake), range(2)))
    assert refused
    assert_equal(warehouse, lake)
    batches = [batch for done in both for batch in done[FACT.name].batch_ids]
    assert sorted(batches) == list(range(2, 10))
    assert len(committed_batches(lake)) == 1 + sum(done[FACT.name].commits for done in both)


def test_a_commit_whose_answer_is_lost_counts_once(
    warehouse: Warehouse, zone: LandingZone, lake: Lake, s3: S3Process
) -> None:
    """The store has it, the client hears of an error, and sends it again."""
    lost = {
        Lake(f"{lake.uri}-facts"): [f"/{FACT.name}/", f"/{UNREPRESENTABLE_VALUES.name}/"],
        Lake(f"{lake.uri}-versions"): [f"/{DIM_CRYPTOCURRENCY.name}/"],
    }
    for hour in range(2):
        unrepresentable = {
            "id": "x",
            "symbol": "x",
            "name": f"{hour}",
            "max_supply": Decimal("1e30"),
        }
        land(zone, HOUR + timedelta(hours=hour), {}, unrepresentable)
        load_landing_zone()
        for each, paths in lost.items():
            s3.tell(lose=paths)
            load_lake(warehouse, each)
            s3.tell(clear=True)
    for each in lost:
        assert_equal(warehouse, each)
        assert len(committed_batches(each)) == len(set(committed_batches(each))) == 2


# At a write to such a path a load is killed, and whether the store serves it all the same.
KILLS = [
    (f"/{DIM_CRYPTOCURRENCY.name}/_delta_log/{1:020}", False),
    (f"/{FACT.name}/_delta_log/{1:020}", True),
    (f"/{FACT.name}/_delta_log/{4:020}", False),
]
# The same of the next load, which has a MERGE first.
MORE_KILLS = [
    (f"/{DIM_CRYPTOCURRENCY.name}/_delta_log/{2:020}", True),
    (f"/{FACT.name}/_delta_log/{5:020}", True),
]


def test_a_killed_load_is_finished_by_the_next(
    jobs: Jobs, warehouse: Warehouse, zone: LandingZone, lake: Lake, s3: S3Process
) -> None:
    """Each goes on where the one before it was killed."""

    def load_after(kills: list[tuple[str, bool]]) -> Loaded:
        load_landing_zone()
        for at, served in kills:
            process = jobs.start(LOAD_LAKE_JOB)
            s3.tell(kill=process, at=at, served=served)
            assert jobs.was_killed(process), at
            s3.tell(clear=True)
        return load_lake(warehouse, lake)[FACT.name]

    drop_files(zone)
    # Three commits of ten facts or so were there.
    assert load_after(KILLS).rows_inserted == 55
    # A late file splits a version.
    land(zone, START + timedelta(minutes=40), {"id": "coin-0", "symbol": "mid", "name": "Middle"})
    # The MERGE was there.
    loaded = load_after(MORE_KILLS)
    assert (loaded.commits, loaded.rows_inserted, loaded.rows_updated) == (1, 1, 0)
    assert_equal(warehouse, lake)
    brought = [batch for told in committed_batches(lake) for batch in json.loads(told)]
    assert len(brought) == len(set(brought)) == len(batches(warehouse)) - 1


def test_a_load_opens_the_log_of_the_facts_once(
    warehouse: Warehouse, zone: LandingZone, lake: Lake, s3: S3Process
) -> None:
    """Also one of several steps: what it has committed itself it knows."""
    land(zone, HOUR)
    load_landing_zone()
    load_lake(warehouse, lake)
    for steps in (1, 3):
        for hour in range(steps):
            land(zone, HOUR + timedelta(hours=10 * steps + hour))
        load_landing_zone()
        s3.tell(clear=True)
        with pytest.MonkeyPatch.context() as small:
            small.setattr(lake_module, "FACTS_A_COMMIT", 1)
            assert load_lake(warehouse, lake)[FACT.name].commits == steps
        opened = f"/{FACT.name}/_delta_log/_last_checkpoint"
        asked = [path for _, path, *_ in s3.tell(requests=True) if path.endswith(opened)]
        assert len(asked) == 1
        assert_equal(warehouse, lake)


def test_a_store_that_is_busy_is_asked_again(lake: Lake, s3: S3Process) -> None:
    s3.tell(fail=3, status=503, code="SlowDown")
    assert lake.open(FACT) is None


def test_credentials_come_from_a_profile_too(
    lake: Lake, s3: S3Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "credentials"
    file.write_text("[lake]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = secret\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_PROFILE", "lake")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    s3.tell(clear=True)
    assert lake.open(FACT) is None
    assert {key for *_, key in s3.tell(requests=True)} == {"AKIAPROFILE"}


def test_what_the_store_refuses_is_told_in_one_line(
    lake: Lake, s3: S3Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LakeError, match=r"no-such-bucket/lake/.* does not exist \(NoSuchBucket\)$"):
        Lake("s3://no-such-bucket/lake").loaded_change()
    s3.tell(fail=10, status=403, code="AccessDenied")
    with pytest.raises(LakeError, match=r"/lake/.*: AccessDenied it is \(AccessDenied\)$"):
        lake.loaded_change()
    s3.tell(clear=True)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    answer = CliRunner(env={"COLUMNS": "200"}).invoke(main, ["sql", "SELECT 1"])
    assert answer.exit_code == 1
    assert "no credentials found" in answer.output
    assert answer.output.count("\n") == 1
    assert "\x1b" not in answer.output
