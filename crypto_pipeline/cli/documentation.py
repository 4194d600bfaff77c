"""The parts of the documentation that must not drift, written from what they describe.

Tables and columns come from the database's catalogue, where ``COMMENT ON`` (from the registry) has
what they mean; rules come from ``quality.py``, variables from ``settings.py``, verbs from click and
messages from the code that makes them. ``make docs`` writes the files, a test compares them with
those in the repository.
"""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path

import click
import psycopg
from psycopg.rows import class_row
from pydantic.fields import FieldInfo

from crypto_pipeline.cli.dbt_sources import sources_yaml
from crypto_pipeline.cli.markdown import code, code_block, page, paragraph, table
from crypto_pipeline.cli.troubleshooting import troubleshooting_page
from crypto_pipeline.config.settings import Settings, is_secret
from crypto_pipeline.model.quality import POINT_RULES, RULES, Rule
from crypto_pipeline.model.registry import PRICE_POINTS, TABLES, Table
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.catalog import Column, describe_columns

_GENERATED = "Written by `make docs` from {source}: change that, not this file."

_TABLES_FROM = (
    "the database's catalogue, which comes from [sql/migrations](../sql/migrations) and"
    " [registry.py](../crypto_pipeline/model/registry.py)"
)

# PostgreSQL's other name for a type, where its own has spaces, which Mermaid does not take.
_SHORT_TYPES = {"timestamp with time zone": "timestamptz", "time without time zone": "time"}


def write_documentation(connection: psycopg.Connection, folder: Path) -> list[Path]:
    """Write the generated pages into a folder, and beside that folder ``.env.example`` and the
    sources of the dbt project.

    Args:
        connection: A warehouse whose schema is up to date; its rows do not matter.
        folder: The documentation's folder; made when missing.

    Returns:
        The files written.
    """
    texts = {
        folder / "ER_DIAGRAM.md": silver_page(connection),
        folder / "STAR_SCHEMA_DIAGRAM.md": gold_page(connection),
        folder / "QUALITY_RULES.md": rules_page(connection),
        folder / "COLUMNS.md": columns_page(),
        folder / "CONFIGURATION.md": configuration_page(),
        folder / "VERBS.md": verbs_page(),
        folder / "TROUBLESHOOTING.md": troubleshooting_page(),
        folder.absolute().parent / ".env.example": env_example(),
        folder.absolute().parent / "automation/dbt/models/sources.yml": sources_yaml(),
    }
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    return list(texts)


# --------------------------------------------------------------------------------------------
# Tables
# --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Relation:
    """A table or view; ``description`` is its ``COMMENT ON``."""

    name: str
    is_view: bool
    description: str | None


@dataclass(frozen=True)
class Key:
    """A primary (``p``), unique (``u``) or foreign (``f``) key of a table."""

    table: str
    kind: str
    columns: list[str]
    references: str | None


@dataclass(frozen=True)
class Schema:
    """What the catalogue has of a schema: relations, their columns by name, and keys."""

    relations: list[Relation]
    columns: dict[str, list[Column]]
    keys: list[Key]

    @property
    def tables(self) -> list[Relation]:
        """The relations that are no views."""
        return [relation for relation in self.relations if not relation.is_view]


def read_schema(connection: psycopg.Connection, schema: str) -> Schema:
    """Read a schema from the catalogue; partitions and Alembic's table are left out."""
    with connection.cursor(row_factory=class_row(Relation)) as cursor:
        relations = cursor.execute(read_sql("catalog/relations.sql"), {"schema": schema}).fetchall()
    with connection.cursor(row_factory=class_row(Key)) as keys_cursor:
        keys = keys_cursor.execute(read_sql("catalog/keys.sql"), {"schema": schema}).fetchall()
    columns = {
        relation.name: describe_columns(connection, schema, relation.name) for relation in relations
    }
    return Schema(relations, columns, keys)


