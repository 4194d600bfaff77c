"""The pages in a real browser: Debian's Chromium, without a window."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from crypto_pipeline.dashboard.app import Budget
from crypto_pipeline.dashboard.pages import PAGES
from crypto_pipeline.dashboard.reader import open_reader
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.dashboard.conftest import BUDGET
from crypto_pipeline_tests.dashboard.known_market import fill, served

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        _CHROMIUM is None, reason="there is no Chromium: apt-get install chromium brings it"
    ),
]


class Tab:
    """A tab, and what went wrong in it.

    Attributes:
        page: Playwright's.
        problems: Messages of the console, errors, and requests that failed or left loopback.
    """

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self._url = url
        self.problems: list[str] = []
        page.on("console", lambda message: self.problems.append(message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("requestfailed", lambda request: self.problems.append(request.url))
        page.on("request", self._asked)
        page.on("response", self._answered)

    def open(self, path: str) -> None:
        self.page.goto(self._url + path)
        self.page.wait_for_selector("body[data-shown]")

    def wait_for_change(self, before: str) -> None:
        self.page.wait_for_function("before => document.body.dataset.shown !== before", arg=before)

    @property
    def shown(self) -> str:
        return str(self.page.get_attribute("body", "data-shown"))

    def traces(self, panel: str) -> list[dict[str, Any]]:
        """What a plot draws."""
        found = self.page.evaluate(
            "id => document.querySelector(`#${id} .js-plotly-plot`).data", panel
        )
        return list(found)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self._url, "data:", "blob:")):
            self.problems.append(f"asked {request.url}")

    def _answered(self, response: Any) -> None:
        if response.status >= 400:
            self.problems.append(f"{response.status} {response.url}")


@pytest.fixture
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=_CHROMIUM,
            # A container has no rights to build a sandbox with.
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield chromium
        chromium.close()


@contextmanager
def tab(browser: Any, url: str, width: int = 1280, theme: str = "light") -> Iterator[Tab]:
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=theme,
        timezone_id="Asia/Kolkata",
        accept_downloads=True,
    )
    yield Tab(context.new_page(), url)
    context.close()


def violations(page: Any) -> list[str]:
    """What axe finds that is serious or worse."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def test_every_page_is_whole_wide_and_narrow_light_and_dark(dashboard: str, browser: Any) -> None:
    for width, theme in ((1280, "light"), (390, "dark"), (1280, "dark"), (390, "light")):
        with tab(browser, dashboard, width, theme) as opened:
            for page in PAGES:
                opened.open(f"/{page.name}")
                where = f"{page.name} {width} {theme}"
                assert opened.page.locator(".said.wrong").count() == 0, where
                plots = sum(panel.chart not in _TEXTS for panel in page.panels)
                assert opened.page.locator(".js-plotly-plot").count() == plots, where
                too_wide = "document.documentElement.scrollWidth - innerWidth"
                assert opened.page.evaluate(too_wide) <= 0, where
                assert violations(opened.page) == [], where
            assert opened.problems == []


_TEXTS = {
    panel.chart
    for page in PAGES
    for panel in page.panels
    if panel.chart.endswith(("-tiles", "-table"))
}


def test_a_choice_changes_the_plots_and_the_address(dashboard: str, browser: Any) -> None:
    with tab(browser, dashboard) as opened:
        opened.open("/coin")
        candles = "coin-candles-candles"
        before, shown = opened.traces(candles), opened.shown
        opened.page.fill("#f-coin", "eth")
        opened.page.keyboard.press("Tab")
        opened.wait_for_change(shown)
        assert opened.page.input_value("#f-coin") == "ethereum"
        assert "coin=ethereum" in opened.page.url
        assert opened.traces(candles)[0]["close"] != before[0]["close"]
        # A gap is shaded, a rename is marked.
        layout = opened.page.evaluate(
            "id => document.querySelector(`#${id} .js-plotly-plot`).layout", candles
        )
        assert [shape["type"] for shape in layout["shapes"]] == ["rect", "line"]
        assert layout["annotations"][0]["text"] == "renamed: Ether → Ethereum"
        shown = opened.shown
        opened.page.select_option("#f-currency", "eur")
        opened.wait_for_change(shown)
        assert "25.00" in opened.page.inner_text("#coin-now-coin-tiles")
        # The address is a link to what is shown.
        opened.open(opened.page.url.removeprefix(dashboard))
        assert opened.page.input_value("#f-currency") == "eur"
        assert opened.problems == []


