"""The landing zone in an object store, against an S3 server on loopback."""

import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner
from pytest_httpserver import HTTPServer
from s3fs import S3FileSystem

from crypto_pipeline.cli import main
from crypto_pipeline.coingecko.capture import encode_capture
from crypto_pipeline.landing.object_store import ObjectStore, ObjectStoreError
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.assets.test_hourly import failures
from crypto_pipeline_tests.landing.test_zone import FIVE, HOUR, capture_at
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import another_warehouse, contents, load_landing_zone, run_hour
from crypto_pipeline_tests.s3_server import ACCESS_KEY, SECRET_KEY, Bucket, Request, s3_error

pytestmark = pytest.mark.long

HOUR_FOLDER = "landing/market_snapshots/date=2026-11-24/hour=05"


@pytest.fixture
def store(bucket: Bucket) -> ObjectStore:
    """The bucket's landing zone as an object store."""
    return ObjectStore(bucket.uri)


@pytest.fixture
def new_credentials(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials in the environment yet, and no connection that was opened with others."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(S3FileSystem, "_cache", {})


# --- Writing -----------------------------------------------------------------------------------


def test_a_write_is_one_conditional_request(bucket: Bucket) -> None:
    zone = LandingZone(bucket.uri)
    bucket.server.requests.clear()
    file = zone.write(capture_at(FIVE))
    (request,) = bucket.server.requests
    assert (request.method, request.path) == ("PUT", f"/{bucket.name}/landing/{file.path}")
    assert request.headers["if-none-match"] == "*"


def test_of_writers_at_the_same_time_one_wins_and_the_others_are_told(bucket: Bucket) -> None:
    writers = 6
    start = threading.Barrier(writers)

    def write(number: int) -> bool:
        store = ObjectStore(bucket.uri)
        start.wait()
        try:
            store.put_new("a.json", b"%d" % number)
        except FileExistsError:
            return False
        return True

    with ThreadPoolExecutor(writers) as pool:
        won = list(pool.map(write, range(writers)))
    assert won.count(True) == 1
    assert ObjectStore(bucket.uri).read("a.json") == b"%d" % won.index(True)


def test_a_write_whose_answer_was_lost_has_succeeded(bucket: Bucket) -> None:
    zone = LandingZone(bucket.uri)
    bucket.server.lose_answers = 1
    file = zone.write(capture_at(FIVE))
    assert bucket.server.lose_answers == 0
    assert [found.capture() for found in zone.files()] == [file.capture()]


@pytest.mark.parametrize("code", ["PreconditionFailed", "412"])
def test_a_server_that_does_not_name_the_condition_is_understood(
    store: ObjectStore, bucket: Bucket, code: str
) -> None:
    store.put_new("a.json", b"first")
    bucket.server.fault = lambda r: s3_error(412, code) if r.method == "PUT" else None
    with pytest.raises(FileExistsError, match="immutable"):
        store.put_new("a.json", b"second")
    store.put_new("a.json", b"first")


def test_a_write_that_meets_another_is_tried_again(store: ObjectStore, bucket: Bucket) -> None:
    conflicts = [s3_error(409, "ConditionalRequestConflict") for _ in range(2)]
    bucket.server.fault = lambda r: conflicts.pop() if conflicts and r.method == "PUT" else None
    store.put_new("a.json", b"whole")
    assert store.read("a.json") == b"whole"
    bucket.server.fault = lambda r: s3_error(409, "ConditionalRequestConflict")
    with pytest.raises(ObjectStoreError, match="another write is under way"):
        store.put_new("b.json", b"whole")


def test_a_large_file_goes_in_parts_and_appears_at_the_end(
    store: ObjectStore, bucket: Bucket
) -> None:
    content = b"%075d\n" % 0 * (101 * 2**20 // 76)
    seen: list[list[str]] = []

    def look(request: Request) -> None:
        if "uploadId" in request.query:
            listed = bucket.client.list_objects_v2
            seen.append([entry["Key"] for entry in listed(Bucket=bucket.name).get("Contents", [])])

    bucket.server.fault = look
    store.put_new("large.json", content)
    bucket.server.fault = lambda request: None
    uploads = [r for r in bucket.server.requests if "uploadId" in r.query]
    assert Counter(r.method for r in uploads) == {"PUT": 3, "POST": 1}
    assert uploads[-1].headers["if-none-match"] == "*"
    assert seen == [[]] * 4
    assert store.read("large.json") == content
    with pytest.raises(FileExistsError):
        store.put_new("large.json", content + b"x")
    assert [stored.size for stored in store.listing()] == [len(content)]


# --- Listing -----------------------------------------------------------------------------------


def test_ten_thousand_files_are_listed_in_pages_and_not_asked_one_by_one(bucket: Bucket) -> None:
    first = datetime(2024, 1, 1, tzinfo=timezone.utc)
    body = encode_capture(capture_at(FIVE))
    bucket.fill(
        (
            f"landing/market_snapshots/date={hour:%Y-%m-%d}/hour={hour:%H}/a.json"
            for hour in (first + number * HOUR for number in range(10_000))
        ),
        body,
    )
    zone = LandingZone(bucket.uri)
    bucket.asked()
    files = list(zone.files())
    assert [file.hour for file in files] == [first + n * HOUR for n in range(10_000)]
    assert {file.size for file in files} == {len(body)}
    assert bucket.asked() == ["GET"] * 10
    # What the hourly run does: an hour, and what was dropped beside the hours.
    assert [file.hour for file in zone.files(first, first + HOUR)] == [first]
    assert zone.file_unfiled(among_hours=False) == []
    assert bucket.asked() == ["GET"] * 2
    assert len(list(zone.files(first, first + timedelta(days=2)))) == 48
    assert bucket.asked() == ["GET"]


def test_a_file_is_read_in_one_request(bucket: Bucket) -> None:
    zone = LandingZone(bucket.uri)
    written = zone.write(capture_at(FIVE))
    (file,) = zone.files()
    bucket.asked()
    assert file.capture() == capture_at(FIVE)
    assert file.size == len(file.content)
    assert bucket.asked() == ["GET"]
    assert file.sha256 == written.sha256


def test_what_another_process_lands_is_seen_at_once(bucket: Bucket) -> None:
    zone = LandingZone(bucket.uri)
    assert list(zone.files()) == []
    bucket.client.put_object(Bucket=bucket.name, Key=f"{HOUR_FOLDER}/a.json", Body=b"{}")
    assert [file.uri.name for file in zone.files()] == ["a.json"]
    assert zone.file_unfiled(among_hours=False) == []
    bucket.client.put_object(Bucket=bucket.name, Key="landing/b.json", Body=b"{}")
    assert [file.uri.name for file in zone.file_unfiled(among_hours=False)] == ["b.json"]


def test_the_root_may_be_the_bucket_itself_and_hold_folder_markers(bucket: Bucket) -> None:
    for key in ("market_snapshots/", "market_snapshots/date=2026-11-24/", "folder/", "a.json"):
        body = b"" if key.endswith("/") else landing_json([market_record()], FIVE)
        bucket.client.put_object(Bucket=bucket.name, Key=key, Body=body)
    zone = LandingZone(f"s3://{bucket.name}")
    (filed,) = zone.file_unfiled(among_hours=False)
    assert [file.path for file in zone.files()] == [filed.path]
    assert filed.path == "market_snapshots/date=2026-11-24/hour=05/a.json"


# --- Moving unfiled files ------------------------------------------------------------------------


def not_filed(zone: LandingZone) -> dict[str, str]:
    """The unfiled files that cannot be filed, and why."""
    problems: dict[str, str] = {}
    assert zone.file_unfiled(on_failure=lambda uri, e: problems.update({uri.name: str(e)})) == []
    return problems


def test_an_unfiled_file_replaced_while_it_is_filed_is_not_lost(bucket: Bucket) -> None:
    zone = LandingZone(bucket.uri)
    first, second = (landing_json([market_record(id=name)], FIVE) for name in ("one", "two"))
    drop(zone, "a.json", first)

    def replace_it(request: Request) -> None:
        if request.method == "DELETE":
            bucket.fill(["landing/a.json"], second)

    bucket.server.fault = replace_it
    (file,) = zone.file_unfiled()
    bucket.server.fault = lambda request: None
    assert file.content == first
    assert "rename one of them" in not_filed(zone)["a.json"]
    assert zone.root.joinpath("a.json").read_bytes() == second


def test_a_filing_that_dies_before_it_removes_is_finished_by_the_next(bucket: Bucket) -> None:
    zone = LandingZone(bucket.uri)
    drop(zone, "a.json", landing_json([market_record()], FIVE))
    bucket.server.fault = lambda r: s3_error(403, "AccessDenied") if r.method == "DELETE" else None
    assert "access denied" in not_filed(zone)["a.json"]
    bucket.server.fault = lambda r: s3_error(500, "Odd") if r.method == "DELETE" else None
    with pytest.raises(ObjectStoreError, match="Odd"):
        zone.file_unfiled()
    bucket.server.fault = lambda request: None
    (file,) = zone.file_unfiled()
    assert [found.path for found in zone.files()] == [file.path]
    assert zone.file_unfiled() == []


def test_a_store_without_a_conditional_delete_is_served_too(bucket: Bucket) -> None:
    zone = LandingZone(bucket.uri)
    drop(zone, "a.json", landing_json([market_record()], FIVE))
    bucket.server.fault = lambda r: (
        s3_error(501, "NotImplemented")
        if r.method == "DELETE" and "if-match" in r.headers
        else None
    )
    assert len(zone.file_unfiled()) == 1
    assert zone.file_unfiled() == []


# --- Credentials -------------------------------------------------------------------------------


def signed_with(bucket: Bucket) -> set[str]:
    """The access key ids that the zone's requests are signed with."""
    bucket.server.requests.clear()
    assert list(LandingZone(bucket.uri).files()) == []
    return {request.access_key for request in bucket.server.requests}


def test_credentials_come_from_the_environment(bucket: Bucket) -> None:
    assert signed_with(bucket) == {ACCESS_KEY}


def test_credentials_come_from_a_profile(
    bucket: Bucket, new_credentials: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "credentials"
    shared.write_text("[lake]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = x\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(shared))
    monkeypatch.setenv("AWS_PROFILE", "lake")
    assert signed_with(bucket) == {"AKIAPROFILE"}


def test_credentials_come_from_a_container_s_role(
    bucket: Bucket,
    new_credentials: None,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    httpserver.expect_request("/role").respond_with_json(
        {
            "AccessKeyId": "AKIAROLE",
            "SecretAccessKey": "x",
            "Token": "t",
            "Expiration": "2099-01-01T00:00:00Z",
        }
    )
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", httpserver.url_for("/role"))
    assert signed_with(bucket) == {"AKIAROLE"}


# --- Errors ------------------------------------------------------------------------------------


def problem(uri: str) -> str:
    """What is told when the zone is asked for its files; one line, no secret in it."""
    with pytest.raises(ObjectStoreError) as caught:
        list(LandingZone(uri).files())
    with pytest.raises(ObjectStoreError) as again:
        LandingZone(uri).file_unfiled(among_hours=False)
    assert str(again.value) == str(caught.value)
    assert "\n" not in str(caught.value)
    assert SECRET_KEY not in repr(caught.value)
    # Nothing more is to be read from the errors behind it.
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return str(caught.value)


def test_no_bucket(bucket: Bucket) -> None:
    assert problem("s3://no-such-bucket/a") == "s3://no-such-bucket/a: there is no such bucket"


@pytest.mark.usefixtures("new_credentials")
def test_no_credentials(bucket: Bucket) -> None:
    assert "no AWS credentials found: set AWS_ACCESS_KEY_ID" in problem(bucket.uri)


def test_credentials_that_the_server_does_not_know(bucket: Bucket) -> None:
    bucket.server.let_in(0)
    text = problem(bucket.uri)
    assert text.startswith(f"{bucket.uri}: access denied: ")
    assert text.endswith("(InvalidAccessKeyId)")


def test_reading_may_be_allowed_and_writing_denied(bucket: Bucket) -> None:
    zone = LandingZone(bucket.uri)
    bucket.server.fault = lambda r: s3_error(403, "AccessDenied") if r.method == "PUT" else None
    with pytest.raises(ObjectStoreError, match="access denied: .*AccessDenied"):
        zone.write(capture_at(FIVE))
    assert list(zone.files()) == []


@pytest.mark.parametrize(("status", "retryable"), [(400, False), (500, True)])
def test_an_answer_that_says_nothing_of_the_file_is_no_problem_of_the_file(
    bucket: Bucket, status: int, retryable: bool
) -> None:
    zone = LandingZone(bucket.uri)
    file = zone.write(capture_at(FIVE))
    (found,) = zone.files()
    bucket.server.fault = lambda r: s3_error(status, "Odd")
    # An OSError would make the file a failed batch.
    with pytest.raises(ObjectStoreError, match=r"^s3://.*: Odd it is \(Odd\)$") as caught:
        found.capture()
    assert caught.value.retryable is retryable
    bucket.server.fault = lambda request: None
    assert found.capture() == file.capture()


@pytest.mark.usefixtures("bucket")
def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(S3FileSystem, "_cache", {})
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(ObjectStoreError) as caught:
        LandingZone("s3://bucket/a").file_unfiled(among_hours=False)
    assert str(caught.value) == (
        's3://bucket/a: Could not connect to the endpoint URL: "http://127.0.0.1:9/bucket"'
    )


def test_a_missing_library_is_named_by_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("s3fs", "gcsfs", "adlfs"):
        monkeypatch.setitem(sys.modules, library, None)
    for protocol in ("s3", "gs", "abfs"):
        monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, protocol, raising=False)
    assert problem("s3://bucket/a").endswith('pip install "crypto-pipeline[s3]"')
    assert problem("gs://bucket/a").endswith('pip install "crypto-pipeline[gcs]"')
    assert problem("abfs://container/a").endswith('pip install "crypto-pipeline[azure]"')


def test_a_file_that_is_gone_is_no_problem_of_the_store(bucket: Bucket) -> None:
    file = LandingZone(bucket.uri).file(HOUR_FOLDER.removeprefix("landing/") + "/gone.json")
    with pytest.raises(FileNotFoundError):
        file.capture()
    assert file.size == 0


# --- The pipeline on it ------------------------------------------------------------------------


@pytest.fixture
def sandbox(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    """A source whose clock stands still."""
    with SandboxServer(Market(20), clock=SimulatedClock(FIVE, speed=0)) as running:
        monkeypatch.setenv("COINGECKO_PLAN", "sandbox")
        monkeypatch.setenv("COINGECKO_BASE_URL", running.base_url)
        yield running


@pytest.mark.usefixtures("sandbox")
def test_the_hourly_job_and_the_bulk_load_give_the_same_from_s3(
    bucket: Bucket, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANDING_ZONE_URI", bucket.uri)
    run_hour(FIVE)
    (file,) = LandingZone(bucket.uri).files()
    assert file.hour == FIVE
    by_hour = contents(warehouse)
    assert by_hour["public.price_snapshots"]
    in_bulk = another_warehouse(monkeypatch)
    assert load_landing_zone().success
    assert contents(in_bulk) == by_hour


@pytest.mark.usefixtures("sandbox")
def test_a_zone_that_does_not_serve_us_fails_a_run_before_it_asks_the_source(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANDING_ZONE_URI", "s3://no-such-bucket/a")
    # Not retried even where no person waits: what is wrong stays wrong.
    result = run_hour(FIVE, raise_on_error=False)
    assert failures(result) == ["s3://no-such-bucket/a: there is no such bucket"]
    monkeypatch.setenv("LANDING_ZONE_URI", bucket.uri)
    bucket.server.fault = lambda r: s3_error(403, "AccessDenied") if r.method == "PUT" else None
    result = run_hour(FIVE, raise_on_error=False)
    assert failures(result) == [f"{bucket.uri}: access denied: AccessDenied it is (AccessDenied)"]


@pytest.mark.usefixtures("bucket", "warehouse", "command_line")
def test_the_command_line_says_in_one_line_what_is_wrong_with_the_zone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LANDING_ZONE_URI", "s3://no-such-bucket/a")
    done = CliRunner().invoke(main, ["load"])
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr == "s3://no-such-bucket/a: there is no such bucket\n"
