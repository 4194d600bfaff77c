"""Runs verbs of the command line in processes of their own, disturbed as told.

A program: it imports the pipeline once and forks for every verb, since a fresh interpreter would
need seconds to come as far. It reads an order a line from its standard input, as JSON, and answers
with the verb's exit code, negative for a signal. Its arguments are the modules that it imports
before, by default those of all verbs.
"""

import atexit
import gc
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

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


def _run(order: dict[str, Any]) -> NoReturn:
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    for descriptor, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    plan = Plan(None, None)
    if order["fault"] is not None:
        plan = Plan(Point(*order["point"]), order["fault"])
    points.arm(plan, Path(order["trace"]), tuple(order["watched"]))
    code = 1
    try:
        main(order["arguments"])
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
    # What the end of the interpreter does that is a part of what is run: it lets go of the server.
    # The rest, freeing each object of a large process, would take longer than most verbs.
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def serve() -> None:
    """Serve until the standard input ends."""
    _prepare(sys.argv[1:] or _ALL)
    # What is there already is in no child's way when it collects garbage.
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        process = os.fork()
        if process == 0:
            _run(order)
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    # Libraries complain at the end of what was not freed.
    gc.unfreeze()


if __name__ == "__main__":
    serve()
