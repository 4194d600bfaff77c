"""Every asset check passes on a clean load, and fails on the damage it is there for."""

from datetime import datetime, timedelta, timezone

import dagster as dg
import pytest

from crypto_pipeline.automation import AUDIT_JOB
from crypto_pipeline.checks.scope import HOURS_TAG, LOADED_SINCE_TAG
from crypto_pipeline.definitions import defs
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.quality import REJECT_RULES, WARN_RULES, Rule
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.conftest import Filled
from crypto_pipeline_tests.market_records import ABSENT, drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import load_landing_zone

_FACTS = "analytics.fact_crypto_price_metrics"

# Constraints make most damage impossible: each case takes away what stands before it.
_NO_CHECKS = """
DO $$
DECLARE c record;
BEGIN
    FOR c IN
        SELECT conrelid::regclass AS tab, conname FROM pg_constraint
        WHERE contype = 'c' AND conparentid = 0 AND coninhcount = 0
            AND connamespace IN ('public'::regnamespace, 'analytics'::regnamespace)
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.tab, c.conname);
    END LOOP;
END $$;
SET session_replication_role = replica;  -- no foreign keys
"""

DAMAGE = {
    "batches_add_up": "UPDATE ingestion_batches SET records_loaded = records_loaded - 1,"
    " records_duplicate = records_duplicate + 1",
    "batches_completed": "UPDATE ingestion_batches SET status = 'failed', error = 'x'",
    "fetches_complete": "UPDATE ingestion_batches SET error = 'page 2 did not come'",
    "coins_named_as_listed": "UPDATE cryptocurrencies SET symbol = 'other'",
    "names_belong_to_coins": "UPDATE cryptocurrency_names SET crypto_id = 'ethereum'"
    " WHERE crypto_id = 'bitcoin'",
    "references_exist": "UPDATE price_snapshots SET name_id = 999",
    "snapshot_keys_unique": "ALTER TABLE price_snapshots DROP CONSTRAINT price_snapshots_pkey"
    " CASCADE; INSERT INTO price_snapshots SELECT * FROM price_snapshots",
    "snapshots_on_bucket": "UPDATE price_snapshots SET last_updated = last_updated + '1 hour'",
    "snapshots_have_metrics": "DELETE FROM market_metrics",
    "metrics_have_snapshots": "INSERT INTO market_metrics SELECT crypto_id, vs_currency,"
    " snapshot_time + '5 minutes' FROM price_snapshots WHERE crypto_id = 'bitcoin'",
    "quarantine_kept_apart": "INSERT INTO rejected_records SELECT batch_id, record_index,"
    " crypto_id, '{x}', 'x', '{}', now(), '{1}' FROM price_snapshots",
    "record_well_formed": "INSERT INTO rejected_records SELECT batch_id, record_index,"
    " crypto_id, '{record_well_formed}', 'x', '{}', now(), '{1}' FROM price_snapshots",
    "id_present": "UPDATE price_snapshots SET crypto_id = '' WHERE crypto_id = 'bitcoin';"
    " UPDATE market_metrics SET crypto_id = '' WHERE crypto_id = 'bitcoin'",
    "symbol_present": "UPDATE cryptocurrency_names SET symbol = '' WHERE crypto_id = 'bitcoin'",
    "name_present": "UPDATE cryptocurrency_names SET name = '' WHERE crypto_id = 'bitcoin'",
    "price_present": "ALTER TABLE price_snapshots ALTER current_price DROP NOT NULL;"
    " UPDATE price_snapshots SET current_price = NULL",
    "price_positive": "UPDATE price_snapshots SET current_price = 0",
    "last_updated_present": "ALTER TABLE price_snapshots ALTER last_updated DROP NOT NULL;"
    " UPDATE price_snapshots SET last_updated = NULL",
    "last_updated_plausible": "UPDATE price_snapshots SET last_updated = '2001-01-01'",
    "last_updated_not_in_future": "UPDATE ingestion_batches SET ingested_at = '2020-01-01'",
    "prices_not_negative": "UPDATE price_snapshots SET low_24h = -1",
    "market_values_not_negative": "UPDATE market_metrics SET total_volume = -1",
    "supplies_not_negative": "UPDATE market_metrics SET max_supply = -1",
    "rank_positive": "UPDATE market_metrics SET market_cap_rank = 0",
    "facts_match_snapshots": f"DELETE FROM {_FACTS} WHERE crypto_id = 'bitcoin'",
    "measures_equal_silver": f"UPDATE {_FACTS} SET market_cap = market_cap + 0.1",
    "no_null_measures": f"UPDATE {_FACTS} SET total_volume = NULL",
    "no_orphan_keys": f"UPDATE {_FACTS} SET crypto_key = -1",
    "fact_keys_unique": "ALTER TABLE analytics.fact_crypto_price_metrics DROP CONSTRAINT"
    f" fact_crypto_price_metrics_pkey; INSERT INTO {_FACTS} SELECT * FROM {_FACTS}",
    "facts_have_their_version": "UPDATE analytics.dim_cryptocurrency SET valid_from = '2030-01-01'"
    " WHERE crypto_key > 0",
    "versions_in_sequence": "UPDATE analytics.dim_cryptocurrency SET valid_to = '2030-01-01'"
    " WHERE crypto_key > 0",
    "years_whole": "DELETE FROM analytics.dim_date WHERE day_of_month = 2",
    "minutes_complete": "DELETE FROM analytics.dim_time WHERE time_key = 1200",
    "sources_labelled": "UPDATE analytics.dim_source SET kind = 'sandbox' WHERE kind = 'live'",
}


