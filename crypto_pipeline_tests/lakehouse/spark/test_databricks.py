"""What goes to Databricks: the notebook, run top to bottom on Sail; the wheel; the bundle."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from pyspark.sql import SparkSession

from crypto_pipeline.lakehouse.spark.checks import ChecksFailedError
from crypto_pipeline.lakehouse.spark.lake import Lake
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline_tests.market_records import coin, drop, landing_json

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[3]
NOTEBOOK = "crypto_star_schema_pipeline.ipynb"


class Notebook:
    """The notebook's cells, run one after the other in one namespace, as a kernel does."""

    def __init__(self, spark: SparkSession) -> None:
        cells = json.loads((ROOT / "databricks" / NOTEBOOK).read_text())["cells"]
        self.cells = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        self.names: dict[str, Any] = {"spark": spark}

    def run(self, first: int = 0) -> None:
        for number, cell in enumerate(self.cells[first:], first):
            exec(compile(cell, f"cell {number}", "exec"), self.names)


def test_the_notebook_runs_top_to_bottom_and_its_last_cells_fail_the_run(
    zone: LandingZone,
    lake: Lake,
    spark: SparkSession,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    records = [coin(0, name=None), *map(coin, range(1, 4))]
    drop(zone, "hour.json", landing_json(records))
    zone.file_unfiled()
    assert lake.location is not None
    for name, value in {
        "RAW_INPUT_PATH": f"{zone.root}/market_snapshots",
        "CATALOG": "",
        "SCHEMA": lake.schema,
        "LOCATION": lake.location,
    }.items():
        monkeypatch.setenv(name, value)
    notebook = Notebook(spark)

    notebook.run()

    shown = capsys.readouterr().out
    assert "1 files to load" in shown
    assert "1 batches loaded into gold" in shown
    assert "no name (name = null)" in shown
    assert "0 files of price history, 3 hourly candles" in shown
    assert shown.rstrip().endswith("all checks passed")
    assert lake.table("fact_crypto_price_metrics").count() == 3

    facts = f"{lake.quoted}.fact_crypto_price_metrics"
    twice, negative, null, rest = range(len(notebook.cells) - 4, len(notebook.cells))
    for cell, damage in {
        null: f"UPDATE {facts} SET current_price = NULL WHERE crypto_id = 'coin-0001'",
        negative: f"UPDATE {facts} SET market_cap = -1 WHERE crypto_id = 'coin-0002'",
        twice: f"INSERT INTO {facts} SELECT * FROM {facts}",
    }.items():
        spark.sql(damage)
        with pytest.raises(ChecksFailedError):
            notebook.run(cell)
    with pytest.raises(ChecksFailedError, match="batches_add_up"):
        notebook.run(rest)


def test_the_wheel_has_all_that_the_notebook_needs(tmp_path: Path) -> None:
    """It imports without Dagster and psycopg, and with no other package of the project's."""
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--wheel-dir", str(tmp_path), str(ROOT / "databricks")),
        ],
        check=True,
    )
    (wheel,) = tmp_path.glob("crypto_pipeline_spark-*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    unwanted = ("dagster", "psycopg", "pydantic", "httpx", "upath", "sqlalchemy")
    program = f"""
import sys
sys.modules.update(dict.fromkeys({unwanted}))
from crypto_pipeline.model.quality import RULES
from crypto_pipeline.lakehouse.spark import checks, decode, load
from crypto_pipeline.model.sql import SQL_FOLDER, read_sql
statements = {{str(path.relative_to(SQL_FOLDER)) for path in SQL_FOLDER.rglob("*.sql")}}
assert all(read_sql(name) for name in statements)
print(load.__file__, len(statements))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(tmp_path / "installed")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    written = len(list((ROOT / "sql" / "spark").rglob("*.sql")))
    assert done.stdout.split() == [
        str(tmp_path / "installed" / "crypto_pipeline" / "lakehouse" / "spark" / "load.py"),
        str(written),
    ]


def test_the_bundle_gives_the_notebook_its_parameters_and_the_wheel(spark: SparkSession) -> None:
    bundle = yaml.safe_load((ROOT / "databricks" / "databricks.yml").read_text())
    job = bundle["resources"]["jobs"]["hourly_star_schema"]
    (task,) = job["tasks"]
    assert task["notebook_task"]["notebook_path"] == NOTEBOOK
    assert task["libraries"] == [{"whl": "dist/*.whl"}]
    notebook = Notebook(spark)
    exec(notebook.cells[0], notebook.names)
    assert [p["name"] for p in job["parameters"]] == list(notebook.names["PARAMETERS"])
    assert job["max_concurrent_runs"] == 1
    assert set(bundle["targets"]) == {"dev", "prod"}
