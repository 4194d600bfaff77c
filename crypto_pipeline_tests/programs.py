"""The command line as a program of its own, and a port for one that serves."""

import os
import socket
import subprocess
import sys


def crypto_pipeline(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line to its end; what is named is set beside the test's environment."""
    return subprocess.run(
        [sys.executable, "-m", "crypto_pipeline.cli", *arguments],
        env={**os.environ, "COLUMNS": "120", **environment},
        capture_output=True,
        text=True,
        # Only against one that never ends.
        timeout=300,
    )


def free_port() -> int:
    """A port of loopback on which nobody listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