def test_it_can_be_used_by_keyboard_alone(dashboard: str, browser: Any) -> None:
    with tab(browser, dashboard) as opened:
        opened.open("/compare")
        opened.page.keyboard.press("Tab")
        assert opened.page.evaluate("document.activeElement.className") == "skip"
        shown = opened.shown
        opened.page.focus("#f-coins")
        opened.page.keyboard.type("tiny")
        opened.page.keyboard.press("Enter")
        opened.wait_for_change(shown)
        assert "tiny" in opened.page.url
        shown = opened.shown
        opened.page.focus("input[name=days]:checked")
        opened.page.keyboard.press("ArrowRight")
        opened.wait_for_change(shown)
        assert "days=90" in opened.page.url
        opened.page.focus("#compare-indexed-indexed [data-show=rows]")
        opened.page.keyboard.press("Enter")
        assert "drawdown_pct" in opened.page.inner_text("#compare-indexed-indexed .rows")
        assert violations(opened.page) == []
        assert opened.problems == []


def test_every_plot_shows_its_sql_and_gives_its_data(dashboard: str, browser: Any) -> None:
    with tab(browser, dashboard) as opened:
        for page in PAGES:
            opened.open(f"/{page.name}")
            for panel in page.panels:
                opened.page.click(f"#{panel.id} [data-show=sql]")
                sql = opened.page.inner_text(f"#{panel.id} .sql pre")
                assert "SELECT" in sql, panel.id
                with opened.page.expect_download() as download:
                    opened.page.click(f"#{panel.id} [data-export]")
                assert download.value.suggested_filename == f"{panel.query}.csv"
            assert violations(opened.page) == []
        assert opened.problems == []


def test_times_are_the_readers_with_utc_at_hand_and_the_theme_is_kept(
    dashboard: str, browser: Any
) -> None:
    with tab(browser, dashboard) as opened:
        opened.open("/market")
        newest = "#market-now-market-tiles time"
        assert opened.page.inner_text(newest) == "23 Nov 2026, 10:30"
        assert opened.page.get_attribute(newest, "title") == "23 Nov 2026, 05:00 UTC"
        opened.page.click("#zone")
        assert opened.page.inner_text(newest) == "23 Nov 2026, 05:00 UTC"
        opened.page.click("#theme")
        opened.open("/coin?coin=tiny")
        assert opened.page.get_attribute("html", "data-theme") == "dark"
        assert "0.0000000423" in opened.page.inner_text("#coin-now-coin-tiles")
        assert opened.page.inner_text("#zone") == "UTC"
        assert opened.problems == []


def test_the_sandbox_says_so_on_every_page(
    warehouse: Warehouse, zone: LandingZone, browser: Any
) -> None:
    fill(warehouse, zone, "CoinGecko sandbox")
    with (
        served(open_reader(sandbox=False), BUDGET) as url,
        tab(browser, url, width=390) as opened,
    ):
        for page in PAGES:
            opened.open(f"/{page.name}")
            opened.page.evaluate("scrollTo(0, document.body.scrollHeight)")
            # However far one has scrolled.
            assert opened.page.locator(".banner").bounding_box()["y"] == 0
            assert "Sandbox data" in opened.page.inner_text(".banner")
            assert violations(opened.page) == []
        assert opened.problems == []


@pytest.mark.usefixtures("warehouse")
def test_an_empty_database_shows_what_to_do(browser: Any) -> None:
    with (
        served(open_reader(sandbox=False), Budget("public", None)) as url,
        tab(browser, url) as opened,
    ):
        for page in PAGES:
            opened.page.goto(f"{url}/{page.name}")
            assert "There is no data yet" in opened.page.inner_text("main")
            assert "make demo" in opened.page.inner_text("main")
            assert violations(opened.page) == []
        assert opened.problems == []
