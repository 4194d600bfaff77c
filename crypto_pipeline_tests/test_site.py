"""The documentation's site: its navigation, its links, and its pages in a browser."""

import importlib.util
import shutil
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def site() -> ModuleType:
    """The program that builds it, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("site_builder", ROOT / "automation" / "site.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def in_navigation(entries: list[dict[str, Any]]) -> Iterator[str]:
    for entry in entries:
        for linked in entry.values():
            if isinstance(linked, str):
                yield linked
            else:
                yield from in_navigation(linked)


def test_every_page_is_in_the_navigation_once() -> None:
    configuration = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
    listed = list(in_navigation(configuration["project"]["nav"]))
    pages = ["index.md", "CHANGELOG.md", *(path.name for path in (ROOT / "docs").glob("*.md"))]
    assert sorted(listed) == sorted(pages)


def test_a_page_links_to_the_site_and_to_pages_that_show_the_code(
    site: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "docs" / "images").mkdir(parents=True)
    (tmp_path / "docs" / "images" / "a.png").touch()
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "one.sql").write_text("SELECT 1;\n")
    (tmp_path / ".env.example").write_text("A=1\n")
    (tmp_path / "CHANGELOG.md").write_text("# Changes\n")
    (tmp_path / "README.md").write_text(
        "# It\n\n![a](docs/images/a.png) [x](docs/X.md#how) [s](https://example.org/a)\n"
    )
    (tmp_path / "docs" / "X.md").write_text(
        "# X\n\n[home](../README.md#it) [one](../sql/one.sql) [all](../sql)\n"
        "[env](../.env.example)\n\n"
        "1. First:\n\n   ```sh\n   ls  # [no](link.md)\n   ```\n\n   Then.\n2. Last.\n"
    )

    pages = site.site_pages(tmp_path)

    assert pages["index.md"].endswith(
        "![a](images/a.png) [x](X.md#how) [s](https://example.org/a)\n"
    )
    assert "[home](index.md#it) [one](source/sql/one.sql.md) [all](source/sql.md)" in pages["X.md"]
    assert "[env](source/env.example.md)" in pages["X.md"]
    assert "    ```sh\n    ls  # [no](link.md)\n    ```\n\n    Then.\n\n2. Last.\n" in pages["X.md"]
    assert "`````sql\nSELECT 1;\n`````" in pages["source/sql/one.sql.md"]
    assert "- [one.sql](sql/one.sql.md)" in pages["source/sql.md"]


@pytest.fixture(scope="module")
def built(site: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of this checkout, built as `make site` builds it."""
    pytest.importorskip("zensical", reason="`make site` installs it")
    pytest.importorskip("mmdr", reason="`make site` installs it")
    assert site.main() == 0
    folder = tmp_path_factory.mktemp("site") / "html"
    shutil.copytree(ROOT / "build" / "html", folder)
    return folder


@pytest.mark.long
def test_a_link_that_leads_nowhere_ends_the_build(
    site: ModuleType, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (built / "TROUBLESHOOTING.html").exists()
    pages = site.site_pages(ROOT)
    for wrong in ("[x](HOWTO.md#no-such-heading)", "[x](NO_SUCH_PAGE.md)"):
        broken = {**pages, "CONCEPTS.md": f"{pages['CONCEPTS.md']}\n{wrong}\n"}
        monkeypatch.setattr(site, "site_pages", lambda root, broken=broken: broken)
        assert site.main() != 0


@pytest.fixture(scope="module")
def url(built: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(built))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.long
@pytest.mark.skipif(
    _CHROMIUM is None, reason="there is no Chromium: apt-get install chromium brings it"
)
def test_the_pages_ask_no_other_host_and_the_console_is_empty(url: str) -> None:
    from playwright.sync_api import sync_playwright

    problems: list[str] = []

    def asked(request: Any) -> None:
        if not request.url.startswith((url, "data:", "blob:")):
            problems.append(f"asked {request.url}")

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_CHROMIUM,
            # A container has no rights to build a sandbox with.
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        for width, theme in ((1280, "light"), (390, "dark")):
            context = browser.new_context(
                viewport={"width": width, "height": 900}, color_scheme=theme
            )
            page = context.new_page()
            page.on("console", lambda message: problems.append(message.text))
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("request", asked)
            page.on("requestfailed", lambda request: problems.append(f"failed {request.url}"))
            for name in ("index", "TUTORIAL", "ARCHITECTURE", "COLUMNS", "TROUBLESHOOTING"):
                page.goto(f"{url}{name}.html")
                page.wait_for_load_state("networkidle")
                wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
                assert wide <= 0, f"{name} scrolls sideways at {width} pixels"
            context.close()
        browser.close()
    assert problems == []