def silver_page(connection: psycopg.Connection) -> str:
    """Diagram and data dictionary of schema ``public``."""
    return _schema_page(
        read_schema(connection, "public"),
        "Silver: entity-relationship diagram",
        "The third normal form of the market data, in schema `public`. `price_snapshots` and"
        " `market_metrics` are partitioned by month; a partition is not shown, it is a part of its"
        " table. How a row gets here: [ARCHITECTURE.md](ARCHITECTURE.md); why a row does not:"
        " [DEDUPLICATION_STRATEGY.md](DEDUPLICATION_STRATEGY.md) and"
        " [QUALITY_RULES.md](QUALITY_RULES.md).",
    )


def gold_page(connection: psycopg.Connection) -> str:
    """Diagram and data dictionary of schema ``analytics``."""
    return _schema_page(
        read_schema(connection, "analytics"),
        "Gold: star schema diagram",
        "The star schema that BI tools and notebooks read, in schema `analytics`: one fact table,"
        " four dimensions; candles, and [marts](MARTS.md) over them. The fact table is partitioned"
        " by month; a partition is not shown, it is a part of its table. Questions it answers:"
        " [sql/example_queries.sql](../sql/example_queries.sql).",
    )


def _schema_page(schema: Schema, title: str, introduction: str) -> str:
    tables = [_dictionary(schema, relation) for relation in schema.tables]
    views = [_dictionary(schema, relation) for relation in schema.relations if relation.is_view]
    return page(
        title,
        paragraph(introduction),
        paragraph(_GENERATED.format(source=_TABLES_FROM)),
        code_block("mermaid", _entity_diagram(schema)),
        "## Tables",
        *tables,
        *(["## Views", *views] if views else []),
    )


def _entity_diagram(schema: Schema) -> str:
    return "\n".join(
        [
            "erDiagram",
            *(_relationship(schema, key) for key in schema.keys if key.kind == "f"),
            *(_entity(schema, table.name) for table in schema.tables),
        ]
    )


def _entity(schema: Schema, table: str) -> str:
    lines = [
        f"        {_short_type(column)} {column.name} {_marks(schema, table, column.name)}".rstrip()
        for column in schema.columns[table]
    ]
    return "\n".join([f"    {table} {{", *lines, "    }"])


def _relationship(schema: Schema, key: Key) -> str:
    """``parent ||--o{ child``: one row there has any number of rows here, or at most one where the
    foreign key is a key of its own."""
    unique = any(
        set(other.columns) == set(key.columns)
        for other in schema.keys
        if other.table == key.table and other.kind in "pu"
    )
    nullable = {column.name for column in schema.columns[key.table] if column.nullable}
    parent = "|o" if nullable & set(key.columns) else "||"
    child = "o|" if unique else "o{"
    return f'    {key.references} {parent}--{child} {key.table} : "{", ".join(key.columns)}"'


def _marks(schema: Schema, table: str, column: str) -> str:
    """PK, UK and FK of a column, as far as they apply; a key of several columns marks each."""
    kinds = {key.kind for key in schema.keys if key.table == table and column in key.columns}
    return ", ".join(
        mark for kind, mark in (("p", "PK"), ("u", "UK"), ("f", "FK")) if kind in kinds
    )


def _short_type(column: Column) -> str:
    return _SHORT_TYPES.get(column.type, column.type).replace(" ", "_")


def _dictionary(schema: Schema, relation: Relation) -> str:
    columns = schema.columns[relation.name]
    if relation.is_view:
        header = ["column", "type", "meaning"]
        rows = [
            [code(column.name), _short_type(column), column.description or ""] for column in columns
        ]
    else:
        header = ["column", "type", "key", "null", "meaning"]
        rows = [
            [
                code(column.name),
                _short_type(column),
                _marks(schema, relation.name, column.name),
                "yes" if column.nullable else "",
                column.description or "",
            ]
            for column in columns
        ]
    return "\n\n".join(
        [f"### {relation.name}", paragraph(relation.description or ""), table(header, rows)]
    )


# --------------------------------------------------------------------------------------------
# Rules
# --------------------------------------------------------------------------------------------


