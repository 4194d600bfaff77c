"""Who waits for whom."""

from crypto_pipeline.warehouse.advisory_locks import AdvisoryLock
from crypto_pipeline.warehouse.postgres import Warehouse


def test_the_lock_of_the_loads_is_the_one_that_sql_takes(warehouse: Warehouse) -> None:
    held = (
        "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    )
    with warehouse.load() as connection:
        assert connection.execute(held).fetchall() == [(AdvisoryLock.WAREHOUSE,)]
