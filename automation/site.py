"""The documentation as a site: ``python automation/site.py`` (``make site``).

The pages are those of ``docs/`` as GitHub shows them, the README as the first page, and the
changelog. What a site needs beyond that is made here, in ``build/pages``:

- a file or folder of the repository that a page links to becomes a page that shows it;
- a Mermaid diagram becomes an image, light and dark, so that a reader's browser asks nobody for
  the script that would draw it.

Then Zensical builds ``build/html`` by ``zensical.toml``. A link or an anchor that leads nowhere
ends it with status 1.
"""

import posixpath
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOME = "index.md"
"""The page that the README becomes."""

_PAGES = ROOT / "build" / "pages"

_CODE = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<=\]\()([^)\s#]*)(#[^)\s]*)?(?=\))")
_DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)

_LANGUAGES = {
    ".conf": "nginx",
    ".ipynb": "json",
    ".js": "javascript",
    ".json": "json",
    ".py": "python",
    ".sh": "sh",
    ".sql": "sql",
    ".toml": "toml",
    ".yaml": "yaml",
    ".yml": "yaml",
}

_THEMES = {"light": "default", "dark": "dark"}
"""Mermaid's theme for each of the site's."""


def site_pages(root: Path) -> dict[str, str]:
    """The site's pages by their path, in Markdown, with their links as they are in the site.

    Raises:
        FileNotFoundError: a page links to what is not in the repository.
    """
    sources = {
        HOME: root / "README.md",
        "CHANGELOG.md": root / "CHANGELOG.md",
        **{path.name: path for path in sorted((root / "docs").glob("*.md"))},
    }
    places = {source: page for page, source in sources.items()}
    shown: set[Path] = set()

    def place(linked: Path) -> str:
        if linked in places:
            return places[linked]
        if linked.is_relative_to(root / "docs"):
            return linked.relative_to(root / "docs").as_posix()
        shown.add(linked)
        return _place_of_source(linked, root)

    site = {
        page: _for_the_site(source.read_text(encoding="utf-8"), page, source.parent, place)
        for page, source in sources.items()
    }
    for path in sorted(shown):
        site.update(_shown(path, root))
    return site


def _for_the_site(text: str, page: str, folder: Path, place: Callable[[Path], str]) -> str:
    """A page with its links, and the indentation that the site's Markdown wants."""

    def link(match: re.Match[str]) -> str:
        target, anchor = match[1], match[2] or ""
        if not target or "://" in target:
            return match[0]
        leads_to = place((folder / target).resolve())
        return posixpath.relpath(leads_to, posixpath.dirname(page) or ".") + anchor

    # The pieces at odd places are the code blocks. What belongs to an item of a numbered list is
    # indented by three spaces on GitHub and by four here, code or not; and the next item begins
    # after an empty line, or else it is a part of this one.
    pieces = _CODE.split(text)
    pieces[::2] = [
        re.sub(
            r"^( {4}\S.*\n|\n)(?=\d+\. )",
            r"\1\n",
            re.sub(r"^ {3}(?=\S)", " " * 4, _LINK.sub(link, prose), flags=re.MULTILINE),
            flags=re.MULTILINE,
        )
        for prose in pieces[::2]
    ]
    pieces[1::2] = [
        re.sub(r"^ {3}", " " * 4, code, flags=re.MULTILINE) if code.startswith("   ") else code
        for code in pieces[1::2]
    ]
    return "".join(pieces)


def _place_of_source(path: Path, root: Path) -> str:
    # A hidden file is no page.
    return "source/" + path.relative_to(root).as_posix().lstrip(".") + ".md"


def _shown(path: Path, root: Path) -> Iterator[tuple[str, str]]:
    """The page of a file; or that of a folder, and those of all files below it."""
    name = path.relative_to(root).as_posix()
    page = _place_of_source(path, root)
    head = f"---\nsearch:\n  exclude: true\n---\n\n# {name}\n\n"
    if path.is_dir():
        files = sorted(
            file for file in path.rglob("*") if file.is_file() and not file.name.startswith(".")
        )
        lines = [
            f"- [{file.relative_to(path).as_posix()}]"
            f"({posixpath.relpath(_place_of_source(file, root), posixpath.dirname(page))})\n"
            for file in files
        ]
        yield page, head + "".join(lines)
        for file in files:
            yield from _shown(file, root)
    else:
        text = path.read_text(encoding="utf-8").rstrip("\n")
        yield page, f"{head}`````{_LANGUAGES.get(path.suffix, 'text')}\n{text}\n`````\n"


def with_drawn_diagrams(page: str, text: str, folder: Path) -> str:
    """A page with images for its Mermaid diagrams, which are written into a folder beside it."""
    import mmdr  # noqa: PLC0415 - of the group `site`

    count = 0

    def drawn(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        images = []
        for theme, mermaid in _THEMES.items():
            file = folder / f"{Path(page).stem.lower()}-{count}-{theme}.svg"
            source = f'%%{{init: {{"theme": "{mermaid}"}}}}%%\n{match[1]}'
            file.write_text(mmdr.render(source).svg(), encoding="utf-8")
            place = f"{folder.name}/{file.name}"
            # Opens by itself, where it can be enlarged.
            images.append(f"[![Diagram {count}]({place}#only-{theme})]({place})")
        return "\n".join(images)

    return _DIAGRAM.sub(drawn, text)


def main() -> int:
    """Build the site; the exit status is Zensical's."""
    shutil.rmtree(_PAGES, ignore_errors=True)
    shutil.copytree(ROOT / "docs", _PAGES, ignore=shutil.ignore_patterns("*.md"))
    diagrams = _PAGES / "diagrams"
    diagrams.mkdir()
    for page, text in site_pages(ROOT).items():
        file = _PAGES / page
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(with_drawn_diagrams(page, text, diagrams), encoding="utf-8")
    zensical = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    return subprocess.run(zensical, cwd=ROOT, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
