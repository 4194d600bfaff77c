"""What the harness found, as the tables of docs/RELIABILITY.md."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from crypto_pipeline_tests.faults.harness import Result
from crypto_pipeline_tests.faults.interposition import KILL

_BEGIN, _END = "<!-- faults: begin -->\n", "<!-- faults: end -->\n"


class Counted(NamedTuple):
    """The points of an undisturbed run of a verb, and the lines of code that they come from."""

    verb: str
    points: int
    lines: int


class Kept(NamedTuple):
    """A verb's points, and what came of the faults at some of them."""

    counted: Counted
    results: list[Result]


def keep(folder: Path, counted: Counted, results: Sequence[Result]) -> None:
    """Write down what came of a verb's faults."""
    folder.mkdir(parents=True, exist_ok=True)
    # Of how a run ended, what it printed and came to on the way is not needed any more.
    short = [one._replace(ended=one.ended._replace(out="", points=[])) for one in results]
    (folder / f"{counted.verb}.json").write_bytes(msgspec.json.encode(Kept(counted, short)))


def kept_of(folder: Path, verb: str) -> Kept | None:
    """What came of a verb's faults the last time; None if it was never disturbed."""
    path = folder / f"{verb}.json"
    return msgspec.json.decode(path.read_bytes(), type=Kept) if path.exists() else None


def report(kept: Sequence[Kept]) -> str:
    """Both tables."""
    results = [result for one in kept for result in one.results]
    reached = [result for result in results if result.reached]
    kills = [result for result in reached if result.plan.fault == KILL]
    errors = [result for result in reached if result.plan.fault != KILL]
    parts = [
        f"{len(kills)} kills and {len(errors)} errors at"
        f" {len({(r.plan.point, r.verb) for r in reached})} points, of {len(results)} that were"
        " planned.\n",
        _table(
            ("verb", "points", "lines", "killed", "lost", "doubled", "orphan files", "stuck"),
            (
                (
                    one.verb,
                    one.points,
                    one.lines,
                    *_sums([result for result in kills if result.verb == one.verb]),
                )
                for one in (kept_one.counted for kept_one in kept)
            ),
        ),
        _table(
            (
                *("kind of point", "fault", "injected", "ended well all the same"),
                *(
                    "told in one line",
                    "lost",
                    "doubled",
                    "orphan files",
                    "stuck",
                    "what the user saw, for example",
                ),
            ),
            _rows_of_errors(errors),
        ),
    ]
    return "\n".join(parts)


def write_into(page: Path, tables: str) -> None:
    """Replace the tables of the page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    page.write_text(f"{before}{_BEGIN}\n{tables}\n{_END}{after}", encoding="utf-8")


def _rows_of_errors(errors: Sequence[Result]) -> Iterable[tuple[object, ...]]:
    for kind, fault in sorted({(r.plan.point.kind, r.plan.fault) for r in errors if r.plan.point}):
        some = [
            result
            for result in errors
            if result.plan.point and (result.plan.point.kind, result.plan.fault) == (kind, fault)
        ]
        count, *sums = _sums(some)
        told = [result.ended.told for result in some if result.ended.code]
        well = sum(result.ended.code == 0 for result in some)
        in_a_line = sum(result.ended.code != 0 and result.ended.is_in_a_line for result in some)
        yield kind, fault, count, well, in_a_line, *sums, _shown(told[0]) if told else ""


def _sums(results: Sequence[Result]) -> tuple[int, int, int, int, int]:
    return (
        len(results),
        sum(result.difference.lost for result in results),
        sum(result.difference.doubled for result in results),
        sum(result.difference.orphans for result in results),
        sum(result.difference.stuck for result in results),
    )


def _shown(line: str) -> str:
    """A line of a terminal in a table, without folders that are of one run."""
    return re.sub(r"/\S*/cf-[^/\s]+/", "", line).replace("|", "\\|")


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
