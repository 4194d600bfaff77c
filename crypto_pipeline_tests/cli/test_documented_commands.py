"""Every command and query that the documentation shows: is there such a thing, and does it run?

The first tier looks at the syntax, the verbs and their options. The long one types the commands, a
page's in a folder of its own, against a demo warehouse and a sandbox server in CoinGecko's place.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import httpx
import psycopg
import pytest
import sqlglot

from crypto_pipeline.cli import main
from crypto_pipeline_tests.documented import (
    FRAGMENT,
    NO_QUERIES,
    NOT_RUN,
    OTHER_ENGINES,
    ROOT,
    Block,
    all_blocks,
    commands,
    engine,
    is_run,
    reason_not_to_run,
)
from crypto_pipeline_tests.programs import free_port

SCRIPTS = all_blocks("sh")
QUERIES = all_blocks("sql")
COMMANDS = [(block, command) for block in SCRIPTS for command in commands(block)]


# --------------------------------------------------------------------------------------------
# Is there such a thing?
# --------------------------------------------------------------------------------------------


def test_every_verb_is_called_as_it_wants_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is run: click alone looks at verbs, options and arguments."""
    called = [
        words
        for _, command in COMMANDS
        for line in re.split(r" && | \| ", command.replace("\\\n", " "))
        if (words := called_with(line))
    ]
    assert len(called) > 50
    for words in called:
        parse(main, words, monkeypatch)


def called_with(line: str) -> list[str]:
    """The words after ``crypto-pipeline``; none of a line that does not call it."""
    words = shlex.split(line, comments=True)
    while words and re.fullmatch(r"\w+=.*", words[0]):
        words.pop(0)
    return words[1:] if words[:1] == ["crypto-pipeline"] else []


