"""What could keep the pipeline from working here, and what to do about it."""

import os
import platform
import secrets
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from enum import Enum
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from queue import Empty, Queue
from threading import Thread
from typing import NamedTuple

import psycopg
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from pydantic import ValidationError

from crypto_pipeline.cli.errors import expected_errors, settings_at_fault
from crypto_pipeline.coingecko.client import CoinGeckoClient
from crypto_pipeline.config.alert_addresses import AddressError, mail_server, webhook
from crypto_pipeline.config.secret_references import SecretError
from crypto_pipeline.config.settings import Plan, Settings
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.migrations import newest_revision, visible_revision
from crypto_pipeline.warehouse.postgres import connect, warehouse_conninfo

_MOST_CLOCK_SKEW = 60.0
"""Seconds. CoinGecko sends its time in whole ones; an hour's partition is of our clock."""

_MOST_SECONDS = 8
"""That a look may take which waits for something else."""

_LOW_DISK, _NO_DISK = 5_000_000_000, 500_000_000
_DISTRIBUTION = "crypto-pipeline"
_OLDEST_SERVER = 15


class Verdict(str, Enum):
    """Whether something works; a warning does today."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


class Finding(NamedTuple):
    """What was looked at, how it is, and what to do where it is not well."""

    subject: str
    verdict: Verdict
    state: str
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """Look at everything that can be looked at; what depends on what failed is left out."""
    yield _python()
    yield _packages()
    try:
        settings = Settings()
    except ValidationError as error:
        yield Finding(
            "settings",
            Verdict.FAILED,
            settings_at_fault(error),
            "correct it in the environment or in .env; docs/CONFIGURATION.md has every variable",
        )
        return
    yield Finding("settings", Verdict.OK, f"plan {settings.coingecko_plan.value}")
    yield _disk(settings)
    # Side by side: one that gets no answer must not keep a person waiting for the others.
    looks = {
        "landing zone": lambda: [_landing_zone(settings)],
        "database": lambda: list(_database(settings)),
        "API": lambda: list(_api(settings)),
    }
    yield from _within_limit(looks)
    yield from _alerts(settings)


def _within_limit(looks: Mapping[str, Callable[[], list[Finding]]]) -> Iterator[Finding]:
    answers: dict[str, Queue[list[Finding] | BaseException]] = {}
    for subject, look in looks.items():
        answers[subject] = Queue()
        # A daemon thread ends with the process, whatever it waits for.
        Thread(target=_answer, args=[look, answers[subject]], daemon=True).start()
    end = time.monotonic() + _MOST_SECONDS
    for subject, answer in answers.items():
        try:
            found = answer.get(timeout=max(0.0, end - time.monotonic()))
        except Empty:
            yield Finding(
                subject,
                Verdict.FAILED,
                f"no answer within {_MOST_SECONDS} s",
                "check the network, its name servers, firewall and proxy, and that it is up",
            )
            continue
        if isinstance(found, BaseException):
            raise found
        yield from found


def _answer(
    look: Callable[[], list[Finding]], answer: "Queue[list[Finding] | BaseException]"
) -> None:
    try:
        answer.put(look())
    except BaseException as error:
        answer.put(error)


def _python() -> Finding:
    wanted = metadata(_DISTRIBUTION)["Requires-Python"]
    found = platform.python_version()
    return Finding(
        "Python",
        Verdict.OK if SpecifierSet(wanted).contains(found, prereleases=True) else Verdict.FAILED,
        found,
        f"install it anew in a virtual environment of a Python {wanted}",
    )


def _packages() -> Finding:
    wrong = []
    wanted = [Requirement(text) for text in requires(_DISTRIBUTION) or []]
    for requirement in wanted:
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(f"{requirement} is missing")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement} is wanted, {found} is installed")
    if wrong:
        return Finding(
            "packages", Verdict.FAILED, "; ".join(wrong), "run `make install`, or install it anew"
        )
    return Finding("packages", Verdict.OK, f"{_DISTRIBUTION} {version(_DISTRIBUTION)}")


def _disk(settings: Settings) -> Finding:
    folder = settings.data_dir.absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not os.access(existing, os.W_OK):
        return Finding(
            "disk",
            Verdict.FAILED,
            f"{existing} cannot be written",
            "give it to the user that runs the pipeline, or set DATA_DIR to another folder",
        )
    free = shutil.disk_usage(existing).free
    verdict = (
        Verdict.FAILED if free < _NO_DISK else Verdict.WARNING if free < _LOW_DISK else Verdict.OK
    )
    return Finding(
        "disk",
        verdict,
        f"{free / 1e9:.1f} GB free in {existing}",
        "make room, or set DATA_DIR or LANDING_ZONE_URI to another disk",
    )


def _landing_zone(settings: Settings) -> Finding:
    try:
        probe = LandingZone(settings.landing_uri).root / f".doctor-{secrets.token_hex(8)}"
        probe.parent.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    # An object store's library has errors of its own kind.
    except Exception as error:
        return Finding(
            "landing zone",
            Verdict.FAILED,
            f"{settings.landing_uri} cannot be written: {type(error).__name__}: {error}",
            "check LANDING_ZONE_URI, and that a file can be made and deleted there",
        )
    return Finding("landing zone", Verdict.OK, settings.landing_uri)


# --------------------------------------------------------------------------------------------
# The database
# --------------------------------------------------------------------------------------------


def _database(settings: Settings) -> Iterator[Finding]:
    kind = "embedded server" if settings.embedded else "server"
    try:
        with connect(warehouse_conninfo(settings)) as connection:
            info = connection.info
            encoding = connection.execute("SHOW server_encoding").fetchone()
            yield Finding(
                "database",
                Verdict.OK,
                f"{info.dbname} on {kind} {info.server_version // 10_000}, role {info.user}",
            )
            if info.server_version < _OLDEST_SERVER * 10_000 or encoding != ("UTF8",):
                yield Finding(
                    "server",
                    Verdict.FAILED,
                    f"PostgreSQL {info.server_version // 10_000}, encoding {(encoding or '?')[0]}",
                    f"use PostgreSQL {_OLDEST_SERVER} or newer, and a database in UTF8",
                )
            yield _schema(connection)
            yield _rights(connection)
            yield _skew("database's clock", connection)
    except expected_errors() as error:
        yield Finding(
            "database",
            Verdict.FAILED,
            " ".join(str(error).split()),
            "check DATABASE_URL or DB_*, that the server runs, and that it lets this role in"
            if not settings.embedded
            else "see the log in DATA_DIR/postgres, or set DATA_DIR to another folder",
        )


def _schema(connection: psycopg.Connection) -> Finding:
    revision = visible_revision(connection)
    if revision is None:
        return Finding(
            "schema",
            Verdict.WARNING,
            "no tables of ours that this role can see",
            "the first start makes them, or `crypto-pipeline migrate` as the database's owner",
        )
    return Finding(
        "schema",
        Verdict.OK if revision == newest_revision() else Verdict.WARNING,
        f"revision {revision}",
        f"bring it to {newest_revision()}: `crypto-pipeline migrate` as the tables' owner",
    )


def _rights(connection: psycopg.Connection) -> Finding:
    missing = [row[0] for row in connection.execute(read_sql("catalog/missing_rights.sql"))]
    return Finding(
        "rights",
        Verdict.FAILED if missing else Verdict.OK,
        "missing: " + ", ".join(missing) if missing else "all that a load needs",
        "run sql/roles.sql as the database's owner, and use its etl_role",
    )


def _skew(subject: str, connection: psycopg.Connection) -> Finding:
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    return _clock(subject, row[0])


def _clock(subject: str, theirs: datetime) -> Finding:
    seconds = (datetime.now(timezone.utc) - theirs).total_seconds()
    verdict = Verdict.OK if abs(seconds) <= _MOST_CLOCK_SKEW else Verdict.FAILED
    return Finding(
        subject,
        verdict,
        f"differs by {abs(seconds):.0f} s",
        "set this machine's clock, and keep it set (systemd-timesyncd, chrony)",
    )


# --------------------------------------------------------------------------------------------
# The source
# --------------------------------------------------------------------------------------------


def _api(settings: Settings) -> Iterator[Finding]:
    plan = settings.coingecko_plan
    if settings.coingecko_api_key is not None:
        try:
            key = settings.coingecko_api_key.get_secret_value()
        except SecretError as error:
            yield Finding("API key", Verdict.FAILED, str(error), "see docs/SECURITY.md")
            return
        if not key.startswith("CG-"):
            yield Finding(
                "API key",
                Verdict.WARNING,
                "does not begin with CG-, as CoinGecko's do",
                "check COINGECKO_API_KEY",
            )
    try:
        with CoinGeckoClient.from_settings(settings) as client:
            theirs = client.ping()
    except Exception as error:
        # A wrong key or URL is a ValueError, and the request budget is kept in SQLite.
        if not isinstance(error, (sqlite3.Error, ValueError, *expected_errors())):
            raise
        yield Finding("API", Verdict.FAILED, str(error), _API_REMEDIES.get(plan, _NO_KEY))
        return
    yield Finding("API", Verdict.OK, f"answers, plan {plan.value}")
    if theirs is not None and plan is not Plan.SANDBOX:
        yield _clock("API's clock", theirs)


_NO_KEY = "check the network and its proxy; a free demo key has a limit of its own"
_API_REMEDIES = {
    Plan.DEMO: "if it is the key: COINGECKO_PLAN=demo wants a demo key, a paid one is plan pro",
    Plan.PRO: "if it is the key: COINGECKO_PLAN=pro wants a paid key, a free one is plan demo",
    Plan.SANDBOX: "start `crypto-pipeline sandbox`, and set COINGECKO_BASE_URL to what it says",
}


# --------------------------------------------------------------------------------------------
# The alerts
# --------------------------------------------------------------------------------------------


def _alerts(settings: Settings) -> Iterator[Finding]:
    """Whether the addresses could be valid; nothing is sent."""
    for subject, address in {"webhook": webhook, "mail server": mail_server}.items():
        try:
            if address(settings) is not None:
                yield Finding(subject, Verdict.OK, "named; it was not asked")
        except (AddressError, SecretError) as error:
            yield Finding(
                subject, Verdict.FAILED, str(error), "correct it; see docs/DEPLOYMENT.md, Alerts"
            )