def _load_two_coins(warehouse: Warehouse, zone: LandingZone) -> None:
    ethereum = market_record(id="ethereum", symbol="eth", name="Ethereum", market_cap_rank=2)
    drop(zone, "a.json", landing_json([market_record(), ethereum]))
    assert load_landing_zone().success


@pytest.fixture
def loaded(filled: Filled) -> Warehouse:
    """Two coins."""
    return filled(_load_two_coins)


def _audit(only: str | None = None, **tags: str) -> dict[str, dg.AssetCheckEvaluation]:
    """Run the audit, or one check of it alone: the fewer, the sooner."""
    job = defs.resolve_job_def(AUDIT_JOB)
    if only is not None:
        keys = {key for key in defs.resolve_asset_graph().asset_check_keys if key.name == only}
        job = job.get_subset(asset_selection=set(), asset_check_selection=keys)
    result = job.execute_in_process(raise_on_error=False, tags=tags)
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def test_a_clean_load_passes_every_check(
    loaded: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COINGECKO_TOP_N", "2")
    checks = _audit()
    assert {name for name, check in checks.items() if not check.passed} == set()
    assert set(DAMAGE) <= set(checks)
    assert {rule.name for rule in (*REJECT_RULES, *WARN_RULES)} <= set(checks)


@pytest.mark.parametrize("check", DAMAGE)
def test_a_check_finds_its_damage(check: str, loaded: Warehouse) -> None:
    with loaded.connection() as connection:
        connection.execute(_NO_CHECKS)
        connection.execute(DAMAGE[check])
    found = _audit(check)[check]
    assert not found.passed
    assert found.severity is dg.AssetCheckSeverity.ERROR
    assert "samples" in found.metadata


_LONG_AGO = datetime(2020, 1, 1, tzinfo=timezone.utc)


def _as_loaded(check: str, since: datetime = _LONG_AGO) -> dg.AssetCheckEvaluation:
    """The check after a load that began at some time."""
    hour = "2026-11-24-05:00"
    tags = {HOURS_TAG: f"{hour}/{hour}", LOADED_SINCE_TAG: since.isoformat()}
    return _audit(check, **tags)[check]


# What a key refuses, a check of a load leaves to it; so it finds where the key is not there.
_KEYS = {
    "snapshot_keys_unique": "ALTER TABLE price_snapshots"
    " DROP CONSTRAINT price_snapshots_pkey CASCADE",
    "fact_keys_unique": "ALTER TABLE analytics.fact_crypto_price_metrics"
    " DROP CONSTRAINT fact_crypto_price_metrics_pkey",
    "metrics_have_snapshots": "ALTER TABLE market_metrics"
    " DROP CONSTRAINT market_metrics_crypto_id_vs_currency_snapshot_time_fkey",
    "references_exist": "ALTER TABLE price_snapshots DROP CONSTRAINT price_snapshots_name_id_fkey",
}
_JUDGED_BY_THE_LOAD = {rule.name for rule in REJECT_RULES if not rule.on_file}


@pytest.mark.parametrize("check", sorted(DAMAGE.keys() - _JUDGED_BY_THE_LOAD - _KEYS.keys()))
def test_a_check_of_a_load_finds_what_the_load_did_not_judge(check: str, loaded: Warehouse) -> None:
    with loaded.connection() as connection:
        connection.execute(_NO_CHECKS)
        connection.execute(DAMAGE[check])
    assert not _as_loaded(check).passed


@pytest.mark.parametrize("check", _KEYS)
def test_a_check_of_a_load_finds_that_a_key_is_missing(check: str, loaded: Warehouse) -> None:
    assert _as_loaded(check).passed
    with loaded.connection() as connection:
        connection.execute(_KEYS[check])
    assert not _as_loaded(check).passed


@pytest.mark.parametrize("rule", WARN_RULES, ids=lambda rule: rule.name)
def test_a_warning_counts_what_the_load_has_counted_and_the_audit_shows_it(
    rule: Rule, warehouse: Warehouse, zone: LandingZone
) -> None:
    third = market_record(id="third", symbol="eth", name="Third", market_cap_rank=3)
    first = market_record(**{"market_cap_rank": 2, **WARNED[rule.name]})
    drop(zone, "a.json", landing_json([third, first]))
    assert load_landing_zone().success
    as_loaded, audited = _as_loaded(rule.name), _audit(rule.name)[rule.name]
    for found in (as_loaded, audited):
        assert not found.passed
        assert found.severity is dg.AssetCheckSeverity.WARN
        assert found.metadata["wrong_rows"].value == 1
    assert "samples" in audited.metadata


def test_a_check_of_a_load_reads_no_file_that_the_load_has_read(
    loaded: Warehouse, zone: LandingZone
) -> None:
    next(iter(zone.files())).uri.unlink()
    assert _as_loaded("files_unchanged").passed
    later = datetime.now(timezone.utc) + timedelta(hours=1)
    assert not _as_loaded("files_unchanged", later).passed


def test_a_changed_or_lost_landing_file_is_found(loaded: Warehouse, zone: LandingZone) -> None:
    assert _audit("files_unchanged")["files_unchanged"].passed
    file = next(iter(zone.files()))
    file.uri.write_bytes(b"tampered")
    assert not _audit("files_unchanged")["files_unchanged"].passed
    file.uri.unlink()
    assert not _audit("files_unchanged")["files_unchanged"].passed


WARNED = {
    "price_within_24h_high": {"current_price": 96764},
    "price_within_24h_low": {"current_price": 94870},
    "circulating_within_total": {"circulating_supply": 21000001},
    "total_within_max": {"max_supply": 20999999},
    "last_updated_fresh": {"last_updated": "2026-11-22T05:00:00Z"},
    "rank_present": {"market_cap_rank": None},
    "rank_follows": {"market_cap_rank": 1, "id": "first"},
    "symbol_unique_in_response": {"symbol": "eth"},
    "fields_known": {"invented": 1},
    "fields_complete": {"roi": ABSENT},
}


def _load_bitcoin(warehouse: Warehouse, zone: LandingZone) -> None:
    drop(zone, "a.json", landing_json([market_record()]))
    assert load_landing_zone().success


@pytest.mark.parametrize(
    ("variables", "passed"),
    [
        ({"COINGECKO_TOP_N": "1"}, True),
        ({"COINGECKO_TOP_N": "2"}, False),
        ({"COINGECKO_IDS": "bitcoin"}, True),
        ({"COINGECKO_IDS": "bitcoin,ethereum"}, False),
    ],
)
def test_the_expected_coins(
    variables: dict[str, str],
    passed: bool,
    filled: Filled,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    filled(_load_bitcoin)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert _audit("expected_coins_present")["expected_coins_present"].passed is passed