def parse(command: click.Command, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let click read the words of a command.

    Raises:
        click.UsageError: there is no such verb or option, or a value is wrong.
    """
    context = click.Context(command)
    if isinstance(command, click.Group):
        _, inner, rest = command.resolve_command(context, words)
        assert inner is not None
        parse(inner, rest, monkeypatch)
        return
    for parameter in command.params:
        # The files that a reader has are not here.
        if isinstance(parameter.type, click.Path):
            monkeypatch.setattr(parameter.type, "exists", False)
    command.make_context("", list(words), parent=context)


@pytest.mark.parametrize("block", [b for b in QUERIES if FRAGMENT not in b.text], ids=str)
def test_every_query_is_sql(block: Block) -> None:
    text = block.text.replace("$__timeFilter", "timefilter")
    statements = sqlglot.parse(text, dialect=engine(text))
    assert [statement for statement in statements if statement is not None]


def test_what_is_not_run_is_there() -> None:
    """An entry that has nothing left to excuse goes."""
    typed = [command for _, command in COMMANDS]
    assert [p for p in NOT_RUN if not any(re.match(p, command) for command in typed)] == []
    asked = [block.text for block in QUERIES]
    for words in (*OTHER_ENGINES, *NO_QUERIES):
        assert any(words in text for text in asked), words


# --------------------------------------------------------------------------------------------
# Does it run?
# --------------------------------------------------------------------------------------------

IN_THE_TEST = {
    # What is here to be shown, renamed, or told.
    r"\b(12:0|719:149)\b": "$(rejected)",
    r"\bOLD NEW\b": "dogecoin solana",
    r"\bOLD\b": "dogecoin",
    r"--recordings PATH": "--recordings .data/landing/crypto_sandbox --hours 1",
    r"http://127\.0\.0\.1:8765": "$SANDBOX",
    r"/var/lib/prometheus/node-exporter/": "",
    # What is imported counts as live data, which does not go where the sandbox's is.
    r"^crypto-pipeline import": "DB_NAME=crypto_imports crypto-pipeline import",
}
"""What stands in a command, and what a test writes instead."""

_OF_THE_READER = ("curl", "psql")
"""Programs that a machine need not have for the tests."""

STATUSES = {
    r"crypto-pipeline (gaps|status --json)": (0, 2),
    # Which coin it is, only --coin says where no coin is known yet.
    r".*import btc-usd-max\.csv *(#.*)?$": (1,),
    # In the tutorial, a file is there that is no market data.
    r"crypto-pipeline load$": (0, 1),
}
"""Exit statuses other than 0 that a command may have."""

EXPORT = (
    "snapped_at,price,market_cap,total_volume\n"
    "2020-01-01 00:00:00 UTC,7200.17,130000000000,20000000000\n"
    "2020-01-02 00:00:00 UTC,6985.47,127000000000,20000000000\n"
)
CHART = {"prices": [[1577836800000, 7200.17]], "market_caps": [], "total_volumes": []}


@dataclass(frozen=True)
class Desk:
    """Where a reader sits: a demo warehouse, one with live data, and a source that answers.

    Attributes:
        folder: The folder with ``.data``.
        environment: Of the reader's shell; in it, SANDBOX is the address of the source.
        conninfo: The demo warehouse's.
    """

    folder: Path
    environment: dict[str, str]
    conninfo: str

    def page(self, name: str) -> Path:
        """A folder as a checkout has it, with nothing of what an earlier page did to it."""
        folder = self.folder / name
        folder.mkdir()
        for entry in ("automation", "databricks", "docs", "sql", "requirements.txt"):
            (folder / entry).symlink_to(ROOT / entry)
        shutil.copy(ROOT / "workspace.yaml", folder)
        (folder / ".data").symlink_to(self.folder / ".data")
        (folder / "btc-usd-max.csv").write_text(EXPORT)
        (folder / "chart.json").write_text(json.dumps(CHART))
        return folder


_HOLD = (
    "import sys\n"
    "from crypto_pipeline.warehouse.postgres import Warehouse\n"
    "with Warehouse().connection() as connection:\n"
    "    print(connection.info.host, flush=True)\n"
    "    sys.stdin.read()\n"
)


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    # A short path, which a socket's name needs.
    with tempfile.TemporaryDirectory(prefix="cp-") as name:
        folder, port = Path(name), free_port()
        program = [sys.executable, "-m", "crypto_pipeline.cli"]
        environment = {
            "HOME": name,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "COLUMNS": "120",
            "PYTHONPATH": str(ROOT),
            "COINGECKO_BASE_URL": f"http://127.0.0.1:{port}/api/v3",
            "COINGECKO_REQUESTS_PER_MINUTE": "10000",
            "COINGECKO_HISTORY_DAYS": "3",
        }
        days = ["--days", "2", "--hours", "1"]
        subprocess.run([*program, "demo", *days], cwd=folder, env=environment, check=True)
        server = subprocess.Popen(
            [*program, "sandbox", "--port", str(port)], cwd=folder, env=environment
        )
        holder = subprocess.Popen(
            [sys.executable, "-c", _HOLD],
            cwd=folder,
            env=environment | {"DB_NAME": "crypto_sandbox"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/api/v3/ping")
            for verb in (["run"], ["coins", "fetch"]):
                subprocess.run([*program, *verb], cwd=folder, env=environment, check=True)
            assert holder.stdout is not None
            host = holder.stdout.readline().strip()
            conninfo = f"host={host} user=postgres dbname=crypto_sandbox"
            yield Desk(
                folder,
                environment
                | {
                    "PGHOST": host,
                    "PGUSER": "postgres",
                    "SANDBOX": f"http://127.0.0.1:{port}",
                },
                conninfo,
            )
        finally:
            server.send_signal(signal.SIGINT)
            holder.communicate(timeout=60)
            server.wait(timeout=60)


def wait_for(url: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            httpx.get(url)
        except httpx.TransportError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError(url)


# The id of a record that waits, in the database that the shell's variables name.
_REJECTED = """
rejected() {
    crypto-pipeline quarantine list --json |
        python -c 'import json; print(json.loads(input())["example"])'
}
"""


@pytest.mark.long
@pytest.mark.parametrize("page", sorted({block.page for block in SCRIPTS}))
def test_every_command_runs(page: str, desk: Desk) -> None:
    """All of a page in one shell, as a reader types them."""
    script = _REJECTED + "\n".join(
        f"echo 'at {block}' >&2\n" + "\n".join(map(typed, commands(block)))
        for block in SCRIPTS
        if block.page == page
    )
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=desk.page(Path(page).stem.lower()),
        env=desk.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    # The next page's source has nothing of what this one told it to be like.
    httpx.post(f"{desk.environment['SANDBOX']}/sandbox/conditions", json={}).raise_for_status()
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"


def typed(command: str) -> str:
    """A command as the test types it; the next one comes only after a status that it may have."""
    program = command.split()[0]
    missing = program in _OF_THE_READER and shutil.which(program) is None
    if missing or reason_not_to_run(command) is not None:
        return "\n".join(f"# not run: {line}" for line in command.splitlines())
    for pattern, instead in IN_THE_TEST.items():
        command = re.sub(pattern, instead, command)
    allowed = next((found for start, found in STATUSES.items() if re.match(start, command)), (0,))
    if allowed == (0,):
        return command
    any_of_them = " || ".join(f"[ $status = {status} ]" for status in allowed)
    return f"status=0\n{command.split('  #')[0]} || status=$?\n{any_of_them}"


@pytest.mark.long
@pytest.mark.parametrize("block", [b for b in QUERIES if is_run(b.text)], ids=str)
def test_every_query_has_an_answer(block: Block, desk: Desk) -> None:
    with psycopg.connect(desk.conninfo, options="-c statement_timeout=60000") as connection:
        cursor = connection.execute(block.text.rstrip().rstrip(";"))
        assert cursor.description is not None
