"""Staging: what is said of a record does not depend on what else is staged with it."""

import random

from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline.warehouse.staging import Staging, decode_files
from crypto_pipeline_tests.market_records import drop, landing_json, market_record


def test_every_record_is_checked_however_files_come_together(
    warehouse: Warehouse, zone: LandingZone
) -> None:
    """Records of all sizes, so that pages of the staging table have room of all sizes."""
    chance = random.Random(7)
    for number in range(60):
        records = [
            market_record(
                id=f"coin-{coin}",
                symbol=f"c{coin}",
                name="x" * chance.choice([1, 30, 300]),
                current_price=0 if coin % 5 == 0 else 1,
                total_supply=None if chance.random() < 0.5 else 1,
                market_cap_rank=coin + 1,
            )
            for coin in range(chance.choice([1, 3, 40]))
        ]
        drop(zone, f"{number:02d}.json", landing_json(records))
    files = zone.file_unfiled()

    def violations(files_at_a_time: int) -> list[tuple[object, ...]]:
        with warehouse.work() as connection:
            staging = Staging(connection, 1)
            for start in range(0, len(files), files_at_a_time):
                staging.add(decode_files(files[start : start + files_at_a_time]))
            staging.finish()
            return connection.execute(
                "SELECT landing_file, record_index, rejected_by, warned_by, reason, r.record"
                " FROM violations JOIN staged_files USING (file_id)"
                " LEFT JOIN staged_rejects AS r USING (file_id, record_index) ORDER BY 1, 2"
            ).fetchall()

    together = violations(len(files))
    assert sum(row[2] != [] for row in together) > 100
    assert violations(1) == together
    assert violations(7) == together
