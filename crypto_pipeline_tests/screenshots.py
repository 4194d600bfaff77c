"""Makes the images of the documentation: ``python -m crypto_pipeline_tests.screenshots FOLDER``.

The demo fills a data folder of its own, ``up`` serves the Dagster UI of it and ``dashboard`` the
dashboard, and a headless Chromium opens the pages: the one that is installed, or else Playwright's
(``playwright install chromium``).
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import click
import httpx

from crypto_pipeline.automation import HOURLY_JOB
from crypto_pipeline_tests.programs import free_port

_PREFERENCES = {"asset-graph-direction": "vertical", "dagster-nav-collapsed": True}
"""Of the UI, as the browser stores them."""

_SECONDS_TO_SETTLE = 3.0
"""Charts and graphs draw themselves in steps."""


@dataclass(frozen=True)
class Page:
    """A page of the Dagster UI or of the dashboard.

    Attributes:
        image: Name of its file.
        path: Its path and query; ``{run}`` is the newest run of the hourly job.
        shows: A text by which it is known to be there.
        size: Width and height of the window, in pixels.
        theme: Light or dark.
    """

    image: str
    path: str
    shows: str
    size: tuple[int, int] = (1500, 900)
    theme: Literal["light", "dark"] = "light"


PAGES = (
    Page(
        "lineage.png",
        "/asset-groups?expanded=global@global:bronze,global@global:silver,global@global:gold",
        shows="rejected_records",
        size=(1900, 880),
    ),
    Page("run.png", "/runs/{run}", shows="RUN_SUCCESS"),
    Page(
        "landing.png",
        "/assets/market_snapshots?view=events",
        shows="landing_file",
        size=(1500, 950),
    ),
    Page(
        "checks.png",
        "/assets/price_snapshots?view=checks&checkDetail=price_within_24h_high",
        shows="wrong_rows",
    ),
)

DASHBOARD = (
    Page("dashboard.png", "/market", "Stellar", (1280, 1000)),
    Page("dashboard-coin.png", "/coin?coin=render-token", "symbol changed", (1280, 860), "dark"),
    Page("dashboard-compare.png", "/compare", "Volatility:", (1280, 960)),
    Page("dashboard-pipeline.png", "/pipeline", "can be repaired", (1280, 900), "dark"),
    Page("dashboard-phone.png", "/market", "Stellar", (390, 844), "dark"),
)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Write the images into a folder."""
    with tempfile.TemporaryDirectory(prefix="crypto-pipeline-") as data, _browser() as browser:
        _run([*_PROGRAM, "demo"], Path(data), _environment(Path(data)))
        with _served(Path(data), ["up", "--sandbox"], "Dagster UI at ") as url:
            newest = _newest_run(url)
            for page in PAGES:
                _take(browser, url, page, newest, folder / page.image)
                click.echo(folder / page.image)
        with _served(Path(data), ["dashboard"], "Dashboard of ") as url:
            for page in DASHBOARD:
                _take(browser, url, page, "", folder / page.image)
                click.echo(folder / page.image)


_PROGRAM = [sys.executable, "-m", "crypto_pipeline.cli"]


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of the developer's settings."""
    return {
        "HOME": str(folder),
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
    }


@contextmanager
def _served(folder: Path, verb: list[str], ready: str) -> Iterator[str]:
    """What a verb serves of the demo's data, from the line on that says so; its address."""
    port = str(free_port())
    server = subprocess.Popen(
        [*_PROGRAM, *verb, "--port", port],
        cwd=folder,
        env=_environment(folder),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        for line in server.stdout:
            if line.startswith(ready):
                break
        else:
            raise click.ClickException(f"{verb[0]} did not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.communicate(timeout=60)


def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise click.ClickException(done.stdout + done.stderr)


def _newest_run(url: str) -> str:
    # Of an hour: the demo ends with an audit.
    query = (
        f'{{ runsOrError(limit: 1, filter: {{pipelineName: "{HOURLY_JOB}"}})'
        " { ... on Runs { results { runId } } } }"
    )
    answer = httpx.post(f"{url}/graphql", json={"query": query}, timeout=60).json()
    return str(answer["data"]["runsOrError"]["results"][0]["runId"])


@contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    installed = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    with sync_playwright() as playwright:
        # The pages are our own, and a container has no rights to build a sandbox with.
        browser = playwright.chromium.launch(executable_path=installed, args=["--no-sandbox"])
        yield browser
        browser.close()


def _take(browser: Any, url: str, page: Page, newest: str, file: Path) -> None:
    from PIL import Image

    width, height = page.size
    tab = browser.new_page(
        viewport={"width": width, "height": height}, timezone_id="UTC", color_scheme=page.theme
    )
    for name, value in _PREFERENCES.items():
        tab.add_init_script(f"localStorage.setItem({name!r}, {json.dumps(json.dumps(value))})")
    tab.goto(url + page.path.replace("{run}", newest))
    tab.get_by_text(page.shows).filter(visible=True).first.wait_for()
    tab.wait_for_timeout(1_000 * _SECONDS_TO_SETTLE)
    with Image.open(BytesIO(tab.screenshot())) as image:
        # A few colours, a third of the bytes.
        image.quantize().save(file, optimize=True)
    tab.close()


if __name__ == "__main__":
    main()
