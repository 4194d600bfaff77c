"""What follows from the answers: events, who is active, and suggestions of aliases."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from crypto_pipeline.coins.aliases import AliasRefusedError, confirm_alias, revoke_alias
from crypto_pipeline.coins.load import load_coin_lists
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.bulk_load import files_to_load, load_files
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.coins.coin_lists import (
    Coin,
    coin,
    day,
    land,
    land_body,
    load,
    others,
)
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import load_landing_zone, rows
from crypto_pipeline_tests.real_captures import CAPTURES, needs_captures
from crypto_pipeline_tests.seeds import seeds

NEEDED = 3
"""Complete answers in a row that lack a coin which is inactive then."""


def land_days(zone: LandingZone, *answers: Sequence[Coin]) -> None:
    """An answer a day, with coins beside to which nothing happens."""
    for number, coins in enumerate(answers):
        land(zone, [*coins, *others()], day(number))


def land_snapshot(zone: LandingZone, at: datetime, **record: object) -> None:
    updated = (at - timedelta(minutes=1)).isoformat()
    drop(
        zone,
        f"{at:%Y%m%dT%H%M%SZ}.json",
        landing_json([market_record(last_updated=updated, **record)], at),
    )


def load_all(warehouse: Warehouse, zone: LandingZone) -> None:
    zone.file_unfiled()
    list(load_files(warehouse, files_to_load(warehouse, zone), 1))
    load(warehouse, zone)


def events(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    """Coin, event, when it happened and when it was known, before and after."""
    return rows(
        warehouse,
        "SELECT crypto_id, event, happened_at, known_at, old_value, new_value FROM coin_events"
        " ORDER BY happened_at, crypto_id, event",
    )


def is_active(warehouse: Warehouse, crypto_id: str) -> bool | None:
    ((found,),) = rows(
        warehouse, f"SELECT is_active FROM analytics.v_coins WHERE crypto_id = '{crypto_id}'"
    )
    return None if found is None else bool(found)


# --- Listed, delisted, relisted ------------------------------------------------------------------


def test_of_the_first_answer_nobody_knows_when_its_coins_were_listed(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land_days(zone, [coin("a")], [coin("a"), coin("b")])
    load(warehouse, zone)
    assert events(warehouse) == [("b", "listed", day(1), day(1), None, None)]


def test_a_coin_is_inactive_when_three_complete_answers_lack_it(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    a = coin("a")
    land_days(zone, [a], [], [], [a], [], [], [], [], [a])
    files = [file for file in zone.stored("coin_list") if "/date=" in file.path]
    for number, file in enumerate(files):
        load_coin_lists(warehouse, zone, [file], 0)
        assert is_active(warehouse, "a") is (number not in (6, 7)), number
    assert events(warehouse) == [
        ("a", "delisted", day(4), day(6), None, None),
        ("a", "relisted", day(8), day(8), None, None),
    ]
    assert rows(
        warehouse,
        "SELECT first_seen_at, last_seen_at, listed_from, missed_answers, in_snapshots"
        " FROM analytics.v_coins WHERE crypto_id = 'a'",
    ) == [(day(0), day(8), day(8), 0, False)]


def test_of_a_coin_that_is_gone_it_is_said_when_it_was_seen(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land_days(zone, [coin("a")], [coin("a")], [], [])
    load(warehouse, zone)
    assert rows(
        warehouse,
        "SELECT first_seen_at, last_seen_at, listed_from, missed_answers, is_active"
        " FROM analytics.v_coins WHERE crypto_id = 'a'",
    ) == [(day(0), day(1), day(0), 2, True)]


def test_an_answer_far_shorter_than_those_before_it_delists_nobody(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    whole = [coin("a"), *others(99)]
    for number, answer in enumerate([whole, whole[:0], whole[50:], whole[11:], whole[1:], whole]):
        land(zone, answer, day(number))
    load(warehouse, zone)
    assert rows(warehouse, "SELECT is_complete FROM coin_list_answers ORDER BY ingested_at") == [
        (complete,) for complete in (True, False, False, False, True, True)
    ]
    assert events(warehouse) == []
    assert is_active(warehouse, "a") is True


def test_a_list_that_did_shrink_is_believed_in_the_end(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    whole = others(100)
    for number in range(12):
        land(zone, whole if number < 1 else whole[:50], day(number))
    load(warehouse, zone)
    # Seven answers do not have nine tenths of the first one's; the eighth has all of theirs.
    complete = [
        number
        for number, (complete,) in enumerate(
            rows(warehouse, "SELECT is_complete FROM coin_list_answers ORDER BY ingested_at")
        )
        if complete
    ]
    assert complete == [0, 8, 9, 10, 11]
    assert {(event, happened, known) for _, event, happened, known, *_ in events(warehouse)} == {
        ("delisted", day(1), day(10))
    }
    assert len(events(warehouse)) == 50


def test_a_recording_is_no_list_of_all_coins(warehouse: Warehouse, zone: LandingZone) -> None:
    for number in range(6):
        body = b'[{"id":"a","symbol":"a","name":"A"}]' if number % 5 == 0 else b"[]"
        land_body(zone, body, day(number), source="CoinGecko recorded")
    load(warehouse, zone)
    assert rows(warehouse, "SELECT count(*) FROM coin_list_answers WHERE is_complete") == [(0,)]
    assert events(warehouse) == []


def test_a_coin_in_the_list_of_inactive_ones_is_inactive_at_once(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    a, second = coin("a"), timedelta(seconds=1)
    land_days(zone, [a], [], [a])
    for number, inactive in enumerate([[coin("never")], [a, coin("never")], [coin("never")]]):
        land(zone, inactive, day(number) + second, is_active=False)
    load(warehouse, zone)
    assert events(warehouse) == [
        ("a", "delisted", day(1), day(1) + second, None, None),
        ("a", "relisted", day(2), day(2), None, None),
    ]
    assert is_active(warehouse, "a") is True
    assert is_active(warehouse, "never") is False


def model(
    answers: Sequence[tuple[datetime, set[str]]], one: str
) -> list[tuple[str, datetime, datetime]]:
    """The events of a coin by the rules as they are told, answer by answer."""
    found: list[tuple[str, datetime, datetime]] = []
    sizes: list[int] = []
    seen = inactive = started = False
    missed: list[datetime] = []
    gone_since: datetime | None = None
    for at, coins in answers:
        complete = bool(coins) and len(coins) >= 0.9 * max(sizes[-7:], default=0)
        sizes.append(len(coins))
        if one in coins:
            if not seen and started:
                found.append(("listed", at, at))
            if inactive:
                found.append(("relisted", at, at))
            seen, inactive, missed, gone_since = True, False, [], None
        elif seen:
            gone_since = gone_since or at
            if complete:
                missed.append(at)
            if len(missed) == NEEDED and not inactive:
                inactive = True
                found.append(("delisted", gone_since, at))
        started = started or complete
    return sorted(found, key=lambda event: (event[1], event[0]))


@pytest.mark.parametrize("seed", seeds(range(10)))
def test_the_events_are_those_of_the_rules_told_answer_by_answer(
    seed: int, warehouse: Warehouse, zone: LandingZone
) -> None:
    chance = random.Random(seed)
    answers: list[tuple[datetime, set[str]]] = []
    there = {f"c{number}": chance.random() < 0.7 for number in range(40)}
    for number in range(25):
        for name in there:
            if chance.random() < (0.02 if int(name[1:]) > 8 else 0.35):
                there[name] = not there[name]
        names = [name for name, is_there in there.items() if is_there]
        if chance.random() < 0.15:
            names = names[: chance.randrange(len(names))]
        answers.append((day(number), set(names)))
        land(zone, [coin(name) for name in names], day(number))
    load(warehouse, zone)
    found = events(warehouse)
    for name in there:
        of_coin = [
            (event, happened, known) for one, event, happened, known, *_ in found if one == name
        ]
        assert sorted(of_coin, key=lambda event: (event[1], event[0])) == model(answers, name), name


# --- Names ---------------------------------------------------------------------------------------


def test_names_that_change_are_events_of_their_own(warehouse: Warehouse, zone: LandingZone) -> None:
    land_days(
        zone,
        [coin("kaia", "klay", "Klaytn")],
        [coin("kaia", "kaia", "Kaia")],
        [coin("kaia", "kaia", "Kaia")],
        [coin("kaia", "klay", "Kaia")],
    )
    load(warehouse, zone)
    assert events(warehouse) == [
        ("kaia", "renamed", day(1), day(1), "Klaytn", "Kaia"),
        ("kaia", "symbol changed", day(1), day(1), "klay", "kaia"),
        ("kaia", "symbol changed", day(3), day(3), "kaia", "klay"),
    ]


@pytest.mark.parametrize("first", ["list", "snapshot"])
def test_a_change_that_list_and_snapshots_both_show_is_one_event(
    first: str, warehouse: Warehouse, zone: LandingZone
) -> None:
    names = [("btc", "Bitcoin"), ("btc", "Bitcoin"), ("xbt", "Bitcoin II"), ("xbt", "Bitcoin II")]
    offset = timedelta(hours=1 if first == "list" else -1)
    for number, (symbol, name) in enumerate(names):
        land(zone, [coin("bitcoin", symbol, name)], day(number))
        land_snapshot(zone, day(number) + offset, symbol=symbol, name=name)
    load_all(warehouse, zone)
    happened = day(2) if first == "list" else day(2) + offset - timedelta(minutes=1)
    assert [(event, at, old, new) for _, event, at, _, old, new in events(warehouse)] == [
        ("renamed", happened, "Bitcoin", "Bitcoin II"),
        ("symbol changed", happened, "btc", "xbt"),
    ]
    ((said_by,),) = rows(warehouse, "SELECT DISTINCT said_by FROM coin_events")
    assert said_by == ("coin list" if first == "list" else "snapshots")


def test_snapshots_alone_show_names_that_change(warehouse: Warehouse, zone: LandingZone) -> None:
    for number, symbol in enumerate(("zbc", "zbcn", "zbc")):
        land_snapshot(zone, day(number), id="zebec-protocol", symbol=symbol, name="Zebec")
    load_all(warehouse, zone)
    assert [(event, old, new) for _, event, _, _, old, new in events(warehouse)] == [
        ("symbol changed", "zbc", "zbcn"),
        ("symbol changed", "zbcn", "zbc"),
    ]
    # No list says whether it is active.
    assert rows(
        warehouse,
        "SELECT symbol, is_active, first_seen_at, last_seen_at, in_snapshots, current_id"
        " FROM analytics.v_coins",
    ) == [("zbc", None, day(0), day(2), True, "zebec-protocol")]
    for number in range(3, 6):
        land(zone, others(), day(number))
        load(warehouse, zone)
        assert is_active(warehouse, "zebec-protocol") is (None if number < 5 else False)


def test_the_newest_name_is_shown_whoever_says_it(warehouse: Warehouse, zone: LandingZone) -> None:
    land(zone, [coin("bitcoin", "old", "Old"), coin("b", "x", "X")], day(0))
    land_snapshot(zone, day(1), symbol="btc", name="Bitcoin")
    load_all(warehouse, zone)
    shown = "SELECT crypto_id, symbol, name FROM analytics.v_coins ORDER BY crypto_id"
    assert rows(warehouse, shown) == [("b", "x", "X"), ("bitcoin", "btc", "Bitcoin")]
    land(zone, [coin("bitcoin", "new", "New"), coin("b", "y", "Y")], day(2))
    load(warehouse, zone)
    assert rows(warehouse, shown) == [("b", "y", "Y"), ("bitcoin", "new", "New")]


@pytest.mark.long
@needs_captures
def test_the_renames_of_a_real_year(warehouse: Warehouse, zone: LandingZone) -> None:
    """Those that the data's README counts: 202 versions of 195 coins."""
    drop(zone, "daily_2024.tar.xz", (CAPTURES / "daily_2024.tar.xz").read_bytes())
    load_landing_zone()
    renamed, changed = "renamed", "symbol changed"
    ai = "Artificial Superintelligence Alliance"
    assert [
        (f"{happened_at:%m-%d}", *event)
        for happened_at, *event in rows(
            warehouse,
            "SELECT happened_at, crypto_id, event, old_value, new_value FROM coin_events"
            " ORDER BY happened_at, event",
        )
    ] == [
        ("01-09", "woo-network", renamed, "WOO Network", "WOO"),
        ("04-13", "zebec-protocol", renamed, "Zebec Protocol", "Zebec Network"),
        ("04-13", "zebec-protocol", changed, "zbc", "zbcn"),
        ("04-16", "zebec-protocol", renamed, "Zebec Network", "Zebec Protocol"),
        ("04-16", "zebec-protocol", changed, "zbcn", "zbc"),
        ("05-07", "msol", renamed, "Marinade staked SOL", "Marinade Staked SOL"),
        ("07-02", "fetch-ai", renamed, "Fetch.ai", ai),
        ("07-23", "render-token", changed, "rndr", "render"),
        ("11-02", "kaia", changed, "klay", "kaia"),
    ]
    assert rows(warehouse, "SELECT DISTINCT said_by FROM coin_events") == [("snapshots",)]
    assert rows(warehouse, "SELECT count(*), count(is_active) FROM analytics.v_coins") == [(195, 0)]


