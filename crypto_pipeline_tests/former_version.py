"""A version of the pipeline with other rules, in a process of its own: what had loaded the data
before a rule was mended.

A program: it serves one order a line from its standard input, an environment as JSON, and answers
when what is pending is loaded in it.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

# Of the records a third, and most of those of some files, which fail then; of the points a third.
WRONG_RULES = {
    '("current_price",), "current_price > 0", "price is not above 0"),': '("current_price",),'
    ' "current_price > 0 AND current_price NOT IN (4, 7, 8, 12)'
    " AND mod(hashtext(concat(crypto_id, last_updated)), 3) <> 0"
    '", "price is not above 0"),',
    '("price",), "price > 0", "price is not above 0"),': '("price",), "price > 0 AND'
    ' mod(hashtext(concat(observed_at, price, ingested_at)), 3) <> 0", "price is not above 0"),',
}

_TREE = Path(__file__).parents[1]


class FormerVersion:
    """The pipeline with some predicates of its rules changed.

    Args:
        folder: Where its code is put.
        predicates: What a predicate of ``quality.py`` was, by what it is.
    """

    def __init__(self, folder: Path, predicates: Mapping[str, str]) -> None:
        for name in ("crypto_pipeline", "crypto_pipeline_tests", "sql"):
            shutil.copytree(
                _TREE / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        # Other engines take no predicate that computes.
        for engine in ("spark", "snowflake"):
            shutil.rmtree(folder / "sql" / engine)
        rules = folder / "crypto_pipeline" / "model" / "quality.py"
        text = rules.read_text(encoding="utf-8")
        for now, then in predicates.items():
            assert text.count(now) == 1, now
            text = text.replace(now, then)
        rules.write_text(text, encoding="utf-8")
        self._folder = folder
        self._run("crypto_pipeline.cli.generated_sql")
        self._server = subprocess.Popen(
            [sys.executable, "-m", "crypto_pipeline_tests.former_version"],
            cwd=folder,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def load(self) -> None:
        """Load what is pending in the environment of this test: snapshots and price history."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(dict(os.environ)) + "\n")
        self._server.stdin.flush()
        assert self._server.stdout.readline() == "loaded\n"

    def close(self) -> None:
        """End the process."""
        self._server.communicate()

    def _run(self, module: str) -> None:
        subprocess.run(
            [sys.executable, "-m", module],
            cwd=self._folder,
            env=self._environment(),
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self._folder)}


def main() -> None:
    """Serve until the standard input ends."""
    # Of the copy, which is the current folder.
    from crypto_pipeline_tests.histories import load_all

    for line in sys.stdin:
        os.environ.clear()
        os.environ.update(json.loads(line))
        load_all()
        print("loaded", flush=True)


if __name__ == "__main__":
    main()
