"""A sample of what ``python -m crypto_pipeline_tests.faults`` tries at hundreds of points."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto_pipeline_tests.faults.__main__ import open_stage
from crypto_pipeline_tests.faults.harness import Stage, State, Verb, compare, firsts, undisturbed
from crypto_pipeline_tests.faults.interposition import KILL, Plan, Point
from crypto_pipeline_tests.faults.verbs import VERBS

_BACKUP = Verb(
    "backup",
    ("backup", "--keep", "1", "--no-verify"),
    lambda stage: stage.copy_database("migrated_template"),
)


@pytest.fixture
def stage(server_conninfo: str, postgres_folder: Path, tmp_path: Path) -> Iterator[Stage]:
    """A stage on the session's server, for a verb that needs no Dagster."""
    stage = Stage(server_conninfo, postgres_folder, tmp_path, None, ["cli.backup"])
    yield stage
    stage.close()


def test_a_verb_that_is_killed_or_fails_is_made_good_by_the_next_run(stage: Stage) -> None:
    points, expected = undisturbed(_BACKUP, stage)
    of_kind = {point.kind: point for point in points}
    assert {"SQL: statement", "program: pg_dump", "file: fsync", "file: rename"} <= {*of_kind}
    for plan in (
        Plan(of_kind["file: rename"], KILL),
        Plan(of_kind["file: write"], "no space left"),
        Plan(of_kind["SQL: statement"], "statement timeout"),
    ):
        result = stage.disturb(_BACKUP, plan, expected)
        assert result.reached
        assert result.is_well, (plan, result.ended, result.difference)
        assert (result.ended.code < 0) == (plan.fault == KILL)


@pytest.mark.long
def test_loads_that_are_killed_or_fail_are_made_good_by_the_next_run() -> None:
    verbs = {verb.name: verb for verb in VERBS}
    with open_stage() as stage:
        for name in ("ingest", "load, months built", "lake"):
            points, expected = undisturbed(verbs[name], stage)
            some = firsts([point for point in points if point.is_ours])[::12]
            for point in some:
                result = stage.disturb(verbs[name], Plan(point, KILL), expected)
                assert result.is_well or not result.reached, (point, result.difference)


def test_what_is_lost_doubled_or_left_is_counted() -> None:
    row, other = {"id": 1}, {"id": 2}
    files = {("landing/a-0a1b2c3d.json.gz", "x"): 1}
    expected = State({"t": [row, other]}, Counter(files), [])
    assert compare(expected, expected).is_none
    found = State({"t": [row, row]}, Counter({**files, ("landing/.b.tmp", "y"): 1}), ["batch 1"])
    difference = compare(expected, found)
    assert (difference.lost, difference.doubled) == (1, 1)
    assert (difference.orphans, difference.stuck) == (1, 1)
    assert "t lacks {'id': 2}" in difference.what


def test_points_are_told_apart_by_line_and_kind_and_not_by_their_order() -> None:
    points = [Point("file: write", "a.py:1", 1), Point("file: write", "a.py:1", 2)]
    points += [Point("SQL: COMMIT", "(dagster/x.py:2)", 1), Point("file: fsync", "a.py:1", 1)]
    assert firsts(points) == [points[0], points[2], points[3]]
    assert [point.is_ours for point in points] == [True, True, False, True]
    assert points[2].group == "SQL"