# --- Aliases -------------------------------------------------------------------------------------


def suggestions(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return rows(
        warehouse,
        "SELECT old_id, new_id, equal_contracts, evidence FROM coin_alias_suggestions"
        " ORDER BY 1, 3 DESC, 2",
    )


def test_an_equal_contract_of_a_coin_that_is_gone_suggests_an_alias(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    old = coin("old", ethereum="0xAbC1", base="0xAbC2", solana="So1")
    land_days(
        zone,
        [old, coin("twin", ethereum="0xabc1")],
        [
            coin("twin", ethereum="0xabc1"),
            coin("new", ethereum="0xaBc1", base="0xabc2"),
            # Another platform, other capitals where they count, no address.
            coin("else", polygon="0xabc1", solana="so1"),
            coin("native", ethereum=""),
        ],
    )
    load(warehouse, zone)
    assert suggestions(warehouse) == [
        ("old", "new", 2, "base 0xabc2, ethereum 0xaBc1"),
        ("old", "twin", 1, "ethereum 0xabc1"),
    ]
    # Suggested, and no more.
    assert rows(warehouse, "SELECT count(*) FROM coin_aliases") == [(0,)]
    assert rows(warehouse, "SELECT current_id FROM analytics.v_coins WHERE crypto_id = 'old'") == [
        ("old",)
    ]


def test_coins_that_are_both_listed_suggest_nothing(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land_days(zone, *[[coin("a", x="0x1"), coin("b", x="0x1")]] * 2)
    # Nor does a short answer, which lacks half of them.
    land(zone, [coin("b", x="0x1")], day(2))
    load(warehouse, zone)
    assert suggestions(warehouse) == []


def test_a_coin_that_was_gone_before_is_suggested_from_the_list_of_inactive_ones(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land(zone, [coin("new", x="0x1")], day(0))
    land(zone, [coin("old", x="0X1")], day(0), is_active=False)
    load(warehouse, zone)
    assert suggestions(warehouse) == [("old", "new", 1, "x 0x1")]


def test_an_alias_is_confirmed_by_somebody_and_can_be_taken_back(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land_days(zone, [coin("old", x="0x1")], [coin("new", x="0x1")], [coin("new", x="0x1")])
    load(warehouse, zone)
    assert confirm_alias(warehouse, "old", "new", "ada") == "equal contracts: x 0x1"
    assert confirm_alias(warehouse, "old", "new", "bob") is None
    assert suggestions(warehouse) == []
    assert rows(
        warehouse,
        "SELECT old_id, new_id, evidence, confirmed_by, revoked_at FROM coin_aliases",
    ) == [("old", "new", "equal contracts: x 0x1", "ada", None)]
    assert rows(
        warehouse,
        "SELECT crypto_id, event, happened_at, known_at > now() - interval '1 hour', old_value,"
        " new_value, said_by FROM coin_events WHERE event = 'successor'",
    ) == [("old", "successor", day(1), True, "old", "new", "confirmed by ada")]
    assert revoke_alias(warehouse, "old", "eve") == "new"
    assert suggestions(warehouse) == [("old", "new", 1, "x 0x1")]
    assert rows(warehouse, "SELECT revoked_by, revoked_at >= confirmed_at FROM coin_aliases") == [
        ("eve", True)
    ]
    assert rows(warehouse, "SELECT FROM coin_events WHERE event = 'successor'") == []
    with pytest.raises(AliasRefusedError, match="nobody has confirmed that old goes on"):
        revoke_alias(warehouse, "old", "eve")
    assert confirm_alias(warehouse, "old", "new", "ada") is not None


def test_aliases_lead_on_to_the_newest_id(warehouse: Warehouse, zone: LandingZone) -> None:
    land_days(zone, [coin("a"), coin("b"), coin("c"), coin("d")])
    load(warehouse, zone)
    assert confirm_alias(warehouse, "b", "c", "ada") == "no equal contract"
    confirm_alias(warehouse, "a", "b", "ada")
    confirm_alias(warehouse, "d", "b", "ada")
    assert rows(
        warehouse,
        "SELECT crypto_id, current_id FROM analytics.v_coins WHERE crypto_id IN ('a','b','c','d')"
        " ORDER BY 1",
    ) == [("a", "c"), ("b", "c"), ("c", "c"), ("d", "c")]
    for old, new in (("c", "a"), ("c", "b"), ("b", "b")):
        with pytest.raises(AliasRefusedError, match=rf"{new} goes on as|goes on as c already"):
            confirm_alias(warehouse, old, new, "ada")


def test_an_alias_that_cannot_be_is_refused_with_what_to_do(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land_days(zone, [coin("a"), coin("b"), coin("c")])
    load(warehouse, zone)
    with pytest.raises(
        AliasRefusedError, match=r"no coin x and no coin y is known here: .*--search"
    ):
        confirm_alias(warehouse, "x", "y", "ada")
    with pytest.raises(AliasRefusedError, match="no coin y is known"):
        confirm_alias(warehouse, "a", "y", "ada")
    confirm_alias(warehouse, "a", "b", "ada")
    with pytest.raises(AliasRefusedError, match="a goes on as b already: .*coins revoke a"):
        confirm_alias(warehouse, "a", "c", "ada")
    with pytest.raises(AliasRefusedError, match="a goes on as b, so b cannot go on as a"):
        confirm_alias(warehouse, "b", "a", "ada")


def test_a_replay_empties_the_lists_and_keeps_what_people_confirmed(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land_days(zone, [coin("a"), coin("b")])
    load(warehouse, zone)
    confirm_alias(warehouse, "a", "b", "ada")
    with warehouse.connection() as connection:
        connection.execute("SELECT begin_replay()")
    assert rows(warehouse, "SELECT count(*) FROM coin_listings") == [(0,)]
    assert rows(warehouse, "SELECT count(*) FROM coin_list_batches") == [(0,)]
    assert rows(warehouse, "SELECT old_id FROM coin_aliases") == [("a",)]
