"""What to do about every message: the page ``docs/TROUBLESHOOTING.md``.

The messages' texts are read from the code (:mod:`crypto_pipeline.cli.messages`); here stands when
they come and what to do. A test finds a message that no topic has, and a topic that has none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from crypto_pipeline.cli.errors import REMEDIES_BY_STATE, REMEDIES_BY_TEXT
from crypto_pipeline.cli.markdown import code, page, paragraph, table
from crypto_pipeline.cli.messages import VALUE, Message, all_messages, arguments_of
from crypto_pipeline.coingecko.errors import ADVICE_BY_CODE, CoinGeckoError


@dataclass(frozen=True)
class Topic:
    """Messages about which the same is to be done.

    Attributes:
        title: What is wrong, in the reader's words.
        when: When they come.
        remedy: What to do.
        messages: Which they are: those of a module, or, with a colon after it, those of a module
            that have a text in them. What names a text goes before what names a module alone.
    """

    title: str
    when: str
    remedy: str
    messages: tuple[str, ...]


AREAS: Final[Mapping[str, tuple[Topic, ...]]] = {
    "Settings and secrets": (
        Topic(
            "A setting is refused",
            "At the start of every command; the line begins with the variable. Other sentences of"
            " this kind (`Input should be ...`, `String should match pattern ...`) are pydantic's"
            " own: what the variable may be.",
            "Correct the variable in the environment or in `.env`, as the line says:"
            " [CONFIGURATION.md](CONFIGURATION.md). `crypto-pipeline doctor` shows the line that"
            " every command would end with.",
            (
                "config.settings",
                "config.alert_addresses",
                "fetching.transport: plan",
                "warehouse.postgres",
            ),
        ),
        Topic(
            "A secret cannot be read",
            "When a command needs the secret that a variable refers to; the line begins with the"
            " variable and the reference, and never shows a value.",
            "Correct the reference, install the extra that is named, give the machine the right to"
            " read that secret, or wait until its store answers again:"
            " [SECURITY.md](SECURITY.md#secrets).",
            ("config.secret_references",),
        ),
        Topic(
            "An alert was not taken",
            "In the log of the sensor `alerts`.",
            "Check `ALERT_WEBHOOK_URL`, or `ALERT_SMTP_URL`: a password goes through TLS only, so"
            " the mail server has to offer it. The message is queued and sent again:"
            " [DEPLOYMENT.md](DEPLOYMENT.md#alerts).",
            ("alerts",),
        ),
    ),
    "The command line": (
        Topic(
            "An argument is refused",
            "Before anything is done. `Usage: ...`, `Error: No such option` and `Error: Invalid"
            " value` are click's.",
            "Correct it as the line says; `-h` after the verb, or [VERBS.md](VERBS.md), has every"
            " option.",
            ("cli.history", "cli.quarantine", "assets.quarantine", "assets.conventions"),
        ),
        Topic(
            "A port is taken",
            "When `up`, `dashboard` or `sandbox` starts.",
            "Choose another with `--port`, or end the program that has it: `ss -ltnp` names it.",
            ("cli.ports",),
        ),
        Topic(
            "A command was stopped",
            "After Ctrl-C or SIGTERM.",
            "Nothing has to be mended: run the same command again, and it goes on from there.",
            ("cli.runs: Stopped", "cli.export: Stopped"),
        ),
        Topic(
            "A run failed, or a check did",
            "At the end of `run`, `load`, `replay` and `demo`. What failed stands above it; a check"
            " is listed with the number of wrong rows.",
            "Look the error up on this page. Of a check, see its query in"
            " [sql/checks](../sql/checks), whose first line says what is wrong with the rows that"
            " it returns, and its first wrong rows in the Dagster UI"
            " (`crypto-pipeline up`, Catalog, the asset, Checks).",
            ("cli.runs: the run failed", "cli.jobs"),
        ),
        Topic(
            "A service of Dagster's is missing or ended",
            "From `up` when one of the services that it started ends, and from `service` without a"
            " PostgreSQL that outlives it.",
            "The line has the service's own last words; `crypto-pipeline up --verbose` shows all of"
            " them. For `service`, set `DATABASE_URL` or `DB_HOST`:"
            " [DEPLOYMENT.md](DEPLOYMENT.md).",
            ("cli.serve",),
        ),
    ),
    "PostgreSQL": (
        Topic(
            "The embedded server does not start",
            "At the first command that needs the database, without `DATABASE_URL` and `DB_HOST`.",
            "Do what the line says; the log it names is PostgreSQL's own. Nothing is lost: the"
            " landing files are in `DATA_DIR/landing`, and `crypto-pipeline load` fills a new"
            " `DATA_DIR` from them.",
            ("warehouse.embedded",),
        ),
        Topic(
            "A backup or a restore is refused",
            "From `backup` and `restore`, and in the log of the job `backup`. Nothing was changed,"
            " and no backup has its name that is not whole.",
            "Do what the line says: [BACKUP.md](BACKUP.md).",
            ("warehouse.backup",),
        ),
        Topic(
            "The schema is behind, or a role or right is missing",
            "On a PostgreSQL of your own, before anything is loaded.",
            "Run `sql/roles.sql` as the database's owner, then `crypto-pipeline migrate` as"
            " `crypto_owner`; a replay too is the owner's: [SECURITY.md](SECURITY.md#roles).",
            (
                "warehouse.roles",
                "warehouse.migrations",
                "cli.home",
                "assets.bulk_load: a replay empties the tables",
            ),
        ),
        Topic(
            "A connection pooler is in the way",
            "When Dagster connects through PgBouncer.",
            "Set in `pgbouncer.ini` or in the database what the line says:"
            " [DEPLOYMENT.md](DEPLOYMENT.md#postgresql).",
            ("cli.home: pooler",),
        ),
        Topic(
            "Old months could not be dropped",
            "In the log of the nightly job `maintenance`.",
            "Nothing, if it comes once: the job tries again for ten minutes, and the next night. If"
            " it comes every night, end the query that holds the table (`pg_stat_activity`), or run"
            " it at another time: [RETENTION.md](RETENTION.md).",
            ("warehouse.maintenance",),
        ),
    ),
    "CoinGecko": (
        Topic(
            "An answer could not be used",
            "In a run that fetches, behind one of the headlines of the table"
            " [above](#what-coingecko-answers), or in its log.",
            "Usually nothing: every answer is kept, and the same run is tried again. If it stays"
            " so, see what answers at `COINGECKO_BASE_URL`, such as a proxy's login page:"
            " the unreadable answer is in the landing zone.",
            (
                "coingecko.client",
                "assets.bronze: unreadable answer",
            ),
        ),
        Topic(
            "A currency or a coin is no longer there",
            "In the log of the hourly run; the others of the hour are loaded.",
            "A currency: check that `COINGECKO_VS_CURRENCIES` has only codes that CoinGecko has; it"
            " is asked for again within the hour. A coin: see `crypto-pipeline coins events`"
            " whether it is gone or goes on under another id: [COINS.md](COINS.md#aliases).",
            ("assets.bronze: no prices in", "assets.bronze: had no price in"),
        ),
        Topic(
            "The hour is over",
            "When an hour is materialized that has no file, or a run began before the hour's end"
            " and fetched after it.",
            "Nothing can fetch a past listing. Drop a file of that hour into the landing zone, or"
            " ask for the price history instead: `crypto-pipeline repair`.",
            ("assets.bronze: no landing file for", "assets.bronze: ended before the fetch began"),
        ),
        Topic(
            "The month's credits are used up",
            "At the end of a backfill or repair that has loaded what it could.",
            "Wait for the next month, from which the same command goes on; or set"
            " `COINGECKO_REQUESTS_PER_MONTH` to what the plan has:"
            " [HISTORY.md](HISTORY.md#the-request-budget).",
            ("warehouse.request_ledger",),
        ),
    ),
    "Files in the landing zone": (
        Topic(
            "A file holds no records",
            "From `load`, as the error of a failed batch (`ingestion_batches.error`), or as the"
            " reason why a file was left.",
            "Save the body of the response as JSON:"
            " [the forms that are read](COMMANDS.md#load-files-of-your-own). Move a file that is"
            " something else out of the landing zone.",
            (
                "coingecko.looks",
                "coingecko.capture: no array of records",
                "coingecko.capture: several arrays",
                "landing.zone: no file is in it",
            ),
        ),
        Topic(
            "A file does not say when, or of what, it is",
            "From `load`, as the error of a failed batch; the path after `$` is the member of the"
            " file that is wrong.",
            "Correct the member, in a copy under another name; or put the UTC time of the fetch"
            " into the file's name: [the forms that are read](COMMANDS.md#load-files-of-your-own).",
            ("coingecko.capture",),
        ),
        Topic(
            "A compressed file or an archive is damaged",
            "From `load`; the file stays where it is.",
            "Copy or download it again: it was cut off, or is not what its name says.",
            ("landing.compression", "landing.archives", "landing.zone: its member"),
        ),
        Topic(
            "A file cannot be filed",
            "From `load` and from the hourly run, with the reason behind it. The others are filed.",
            "Do what the reason says: rename the file whose name is taken, give the pipeline the"
            " right to write there, move away what is no market data.",
            (
                "landing.zone",
                "assets.bronze: cannot be filed",
                "assets.bulk_load: filed",
                "landing.object_store: landing files are immutable",
            ),
        ),
        Topic(
            "The file is of another kind than the database",
            "From `load`: live, sandbox and recorded data never mix.",
            "Load it into a database of its own: `DB_NAME=crypto_sample crypto-pipeline load`, with"
            " its file below `landing/crypto_sample`: [the README shows"
            " it](../README.md#your-own-data).",
            (
                "silver/staged_rows.sql: the file holds",
                "history/evaluate.sql: the file holds",
                "warehouse.data_origin",
            ),
        ),
        Topic(
            "Too many records of a file are rejected",
            "From `load` or the hourly run; the file's records wait in quarantine.",
            "See what is wrong with them: `crypto-pipeline quarantine list`. If they are right and"
            " the rule is not, mend the rule and run `crypto-pipeline quarantine replay`; if the"
            " file is poor and wanted all the same, raise `MAX_REJECTED_SHARE`.",
            ("silver/staged_rows.sql: break a reject rule", "history/evaluate.sql: break a reject"),
        ),
        Topic(
            "A record is no record",
            "As the reason of a rejected record, behind the name of its field.",
            "Nothing, if few have it: the record is in quarantine, byte for byte"
            " (`crypto-pipeline quarantine show`), and its file's others are loaded. If all have"
            " it, the source has changed its form: [QUALITY_RULES.md](QUALITY_RULES.md).",
            ("fetching.values",),
        ),
        Topic(
            "Files that were loaded are gone",
            "From `replay`, before it empties anything.",
            "Put the files back, from a backup of the landing zone. A replay without them would"
            " lose what only they hold.",
            ("assets.bulk_load: not in the landing zone",),
        ),
        Topic(
            "An object store refuses",
            "From any command, with `LANDING_ZONE_URI` in a store. The line begins with its URI.",
            "Install the extra that is named; make the bucket; give the credentials that the"
            " store's own library reads, and the rights: [LANDING_ZONE.md](LANDING_ZONE.md)."
            " Without an answer in time, or while another write is under way, the same command"
            " again is enough.",
            ("landing.object_store", "landing.store_kinds"),
        ),
    ),
    "Price history and coins": (
        Topic(
            "An import is refused",
            "From `import`, before anything is kept.",
            "Say what the file does not: `--coin` and `--currency`. Which coins have a symbol:"
            " `crypto-pipeline coins list --search TEXT`.",
            ("history.imports",),
        ),
        Topic(
            "A file of price history failed",
            "As the error of a batch in `history_batches`, or in the log of a load.",
            "If the file is damaged, put it back from a backup, or remove it and ask again:"
            " `crypto-pipeline repair`. If it is an answer with an error, nothing: the range is"
            " asked for again.",
            (
                "coingecko.charts",
                "coingecko.exports",
                "coingecko.price_history",
                "landing.repeated_answer",
                "assets.price_history",
                "assets.bulk_load: files of price history",
            ),
        ),
        Topic(
            "A list of coins failed",
            "As the error of a batch in `coin_list_batches`, or in the log of `coins fetch` and"
            " of a load.",
            "Ask again: `crypto-pipeline coins fetch`. A damaged file of the landing zone comes"
            " from a backup. Inactive coins are for paid plans only: without one, nothing is wrong."
            " A list of other data goes into a database of its own: [COINS.md](COINS.md).",
            (
                "coingecko.coin_list",
                "landing.coin_list",
                "coins.load",
                "assets.coin_list",
                "assets.bulk_load: lists of coins",
            ),
        ),
        Topic(
            "An alias is refused",
            "From `coins confirm` and `coins revoke`; nothing was changed.",
            "Look at what is confirmed and suggested, `crypto-pipeline coins aliases`, and name ids"
            " that are known: [COINS.md](COINS.md#aliases).",
            ("coins.aliases",),
        ),
        Topic(
            "A replay of the quarantine leaves a file",
            "From `quarantine replay`; the others are replayed, and the status is 1.",
            "Put the landing file back as it was loaded, then replay again; a corrected file goes"
            " beside it: [COMMANDS.md](COMMANDS.md#the-quarantine).",
            ("warehouse.quarantine", "history.quarantine"),
        ),
    ),
    "Further sources": (
        Topic(
            "An answer of a further source could not be used",
            "In the log of its jobs and of a load, and as the error of a batch in `quote_batches`.",
            "Usually nothing: the answer is kept, and the next run asks again. If it stays so, see"
            " what answers at the source's address, such as a proxy's login page; a damaged file of"
            " the landing zone comes from a backup: [SOURCES.md](SOURCES.md).",
            (
                "coinpaprika.client",
                "coinpaprika.schema",
                "assets.coinpaprika",
                "assets.quotes",
                "assets.bulk_load: answers of further sources",
                "landing.bodies",
                "landing.source_answers",
                "quotes.load",
            ),
        ),
        Topic(
            "A mapping is refused",
            "From `sources confirm` and `sources revoke`; nothing was changed.",
            "Do what the line says; `crypto-pipeline sources mappings` shows what is confirmed and"
            " suggested: [SOURCES.md](SOURCES.md).",
            ("quotes.mappings",),
        ),
    ),
    "Exports, the lake, the dashboard": (
        Topic(
            "An export is refused",
            "From `export`; no file was written.",
            "Correct the name, the query or the file as the line says:"
            " [TOOLS.md](TOOLS.md#export).",
            ("lakehouse.export", "warehouse.export"),
        ),
        Topic(
            "The lake is not there, or is not this warehouse's",
            "From `lake`, `sql`, `parity` and the load of the lake.",
            "Load it (`crypto-pipeline lake`) or install what is missing. Where the lake holds"
            " other data or older columns, give this one a place of its own with `LAKE_URI`, or"
            " let it start over as the line says: [LAKEHOUSE.md](LAKEHOUSE.md#loads).",
            ("lakehouse.delta", "lakehouse.load", "cli.main"),
        ),
        Topic(
            "Spark or Databricks refuses",
            "With `SPARK_REMOTE` set.",
            "Install the package that is named; see the failed run at the address in the line; load"
            " a lake that another version made anew, in another schema: [SPARK.md](SPARK.md).",
            (
                "lakehouse.spark.resource",
                "lakehouse.spark.lake",
                "lakehouse.spark.load",
            ),
        ),
        Topic(
            "The dashboard does not start",
            "From `dashboard`.",
            "Install its libraries, or give it the role that reads:"
            " [DASHBOARD.md](DASHBOARD.md#rights).",
            ("cli.dashboard", "dashboard.reader"),
        ),
        Topic(
            "The dashboard refuses an address",
            "On a page whose address was changed by hand, with HTTP status 400: the parameter and"
            " what it has to be.",
            "Correct that part of the address, or begin at the first page.",
            ("dashboard.parameters",),
        ),
    ),
    "The sandbox": (
        Topic(
            "Recordings cannot be played",
            "From `demo`, `up` and `sandbox` with `--recordings`.",
            "Name a landing zone, or an archive or folder of bodies that have their UTC time in"
            " their name: [COMMANDS.md](COMMANDS.md#the-sandbox).",
            ("sandbox.recordings",),
        ),
        Topic(
            "The sandbox refuses what it is told",
            "From `sandbox` at the start, and as its answer 400 to a POST to `/sandbox/...`.",
            "Correct the value: [what it can be told](COMMANDS.md#the-sandbox).",
            ("sandbox.clock", "sandbox.faults", "sandbox.market", "sandbox.server"),
        ),
    ),
}
"""What there is to do, by area."""

NOT_SHOWN: Final[Mapping[str, str]] = {
    "cli.export: in all": "progress",
    "cli.without_pandas": "caught where it is raised",
    "lakehouse.load: has gone on from change": "caught: the load begins again",
    "lakehouse.spark.lake: is not the name of a schema": "a mistake in code that calls it",
    "lakehouse.spark.lake: has no location of its own": "a mistake in code that calls it",
    "lakehouse.spark.rules": "a mistake in a rule, which a test finds",
    "landing.zone: is not the path of a landing file": "a mistake in code that calls it",
    "model.registry": "a mistake in code that calls it",
    "model.snapshot_interval": "a mistake in code that calls it",
    "sandbox.charts": "CoinGecko's own words, for a client under test",
    "sandbox.coinpaprika": "CoinPaprika's own words, for a client under test",
    "sandbox.listing": "CoinGecko's own words, for a client under test",
    "warehouse.partition_load": "caught: the month is merged chunk by chunk",
}
"""Messages that nobody is shown as they are, and why."""


def topic_of(message: Message, selectors: Sequence[str]) -> str | None:
    """The selector that a message belongs to: by its text, or else by its module alone.

    Raises:
        ValueError: two of them name its text.
    """
    by_text = [
        selector
        for selector in selectors
        if ": " in selector
        and selector.split(": ", 1)[0] == message.module
        and selector.split(": ", 1)[1] in message.text
    ]
    if len(by_text) > 1:
        raise ValueError(f"{message.text}: {by_text}")
    return by_text[0] if by_text else message.module if message.module in selectors else None


def messages_by_selector() -> dict[str | None, list[Message]]:
    """Every message, by the selector that it belongs to; under None those that have none."""
    selectors = [
        *NOT_SHOWN,
        *(selector for topics in AREAS.values() for topic in topics for selector in topic.messages),
    ]
    found: dict[str | None, list[Message]] = {selector: [] for selector in selectors}
    for message in all_messages():
        found.setdefault(topic_of(message, selectors), []).append(message)
    return found


def troubleshooting_page() -> str:
    """The page; every text of a message and every remedy that the code says is read from it."""
    messages = messages_by_selector()
    blocks = []
    for area, topics in AREAS.items():
        blocks.append(f"## {area}")
        blocks += _OF_AREA.get(area, lambda: [])()
        for topic in topics:
            blocks += [
                f"### {topic.title}",
                paragraph(topic.when),
                paragraph(f"**What to do.** {topic.remedy}"),
                "\n".join(
                    f"- {code(text)}"
                    for text in dict.fromkeys(
                        message.text
                        for selector in topic.messages
                        for message in messages[selector]
                    )
                ),
            ]
    return page(
        "Troubleshooting by error message",
        paragraph(
            "Search this page for a part of the message that has no name, number or path in it:"
            f" where a value stands, the message here has {VALUE}. Every message that the pipeline"
            " itself can show is here, with when it comes and what to do; what another program says"
            " (PostgreSQL, Dagster, an object store) is quoted behind it. What a rule says of a"
            " record: [QUALITY_RULES.md](QUALITY_RULES.md); what a check finds:"
            " [sql/checks](../sql/checks), in the first line of its query."
        ),
        paragraph(
            "Look first at what finds the cause by itself: `crypto-pipeline doctor` tries"
            " everything that a run needs, `crypto-pipeline status` says what to do next."
        ),
        paragraph(
            "Written by `make docs` from the code that makes the messages and from"
            " [troubleshooting.py](../crypto_pipeline/cli/troubleshooting.py): change those, not"
            " this file."
        ),
        "## What the doctor finds",
        paragraph(
            "`crypto-pipeline doctor`, a line a finding. What it did not find fault with is `ok`."
        ),
        table(["finding", "what to do"], _findings()),
        "## What the status says",
        paragraph("The last lines of `crypto-pipeline status`, and `next` of `status --json`."),
        table(
            ["it says", "the command to run"],
            [
                [code(what), code(command)]
                for module in ("cli.state", "cli.status")
                for (what,), (command,) in arguments_of(module, "Todo")
            ],
        ),
        *blocks,
    )


def _findings() -> list[list[str]]:
    """What the doctor can find, where it says what to do about it."""
    rows = []
    for (subject, *_), _, (state, *_), *remedies in arguments_of("cli.doctor", "Finding"):
        if remedies and (subject, state) != (VALUE, VALUE):
            told = "; or ".join(remedies[0])
            # Which remedy it is, depends on the plan: the finding shows it.
            told = "as it says" if told == VALUE else told
            rows.append([code(f"{subject}: {state}"), told])
    return rows


def _coingecko() -> list[str]:
    """The errors of CoinGecko: the headline of each with its advice, and the advice of a code."""
    return [
        "### What CoinGecko answers",
        paragraph(
            "From whatever asks CoinGecko. The status and CoinGecko's own words stand behind these;"
            " what may pass is tried again, the rest ends the run."
        ),
        table(
            ["message", "tried again", "what to do"],
            [
                [code(kind.headline), "yes" if kind.retryable else "", kind.advice]
                for kind in CoinGeckoError.__subclasses__()
            ]
            + [[f"`error_code {number}`", "", advice] for number, advice in ADVICE_BY_CODE.items()],
        ),
    ]


def _postgres() -> list[str]:
    """What is done about PostgreSQL's errors."""
    said_of: dict[str, list[str]] = {}
    for said, remedy in (REMEDIES_BY_STATE | REMEDIES_BY_TEXT).items():
        said_of.setdefault(remedy, []).append(said)
    return [
        "### What PostgreSQL says",
        paragraph(
            "From whatever needs the database: PostgreSQL's own message, or the operating system's,"
            " and behind it what to do."
        ),
        table(
            ["SQLSTATE, or words of the message", "what to do"],
            [[", ".join(map(code, said)), remedy] for remedy, said in said_of.items()],
        ),
    ]


_OF_AREA: Final[Mapping[str, Callable[[], list[str]]]] = {
    "CoinGecko": _coingecko,
    "PostgreSQL": _postgres,
}
"""What the code says itself of an area."""
