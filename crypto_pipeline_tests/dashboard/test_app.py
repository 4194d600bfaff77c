"""The dashboard as a browser asks it, over HTTP on loopback; and its verb."""

import csv
import io
import os
import re
import signal
import socket
import subprocess
import sys
from importlib.util import find_spec

import httpx
import pytest

from crypto_pipeline.dashboard.app import Budget
from crypto_pipeline.dashboard.pages import PAGES
from crypto_pipeline.dashboard.reader import open_reader
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.dashboard.known_market import served
from crypto_pipeline_tests.programs import crypto_pipeline, free_port


def test_pages_data_and_refusals(dashboard: str) -> None:
    """One market for all that a browser can ask."""
    with httpx.Client(base_url=dashboard, follow_redirects=True) as client:
        pages_and_assets(client)
        data(client)
        refusals(client)


def pages_and_assets(client: httpx.Client) -> None:
    assert client.get("/").url.path == "/market"
    for page in PAGES:
        answer = client.get(f"/{page.name}")
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "connect-src 'self'" in policy
        # Nothing of another host; the name of SVG's language is no address.
        assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", answer.text)
        assert "Sandbox data" not in answer.text
        for address in re.findall(r"(?:src|href)=\"(/assets/[^\"]+)\"", answer.text):
            assert client.get(address).status_code == 200, address
    assert client.get("/favicon.ico").headers["content-type"] == "image/svg+xml"


def data(client: httpx.Client) -> None:
    answer = client.get("/data/coin_now.json", params={"coin": "tiny"}).json()
    row = dict(zip(answer["columns"], answer["rows"][0], strict=True))
    assert (row["name"], row["price"]) == ("Tiny", 4.23e-8)
    assert answer["sql"].startswith("\\set coin 'tiny'\n\\set currency 'usd'\n")
    # The file has every digit, and no exponent.
    export = client.get("/data/coin_now.csv", params={"coin": "tiny"})
    assert export.headers["content-disposition"] == 'attachment; filename="coin_now.csv"'
    (line,) = csv.DictReader(io.StringIO(export.text))
    assert line["price"] == "0.0000000423"
    assert line["hour_start"] == "2026-11-23T05:00:00+00:00"


def refusals(client: httpx.Client) -> None:
    for address, status, words in (
        ("/no-such-page", 404, "no such page"),
        ("/data/no_such.json", 404, "no_such"),
        ("/data/coin_now.json?currency=USD'", 400, "currency has to be a currency's code"),
        ("/data/market_history.csv?days=0", 400, "days has to be a whole number"),
        ("/assets/../app.py", 404, ""),
    ):
        answer = client.get(address)
        assert answer.status_code == status, address
        assert words in answer.text
    assert client.post("/data/coin_now.json").status_code == 405
    # A name that somebody let point at loopback.
    assert client.get("/market", headers={"host": "example.com"}).status_code == 400


def test_data_of_the_sandbox_says_so_and_an_empty_database_says_what_to_do(
    warehouse: Warehouse,
) -> None:
    with served(open_reader(sandbox=False), Budget("public", None)) as url:
        assert "There is no data yet" in httpx.get(f"{url}/market").text
        with warehouse.connection() as connection:
            connection.execute(
                "INSERT INTO analytics.dim_source (source_name, kind)"
                " VALUES ('CoinGecko sandbox', 'sandbox')"
            )
        assert "Sandbox data." in httpx.get(f"{url}/market").text


def test_a_query_that_takes_too_long_is_stopped_in_words(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crypto_pipeline.dashboard.reader._TIMEOUT", "300ms")
    with (
        served(open_reader(sandbox=False), Budget("public", None)) as url,
        warehouse.connection() as connection,
    ):
        connection.execute("LOCK analytics.fact_crypto_price_daily IN ACCESS EXCLUSIVE MODE")
        answer = httpx.get(f"{url}/data/market_history.json")
    assert (answer.status_code, answer.json()) == (
        503,
        {"error": "The query took too long and was stopped."},
    )


def test_the_verb_serves_until_ctrl_c(warehouse: Warehouse) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "crypto_pipeline.cli", "dashboard", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
        # As a shell starts it in the background: it would inherit that SIGINT is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    assert re.fullmatch(rf"Dashboard of database \w+ at http://127.0.0.1:{port} \(.*\)\n", said)
    assert httpx.get(f"http://127.0.0.1:{port}/pipeline").status_code == 200
    process.send_signal(signal.SIGINT)
    rest, complaints = process.communicate(timeout=60)
    assert (process.returncode, rest, complaints) == (0, "Dashboard stopped.\n", "")


@pytest.mark.usefixtures("warehouse")
def test_a_port_that_is_taken_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = crypto_pipeline("dashboard", "--port", str(taken.getsockname()[1]))
    assert (done.returncode, done.stdout) == (1, "")
    assert "choose another port with --port" in " ".join(done.stderr.split())


def test_without_its_packages_it_says_what_to_install() -> None:
    hidden = (
        "import sys; sys.modules['plotly'] = None; sys.modules['jinja2'] = None;"
        "from crypto_pipeline.cli import main; main(['dashboard'])"
    )
    assert find_spec("plotly") is not None
    done = subprocess.run([sys.executable, "-c", hidden], capture_output=True, text=True)
    assert done.returncode == 1
    assert "make dashboard" in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2


def test_the_verb_imports_neither_dagster_nor_pandas() -> None:
    show = (
        "import sys; import crypto_pipeline.cli.dashboard, crypto_pipeline.dashboard.app;"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in done.stdout.split()}
    assert "starlette" in imported
    assert not imported & {"dagster", "pandas", "plotly"}
