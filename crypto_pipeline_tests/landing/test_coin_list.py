"""Bronze of the list of coins: written once, whatever the zone is kept in."""

import gzip
from datetime import timedelta

import pytest

from crypto_pipeline.landing.coin_list import coin_list_files, read_body, read_coin_list_file
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.coins.coin_lists import coin, day, land, land_body, load
from crypto_pipeline_tests.pipeline import rows
from crypto_pipeline_tests.s3_server import Bucket


def test_an_answer_is_read_as_it_was_kept(zone: LandingZone) -> None:
    body = b"\xff no list \x00"
    file = land_body(zone, body, day(0), is_active=False, source="CoinGecko sandbox")
    assert file.path.startswith("coin_list/date=2026-01-05/20260105T012000000000Z-inactive-")
    said = read_coin_list_file(file)
    assert (said.ingested_at, said.source, said.is_active) == (day(0), "CoinGecko sandbox", False)
    assert said.headers == {"etag": 'W/"1"'}
    assert read_body(zone, said.body_sha256) == body


def test_nothing_is_written_over_and_answers_come_in_their_order(zone: LandingZone) -> None:
    files = [land(zone, [coin("a")], day(0) + timedelta(seconds=n)).path for n in (2, 0, 1, 0)]
    assert files[1] == files[3]
    assert [file.path for file in coin_list_files(zone)] == [files[n] for n in (1, 2, 0)]
    # Hidden files and what is dropped among them are no answers.
    for name in (".DS_Store", "notes.txt", "date=2026-01-05/.tmp.json", "date=2026-01-05/a.csv"):
        zone.put_new(f"coin_list/{name}", b"x")
    assert len(list(coin_list_files(zone))) == 3
    assert zone.file_unfiled() == []


def test_a_body_that_another_library_compressed_is_the_same_body(zone: LandingZone) -> None:
    land(zone, [coin("a")], day(0))
    (body,) = (file for file in zone.stored("coin_list") if "/bodies/" in file.path)
    body.uri.write_bytes(gzip.compress(gzip.decompress(body.content), compresslevel=1))
    file = land(zone, [coin("a")], day(1))
    assert b'"a"' in read_body(zone, read_coin_list_file(file).body_sha256)


@pytest.mark.long
def test_the_list_lies_in_an_object_store(bucket: Bucket, warehouse: Warehouse) -> None:
    zone = LandingZone(bucket.uri)
    for number in range(3):
        land(zone, [coin("a", x="0x1")], day(number))
    assert [loaded.status for loaded in load(warehouse, zone)] == ["completed"] * 3
    assert rows(warehouse, "SELECT crypto_id FROM coin_listings") == [("a",)]
    assert len(list(zone.stored("coin_list/bodies"))) == 1
