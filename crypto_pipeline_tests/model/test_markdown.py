"""Rows as a Markdown table: times as short as they can be, and in UTC."""

from datetime import datetime, timedelta, timezone

import pytest

from crypto_pipeline.model.markdown import markdown_table


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        (datetime(2026, 1, 2, tzinfo=timezone.utc), "2026-01-02 00:00:00 UTC"),
        (datetime(2026, 1, 2, 3, 4, 5, 810_000, timezone.utc), "2026-01-02 03:04:05.810 UTC"),
        (datetime(2026, 1, 2, 3, 4, 5, 810_007, timezone.utc), "2026-01-02 03:04:05.810007 UTC"),
        (datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))), "2026-01-02 01:00:00 UTC"),
    ],
)
def test_a_time_is_shown_in_utc(time: datetime, shown: str) -> None:
    assert markdown_table(["when"], [[time]]).splitlines()[-1] == f"| {shown} |"
