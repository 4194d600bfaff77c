"""What must hold in the tables that Spark loads: each check is a query for the rows at fault."""

from collections.abc import Iterable
from typing import Final

from crypto_pipeline.lakehouse.spark.lake import Lake

CHECKS: Final = (
    "fact_keys_unique",
    "no_negative_magnitudes",
    "no_null_measures",
    "no_orphan_keys",
    "versions_in_sequence",
    "batches_add_up",
    "candle_keys_unique",
    "no_orphan_candle_keys",
    "days_match_hours",
    "history_adds_up",
)
"""Files of ``sql/spark/checks``."""


class ChecksFailedError(AssertionError):
    """Rows that must not be are there.

    Attributes:
        wrong: How many, by check.
    """

    def __init__(self, wrong: dict[str, int], samples: Iterable[str]) -> None:
        counted = ", ".join(f"{check}: {rows}" for check, rows in wrong.items())
        super().__init__(f"checks failed ({counted}); for example {'; '.join(samples)}")
        self.wrong = wrong


def wrong_rows(lake: Lake, check: str) -> int:
    """How many rows break a check."""
    return lake.run(f"checks/{check}").count()


def verify(lake: Lake, checks: Iterable[str] = CHECKS) -> None:
    """Check the tables.

    Raises:
        ChecksFailedError: a check does not hold.
    """
    wrong = {check: rows for check in checks if (rows := wrong_rows(lake, check))}
    if wrong:
        samples = (_sample(lake, check) for check in wrong)
        raise ChecksFailedError(wrong, samples)


def _sample(lake: Lake, check: str) -> str:
    # Not first(), which has no local time for the beginning of all times west of Greenwich.
    return str(lake.run(f"checks/{check}").limit(1).toArrow().to_pylist()[0])
