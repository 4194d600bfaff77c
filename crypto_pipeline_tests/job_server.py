"""Runs jobs in processes of their own, which a test can kill.

A program: it imports the pipeline once and forks for every job, since a fresh interpreter would
need seconds to come as far. It reads an order a line from its standard input, as JSON, and answers
with a line each:

``{"job": ..., "partition_key": ..., "environment": {...}}`` starts a job; answer: its process.
``{"wait": <process>}`` waits for its end; answer: its exit code, negative for a signal.
"""

import json
import os
import sys
from typing import Any

from crypto_pipeline.automation import LOAD_LAKE_JOB
from crypto_pipeline.definitions import defs
from crypto_pipeline.lakehouse import load as lake
from crypto_pipeline.warehouse import bulk_load, quarantine, staging


def run(order: dict[str, Any]) -> None:
    """Run a job in this process, in the environment of the test that asks for it."""
    os.environ.clear()
    os.environ.update(order["environment"])
    # A transaction a file, or in a month built detached a chunk: small files would all go into one.
    staging._CHUNK_BYTES = 1
    bulk_load._STAGED_BYTES = 1
    quarantine._CHUNK_BYTES = 1
    if order["job"] == LOAD_LAKE_JOB:
        lake.FACTS_A_COMMIT = 10
    job = defs.resolve_job_def(order["job"])
    job.execute_in_process(partition_key=order["partition_key"])


def main() -> None:
    """Serve until the standard input ends."""
    # What every job would otherwise work out for itself.
    defs.get_repository_def().load_all_definitions()
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        process = os.fork()
        if process == 0:
            # Nothing but answers may go to the standard output.
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
            # The end of the interpreter is a part of what is run: it lets go of the server.
            return run(order)
        print(process, flush=True)
    return None


if __name__ == "__main__":
    main()
