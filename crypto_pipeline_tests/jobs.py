"""Jobs in processes of their own, which a test can kill, and files for them to load."""

import json
import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.partitions import partition_key
from crypto_pipeline_tests.market_records import drop, landing_json, market_record

START = datetime(2024, 3, 5, 5, 0, 10, tzinfo=timezone.utc)
FILES = 30


class Jobs:
    """Jobs in processes of their own, see ``job_server``.

    Args:
        log: File for what they write.
    """

    def __init__(self, log: Path) -> None:
        self._log = log
        with log.open("wb") as stream:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "crypto_pipeline_tests.job_server"],
                cwd=Path(__file__).parents[1],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
            )

    def start(self, job: str, hour: datetime | None = None) -> int:
        """Start a job in the environment of this test; its process."""
        return self._answer(
            job=job,
            partition_key=None if hour is None else partition_key(hour),
            environment=dict(os.environ),
        )

    def end(self, process: int) -> None:
        """Wait for a job's process, which must end well."""
        code = self._answer(wait=process)
        # Dagster reports every event; what went wrong is between these lines.
        lines = self._log.read_text().splitlines()
        assert code == 0, "\n".join(line for line in lines if " - dagster - " not in line)

    def end_together(self, job: str, times: int) -> None:
        """Run a job several times at once; each must end well."""
        for process in [self.start(job) for _ in range(times)]:
            self.end(process)

    def kill(self, process: int) -> bool:
        """Kill a job's process; whether it had not ended before."""
        os.kill(process, signal.SIGKILL)
        return self.was_killed(process)

    def was_killed(self, process: int) -> bool:
        """Wait for a job's process; whether a kill ended it."""
        return self._answer(wait=process) == -signal.SIGKILL

    def close(self) -> None:
        """End the server."""
        self._server.communicate()

    def _answer(self, **order: object) -> int:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        return int(self._server.stdout.readline())


def drop_files(zone: LandingZone) -> None:
    """Files of all sorts: duplicates between them, rejects, a coin renamed, one file cut off."""
    for number in range(FILES):
        # Less than a bucket apart, so that some records are for a bucket that is taken; in three
        # months, of which two are loaded at a time.
        at = START + number * timedelta(minutes=3) + number // 10 * timedelta(days=30)
        records = [
            market_record(
                id=f"coin-{coin}",
                symbol="old" if number < FILES // 2 else "new",
                name=f"Coin {coin}",
                current_price=number if coin == 3 else number + 1,
                last_updated=at.isoformat(),
            )
            for coin in range(5)
        ]
        # A price of 0 in the first file, and a name missing in every tenth.
        if number % 10 == 9:
            records[4]["name"] = None
        body = landing_json(records, at)
        path = drop(zone, f"{number:02d}.json", body[:-50] if number == FILES // 3 else body)
        # A file that cannot be read is filed under the time of its last change.
        os.utime(path.path, (at.timestamp(), at.timestamp()))
