"""The checks of the list of coins find what is wrong, and nothing else."""

import dagster as dg
import pytest

from crypto_pipeline.automation import AUDIT_JOB
from crypto_pipeline.checks.coin_list import coin_list_checks
from crypto_pipeline.definitions import defs
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.coins.coin_lists import coin, day, land, land_body, load, others

DAMAGE = {
    "coins_listed_once": "INSERT INTO coin_listings SELECT crypto_id, is_active, 'x', 'X',"
    " listed_during FROM coin_listings WHERE (crypto_id, symbol) = ('a', 'b')",
    "listings_match_answers": "UPDATE coin_listings SET listed_during = '{}' WHERE crypto_id = 'a'",
    "contracts_belong_to_coins": "UPDATE coin_contracts SET listed_during ="
    " tstzmultirange(tstzrange('2020-01-01', '2021-01-01'))",
}


def checks() -> dict[str, dg.AssetCheckEvaluation]:
    result = defs.resolve_job_def(AUDIT_JOB).execute_in_process(
        op_selection=[coin_list_checks.op.name], raise_on_error=False
    )
    return {one.check_name: one for one in result.get_asset_check_evaluations()}


@pytest.fixture
def loaded(warehouse: Warehouse, zone: LandingZone) -> Warehouse:
    land(zone, [coin("a", ethereum="0x1"), *others()], day(0))
    land(zone, [coin("b"), *others()], day(0), is_active=False)
    land(zone, [coin("a", "b", ethereum="0x1"), *others()], day(1))
    load(warehouse, zone)
    return warehouse


def test_a_clean_load_passes(loaded: Warehouse) -> None:
    found = checks()
    assert set(found) == {
        *DAMAGE,
        *("coin_lists_completed", "coin_list_complete", "coin_list_files_unchanged"),
    }
    assert [name for name, check in found.items() if not check.passed] == []


@pytest.mark.parametrize("check", DAMAGE)
def test_a_check_finds_its_damage(check: str, loaded: Warehouse) -> None:
    with loaded.connection() as connection:
        connection.execute(DAMAGE[check])
    found = checks()[check]
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.ERROR


def test_a_short_list_is_warned_of_and_a_file_that_is_none_reported(
    loaded: Warehouse, zone: LandingZone
) -> None:
    land(zone, others(3), day(2))
    land_body(zone, b"<html>", day(2))
    load(loaded, zone)
    found = checks()
    assert {name for name, check in found.items() if not check.passed} == {
        "coin_list_complete",
        "coin_lists_completed",
    }
    assert found["coin_list_complete"].severity is dg.AssetCheckSeverity.WARN
    assert found["coin_lists_completed"].severity is dg.AssetCheckSeverity.ERROR


@pytest.mark.parametrize("part", ["/date=", "/bodies/"])
def test_a_landing_file_that_was_changed_is_found(
    part: str, loaded: Warehouse, zone: LandingZone
) -> None:
    file = next(file for file in zone.stored("coin_list") if part in file.path)
    file.uri.write_bytes(b"tampered")
    assert not checks()["coin_list_files_unchanged"].passed
    file.uri.unlink()
    assert not checks()["coin_list_files_unchanged"].passed
