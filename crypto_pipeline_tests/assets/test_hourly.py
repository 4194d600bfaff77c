"""The hourly job, from a served response to the star schema, over simulated hours."""

import base64
import gzip
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

import dagster as dg
import pytest

from crypto_pipeline.assets.bronze import INTERACTIVE_TAG
from crypto_pipeline.automation import HOURLY_JOB
from crypto_pipeline.definitions import defs
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.partitions import partition_key
from crypto_pipeline.model.registry import (
    CANDLE_TABLES,
    GOLD_TABLES,
    MART_TABLES,
    SILVER_TABLES,
    TABLES,
)
from crypto_pipeline.sandbox.clock import SimulatedClock
from crypto_pipeline.sandbox.faults import ErrorBody, RateLimit, ServerError, Truncated
from crypto_pipeline.sandbox.market import Market
from crypto_pipeline.sandbox.quirks import RENAMED_COIN
from crypto_pipeline.sandbox.request_count import RequestCount
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import (
    another_warehouse,
    contents,
    load_landing_zone,
    rows,
    run_hour,
)
from crypto_pipeline_tests.retries import without_waiting

START = datetime(2024, 3, 5, 5, 0, 10, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
COINS = 100
BAD = 2
"""Records of each response that are rejected: one has no price, one a price of 0."""

_CURRENCIES = [("Bitcoin", "crypto"), ("Euro", "fiat"), ("US dollar", "fiat")]

# No run waits for an hour's retries of the whole asset; those within the client remain.
WATCHED = {INTERACTIVE_TAG: "true"}


@pytest.fixture
def server(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    """A sandbox whose clock stands still, as the source that the settings name; a coin is renamed
    at the second full hour after its start."""
    market = Market(COINS, rename_at=START.replace(second=0) + 2 * HOUR)
    with SandboxServer(market, clock=SimulatedClock(START, speed=0)) as running:
        monkeypatch.setenv("COINGECKO_PLAN", "sandbox")
        monkeypatch.setenv("COINGECKO_BASE_URL", running.base_url)
        yield running


class ClockThatPasses(SimulatedClock):
    """It stands still until the server has had some requests, and then an hour later."""

    def __init__(self, requests: int) -> None:
        super().__init__(START, speed=0)
        self.had = RequestCount()
        self._requests = requests

    def now(self) -> datetime:
        return super().now() + (HOUR if len(self.had.asked) >= self._requests else timedelta())


@contextmanager
def hour_that_ends(monkeypatch: pytest.MonkeyPatch, requests: int) -> Iterator[None]:
    """A source whose hour ends after some requests."""
    clock = ClockThatPasses(requests)
    with SandboxServer(Market(COINS), clock=clock) as server:
        clock.had = server.requests
        monkeypatch.setenv("COINGECKO_PLAN", "sandbox")
        monkeypatch.setenv("COINGECKO_BASE_URL", server.base_url)
        yield


def run_hours(server: SandboxServer, count: int, *, checks: bool = False) -> None:
    """Let the hours pass, each with its run."""
    for hours in range(count):
        server.clock.set(START + hours * HOUR)
        run_hour(START + hours * HOUR, checks=checks)


def counts(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """(fetched, loaded, duplicate, rejected) of every batch, oldest first."""
    return rows(
        warehouse,
        "SELECT records_fetched, records_loaded, records_duplicate, records_rejected"
        " FROM ingestion_batches ORDER BY batch_id",
    )


def failures(result: dg.ExecuteInProcessResult) -> list[str | None]:
    """What a run says of each step that failed."""
    messages = []
    for event in result.filter_events(lambda event: event.is_step_failure):
        failure = event.step_failure_data.user_failure_data
        assert failure is not None
        messages.append(failure.description)
    return messages


def test_every_hour_reaches_silver_and_gold(warehouse: Warehouse, server: SandboxServer) -> None:
    run_hours(server, 3, checks=True)

    good = COINS - BAD
    assert counts(warehouse) == [(COINS, good, 0, BAD)] * 3
    hours = [(START.replace(second=0) + hours * HOUR,) for hours in range(3)]
    assert rows(warehouse, "SELECT partition_hour FROM ingestion_batches ORDER BY 1") == hours
    for table in ("price_snapshots", "market_metrics", "analytics.fact_crypto_price_metrics"):
        assert rows(warehouse, f"SELECT count(*) FROM {table}") == [(3 * good,)]
    assert rows(warehouse, "SELECT count(*) FROM cryptocurrencies") == [(good,)]
    assert rows(
        warehouse,
        "SELECT count(*), count(DISTINCT d.full_date)"
        " FROM analytics.fact_crypto_price_metrics"
        " JOIN analytics.dim_date AS d USING (date_key)"
        " JOIN analytics.dim_time AS t USING (time_key)",
    ) == [(3 * good, 1)]


def test_every_currency_is_fetched_by_the_run_of_the_hour(
    warehouse: Warehouse, server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COINGECKO_VS_CURRENCIES", "usd,eur,btc")
    run_hours(server, 2)
    good = COINS - BAD
    assert counts(warehouse) == [(COINS, good, 0, BAD)] * 6
    assert rows(
        warehouse,
        "SELECT d.currency_name, d.kind, count(*) FROM analytics.fact_crypto_price_hourly AS f"
        " JOIN analytics.dim_currency AS d USING (vs_currency) GROUP BY 1, 2 ORDER BY 1",
    ) == [(name, kind, 2 * good) for name, kind in _CURRENCIES]
    # An hour has its five-minute buckets in each.
    assert rows(
        warehouse,
        "SELECT DISTINCT round(b.current_price, 9),"
        " e.current_price / u.current_price BETWEEN 0.9 AND 1.02"
        " FROM price_snapshots AS u"
        " JOIN price_snapshots AS e USING (crypto_id, snapshot_time)"
        " JOIN price_snapshots AS b USING (crypto_id, snapshot_time)"
        " WHERE u.vs_currency = 'usd' AND e.vs_currency = 'eur' AND b.vs_currency = 'btc'"
        " AND crypto_id = 'bitcoin'",
    ) == [(1, True)]


def test_a_currency_that_cannot_be_had_does_not_cost_the_others(
    warehouse: Warehouse, server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COINGECKO_VS_CURRENCIES", "usd,nope,eur")
    server.clock.set(START)
    run_hour(START, WATCHED)
    assert rows(warehouse, "SELECT vs_currency FROM ingestion_batches ORDER BY 1") == [
        ("eur",),
        ("usd",),
    ]


def test_a_currency_that_is_missing_is_asked_for_by_the_next_try(
    warehouse: Warehouse,
    server: SandboxServer,
    zone: LandingZone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)
    without_waiting(monkeypatch)
    monkeypatch.setenv("COINGECKO_VS_CURRENCIES", "usd,eur")
    server.clock.set(START)
    # All attempts of the first currency.
    server.faults.add([ServerError()] * 5)
    run_hour(START)
    asked = [
        asked.query["vs_currency"]
        for asked in server.requests.asked
        if asked.endpoint == "/coins/markets" and asked.status == 200
    ]
    assert asked == ["eur", "usd"]
    assert len(list(zone.files())) == 2
    assert rows(warehouse, "SELECT vs_currency, status FROM ingestion_batches ORDER BY 1") == [
        ("eur", "completed"),
        ("usd", "completed"),
    ]


ZEROTH = START.replace(second=0)


@pytest.mark.parametrize(
    ("requests", "expected"),
    [
        (1, [(ZEROTH + HOUR, "eur", 2), (ZEROTH + HOUR, "usd", 2)]),
        (2, [(ZEROTH, "usd", 1), (ZEROTH + HOUR, "eur", 2), (ZEROTH + HOUR, "usd", 1)]),
    ],
    ids=["before the fetch", "between two currencies"],
)
def test_an_hour_that_ends_costs_no_answer(
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    requests: int,
    expected: list[tuple[datetime, str, int]],
) -> None:
    monkeypatch.setenv("COINGECKO_VS_CURRENCIES", "usd,eur")
    with hour_that_ends(monkeypatch, requests):
        result = run_hour(START, WATCHED, raise_on_error=False)
        run_hour(START + HOUR, WATCHED)
    assert failures(result) == [
        "the hour 2024-03-05 05:00 ended before the fetch began: the run of the next hour loads"
        " what came"
    ] * (requests == 1)
    batches = "SELECT partition_hour, vs_currency, count(*) FROM ingestion_batches"
    assert rows(warehouse, f"{batches} GROUP BY 1, 2 ORDER BY 1, 2") == expected


def test_a_coin_that_leaves_the_largest_ones_is_fetched_all_the_same(
    warehouse: Warehouse, server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COINGECKO_TOP_N", "50")
    run_hour(START)
    monkeypatch.setenv("COINGECKO_TOP_N", "20")
    server.clock.set(START + HOUR)
    run_hour(START + HOUR)
    # One of 50 is on two pages at most, and none has a bad price.
    assert [fetched for fetched, *_ in counts(warehouse)] == [50, 50]
    monkeypatch.setenv("COINGECKO_KEEP_RANK", "30")
    server.clock.set(START + 2 * HOUR)
    run_hour(START + 2 * HOUR)
    assert 28 <= counts(warehouse)[2][0] <= 32


def test_tokens_that_stand_for_others_come_when_they_are_asked_for(
    warehouse: Warehouse, server: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And with them the rank that counts them, all the way to gold."""
    run_hour(START)
    monkeypatch.setenv("COINGECKO_INCLUDE_REHYPOTHECATED", "true")
    server.clock.set(START + HOUR)
    run_hour(START + HOUR)

    wrapped = "crypto_id IN ('staked-ether', 'wrapped-bitcoin', 'weth')"
    for table in ("market_metrics", "analytics.fact_crypto_price_metrics", "v_price_history"):
        assert rows(
            warehouse,
            "SELECT snapshot_time::date, count(market_cap_rank_with_rehypothecated) > 90,"
            f" count(*) FILTER (WHERE {wrapped}),"
            f" count(market_cap_rank) FILTER (WHERE {wrapped})"
            f" FROM {table} GROUP BY date_trunc('hour', snapshot_time + interval '5 minutes'), 1"
            " HAVING count(*) > 50 ORDER BY min(snapshot_time)",
        ) == [(START.date(), False, 0, 0), (START.date(), True, 3, 0)]
    assert rows(
        warehouse,
        "SELECT request ->> 'include_rehypothecated', schema_drift ? "
        "'unknown: market_cap_rank_with_rehypothecated' FROM ingestion_batches ORDER BY batch_id",
    ) == [(None, False), ("true", False)]


def test_made_up_data_says_so_everywhere(warehouse: Warehouse, server: SandboxServer) -> None:
    run_hours(server, 1)

    assert rows(warehouse, "SELECT kind FROM data_origin") == [("sandbox",)]
    for query in (
        "SELECT DISTINCT source FROM ingestion_batches",
        "SELECT DISTINCT source FROM v_price_history",
        "SELECT DISTINCT source_name FROM analytics.dim_source WHERE source_key > 0",
        "SELECT DISTINCT source_name FROM analytics.fact_crypto_price_metrics"
        " JOIN analytics.dim_source USING (source_key)",
    ):
        assert rows(warehouse, query) == [("CoinGecko sandbox",)]
    assert rows(warehouse, "SELECT kind FROM analytics.dim_source WHERE source_key > 0") == [
        ("sandbox",)
    ]


def test_a_renamed_coin_has_two_versions(warehouse: Warehouse, server: SandboxServer) -> None:
    run_hours(server, 3)

    versions = rows(
        warehouse,
        "SELECT symbol, name, is_current, valid_from, valid_to FROM analytics.dim_cryptocurrency"
        f" WHERE crypto_id = '{RENAMED_COIN}' ORDER BY valid_from",
    )
    assert [version[:3] for version in versions] == [
        ("rndr", "Render Token", False),
        ("render", "Render", True),
    ]
    assert versions[0][4] == versions[1][3]
    assert rows(
        warehouse,
        "SELECT d.symbol, count(*) FROM analytics.fact_crypto_price_metrics"
        " JOIN analytics.dim_cryptocurrency AS d USING (crypto_key)"
        f" WHERE d.crypto_id = '{RENAMED_COIN}' GROUP BY d.symbol ORDER BY d.symbol",
    ) == [("render", 1), ("rndr", 2)]


def test_the_bad_records_are_in_quarantine(warehouse: Warehouse, server: SandboxServer) -> None:
    run_hours(server, 2)

    assert rows(
        warehouse,
        "SELECT rules, count(*), count(DISTINCT batch_id), count(DISTINCT crypto_id)"
        " FROM rejected_records GROUP BY rules ORDER BY rules",
    ) == [(["price_positive"], 2, 2, 1), (["price_present"], 2, 2, 1)]


def test_a_past_hour_without_a_file_fails_and_says_why(
    warehouse: Warehouse, zone: LandingZone, server: SandboxServer
) -> None:
    before = contents(warehouse)

    result = run_hour(START - HOUR, raise_on_error=False)

    assert failures(result) == [
        "no landing file for 2024-03-05 04:00 UTC, and /coins/markets answers for the present"
        " only: drop a file for that hour into the landing zone"
    ]
    assert list(zone.files()) == []
    assert contents(warehouse) == before


def test_a_past_hour_is_read_again_from_its_file(
    warehouse: Warehouse, zone: LandingZone, server: SandboxServer
) -> None:
    run_hours(server, 2)
    before = contents(warehouse)
    files = [file.path for file in zone.files()]
    assert len(files) == 2

    run_hour(START)

    assert contents(warehouse) == before
    assert [file.path for file in zone.files()] == files


def test_a_file_dropped_in_for_a_past_hour_is_loaded_by_its_run(
    warehouse: Warehouse, zone: LandingZone, server: SandboxServer
) -> None:
    record = market_record(last_updated="2024-03-05T03:29:50Z")
    drop(zone, "by_hand.json", landing_json([record], "2024-03-05T03:30:00Z", "CoinGecko sandbox"))

    run_hour(START - 2 * HOUR)

    assert [file.path for file in zone.files()] == [
        "market_snapshots/date=2024-03-05/hour=03/by_hand.json"
    ]
    assert rows(
        warehouse, "SELECT crypto_id, snapshot_time FROM analytics.fact_crypto_price_metrics"
    ) == [("bitcoin", datetime(2024, 3, 5, 3, 30, tzinfo=timezone.utc))]


def test_a_second_run_in_the_hour_adds_a_file_and_only_duplicates(
    warehouse: Warehouse, zone: LandingZone, server: SandboxServer
) -> None:
    run_hour(START)
    before = contents(warehouse)

    run_hour(START)

    assert len(list(zone.files())) == 2
    good = COINS - BAD
    assert counts(warehouse) == [(COINS, good, 0, BAD), (COINS, 0, good, BAD)]
    after = contents(warehouse)
    for table in ("public.ingestion_batches", "public.rejected_records"):
        assert len(after.pop(table)) == 2 * len(before.pop(table))
    assert after == before


@pytest.mark.long
def test_the_bulk_load_of_the_same_files_gives_the_same_warehouse(
    warehouse: Warehouse,
    zone: LandingZone,
    server: SandboxServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_hours(server, 3)
    # By now some coins are in the next time bucket and some are not.
    server.clock.set(START + 2 * HOUR + timedelta(minutes=3, seconds=30))
    run_hour(START + 2 * HOUR)
    assert counts(warehouse)[-1][2] not in (0, COINS - BAD)
    drop(zone, "cut_off.json", landing_json([market_record()])[:-50])
    hourly = contents(warehouse)

    bulk_loaded = another_warehouse(monkeypatch)
    load_landing_zone()

    bulk = contents(bulk_loaded)
    bulk["public.ingestion_batches"] = [
        batch for batch in bulk["public.ingestion_batches"] if batch["status"] == "completed"
    ]
    assert bulk == hourly


def test_a_rate_limit_is_waited_out(warehouse: Warehouse, server: SandboxServer) -> None:
    server.faults.add([RateLimit(retry_after=0)])

    run_hour(START, WATCHED)

    assert server.faults.pending == []
    assert counts(warehouse) == [(COINS, COINS - BAD, 0, BAD)]


def test_error_bodies_with_status_200_are_tried_again(
    warehouse: Warehouse, server: SandboxServer
) -> None:
    server.faults.add([ErrorBody(code=429, count=2)])

    run_hour(START, WATCHED)

    assert server.faults.pending == []
    assert counts(warehouse) == [(COINS, COINS - BAD, 0, BAD)]


def test_when_every_attempt_fails_the_run_says_why_and_leaves_nothing(
    warehouse: Warehouse, zone: LandingZone, server: SandboxServer
) -> None:
    before = contents(warehouse)
    server.faults.add([RateLimit(retry_after=0, count=100)])

    result = run_hour(START, WATCHED, raise_on_error=False)

    assert not result.success
    (message,) = failures(result)
    assert message is not None
    assert message.startswith("CoinGecko's rate limit is exceeded")
    assert "\n" not in message
    assert list(zone.files()) == []
    assert contents(warehouse) == before


def test_a_run_tells_what_it_did_to_a_table_and_the_definition_what_the_table_is(
    warehouse: Warehouse, server: SandboxServer
) -> None:
    result = run_hour(START)

    found: dict[str, dict[str, Any]] = {
        event.asset_key.path[-1]: {
            name: entry.value
            for name, entry in event.step_materialization_data.materialization.metadata.items()
        }
        for event in result.all_events
        if event.is_step_materialization and event.asset_key is not None
    }
    assert set(found) == {
        "market_snapshots",
        *(table.name for table in (*SILVER_TABLES, *GOLD_TABLES, *CANDLE_TABLES, *MART_TABLES)),
    }

    bronze = found.pop("market_snapshots")
    assert (bronze["records"], bronze["pages"]) == (COINS, 1)
    assert bronze["source"] == "CoinGecko sandbox"
    for table, metadata in found.items():
        # It would be written every hour again.
        assert not {"dagster/column_schema", "dagster/column_lineage"} & set(metadata)
        (held,) = rows(warehouse, f"SELECT count(*) FROM {TABLES[table].qualified}")
        assert metadata["dagster/row_count"] == held[0], table

    assert found["price_snapshots"]["rows_inserted"] == COINS - BAD
    assert found["price_snapshots"]["rows_offered"] == COINS - BAD
    assert found["ingestion_batches"]["batches_new"] == 1
    assert found["fact_crypto_price_metrics"]["rows_inserted"] == COINS - BAD

    defined = {spec.key.to_user_string(): spec.metadata for spec in defs.resolve_all_asset_specs()}
    for table in found:
        assert defined[table]["dagster/table_name"] == f"{TABLES[table].schema}.{table}"
        columns = {
            column.name: column for column in defined[table]["dagster/column_schema"].columns
        }
        assert list(columns) == [column.name for column in TABLES[table].columns]
        assert all(column.description for column in columns.values()), table
        assert set(defined[table]["dagster/column_lineage"].deps_by_column) <= set(columns)
    silver_lineage = defined["price_snapshots"]["dagster/column_lineage"].deps_by_column
    assert silver_lineage["current_price"] == [
        dg.TableColumnDep(dg.AssetKey("market_snapshots"), "current_price")
    ]
    fact_lineage = defined["fact_crypto_price_metrics"]["dagster/column_lineage"].deps_by_column
    assert fact_lineage["market_cap"] == [
        dg.TableColumnDep(dg.AssetKey("market_metrics"), "market_cap")
    ]
    assert fact_lineage["date_key"] == [dg.TableColumnDep(dg.AssetKey("dim_date"), "date_key")]


def test_a_dropped_file_that_cannot_be_filed_does_not_stop_the_fetch(
    warehouse: Warehouse, server: SandboxServer, zone: LandingZone
) -> None:
    for record in (market_record(), market_record(id="other")):
        unfiled = drop(zone, "a.json", landing_json([record], START - HOUR, "CoinGecko sandbox"))
        zone.file_unfiled()

    with dg.DagsterInstance.ephemeral() as instance:
        run = defs.resolve_job_def(HOURLY_JOB).execute_in_process(
            partition_key=partition_key(START), instance=instance
        )
        warnings = [
            entry.user_message
            for entry in instance.all_logs(run.run_id)
            if entry.level == logging.WARNING
        ]

    assert counts(warehouse) == [(COINS, COINS - BAD, 0, BAD)]
    assert [text for text in warnings if text.startswith(f"{unfiled} cannot be filed: ")]
    assert unfiled.exists()


def test_an_answer_that_cannot_be_read_is_kept_and_the_next_one_loaded(
    warehouse: Warehouse, server: SandboxServer, zone: LandingZone
) -> None:
    server.faults.add([Truncated(count=2)])
    run_hours(server, 1)
    found = rows(
        warehouse,
        "SELECT status, error, records_loaded, source FROM ingestion_batches ORDER BY 1, 2",
    )
    assert [(status, loaded, source) for status, _, loaded, source in found] == [
        ("completed", COINS - BAD, "CoinGecko sandbox"),
        ("failed", 0, "CoinGecko sandbox"),
        ("failed", 0, "CoinGecko sandbox"),
    ]
    assert all("CoinGecko's answer is unreadable" in error for _, error, _, _ in found[1:])
    kept = [capture for file in zone.files() if (capture := _unreadable(file.content)) is not None]
    assert len(kept) == 2
    assert all(body.startswith(b'[{"id":') and not body.endswith(b"]") for body in kept)


def _unreadable(content: bytes) -> bytes | None:
    """The answer in a landing file that could not be read."""
    body = json.loads(gzip.decompress(content)).get("unreadable")
    return None if body is None else base64.b64decode(body)
