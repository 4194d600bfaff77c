"""The verbs of the quarantine: what waits there, a record as it came, and to load it after all."""

import json
import re
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
import psycopg
from psycopg.rows import dict_row
from rich.console import Console

from crypto_pipeline.cli.report import print_json
from crypto_pipeline.config.redaction import redact
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.landing.landed import read_landed
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.quality import POINT_REJECT_RULES, REJECT_RULES, unknown_rules
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse

_ID = re.compile(r"(h?)(\d{1,18})(?::(\d{1,9}))?")
_MOST_SHOWN = 20
_MOST_OF_A_REASON = 70
_VERSIONS = {
    "record": {rule.name: rule.version for rule in REJECT_RULES},
    "point": {rule.name: rule.version for rule in POINT_REJECT_RULES},
}
_NOTHING_WAITS = "Nothing waits in quarantine."
_NOTHING_OF_IT_WAITS = "Nothing of that waits in quarantine."


def list_quarantine(
    console: Console, rules: Sequence[str], since: datetime | None, *, as_json: bool
) -> None:
    """Show what waits in quarantine, by rule."""
    _refuse_unknown(rules)
    with Warehouse().connection() as connection:
        found = _by_rule(connection, rules, since)
    if as_json:
        print_json(found)
    else:
        _print(console, found, filtered=bool(rules) or since is not None)


def show(console: Console, identifier: str, *, as_json: bool) -> None:
    """Show a record as it came, or all of a batch."""
    match = _ID.fullmatch(identifier)
    if match is None:
        raise click.UsageError(
            f"{identifier!r} is neither a batch, such as 12, nor a record of one, such as 12:0;"
            " those of price history begin with an h: h3, h3:0"
        )
    parameters = {"of_history": match[1] == "h", "batch": int(match[2])}
    place = None if match[3] is None else int(match[3])
    with (
        Warehouse().connection() as connection,
        connection.cursor(row_factory=dict_row) as cursor,
    ):
        query = read_sql("reports/quarantined.sql")
        records = cursor.execute(query, {**parameters, "place": place}).fetchall()
    if not records:
        raise click.UsageError(
            f"{identifier} is not in quarantine: `crypto-pipeline quarantine list` has an example"
            " of each rule"
        )
    zone = LandingZone(Settings().landing_uri)
    for record in records if as_json else records[:_MOST_SHOWN]:
        record["content"] = record["content"] or _from_bronze(zone, record)
        if as_json:
            print_json([record])
        else:
            console.out(redact(_told(record)), highlight=False)
    if len(records) > _MOST_SHOWN and not as_json:
        console.print(f"and {len(records) - _MOST_SHOWN} more: --json shows all")


def replay(console: Console, rules: Sequence[str], since: datetime | None) -> None:
    """Load what no rule rejects any more."""
    _refuse_unknown(rules)
    with Warehouse().connection() as connection:
        waiting = any(row["waiting"] for row in _by_rule(connection, rules, since))
    if not waiting:
        console.print(_NOTHING_OF_IT_WAITS if rules or since else _NOTHING_WAITS)
        return
    from crypto_pipeline.cli import jobs

    config: dict[str, Any] = {"rules": list(rules)}
    if since is not None:
        config["since"] = since.isoformat()
    failed = jobs.replay_quarantine(console, config)
    with Warehouse().connection() as connection:
        _print(console, _by_rule(connection, (), None), filtered=False)
    sys.exit(1 if failed else 0)


def _refuse_unknown(rules: Sequence[str]) -> None:
    if unknown := unknown_rules(rules):
        raise click.UsageError(
            f"there is no rule {', '.join(unknown)}: `crypto-pipeline quarantine list` and"
            " docs/QUALITY_RULES.md have their names"
        )


def _by_rule(
    connection: psycopg.Connection, rules: Sequence[str], since: datetime | None
) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            read_sql("reports/quarantine.sql"),
            {
                "rules": list(rules) or None,
                "since": since,
                "current": json.dumps(_VERSIONS),
            },
        ).fetchall()


def _print(console: Console, found: Sequence[dict[str, Any]], *, filtered: bool) -> None:
    if not any(row["waiting"] for row in found):
        console.print(_NOTHING_OF_IT_WAITS if filtered else _NOTHING_WAITS)
    for row in found:
        parts = [f"{row['waiting']} wait, of {row['coins']} coins"] * bool(row["waiting"])
        if row["by_older_version"]:
            parts.append(f"{row['by_older_version']} by an older version of the rule")
        if row["resolved"]:
            parts.append(f"{row['resolved']} resolved")
        if row["waiting"]:
            parts.append(f"the newest {_shown(row['newest'])}, {row['example']}")
        told = f"{row['rule']} ({row['kind']}s): {', '.join(parts)}"
        if row["reason"] is not None:
            told += f"\n    {_short(row['reason'])}"
        console.out(redact(told), highlight=False)


def _told(record: dict[str, Any]) -> str:
    """A record in words, and then as it came."""
    broken = ", ".join(
        f"{rule} (version {version})"
        for rule, version in zip(record["rules"], record["rule_versions"], strict=True)
    )
    coin = record["crypto_id"] or "no id"
    lines = {
        record["id"]: f"{record['kind']} {record['place']}, from 0, of {record['landing_file']}",
        "coin": f"{coin}, {record['vs_currency']}, fetched {_shown(record['fetched_at'])}",
        "rejected": f"{_shown(record['rejected_at'])} by {broken}",
        "reason": record["reason"],
    }
    if record["file_status"] == "failed":
        lines["file"] = f"failed: {record['file_error']}"
    lines["state"] = (
        "waits; `crypto-pipeline quarantine replay` loads it when no rule rejects it"
        if record["resolved_at"] is None
        else f"resolved {_shown(record['resolved_at'])}, from {record['loaded_from']}"
    )
    told = [f"{name:9} {_printable(text)}" for name, text in lines.items()]
    return "\n".join([*told, _printable(record["content"]), ""])


def _from_bronze(zone: LandingZone, record: dict[str, Any]) -> str:
    """A record whose text retention has purged, from its landing file."""
    path, place = record["landing_file"], record["place"]
    try:
        records = read_landed(path, zone.stored_file(path).content).records
    except OSError as problem:
        return f"(its text was purged, and {path} cannot be read: {problem})"
    return bytes(records[place]).decode(errors="replace") if place < len(records) else ""


def _printable(text: str) -> str:
    """A text without characters that a terminal obeys."""
    return "".join(
        character if character.isprintable() else f"\\u{ord(character):04x}" for character in text
    )


def _short(reason: str) -> str:
    text = _printable(reason)
    return text if len(text) <= _MOST_OF_A_REASON else f"{text[: _MOST_OF_A_REASON - 1]}…"


def _shown(value: object) -> object:
    return f"{value:%Y-%m-%d %H:%M:%S} UTC" if isinstance(value, datetime) else value