def rules_page(connection: psycopg.Connection) -> str:
    """The rule table, with the tables whose CHECK constraint mirrors a rule."""
    guards: dict[str, list[str]] = dict(
        connection.execute(
            read_sql("catalog/check_constraints.sql"), {"schema": "public"}
        ).fetchall()
    )
    return page(
        "Data-quality rules",
        paragraph(
            "A rule is a predicate over the columns of one record of `/coins/markets`. As in a"
            " CHECK constraint, a record breaks a rule only when the predicate is false: a NULL"
            " that a rule does not ask about passes."
        ),
        "\n".join(
            [
                "- **reject**: the record goes to quarantine (`rejected_records`), whole, with the"
                " names of\n  all rules it breaks and the values at fault. The good records beside"
                " it load. A batch fails\n  when a larger share of its records than"
                " `MAX_REJECTED_SHARE` is rejected.",
                "- **warn**: the record loads, and its batch counts it"
                " (`ingestion_batches.warnings`). Real\n  responses break these rules every day.",
            ]
        ),
        paragraph(
            "Each rule is also an asset check of the same name, and most reject rules stand a third"
            " time as a CHECK constraint of that name, in the tables that the last column names. A"
            " rule about the landing file (marked *file*) looks at the JSON itself or at the other"
            " records of the response, which a table no longer shows: its check reads what the load"
            " recorded."
        ),
        paragraph(
            "A rule has a version, counted up with every change of its predicate (a test compares"
            " them). The quarantine keeps with each record the versions of the rules that rejected"
            " it, so `crypto-pipeline quarantine list` tells what an older version rejected, and"
            " `crypto-pipeline quarantine replay` loads what no rule rejects any more:"
            " [COMMANDS.md](COMMANDS.md#the-quarantine)."
        ),
        paragraph(_GENERATED.format(source="[quality.py](../crypto_pipeline/model/quality.py)")),
        table(
            _RULE_COLUMNS,
            (
                _rule_row(rule, [t for t in guards.get(rule.name, []) if t != PRICE_POINTS.name])
                for rule in RULES
            ),
        ),
        "## Points of price history",
        paragraph(
            "The same of a point of a chart or an export; what one of these rules rejects waits in"
            " `rejected_points`."
        ),
        table(
            _RULE_COLUMNS,
            (
                _rule_row(rule, [t for t in guards.get(rule.name, []) if t == PRICE_POINTS.name])
                for rule in POINT_RULES
            ),
        ),
    )


_RULE_COLUMNS = [
    *("rule", "severity", "version", "predicate", "what is wrong", "CHECK constraint of"),
]


def _rule_row(rule: Rule, guarded_tables: Sequence[str]) -> list[str]:
    return [
        code(rule.name),
        rule.severity.value + (", *file*" if rule.on_file else ""),
        str(rule.version),
        code(rule.predicate),
        rule.why,
        ", ".join(map(code, guarded_tables)),
    ]


# --------------------------------------------------------------------------------------------
# Configuration
# --------------------------------------------------------------------------------------------


def configuration_page() -> str:
    """Every environment variable with its default; no value is read from the environment."""
    return page(
        "Configuration",
        paragraph(
            "Every variable is optional. It is read from the environment, then from a file `.env`"
            " in the working folder; [.env.example](../.env.example) is a start. A value that is"
            " wrong or does not fit another one is refused, with a message that names the variable"
            " and does not show the value."
        ),
        paragraph(
            "A variable marked **Secret** may be set to a reference instead, or have its value in a"
            " file that the variable of its name and `_FILE` points at: [SECURITY.md](SECURITY.md)."
        ),
        paragraph(_GENERATED.format(source="[settings.py](../crypto_pipeline/config/settings.py)")),
        table(
            ["variable", "default", "meaning"],
            (
                [
                    code(name.upper()),
                    code(_default(field)),
                    (field.description or "") + (" **Secret.**" if is_secret(field) else ""),
                ]
                for name, field in Settings.model_fields.items()
            ),
        ),
    )


