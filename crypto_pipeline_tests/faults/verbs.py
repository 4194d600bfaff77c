"""The verbs that are disturbed, each from a state that is small and has all sorts of rows."""

import io
import os
import zipfile
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from crypto_pipeline_tests.faults.harness import Stage, Verb
from crypto_pipeline_tests.market_records import landing_json, market_record

NOW = datetime(2026, 11, 24, 5, 10, tzinfo=timezone.utc)
_COINS = "8"

_ASKING = {"COINGECKO_PLAN": "sandbox", "COINGECKO_TOP_N": _COINS}
_DROPPED = {"COINGECKO_PLAN": "public"}
_PAST = {**_ASKING, "COINGECKO_HISTORY_DAYS": "365", "COINGECKO_REQUESTS_PER_MINUTE": "100000"}


def _nothing(stage: Stage) -> None:
    """No table."""


def _tables(stage: Stage) -> None:
    """Tables, and nothing in them."""
    stage.set_time(NOW)
    stage.well("load")


def _an_hour(stage: Stage) -> None:
    """The hour before is loaded."""
    stage.set_time(NOW - timedelta(hours=1))
    stage.well("run")
    stage.set_time(NOW)


def _drop_files(stage: Stage) -> None:
    """Files that a person has, dropped and not filed: duplicates, rejects, a rename, one cut off,
    an archive; of two months."""
    start = datetime(2024, 3, 5, 5, 0, 10, tzinfo=timezone.utc)
    for number in range(6):
        # Less than a bucket apart, so that some records are for a bucket that is taken.
        at = start + number * timedelta(minutes=3) + number // 4 * timedelta(days=30)
        records = [
            market_record(
                id=f"coin-{coin}",
                symbol="old" if number < 3 else "new",
                name=f"Coin {coin}",
                current_price=number if coin == 1 else number + 1,
                last_updated=at.isoformat(),
            )
            for coin in range(3)
        ]
        body = landing_json(records, at)
        _drop(stage, f"{number}.json", body[:-50] if number == 2 else body, at)
    at = start + timedelta(days=31)
    members = io.BytesIO()
    with zipfile.ZipFile(members, "w") as archive:
        for number in range(2):
            moment = at + number * timedelta(hours=1)
            record = market_record(id="zipped", last_updated=moment.isoformat())
            archive.writestr(f"zipped-{number}.json", landing_json([record], moment))
    _drop(stage, "members.zip", members.getvalue(), at)


def _drop(stage: Stage, name: str, content: bytes, at: datetime) -> None:
    path = stage.landing / name
    path.write_bytes(content)
    # A file that cannot be read is filed under the time of its last change.
    os.utime(path, (at.timestamp(), at.timestamp()))


def _dropped(stage: Stage) -> None:
    stage.well("load")
    _drop_files(stage)


def _dropped_into_months_that_exist(stage: Stage) -> None:
    """The same, after a first file of each month: nothing is built detached."""
    for month in (3, 4):
        at = datetime(2024, month, 1, tzinfo=timezone.utc)
        record = market_record(id="first", last_updated=at.isoformat())
        _drop(stage, f"first-{month}.json", landing_json([record], at), at)
    stage.well("load")
    _drop_files(stage)


def _loaded(stage: Stage) -> None:
    # What a run of the pipeline has read is filed and loaded; the broken file fails.
    stage.well("load")
    _drop_files(stage)
    (stage.landing / "2.json").unlink()
    stage.well("load")


def _backed_up(stage: Stage) -> None:
    _loaded(stage)
    stage.well("backup", "--keep", "1")


def _with_a_gap(stage: Stage) -> None:
    """Two hours are loaded, and those between them were never fetched."""
    for hours in (30, 3):
        stage.set_time(NOW - timedelta(hours=hours))
        stage.well("run")
    stage.set_time(NOW)


def _with_an_export(stage: Stage) -> None:
    stage.well("load")
    rows = "".join(
        f"2024-03-{day:02d} 00:00:00 UTC,{60_000 + day}.5,1000000000.0,{day}000.25\n"
        for day in range(1, 9)
    )
    text = f"snapped_at,price,market_cap,total_volume\n{rows}"
    (stage.folder / "work" / "btc-usd-max.csv").write_text(text)


def _after_ingest(stage: Stage) -> Sequence[tuple[str, ...]]:
    """What is landed is loaded, which also ends the run that was killed; only what is not there is
    fetched again."""
    return [("load",)] if _has_landed(stage) else [("ingest",), ("load",)]


def _after_run(stage: Stage) -> Sequence[tuple[str, ...]]:
    """What is landed is loaded; only what is not there is fetched again."""
    return [("load",)] if _has_landed(stage) else [("run",)]


def _has_landed(stage: Stage) -> bool:
    hour = f"hour={NOW:%H}"
    return any(path.parent.name == hour for path in stage.landing.rglob("*.json.gz"))


def _after_coin_list(stage: Stage) -> Sequence[tuple[str, ...]]:
    answers = [
        path
        for path in Path(stage.landing, "coin_list").rglob("*.json")
        if not path.name.startswith(".")
    ]
    return [("load",)] if answers else [("coins", "fetch")]


_SPAN = ("--from", f"{NOW - timedelta(days=2):%Y-%m-%d}", "--to", f"{NOW:%Y-%m-%d}")

VERBS = (
    Verb("migrate", ("migrate",), _nothing, environment=_DROPPED, empty=True),
    Verb("ingest", ("ingest",), _an_hour, _after_ingest, _ASKING),
    Verb("run", ("run",), _an_hour, _after_run, _ASKING),
    Verb("coins fetch", ("coins", "fetch"), _tables, _after_coin_list, _ASKING),
    Verb("load, months built", ("load",), _dropped, environment=_DROPPED, code=1),
    Verb(
        "load, months merged",
        ("load",),
        _dropped_into_months_that_exist,
        environment=_DROPPED,
        code=1,
    ),
    Verb("replay", ("replay",), _loaded, environment=_DROPPED),
    Verb(
        "import",
        ("import", "btc-usd-max.csv", "--coin", "bitcoin"),
        _with_an_export,
        environment=_DROPPED,
    ),
    Verb(
        "backfill",
        ("backfill", "--coins", "bitcoin,ethereum", *_SPAN, "--ohlc", "1"),
        _an_hour,
        environment=_PAST,
    ),
    Verb("repair", ("repair",), _with_a_gap, environment={**_PAST, "COINGECKO_TOP_N": "3"}),
    Verb("lake", ("lake",), _loaded, environment=_DROPPED),
    Verb("backup", ("backup", "--keep", "1"), _loaded, environment=_DROPPED),
    Verb("restore", ("restore", "--force"), _backed_up, environment=_DROPPED),
)
"""In the order of the table."""
