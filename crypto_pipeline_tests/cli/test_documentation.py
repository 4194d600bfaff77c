"""The documentation says what is so: generated pages, links, commands and queries."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from crypto_pipeline.cli import main
from crypto_pipeline.cli.documentation import write_documentation
from crypto_pipeline.config.settings import Settings
from crypto_pipeline.landing.zone import LandingZone
from crypto_pipeline.model.quality import ALL_RULES
from crypto_pipeline.model.registry import TABLES
from crypto_pipeline.warehouse.postgres import Warehouse
from crypto_pipeline_tests.documented import PAGES
from crypto_pipeline_tests.market_records import drop, landing_json, market_record
from crypto_pipeline_tests.pipeline import load_landing_zone, rows

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = (DOCS / "COMMANDS.md").read_text(encoding="utf-8")
CONNECTING = (DOCS / "CONNECTING.md").read_text(encoding="utf-8")
EXAMPLE_QUERIES = (ROOT / "sql" / "example_queries.sql").read_text(encoding="utf-8")

GENERATED = [
    "docs/ER_DIAGRAM.md",
    "docs/STAR_SCHEMA_DIAGRAM.md",
    "docs/QUALITY_RULES.md",
    "docs/COLUMNS.md",
    "docs/CONFIGURATION.md",
    "docs/VERBS.md",
    "docs/TROUBLESHOOTING.md",
    ".env.example",
    "automation/dbt/models/sources.yml",
]
_TABLES = (
    "SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace"
    " WHERE n.nspname = '{}' AND c.relkind IN ({}) AND NOT c.relispartition"
    " AND c.relname <> 'alembic_version'"
)


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of a language, without the indentation of a list that they stand in."""
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    return [str(block) for block in found]


def shown_queries() -> list[str]:
    """The queries that the README and the page about connecting show."""
    return [
        query
        for page in (README, CONNECTING)
        for block in blocks(page, "sql")
        for query in queries(block)
    ]


def queries(text: str) -> Iterator[str]:
    """The statements of an SQL text, each with the comment above it, in normal form."""
    for statement in re.split(r";$", text, flags=re.MULTILINE):
        # The last paragraph: above the first statement stands the file's own comment.
        if paragraph := statement.strip().rpartition("\n\n")[2]:
            yield paragraph


