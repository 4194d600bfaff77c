"""The verbs of the coins."""

import json

import pytest
from click.testing import CliRunner, Result

from crypto_pipeline.cli import main
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.sandbox.server import SandboxServer
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.coins.coin_lists import coin, day, land, load, others
from crypto_pipeline_tests.pipeline import rows


def coins(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["coins", *arguments])


def objects(*arguments: str) -> list[dict[str, object]]:
    done = coins(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.output.splitlines()]


@pytest.fixture
def loaded(warehouse: Warehouse, zone: LandingZone) -> Warehouse:
    """A coin that goes, one that comes with its contract, one that is renamed."""
    gone, new = coin("gone", x="0xAb1"), coin("new", x="0xab1")
    for number, some in enumerate(([gone, coin("b", "b", "B")], *[[new, coin("b", "c", "C")]] * 3)):
        land(zone, [*some, *others(60)], day(number))
    load(warehouse, zone)
    return warehouse


def test_the_coins_are_listed_and_found(loaded: Warehouse) -> None:
    assert len(objects("list")) == 63
    assert [one["crypto_id"] for one in objects("list", "--inactive")] == ["gone"]
    assert [one["crypto_id"] for one in objects("list", "--search", "0XAB1")] == ["new", "gone"]
    # The exact one first.
    assert objects("list", "--search", "other-5")[0]["crypto_id"] == "other-5"
    shown = coins("list").output
    assert "and 13 more: --json shows all" in shown
    assert coins("list", "--search", "nothing like it").output == "None.\n"


def test_what_happened_is_shown_the_newest_first(loaded: Warehouse) -> None:
    assert [(one["crypto_id"], one["event"]) for one in objects("events")] == [
        ("b", "renamed"),
        ("b", "symbol changed"),
        ("gone", "delisted"),
        ("new", "listed"),
    ]
    assert [one["event"] for one in objects("events", "--coins", "gone,x")] == ["delisted"]
    # It came to be known then.
    since = f"{day(3):%Y-%m-%dT%H:%M}"
    assert [one["crypto_id"] for one in objects("events", "--since", since)] == ["gone"]


def test_an_alias_is_suggested_confirmed_and_taken_back(loaded: Warehouse) -> None:
    (suggested,) = objects("aliases")
    assert (suggested["old_id"], suggested["new_id"], suggested["state"]) == (
        "gone",
        "new",
        "suggested",
    )
    assert suggested["evidence"] == "1 equal contracts: x 0xab1"
    done = coins("confirm", "gone", "new")
    assert done.output == (
        "gone goes on as new (equal contracts: x 0xab1). To take it back: crypto-pipeline coins"
        " revoke gone\n"
    )
    assert coins("confirm", "gone", "new").output == "gone goes on as new: confirmed before.\n"
    assert [one["state"] for one in objects("aliases")] == ["confirmed"]
    assert [one["goes_on_as"] for one in objects("list", "--search", "gone")] == ["new"]
    assert coins("revoke", "gone").output == "gone no longer goes on as new.\n"
    assert [one["state"] for one in objects("aliases")] == ["suggested"]
    assert rows(loaded, "SELECT confirmed_by = revoked_by FROM coin_aliases") == [(True,)]


def test_what_cannot_be_confirmed_is_one_line_and_status_1(loaded: Warehouse) -> None:
    done = coins("confirm", "gone", "nobody")
    assert done.exit_code == 1
    assert "no coin nobody is known here" in done.output
    assert len(done.output.splitlines()) == 1
    assert coins("revoke", "gone").exit_code == 1


@pytest.mark.usefixtures("command_line")
def test_a_fetch_says_what_it_got(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    with SandboxServer() as server:
        monkeypatch.setenv("COINGECKO_PLAN", "sandbox")
        monkeypatch.setenv("COINGECKO_BASE_URL", server.base_url)
        done = coins("fetch")
    assert done.exit_code == 0, done.output
    assert "coin_list_files_unchanged" in done.output
    ((known,),) = rows(warehouse, "SELECT count(*) FROM analytics.v_coins")
    assert str(known) in done.output
