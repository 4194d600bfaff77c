"""The arrows between the rooms, as pyproject.toml declares them, and the usual Dagster ways in."""

import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.api import read_configuration
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]


def test_no_module_imports_against_the_arrows() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_no_room_is_left_out_of_what_is_said_of_the_sandbox() -> None:
    rooms = {
        f"crypto_pipeline.{path.stem}"
        for path in (ROOT / "crypto_pipeline").iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").is_file()
    }
    contracts = {
        contract["name"]: contract
        for contract in read_configuration(str(ROOT / "pyproject.toml"))["contracts_options"]
    }
    sandbox = "crypto_pipeline.sandbox"
    starters = contracts["Only the command line starts the sandbox"]["source_modules"]
    assert set(starters) == rooms - {sandbox, "crypto_pipeline.cli"}
    assert set(contracts["The sandbox stands alone"]["forbidden_modules"]) == rooms - {sandbox}


@pytest.mark.usefixtures("warehouse")
def test_dagster_validates_the_workspace() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
