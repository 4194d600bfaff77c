"""What a choice on the dashboard costs where a thousand coins have eleven years of candles.

The daily facts are whole, the hourly ones those of the last ten months: by the hour, no query looks
further back. It takes some ten minutes and 6 GB.
"""

import itertools
import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import psutil
from rich.console import Console
from rich.table import Table

from crypto_pipeline.dashboard.pages import PAGES, Page
from crypto_pipeline.dashboard.queries import find_query
from crypto_pipeline.dashboard.reader import Reader, open_reader
from crypto_pipeline.warehouse.postgres import Warehouse

_FILL = Path(__file__).parent / "dashboard.sql"
_COINS = "bitcoin,ethereum,solana,ripple,coin-5,coin-6,coin-7,coin-8"


class _Cost(NamedTuple):
    processor: float
    seconds: float
    query: str
    chosen: str


def run(folder: Path | None) -> None:
    """Fill a database and print the slowest query of each page.

    Args:
        folder: Where the database is kept, and found again; made anew if None.
    """
    data = folder or Path(tempfile.mkdtemp(prefix="cp-bench-"))
    os.environ["DATA_DIR"] = str(data)
    os.environ["DB_NAME"] = "dashboard"
    console = Console()
    try:
        with Warehouse().connection() as connection:
            filled = connection.execute("SELECT EXISTS (SELECT FROM history_series)").fetchone()
            if filled != (True,):
                with console.status("filling ..."):
                    connection.execute(_FILL.read_bytes())
                    connection.commit()
                    connection.autocommit = True
                    connection.execute("VACUUM (ANALYZE)")
        reader = open_reader(sandbox=False)
        table = Table("page", "slowest query", "choice", "processor (s)", "s")
        for page in PAGES:
            worst = max(_costs(reader, page))
            table.add_row(
                page.title,
                worst.query,
                worst.chosen,
                f"{worst.processor:.2f}",
                f"{worst.seconds:.2f}",
            )
        console.print(table)
    finally:
        if folder is None:
            shutil.rmtree(data, ignore_errors=True)


def _costs(reader: Reader, page: Page) -> list[_Cost]:
    """Of every query of a page, with every choice that it knows."""
    choices = {one.name: [value for value, _ in one.choices] for one in page.filters if one.choices}
    costs = []
    for name in dict.fromkeys(name for panel in page.panels for name in (panel.query, *panel.also)):
        query = find_query(name)
        known = [parameter for parameter in query.parameters if parameter in choices]
        for values in itertools.product(*(choices[parameter] for parameter in known)):
            chosen = dict(zip(known, values, strict=True))
            costs.append(_cost(reader, name, chosen))
    return costs


def _cost(reader: Reader, name: str, chosen: dict[str, str]) -> _Cost:
    query = find_query(name)
    with reader.transaction() as connection:
        # One process, whose work can be told.
        connection.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        server = psutil.Process(connection.info.backend_pid)
        before = server.cpu_times()
        answer = query.run(connection, query.values({"coins": _COINS, **chosen}))
        after = server.cpu_times()
    return _Cost(
        after.user + after.system - before.user - before.system,
        answer.seconds,
        name,
        " ".join(f"{parameter}={value}" for parameter, value in chosen.items()),
    )
