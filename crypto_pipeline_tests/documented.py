"""What the documentation tells people to type: the commands and queries of every page.

Those that cannot be run in a test are listed here, each kind with the reason; all others are run.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
]


@dataclass(frozen=True)
class Block:
    """A block of code of a page.

    Attributes:
        page: The page's path.
        line: The block's line there.
        text: What is in it, without the indentation of a list that it stands in.
    """

    page: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: str, language: str) -> list[Block]:
    """The blocks of code in a language on a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, match.start()) + 1, match[1])
        for match in re.finditer(rf"^ *```{language}\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    ]


def all_blocks(language: str) -> list[Block]:
    """Those of all pages."""
    return [block for page in PAGES for block in blocks(page, language)]


def commands(block: Block) -> Iterator[str]:
    """The commands of a block of ``sh``; one may be of several lines.

    Raises:
        ValueError: it is no shell script.
    """
    command = ""
    for line in block.text.splitlines(keepends=True):
        command += line
        # Bash says "unexpected end of file" of a loop or text that goes on; a backslash it takes.
        if not command.rstrip("\n").endswith("\\") and is_shell(command):
            if command.strip() and not command.startswith("#"):
                yield command.rstrip("\n")
            command = ""
    if command:
        raise ValueError(f"{block} is no shell script: {command}")


def is_shell(text: str) -> bool:
    """Whether bash can parse a text."""
    return (
        subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True).returncode == 0
    )


NOT_RUN = {
    r"make ": "runs what stands here otherwise, or the tests themselves; a test knows the targets",
    r"(\S+=\S+ )*make ": "the tests themselves",
    r"\S*python -m crypto_pipeline_tests\.benchmarks": "minutes to hours, up to 45 GB",
    r"\S*python -m crypto_pipeline_tests\.faults": "half an hour; test_faults.py takes a sample",
    r"crypto-pipeline restore|mv \.data/|pg_restore|psql \"\$DATABASE_URL\"": "puts another"
    " database in the place of this one; test_backup.py does so",
    r"export COINPAPRIKA_PLAN|crypto-pipeline sources": "CoinPaprika itself; the tests of quotes"
    " ask the sandbox",
    r"sudo|systemctl": "root and systemd; test_deployment.py tries the units' commands",
    r"docker|cp \.env\.example|chmod 600 \.env|\$\{EDITOR|cd automation/docker": "Docker, whose"
    " file test_deployment.py validates",
    r"cd /etc/crypto-pipeline": "a folder that root makes",
    r"az |databricks |cd databricks|for file in sql/snowflake": "an account in a cloud",
    r"openssl ": "asks for a passphrase, and makes keys",
    r"(export )?DATABASE_URL=|.*@HOST:|psql -c|psql -d crypto_warehouse -[fc]|pg_dump": "another"
    " PostgreSQL and its roles; test_main.py and test_deployment.py go that way",
    r"pip install|source \.venv": "installs packages; `make install` did",
    r"cd automation/dbt|export CRYPTO_DB_HOST|dbt ": "a PostgreSQL on the network; test_tools.py"
    " runs the dbt project",
    r"sail |export SPARK_REMOTE|crypto-pipeline load && crypto-pipeline lake": "a Spark server,"
    " which the tests of lakehouse/spark start",
    r"crypto-pipeline (up|dashboard|sandbox|service)\b|dagster dev": "serves until Ctrl-C;"
    " test_main.py, test_deployment.py and the tests of the dashboard and the sandbox start them",
    r".*_COMPLETE=(zsh|fish)": "another shell",
}
"""Commands that no test runs as they stand, by how they begin, and why."""

OTHER_ENGINES = {
    "delta_scan": "duckdb",
    "register_table": "trino",
    "ALTER TASK": "snowflake",
    "RSA_PUBLIC_KEY": "snowflake",
}
"""Words of a query that is no PostgreSQL's, and whose it is."""

FRAGMENT = "[[[cog"
"""What marks a part of a file, which is no whole statement."""

NO_QUERIES = {
    FRAGMENT: "a part of a file",
    "ALTER TABLE": "a migration, as an example",
    "CREATE ROLE": "a role on a PostgreSQL of your own",
    "$__timeFilter": "a macro of Grafana's, which test_tools.py expands",
}
"""Words of a statement of PostgreSQL that no test runs as it stands, and why."""


def reason_not_to_run(command: str) -> str | None:
    """Why a command is not run; None if it is."""
    return next((why for start, why in NOT_RUN.items() if re.match(start, command)), None)


def engine(query: str) -> str:
    """Whose SQL a query is, by sqlglot's name."""
    return next((name for words, name in OTHER_ENGINES.items() if words in query), "postgres")


def is_run(query: str) -> bool:
    """Whether a query is one that PostgreSQL can be asked as it stands."""
    return engine(query) == "postgres" and not any(words in query for words in NO_QUERIES)
