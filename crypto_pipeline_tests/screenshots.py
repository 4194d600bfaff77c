"""Makes the images of the Dagster UI: ``python -m crypto_pipeline_tests.screenshots FOLDER``.

The demo fills a data folder of its own, ``up`` serves it, and a headless Chromium opens the pages:
the one that is installed, or else Playwright's (``playwright install chromium``).
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
from typing import Any

import click
import httpx

from crypto_pipeline_tests.programs import free_port

_PREFERENCES = {"asset-graph-direction": "vertical", "dagster-nav-collapsed": True}
"""Of the UI, as the browser stores them."""

_SECONDS_TO_SETTLE = 3.0
"""Charts and graphs draw themselves in steps."""


@dataclass(frozen=True)
class Page:
    """A page of the UI.

    Attributes:
        image: Name of its file.
        path: Its path and query; ``{run}`` is the newest run.
        shows: A text by which it is known to be there.
        size: Width and height of the window, in pixels.
    """

    image: str
    path: str
    shows: str
    size: tuple[int, int] = (1500, 900)


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


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(folder: Path) -> None:
    """Write the images into a folder."""
    with tempfile.TemporaryDirectory(prefix="crypto-pipeline-") as data, _served(Path(data)) as url:
        newest = _newest_run(url)
        with _browser() as browser:
            for page in PAGES:
                _take(browser, url, page, newest, folder / page.image)
                click.echo(folder / page.image)


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The UI of the demo's data; its address."""
    # Nothing of the developer's settings.
    environment = {
        "HOME": str(folder),
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
    }
    program = [sys.executable, "-m", "crypto_pipeline.cli"]
    _run([*program, "demo"], folder, environment)
    port = str(free_port())
    server = subprocess.Popen(
        [*program, "up", "--sandbox", "--port", port],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        for line in server.stdout:
            if line.startswith("Dagster UI at "):
                break
        else:
            raise click.ClickException("the UI did not start")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.communicate(timeout=60)


def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise click.ClickException(done.stdout + done.stderr)


def _newest_run(url: str) -> str:
    query = "{ runsOrError(limit: 1) { ... on Runs { results { runId } } } }"
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
    tab = browser.new_page(viewport={"width": width, "height": height}, timezone_id="UTC")
    for name, value in _PREFERENCES.items():
        tab.add_init_script(f"localStorage.setItem({name!r}, {json.dumps(json.dumps(value))})")
    tab.goto(url + page.path.replace("{run}", newest))
    tab.get_by_text(page.shows).first.wait_for()
    tab.wait_for_timeout(1_000 * _SECONDS_TO_SETTLE)
    with Image.open(BytesIO(tab.screenshot())) as image:
        # A few colours, a third of the bytes.
        image.quantize().save(file, optimize=True)
    tab.close()


if __name__ == "__main__":
    main()
