"""Runs verbs of the command line in processes of their own, disturbed as told.

A program: it imports the pipeline once and forks for every verb, since a fresh interpreter would
need seconds to come as far. It reads an order a line from its standard input, as JSON, and answers
with the verb's exit code, negative for a signal. Its arguments are the modules that it imports
before, by default those of all verbs.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from crypto_pipeline_tests.faults.interposition import Plan, Point, install, points

# Before the pipeline takes functions of libraries by their names.
install()

from crypto_pipeline.cli import main  # noqa: E402

_ALL = (
    *(
        "definitions",
        "cli.backup",
        "cli.coins",
        "cli.history",
        "cli.jobs",
        "cli.pending",
        "cli.report",
    ),
    *("lakehouse.candles", "lakehouse.comparison", "lakehouse.delta", "lakehouse.load"),
    *("warehouse.bulk_load", "warehouse.migrations", "warehouse.staging"),
)
"""What verbs import when they run."""


def _prepare(modules: Sequence[str]) -> None:
    """Import what every verb would otherwise, and let steps be small, so that a few files make
    several transactions."""
    imported = {name: import_module(f"crypto_pipeline.{name}") for name in modules}
    time.sleep = _sleep
    if "definitions" in imported:
        imported["definitions"].defs.get_repository_def().load_all_definitions()
        imported["warehouse.migrations"]._config()
        imported["warehouse.staging"]._CHUNK_BYTES = 1
        imported["warehouse.bulk_load"]._STAGED_BYTES = 1
        imported["lakehouse.load"].FACTS_A_COMMIT = 10


_time_sleep = time.sleep


def _sleep(seconds: float) -> None:
    """The waits between tries and looks are none of what is tried."""
    _time_sleep(min(seconds, 0.02))


def _run(order: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    for descriptor, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    plan = Plan(None, None)
    if order["fault"] is not None:
        plan = Plan(Point(*order["point"]), order["fault"])
    points.arm(plan, Path(order["trace"]), tuple(order["watched"]))
    main(order["arguments"])


def serve() -> None:
    """Serve until the standard input ends."""
    _prepare(sys.argv[1:] or _ALL)
    for line in sys.stdin:
        order = json.loads(line)
        process = os.fork()
        if process == 0:
            # The end of the interpreter is a part of what is run: it lets go of the server.
            return _run(order)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return None


if __name__ == "__main__":
    serve()
