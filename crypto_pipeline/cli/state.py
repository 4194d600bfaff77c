"""Whether all is well with the warehouse, and what to do where it is not."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from crypto_pipeline.model.partitions import STALE_AFTER

_PENDING_TOO_LONG = timedelta(hours=1)
"""A batch reaches gold in the run that loaded it, or in the next one."""

_LOAD = "crypto-pipeline load"

_CLOCKS_DIFFER = timedelta(minutes=5)
"""How far the fetch's clock may be ahead of the database's."""


class Todo(NamedTuple):
    """Something to do.

    Attributes:
        what: What is wrong, or waits.
        command: What to type.
    """

    what: str
    command: str


@dataclass(frozen=True)
class State:
    """What says whether all is well. Times are in UTC.

    Attributes:
        database: Its name.
        kind: live, sandbox or recorded; None before the first batch.
        newest_data: When the newest data was fetched.
        seconds_behind: Of each currency that is asked for and has data, how much older its newest
            data is than the newest of all.
        newest_batch: Status and error of the batch of the newest hour.
        batches_pending: Batches that are in silver and not yet in gold.
        pending_since: When the first of these was loaded.
        read_at: The database's clock.
    """

    database: str
    kind: str | None
    newest_data: datetime | None
    seconds_behind: dict[str, int]
    newest_batch: dict[str, Any] | None
    batches_pending: int
    pending_since: datetime | None
    read_at: datetime

    @property
    def age(self) -> timedelta | None:
        """How old the newest data is; None where there is none, or where it is recorded: that does
        not get old."""
        if self.newest_data is None or self.kind == "recorded":
            return None
        return self.read_at - self.newest_data

    @property
    def problems(self) -> list[Todo]:
        """What a person should look at; empty when all is well."""
        problems = []
        if self.newest_data is None:
            problems.append(Todo("nothing was ever loaded", "crypto-pipeline run"))
        if self.age is not None and self.age > STALE_AFTER:
            hours = self.age.total_seconds() / 3600
            problems.append(
                Todo(f"the newest data is {hours:.1f} hours old", "crypto-pipeline doctor")
            )
        if self.age is not None and self.age < -_CLOCKS_DIFFER:
            hours = -self.age.total_seconds() / 3600
            problems.append(
                Todo(
                    f"the newest data is {hours:.1f} hours ahead of the database's clock", "date -u"
                )
            )
        problems += [
            Todo(
                f"the newest data in {currency} is {seconds / 3600:.1f} hours older than the rest",
                "crypto-pipeline run",
            )
            for currency, seconds in sorted(self.seconds_behind.items())
            if seconds > STALE_AFTER.total_seconds()
        ]
        if self.newest_batch is not None and self.newest_batch["status"] == "failed":
            problems.append(Todo(f"the newest batch failed: {self.newest_batch['error']}", _LOAD))
        if self.pending_since is not None and (
            self.read_at - self.pending_since > _PENDING_TOO_LONG
        ):
            problems.append(Todo(f"{self.batches_pending} batches are pending for gold", _LOAD))
        return problems
