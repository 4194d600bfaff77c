"""Makes the sample landing file: ``python -m crypto_pipeline_tests.sample FILE``.

One answer of the sandbox's market, as a landing file in its plain form with a record a line, of
which one is broken by hand.
"""

import re
from datetime import datetime, timezone
from pathlib import Path

import click
import msgspec

from crypto_pipeline.sandbox.listing import MAX_PER_PAGE, MarketsQuery
from crypto_pipeline.sandbox.market import Market

FETCHED_AT = datetime(2024, 1, 1, 0, 12, 33, tzinfo=timezone.utc)
COINS = 98
"""The market's own two bad records are left out, which makes 96."""

_BROKEN = "solana"
_BAD_PRICE = re.compile(r'"current_price":(?:null|0),')


def sample() -> str:
    """The content of the sample file: the same on every call."""
    page = Market(COINS).page(FETCHED_AT, MarketsQuery("usd", per_page=MAX_PER_PAGE))
    texts = [bytes(raw).decode() for raw in msgspec.json.decode(page.body, type=list[msgspec.Raw])]
    records = [
        re.sub(r'(?<="current_price":)[^,]+', "-3.5", text)
        if text.startswith(f'{{"id":"{_BROKEN}"')
        else text
        for text in texts
        if not _BAD_PRICE.search(text)
    ]
    head = f'"ingested_at": "{FETCHED_AT:%Y-%m-%dT%H:%M:%SZ}",\n"source": "{Market.label}",\n'
    return "{\n" + head + '"records": [\n' + ",\n".join(records) + "\n]\n}\n"


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def main(file: Path) -> None:
    """Write the sample landing file."""
    file.write_text(sample(), encoding="utf-8")


if __name__ == "__main__":
    main()
