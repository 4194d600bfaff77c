"""The images in the documentation are those that ``make screenshots`` makes."""

import re
from pathlib import Path

from crypto_pipeline_tests.screenshots import DASHBOARD, PAGES

ROOT = Path(__file__).parents[1]
IMAGE = re.compile(r"!\[[^\]]+\]\((?:docs/)?images/([^)]+)\)")


def test_each_image_is_made_by_the_command_and_shown_in_the_documentation() -> None:
    shown = [
        image
        for file in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
        for image in IMAGE.findall(file.read_text(encoding="utf-8"))
    ]
    made = sorted(page.image for page in (*PAGES, *DASHBOARD))
    assert sorted(shown) == made
    assert sorted(path.name for path in (ROOT / "docs" / "images").iterdir()) == made
