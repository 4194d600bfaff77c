"""Runs verbs of the command line in processes of their own, disturbed as told.

A program: it imports the pipeline once and forks for every verb, since a fresh interpreter would
need seconds to come as far. It reads an order a line from its standard input, as JSON, and answers
with the verb's exit code, negative for a signal.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

from crypto_pipeline_tests.faults.interposition import Plan, Point, install, points

# Before the pipeline takes functions of libraries by their names.
install()

from crypto_pipeline.cli import main, runs  # noqa: E402  # noqa: E402, F401
from crypto_pipeline.definitions import defs  # noqa: E402
from crypto_pipeline.lakehouse import load as lake  # noqa: E402
from crypto_pipeline.warehouse import bulk_load, migrations, staging  # noqa: E402


def _prepare() -> None:
    """What every verb would otherwise work out for itself, and small steps, so that a few files
    make several transactions."""
    defs.get_repository_def().load_all_definitions()
    migrations._config()
    staging._CHUNK_BYTES = 1
    bulk_load._STAGED_BYTES = 1
    lake.FACTS_A_COMMIT = 10
    runs._POLL_SECONDS = 0.02
    # The waits between tries, and the jitter of Dagster's.
    import tenacity.nap

    tenacity.nap.time.sleep = _sleep  # type: ignore[attr-defined]


_sleeping = __import__("time").sleep


def _sleep(seconds: float) -> None:
    _sleeping(min(seconds, 0.02))


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
    _prepare()
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
