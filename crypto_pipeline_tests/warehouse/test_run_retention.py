"""Dagster's own runs and their output: they go when they are old."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import time_machine

from crypto_pipeline.warehouse.maintenance import (
    drop_old_logs,
    drop_old_runs,
)


@dg.op
def speaks() -> None:
    print("a line of output")


@dg.job
def speaking() -> None:
    speaks()


def test_runs_and_their_output_go_when_they_are_old_and_not_before() -> None:
    with dg.instance_for_test() as instance:
        first, second = (speaking.execute_in_process(instance=instance) for _ in range(2))
        instance.create_run_for_job(speaking)
        storage = Path(instance.storage_directory())

        def left() -> tuple[int, int]:
            return instance.get_runs_count(), len(list(storage.glob("*/compute_logs")))

        assert left() == (3, 2)
        assert drop_old_runs(instance, None) == drop_old_runs(instance, 1) == 0
        assert drop_old_logs(instance, 1) == 0
        assert left() == (3, 2)
        with time_machine.travel(datetime.now(timezone.utc) + timedelta(days=10)):
            assert drop_old_logs(instance, 11) == 0
            assert drop_old_logs(instance, 9) == 2
            assert left() == (3, 0)
            assert drop_old_runs(instance, 11) == 0
            assert drop_old_runs(instance, 9) == 2
        # The one that never ran is not finished.
        assert left() == (1, 0)
        assert instance.all_logs(first.run_id) == instance.all_logs(second.run_id) == []
