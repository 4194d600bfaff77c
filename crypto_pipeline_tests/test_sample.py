"""The sample landing file, loaded as the README says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec

from crypto_pipeline.coingecko.capture import decode_capture
from crypto_pipeline_tests.cli.test_documentation import README, blocks
from crypto_pipeline_tests.sample import sample

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "docs" / "sample" / "market_snapshot.json"


def test_the_file_is_what_the_sandbox_makes() -> None:
    """When this fails, ``make sample``."""
    assert SAMPLE.read_text(encoding="utf-8") == sample()


def test_the_file_is_small_and_says_that_it_is_made_up() -> None:
    assert SAMPLE.stat().st_size < 100_000
    capture = decode_capture(SAMPLE.read_bytes())
    assert capture.source == "CoinGecko sandbox"
    assert len(capture.records) == 96
    # As the README describes a landing file.
    assert set(msgspec.json.decode(SAMPLE.read_bytes())) == {"ingested_at", "source", "records"}


def test_the_readmes_commands_print_what_it_shows(tmp_path: Path) -> None:
    (commands,) = [block for block in blocks(README, "sh") if "docs/sample" in block]
    (shown,) = [block for block in blocks(README, "text") if "crypto_id=solana" in block]
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    environment = {
        "HOME": str(tmp_path),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        # Where this copy is not the one that is installed.
        "PYTHONPATH": str(ROOT),
    }

    done = subprocess.run(
        ["bash", "-e", "-c", commands],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"{shown.strip()}\n")
    assert re.search(r"CoinGecko sandbox +1 +0 +95 +95 +1 ", done.stdout)