def env_example() -> str:
    """Every environment variable as a comment, to be copied to ``.env``."""
    head = (
        "# Copy this file to .env and set what you need. Every variable is optional; what stands"
        " here\n# is the default. Written by `make docs` from crypto_pipeline/config/settings.py.\n"
    )
    return "\n".join([head, *(_env_entry(*item) for item in Settings.model_fields.items())])


def _env_entry(name: str, field: FieldInfo) -> str:
    description = (field.description or "") + (" Secret." if is_secret(field) else "")
    lines = textwrap.wrap(description, 98, break_on_hyphens=False)
    return "\n".join([*(f"# {line}" for line in lines), f"#{name.upper()}={_default(field)}\n"])


def _default(field: FieldInfo) -> str:
    """A variable's default as one writes it in ``.env``; empty when there is none."""
    value = field.default
    if value is None:
        return ""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)


# --------------------------------------------------------------------------------------------
# Columns
# --------------------------------------------------------------------------------------------


def columns_page() -> str:
    """Every column by its name: in which tables, with which unit, from which field of the API."""
    tables_by_column: dict[tuple[str, str, str, str], list[Table]] = {}
    for described in TABLES.values():
        for column in described.columns:
            unit = (column.kind.unit if column.kind is not None else None) or ""
            key = (column.name, column.type, unit, column.field or "")
            tables_by_column.setdefault(key, []).append(described)
    return page(
        "Columns",
        paragraph(
            "Every column by its name: its type in PostgreSQL, its unit, the field of CoinGecko's"
            " `/coins/markets` or `/coins/list` that it comes from, and the tables that have it."
            " What each means is with its table: [ER_DIAGRAM.md](ER_DIAGRAM.md) for silver,"
            " [STAR_SCHEMA_DIAGRAM.md](STAR_SCHEMA_DIAGRAM.md) for gold. Without a field, it is"
            " the pipeline's own or follows from other columns. A `timestamptz` is in UTC."
        ),
        paragraph(_GENERATED.format(source="[registry.py](../crypto_pipeline/model/registry.py)")),
        table(
            ["column", "type", "unit", "API field", "tables"],
            (
                [
                    code(name),
                    type_,
                    unit,
                    code(field),
                    ", ".join(code(described.qualified) for described in described_tables),
                ]
                for (name, type_, unit, field), described_tables in sorted(tables_by_column.items())
            ),
        ),
    )


# --------------------------------------------------------------------------------------------
# Verbs
# --------------------------------------------------------------------------------------------


def verbs_page() -> str:
    """Every verb with its arguments and options, as ``-h`` has them."""
    # The verbs import this module when they write it.
    from crypto_pipeline.cli.main import main  # noqa: PLC0415

    return page(
        "Verbs and options",
        paragraph(
            "Every verb of `crypto-pipeline` with its options, as `-h` shows them. What they print,"
            " and examples: [COMMANDS.md](COMMANDS.md)."
        ),
        paragraph(_GENERATED.format(source="[main.py](../crypto_pipeline/cli/main.py)")),
        *_verbs(main, click.Context(main, info_name="crypto-pipeline")),
    )


def _verbs(group: click.Group, context: click.Context) -> Iterator[str]:
    for verb, command in sorted(group.commands.items()):
        inner = click.Context(command, info_name=verb, parent=context)
        yield f"## {inner.command_path}"
        yield from _verb(command, inner)
        if isinstance(command, click.Group):
            yield from _verbs(command, inner)


def _verb(command: click.Command, context: click.Context) -> Iterator[str]:
    for told in textwrap.dedent(command.help or "").strip().split("\n\n"):
        yield paragraph(" ".join(told.split()))
    if not isinstance(command, click.Group):
        usage = " ".join(command.collect_usage_pieces(context))
        yield code_block("text", f"{context.command_path} {usage}")
    options = [option for option in command.params if isinstance(option, click.Option)]
    if options:
        yield table(
            ["option", "value", "default", "meaning"],
            (
                [
                    ", ".join(map(code, option.opts)),
                    "" if option.is_flag else code(option.make_metavar(context)),
                    code(str(option.default)) if option.show_default else "",
                    option.help or "",
                ]
                for option in options
            ),
        )
