"""The load of the list of coins: what the answers say, in whatever order they come."""

import gzip
import json
import random
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

from crypto_pipeline.coins.load import files_to_load, load_coin_lists
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.coins.coin_lists import coin, day, land, land_body, load, others
from crypto_pipeline_tests.pipeline import another_warehouse, contents, rows
from crypto_pipeline_tests.seeds import seeds


def listings(warehouse: Warehouse, crypto_id: str) -> list[tuple[Any, ...]]:
    """Symbol, name and times of a coin."""
    return [
        (symbol, name, [(period.lower, period.upper) for period in during])
        for symbol, name, during in rows(
            warehouse,
            "SELECT symbol, name, listed_during FROM coin_listings"
            f" WHERE crypto_id = '{crypto_id}' ORDER BY listed_during, symbol",
        )
    ]


def during(start: datetime, end: datetime | None) -> Multirange[datetime]:
    """A time without a break."""
    return Multirange([Range(start, end)])


def test_an_answer_says_what_is_listed_until_another_says_otherwise(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land(zone, [coin("kaia", "klay", "Klaytn", ethereum="0xAb")], day(0))
    land(zone, [coin("kaia", "klay", "Klaytn", ethereum="0xAb")], day(1))
    land(zone, [coin("kaia", "kaia", "Kaia", ethereum="0xCd", klay="0x1"), coin("b")], day(2))
    land(zone, [coin("b")], day(3))
    first, same, changed, gone = load(warehouse, zone)
    assert [loaded.changed for loaded in (first, same)] == [2, 0]
    # A name that ends, a name and a coin that begin; a contract that ends, two that begin.
    assert (changed.changed, gone.changed) == (6, 3)
    assert listings(warehouse, "kaia") == [
        ("klay", "Klaytn", [(day(0), day(2))]),
        ("kaia", "Kaia", [(day(2), day(3))]),
    ]
    assert listings(warehouse, "b") == [("b", "B", [(day(2), None)])]
    assert rows(
        warehouse,
        "SELECT platform, contract_address, listed_during FROM coin_contracts ORDER BY 1, 2",
    ) == [
        ("ethereum", "0xAb", during(day(0), day(2))),
        ("ethereum", "0xCd", during(day(2), day(3))),
        ("klay", "0x1", during(day(2), day(3))),
    ]
    assert rows(
        warehouse,
        "SELECT status, is_active, source, coins_fetched, coins_listed,"
        " request ->> 'include_platform' FROM coin_list_batches ORDER BY ingested_at",
    ) == [("completed", True, "CoinGecko", count, count, "true") for count in (1, 1, 2, 1)]
    assert load(warehouse, zone) == []


def test_an_answer_that_comes_late_takes_its_place_in_time(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land(zone, [coin("a")], day(0))
    land(zone, [coin("a")], day(4))
    load(warehouse, zone)
    assert listings(warehouse, "a") == [("a", "A", [(day(0), None)])]
    land(zone, [coin("b")], day(2))
    load(warehouse, zone)
    assert listings(warehouse, "a") == [("a", "A", [(day(0), day(2)), (day(4), None)])]
    assert listings(warehouse, "b") == [("b", "B", [(day(2), day(4))])]
    # Between the two, and before all.
    land(zone, [coin("a"), coin("b")], day(3))
    land(zone, [coin("b")], day(-1))
    load(warehouse, zone)
    assert listings(warehouse, "a") == [("a", "A", [(day(0), day(2)), (day(3), None)])]
    assert listings(warehouse, "b") == [("b", "B", [(day(-1), day(0)), (day(2), day(4))])]


def test_the_inactive_ones_are_a_list_of_their_own(warehouse: Warehouse, zone: LandingZone) -> None:
    land(zone, [coin("a")], day(0))
    land(zone, [coin("b")], day(0) + timedelta(seconds=1), is_active=False)
    land(zone, [coin("a")], day(1))
    load(warehouse, zone)
    assert rows(
        warehouse, "SELECT crypto_id, is_active, listed_during FROM coin_listings ORDER BY 1"
    ) == [
        ("a", True, during(day(0), None)),
        ("b", False, during(day(0) + timedelta(seconds=1), None)),
    ]


def random_answers(chance: random.Random, zone: LandingZone) -> None:
    """Answers that share bodies, moments and coins."""
    moments = [day(chance.randrange(6)) for _ in range(chance.randrange(1, 9))]
    for at in moments:
        coins = [
            coin(
                name,
                chance.choice(["x", "y"]),
                chance.choice(["X", "Y"]) if chance.random() < 0.3 else "X",
                **({"ethereum": chance.choice(["0x1", "0x2"])} if chance.random() < 0.5 else {}),
            )
            for name in "abc"
            if chance.random() < 0.7
        ]
        land(zone, coins, at, is_active=chance.random() < 0.8)


@pytest.mark.parametrize("seed", seeds(range(12)))
def test_the_order_of_loading_makes_no_difference(
    seed: int, warehouse: Warehouse, zone: LandingZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    random_answers(chance, zone)
    load(warehouse, zone)
    in_time = contents(warehouse)
    events = rows(warehouse, "SELECT * FROM coin_events ORDER BY 1, 2, 3")
    for _ in range(2):
        other = another_warehouse(monkeypatch)
        files = files_to_load(other, zone)
        chance.shuffle(files)
        for file in files:
            load_coin_lists(other, zone, [file], 0.5)
        assert contents(other) == in_time
        assert rows(other, "SELECT * FROM coin_events ORDER BY 1, 2, 3") == events


@pytest.mark.parametrize("seed", seeds(range(20, 26)))
def test_each_moment_is_as_the_newest_answer_before_it_says(
    seed: int, warehouse: Warehouse, zone: LandingZone
) -> None:
    """Held against the answers themselves, without the statements of the load."""
    random_answers(random.Random(seed), zone)
    load(warehouse, zone)
    answers: dict[tuple[bool, datetime], set[tuple[str, str, str]]] = {}
    for file in sorted(zone.stored("coin_list"), key=lambda file: file.path):
        if "/date=" in file.path:
            said = json.loads(file.content)
            body = zone.stored_file(f"coin_list/bodies/{said['body_sha256']}.json.gz").content
            answers[said["is_active"], datetime.fromisoformat(said["ingested_at"])] = {
                (one["id"], one["symbol"], one["name"]) for one in json.loads(gzip.decompress(body))
            }
    for is_active, at in answers:
        found = rows(
            warehouse,
            "SELECT crypto_id, symbol, name FROM coin_listings"
            f" WHERE is_active = {is_active} AND listed_during @> '{at}'::timestamptz",
        )
        assert set(found) == answers[is_active, at]
        assert len(found) == len(answers[is_active, at])


def test_equal_bodies_are_kept_once_and_every_answer_is_recorded(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    for number in range(5):
        land(zone, others(), day(number))
    files = [file.path for file in zone.stored("coin_list")]
    assert len([path for path in files if "/bodies/" in path]) == 1
    assert len([path for path in files if "/date=" in path]) == 5
    loaded = load(warehouse, zone)
    assert [one.changed for one in loaded] == [20, 0, 0, 0, 0]
    assert rows(
        warehouse,
        "SELECT count(*), count(DISTINCT body_sha256), sum(coins_listed) FROM coin_list_batches",
    ) == [(5, 1, 100)]


def test_what_is_wrong_with_one_coin_spoils_that_one_only(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    body = (
        b'[{"id":"a","symbol":null,"name":"A"},{"id":7},{"symbol":"x","name":"X"},'
        b'{"id":"","symbol":"x","name":"X"},{"id":"a","symbol":"again","name":"A"},'
        b'{"id":"b","symbol":"\\ud800","name":"B"},{"id":"c\\u0000","symbol":"c","name":"C"},'
        b'{"id":"d","symbol":"","name":"D","platforms":{"":"","ethereum":null,"x":"0x1"}},'
        b'{"id":"e","symbol":"e","name":"' + b"E" * 201 + b'"},'
        b'{"id":"f","symbol":"f","name":"F","platforms":{"x":"' + b"0" * 301 + b'","y":"1"}}]'
    )
    file = land_body(zone, body, day(0))
    (loaded,) = load(warehouse, zone, share=1)
    assert (loaded.status, loaded.listed, loaded.rejected) == ("completed", 3, 6)
    assert rows(warehouse, "SELECT crypto_id, symbol, name FROM coin_listings ORDER BY 1") == [
        ("a", "", "A"),
        ("d", "", "D"),
        ("f", "f", "F"),
    ]
    assert rows(
        warehouse, "SELECT crypto_id, platform, contract_address FROM coin_contracts ORDER BY 1"
    ) == [("d", "x", "0x1"), ("f", "y", "1")]
    ((flaws,),) = rows(warehouse, "SELECT flaws FROM coin_list_batches")
    assert sorted((flaw["index"], flaw["is_rejected"]) for flaw in flaws) == [
        (1, True),
        (2, True),
        (3, True),
        (5, True),
        (6, True),
        (8, True),
        (9, False),
    ]
    assert {flaw["index"]: flaw["reason"] for flaw in flaws}[
        8
    ] == "a text of more than 200 characters"
    # Too many of them, and the answer says nothing.
    land_body(zone, body + b" ", day(1))
    (loaded,) = load(warehouse, zone, share=0.5)
    assert loaded.status == "failed"
    assert loaded.error is not None
    assert loaded.error.startswith(
        "6 of 10 elements are no coin, more than the share of 0.5 allowed; the first: element 1: "
    )
    assert file.path < loaded.path


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"<html>", "no list of coins, but HTML or XML"),
        (b'{"a":1}', "no list of coins, but"),
        (b'[{"id":"a"', "no list of coins, but JSON that is cut off"),
        (b"", "no list of coins, but an empty file"),
        (
            b'{"status":{"error_code":429,"error_message":"wait"}}',
            "the API answered with an error: CoinGecko's rate limit is exceeded",
        ),
    ],
)
def test_an_answer_without_a_list_fails_and_is_tried_again(
    body: bytes, error: str, warehouse: Warehouse, zone: LandingZone
) -> None:
    land_body(zone, body, day(0))
    land(zone, [coin("a")], day(1))
    failed, good = load(warehouse, zone)
    assert (failed.status, good.status) == ("failed", "completed")
    assert failed.error is not None
    assert failed.error.startswith(error)
    assert [one.status for one in load(warehouse, zone)] == ["failed"]
    assert rows(
        warehouse, "SELECT status, count(*) FROM coin_list_batches GROUP BY status ORDER BY status"
    ) == [("completed", 1), ("failed", 1)]


def test_a_damaged_file_is_named_with_what_is_wrong(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    body = land(zone, [coin("a")], day(0))
    said = json.loads(body.content)
    for number, changed in enumerate(
        (
            {"body_sha256": "0" * 64},
            {"body_sha256": "no"},
            {"source": "a\x00b"},
            {"ingested_at": "2026-01-05T00:00:00"},
            {"ingested_at": "1999-01-05T00:00:00Z"},
            {"source": "CoinGecko sandbox"},
        )
    ):
        path = f"coin_list/date=2026-01-06/{number}.json"
        zone.put_new(path, msgspec.json.encode({**said, **changed}))
    zone.put_new("coin_list/date=2026-01-07/cut.json", body.content[:-9])
    good, *failed = load(warehouse, zone)
    assert good.status == "completed"
    assert [one.status for one in failed] == ["failed"] * 7
    assert [str(one.error).partition(" - ")[0] for one in failed][1:] == [
        "the body's SHA-256 is none",
        "a NUL in the file's description, which PostgreSQL cannot hold",
        "the time of the answer has no zone",
        "1999-01-05 00:00:00+00:00 is no time of a fetch",
        "the file holds sandbox data, this database live data: load it into a database of its own",
        failed[-1].error,
    ]
    assert "No such file" in str(failed[0].error)
    assert str(failed[-1].error).startswith("the file of an answer is damaged: ")
    ((sha256,),) = rows(
        warehouse, f"SELECT file_sha256 FROM coin_list_batches WHERE landing_file = '{body.path}'"
    )
    assert sha256 == body.sha256


def test_a_body_that_was_changed_is_not_believed(warehouse: Warehouse, zone: LandingZone) -> None:
    land(zone, [coin("a")], day(0))
    (body,) = (file for file in zone.stored("coin_list") if "/bodies/" in file.path)
    body.uri.write_bytes(gzip.compress(b"[]"))
    (failed,) = load(warehouse, zone)
    assert failed.error == f"{body.path} is not what was kept: its SHA-256 is another"


def test_the_first_data_of_a_database_says_its_kind(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    land_body(zone, b"[]", day(0), source="CoinGecko sandbox")
    load(warehouse, zone)
    assert rows(warehouse, "SELECT kind FROM data_origin") == [("sandbox",)]


def test_data_that_postgresql_refuses_becomes_a_failed_batch(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    # Within the limits in characters, and more bytes than an index has room for.
    chance = random.Random(1)
    text = "".join(chr(chance.randrange(0x10000, 0x2FFFF)) for _ in range(300))
    land(zone, [coin(text[:200], **{text[100:]: text})], day(0))
    land(zone, [coin("a")], day(1))
    failed, good = load(warehouse, zone)
    assert good.status == "completed"
    assert failed.error is not None
    assert failed.error.startswith("PostgreSQL refuses its data: index row size")
