"""The verbs of the quarantine."""

import json

import pytest
from click.testing import CliRunner, Result

from crypto_pipeline.cli import main
from crypto_pipeline.landing.price_history import keep_import
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.maintenance import purge_batch_details
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.former_version import FormerVersion
from crypto_pipeline_tests.histories import load_all
from crypto_pipeline_tests.market_records import coin, drop, landing_json
from crypto_pipeline_tests.pipeline import rows

EXPORT = b"snapped_at,price,market_cap,total_volume\n2026-01-01,,1,1\n2026-01-02,5,1,1\n"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["quarantine", *arguments])


def listed(*arguments: str) -> list[dict[str, object]]:
    done = run("list", "--json", *arguments)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def rejected(warehouse: Warehouse, zone: LandingZone) -> Warehouse:
    """Two files with bad records, and an export with a bad point."""
    good = [coin(number) for number in range(5, 12)]
    first = [coin(0, current_price=0), coin(1, name=None, current_price=-1), *good]
    drop(zone, "first.json", landing_json(first, "2026-11-24T05:01:00Z"))
    later = [coin(2, name="\x1b[31m", current_price=-2), *good]
    drop(zone, "later.json", landing_json(later, "2026-11-24T06:01:00Z"))
    keep_import(zone, "e.csv", EXPORT, "bitcoin", "usd")
    load_all()
    return warehouse


def test_the_list_is_by_rule_with_an_example(rejected: Warehouse) -> None:
    price, name, point = listed()
    assert (price["rule"], price["kind"], price["waiting"], price["coins"]) == (
        *("price_positive", "record", 3, 3),
    )
    assert (price["newest"], price["example"]) == ("2026-11-24T06:01:00+00:00", "2:0")
    assert price["reason"] == "price is not above 0 (current_price = -2)"
    assert (price["by_older_version"], price["resolved"]) == (0, 0)
    assert (name["rule"], name["waiting"]) == ("name_present", 1)
    assert (point["rule"], point["kind"], point["example"]) == ("price_present", "point", "h1:0")
    assert [row["rule"] for row in listed("--rule", "name_present")] == ["name_present"]
    (since,) = listed("--since", "2026-11-24T06:00")
    assert (since["rule"], since["waiting"]) == ("price_positive", 1)
    assert run("list").output.splitlines()[:2] == [
        "price_positive (records): 3 wait, of 3 coins, the newest 2026-11-24 06:01:00 UTC, 2:0",
        "    price is not above 0 (current_price = -2)",
    ]
    assert run("list", "--rule", "nonsense").exit_code == 2


def test_a_rule_that_has_changed_since_shows(rejected: Warehouse) -> None:
    with rejected.connection() as connection:
        connection.execute(
            "UPDATE rejected_records SET rule_versions = array_fill(0, ARRAY[cardinality(rules)])"
        )
    assert {row["rule"]: row["by_older_version"] for row in listed()} == {
        "price_positive": 3,
        "name_present": 1,
        "price_present": 0,
    }


def test_a_record_is_shown_as_it_came(rejected: Warehouse) -> None:
    told = run("show", "1:1").output
    assert "record 1, from 0, of market_snapshots/date=2026-11-24/hour=05/first.json" in told
    assert "name_present (version 1), price_positive (version 1)" in told
    assert '"id":"coin-0001"' in told
    assert "waits; `crypto-pipeline quarantine replay`" in told
    # All of a batch, and what a terminal would obey.
    assert run("show", "1").output.count("record ") == 2
    assert "\x1b" not in run("show", "2").output
    assert "\\u001b" in run("show", "2").output
    (point,) = (json.loads(line) for line in run("show", "h1", "--json").stdout.splitlines())
    assert (point["id"], point["kind"], point["place"]) == ("h1:0", "point", 0)
    assert point["content"].startswith("2026-01-01,")
    assert run("show", "7").exit_code == 2
    assert run("show", "bitcoin").exit_code == 2


def test_a_record_whose_text_was_purged_is_read_from_its_file(rejected: Warehouse) -> None:
    before = json.loads(run("show", "1:0", "--json").stdout)
    purge_batch_details(rejected, 0)
    assert rows(rejected, "SELECT DISTINCT record FROM rejected_records") == [("",)]
    assert json.loads(run("show", "1:0", "--json").stdout) == before
    assert before["content"].startswith('{"id":"coin-0000"')


@pytest.mark.long
def test_a_replay_loads_and_checks_and_says_what_is_left(
    former_version: FormerVersion, warehouse: Warehouse, zone: LandingZone, command_line: None
) -> None:
    drop(zone, "a.json", landing_json([coin(number) for number in range(30)]))
    drop(zone, "b.json", landing_json([*map(coin, range(30, 50)), coin(50, current_price=None)]))
    former_version.load()
    waiting = rows(warehouse, "SELECT count(*) FROM rejected_records")[0][0]
    assert waiting > 10

    done = run("replay", "--rule", "price_positive")

    assert done.exit_code == 0, done.output
    assert "a.json: of " in done.output
    assert "Asset checks" in done.output
    (left, replayed) = listed()
    assert (left["rule"], left["waiting"]) == ("price_present", 1)
    assert (replayed["rule"], replayed["waiting"], replayed["resolved"]) == (
        *("price_positive", 0, waiting - 1),
    )
    assert rows(warehouse, "SELECT count(*) FROM analytics.fact_crypto_price_metrics") == [(50,)]
    assert "resolved" in run("show", str(replayed_id(warehouse))).output
    assert run("replay", "--rule", "price_positive").output == (
        "Nothing of that waits in quarantine.\n"
    )


def replayed_id(warehouse: Warehouse) -> str:
    ((batch, place),) = rows(
        warehouse,
        "SELECT batch_id, record_index FROM rejected_records WHERE resolved_at IS NOT NULL LIMIT 1",
    )
    return f"{batch}:{place}"


def test_an_empty_quarantine_says_so(warehouse: Warehouse) -> None:
    for verb in ("list", "replay"):
        done = run(verb)
        assert (done.exit_code, done.output) == (0, "Nothing waits in quarantine.\n")
    assert run("replay", "--rule", "nonsense").exit_code == 2