def anchor(heading: str) -> str:
    """The name GitHub gives a heading to link to: without its punctuation, hyphens for spaces."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def write_pages(warehouse: Warehouse, folder: Path) -> dict[str, bytes]:
    """Generate the pages as for a repository in ``folder``."""
    with warehouse.connection() as connection:
        written = write_documentation(connection, folder / "docs")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in written}


def test_the_generated_pages_are_up_to_date(warehouse: Warehouse, tmp_path: Path) -> None:
    written = write_pages(warehouse, tmp_path)
    assert list(written) == GENERATED
    outdated = [name for name in GENERATED if written[name] != (ROOT / name).read_bytes()]
    assert not outdated, "run `make docs`"


def test_data_and_environment_leave_no_trace_in_them(
    warehouse: Warehouse, zone: LandingZone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = write_pages(warehouse, tmp_path / "before")
    drop(zone, "one.json", landing_json([market_record()]))
    load_landing_zone()
    for name, value in {
        "COINGECKO_PLAN": "demo",
        "COINGECKO_API_KEY": "CG-not-to-be-shown",
        "COINGECKO_TOP_N": "7",
    }.items():
        monkeypatch.setenv(name, value)

    assert write_pages(warehouse, tmp_path / "after") == before


@pytest.mark.parametrize(
    ("page", "schema"), [("ER_DIAGRAM.md", "public"), ("STAR_SCHEMA_DIAGRAM.md", "analytics")]
)
def test_every_table_is_in_its_diagram_and_every_column_has_a_meaning(
    page: str, schema: str, warehouse: Warehouse
) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    diagram, *others = blocks(text, "mermaid")
    assert not others
    tables = {name for (name,) in rows(warehouse, _TABLES.format(schema, "'r', 'p'"))}
    views = {name for (name,) in rows(warehouse, _TABLES.format(schema, "'v'"))}
    assert set(re.findall(r"^    (\w+) \{$", diagram, re.MULTILINE)) == tables
    assert set(re.findall(r"^### (\w+)$", text, re.MULTILINE)) == tables | views
    meanings = re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", text, re.MULTILINE)
    assert meanings
    assert [column for column, meaning in meanings if not meaning.strip()] == []


def test_every_rule_and_every_variable_is_listed_once() -> None:
    def listed(page: Path) -> list[str]:
        return re.findall(r"^\| `(\w+)` \|", page.read_text(encoding="utf-8"), re.MULTILINE)

    assert listed(DOCS / "QUALITY_RULES.md") == [rule.name for rule in ALL_RULES]
    variables = [name.upper() for name in Settings.model_fields]
    assert listed(DOCS / "CONFIGURATION.md") == variables
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert re.findall(r"^#(\w+)=", example, re.MULTILINE) == variables


def test_the_example_environment_sets_nothing() -> None:
    """Copied to ``.env`` as it is, it must not change a thing."""
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert [line for line in example.splitlines() if line and not line.startswith("#")] == []


@pytest.mark.parametrize("page", PAGES)
def test_the_diagrams_are_well_formed(page: str) -> None:
    for diagram in blocks((ROOT / page).read_text(encoding="utf-8"), "mermaid"):
        kind, *lines = [line.strip() for line in diagram.splitlines()]
        if kind == "erDiagram":
            check_entity_diagram(lines)
        else:
            assert kind.startswith("flowchart "), kind
            check_flowchart(lines)


def check_entity_diagram(lines: list[str]) -> None:
    """Every line is a relation, an entity or an attribute, and relations join known entities."""
    entities = {line.removesuffix(" {") for line in lines if line.endswith(" {")}
    inside = False
    for line in lines:
        relation = re.fullmatch(r'(\w+) (?:\|\||\|o)--(?:o\||o\{) (\w+) : "[\w, ]+"', line)
        if line.endswith(" {") or line == "}":
            assert inside is (line == "}"), line
            inside = not inside
        elif inside:
            assert re.fullmatch(r"[a-z]\w*(\[\])? \w+( (PK|UK|FK)(, (UK|FK))*)?", line), line
        else:
            assert relation is not None, line
            assert {relation[1], relation[2]} <= entities, line
    assert not inside


def check_flowchart(lines: list[str]) -> None:
    """Every arrow joins nodes that have a text, and every subgraph ends."""
    nodes = {match[1] for line in lines if (match := re.match(r"(\w+)[\[(]+\"", line))}
    opened = 0
    for line in lines:
        if line.startswith("subgraph "):
            opened += 1
        elif line == "end":
            opened -= 1
        elif re.match(r"\w+[\[(]", line) is None:
            joined = re.split(r" -->|-\. [\w ]+ \.->", line)
            assert len(joined) > 1, line
            assert {name.strip() for name in joined} <= nodes, line
    assert opened == 0


@pytest.mark.parametrize("page", PAGES)
def test_links_point_to_files_of_the_repository(page: str) -> None:
    path = ROOT / page
    targets = re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    for target in targets:
        if "://" in target:
            # Another's page is not asked for: that would need the network.
            assert re.fullmatch(r"https://[\w-]+(\.[\w-]+)+(/[^\s<>\"]*)?", target), target
        else:
            file, _, heading = target.partition("#")
            linked = (path.parent / file).resolve() if file else path
            assert linked.is_relative_to(ROOT), target
            assert linked.exists(), target
            if heading:
                found = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
                assert heading in [anchor(title) for title in found], target


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_verbs_and_options_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for target in re.findall(r"(?:^|`|  )make ([a-z-]+)", text, re.MULTILINE):
        assert target in targets, target
    assert isinstance(main, click.Group)
    for verb, rest in re.findall(r"(?<!-[gu] )crypto-pipeline ([a-z]+)\b([^`\n]*)", text):
        assert verb in main.commands, verb
        if verb == "service":
            # The options are those of Dagster's commands.
            continue
        command = main.commands[verb]
        if isinstance(command, click.Group) and rest.split():
            command = command.commands[rest.split()[0]]
        options = {o for parameter in command.params for o in parameter.opts}
        assert set(re.findall(r"--[a-z][a-z-]*", rest)) <= options, (verb, rest)


def test_every_verb_is_listed() -> None:
    assert isinstance(main, click.Group)
    for verb in main.commands:
        assert f"| `crypto-pipeline {verb}` |" in COMMANDS


def test_every_verb_and_option_says_what_it_means() -> None:
    text = (DOCS / "VERBS.md").read_text(encoding="utf-8")
    commands = list(all_commands(main, "crypto-pipeline"))
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [name for name, _ in commands]
    for name, command in commands:
        assert command.help, name
        options = [p for p in command.params if isinstance(p, click.Option)]
        assert [option.name for option in options if not option.help] == [], name


def all_commands(group: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Every verb, and every verb of a verb, with its whole name."""
    if isinstance(group, click.Group):
        for verb, command in sorted(group.commands.items()):
            yield f"{name} {verb}", command
            yield from all_commands(command, f"{name} {verb}")


def test_every_column_is_listed_with_its_unit_and_field() -> None:
    text = (DOCS / "COLUMNS.md").read_text(encoding="utf-8")
    rows_of_page = [line.strip("|").split(" | ") for line in text.splitlines() if line[:3] == "| `"]
    listed = {(row[0].strip(" `"), table) for row in rows_of_page for table in row[4].split(", ")}
    for table in TABLES.values():
        for column in table.columns:
            assert any(
                name == column.name and table.qualified in where for name, where in listed
            ), (table.qualified, column.name)
    assert (
        "| `price_change_pct_24h` | numeric | in percent | `price_change_percentage_24h` |" in text
    )


def test_the_readme_names_variables_with_their_default() -> None:
    configuration = (DOCS / "CONFIGURATION.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `([A-Z_]+)` \| (\S*) ?\|", README, re.MULTILINE)
    assert named
    for variable, default in named:
        assert re.search(rf"^\| `{variable}` \| {re.escape(default)} ?\|", configuration, re.M), (
            variable
        )


def test_the_queries_shown_are_example_queries() -> None:
    shown = shown_queries()
    assert len(shown) >= 3
    assert [query for query in shown if query not in list(queries(EXAMPLE_QUERIES))] == []


def test_every_example_query_has_an_answer(warehouse: Warehouse, zone: LandingZone) -> None:
    # Of the day before, for what is said of a change.
    ethereum = {"id": "ethereum", "symbol": "eth", "name": "Ethereum"}
    cheap = {"last_updated": "2026-11-23T12:00:10Z", "current_price": 1, "low_24h": None}
    before = [market_record(**cheap), market_record(**ethereum, **cheap)]
    drop(zone, "before.json", landing_json(before, "2026-11-23T12:00:40Z"))
    midnight = market_record(last_updated="2026-11-24T00:00:10Z", price_change_percentage_24h=None)
    drop(zone, "night.json", landing_json([midnight], "2026-11-24T00:00:40Z"))
    renamed = market_record(symbol="xbt")
    no_price = market_record(id="worthless", symbol="w", current_price=None)
    drop(zone, "morning.json", landing_json([renamed, no_price, market_record(**ethereum)]))
    load_landing_zone()

    examples = list(queries(EXAMPLE_QUERIES))
    assert len(examples) >= 10
    for query in examples:
        assert query.startswith("-- "), query
        assert rows(warehouse, query), query
