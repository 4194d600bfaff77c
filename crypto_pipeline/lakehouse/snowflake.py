"""What of ``sql/snowflake/`` must not be written twice: fields and rules, as Snowflake SQL.

``python -m crypto_pipeline.lakehouse.snowflake`` writes two files from the table of rules
(``quality.py``), the fields of a record (``coingecko/schema.py``) and the scale of every measure
(``lakehouse/schema.py``); a test fails when one is out of date. It needs sqlglot, of the dependency
group ``snowflake``: nothing that runs the pipeline does.
"""

from collections.abc import Iterable
from pathlib import Path

from sqlglot import exp, parse_one

from crypto_pipeline.coingecko.schema import (
    BASE_FIELDS,
    COLUMNS,
    INTEGER_FIELDS,
    NUMBER_FIELDS,
    OPTIONAL_FIELDS,
    ROI_NUMBERS,
    ROI_TEXTS,
    TEXT_FIELDS,
    TIME_FIELDS,
)
from crypto_pipeline.lakehouse.schema import MEASURES
from crypto_pipeline.model.quality import REJECT_RULES, WARN_RULES, Rule
from crypto_pipeline.model.registry import RECORD_COLUMNS

_COLUMN_OF = {column.field: column.name for column in RECORD_COLUMNS if column.field}

_HEAD = """\
-- Written by `python -m crypto_pipeline.lakehouse.snowflake` from model/quality.py,
-- coingecko/schema.py and lakehouse/schema.py: change these, not this file.
"""

_DESCRIBED_RECORDS = """\
CREATE OR REPLACE VIEW staging.described_records
COMMENT = 'All records, with what the rules ask about beside the values.'
AS
SELECT
    r.landing_file AS file_id,
    r.record,
    f.vs_currency,
    f.ingested_at,
    d.malformed,
    d.unknown_fields,
    d.missing_fields,
    t.* EXCLUDE (landing_file, record_index),
    r.landing_file,
    r.record_index
FROM staging.records AS r
JOIN staging.described_files AS f ON f.landing_file = r.landing_file
JOIN staging.drift AS d
    ON d.landing_file = r.landing_file AND d.record_index = r.record_index
LEFT JOIN staging.typed_records AS t
    ON t.landing_file = r.landing_file AND t.record_index = r.record_index;
"""


def generated_files() -> dict[str, str]:
    """Content by file name: the API's fields; typed records with every rule's verdict."""
    return {
        "05_fields.sql": "\n".join([_HEAD, _api_fields()]),
        "07_records.sql": "\n".join(
            [
                _HEAD,
                _typed_records(),
                _DESCRIBED_RECORDS,
                _evaluated_records(),
                _storable_records(),
            ]
        ),
    }


def predicate_sql(rule: Rule) -> str:
    """A rule's predicate in Snowflake's SQL.

    PostgreSQL's ``least`` passes over a NULL, Snowflake's does not; sqlglot knows that. A time with
    a zone becomes the UTC time without one that Snowflake's tables hold.
    """
    predicate = parse_one(rule.predicate, read="postgres").transform(_without_zone)
    # The type's name as everywhere else.
    return predicate.sql("snowflake").replace("TIMESTAMPNTZ", "TIMESTAMP_NTZ")


def _without_zone(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Cast) and node.is_type("timestamptz"):
        text = node.this.name.removesuffix("+00")
        return exp.cast(exp.Literal.string(text), "timestamp_ntz", dialect="snowflake")
    return node


def _api_fields() -> str:
    kinds = {
        **dict.fromkeys(sorted(OPTIONAL_FIELDS), "any"),
        **dict.fromkeys(TEXT_FIELDS, "text"),
        **dict.fromkeys(NUMBER_FIELDS, "number"),
        **dict.fromkeys(INTEGER_FIELDS, "integer"),
        **dict.fromkeys(TIME_FIELDS, "time"),
        "roi": "object",
        **dict.fromkeys(ROI_NUMBERS, "number"),
        **dict.fromkeys(ROI_TEXTS, "text"),
    }
    rows = []
    for position, (field, kind) in enumerate(kinds.items()):
        column = _COLUMN_OF.get(field, field)
        decimal = MEASURES.get(column)
        scale = "NULL" if decimal is None else str(decimal.scale)
        is_base = str(field in BASE_FIELDS).upper()
        rows.append(f"    ({position}, '{field}', '{column}', '{kind}', {is_base}, {scale})")
    return (
        "CREATE OR REPLACE VIEW staging.api_fields\n"
        "COMMENT = 'The documented fields of a record, and the column that each becomes.'\n"
        "AS\n"
        "SELECT * FROM VALUES\n"
        + ",\n".join(rows)
        + "\nAS fields (position, field, column_name, kind, is_base, scale);\n"
    )


def _typed_records() -> str:
    columns = []
    for column in COLUMNS[:-3]:
        found = f"IFF(v.column_name = '{column}', v."
        if column in MEASURES:
            of = MEASURES[column]
            columns.append(
                f"TO_DECIMAL(MAX({found}evaluated, NULL)), {of.precision}, {of.scale}) AS {column}"
            )
            columns.append(f"MAX({found}plain, NULL)) AS {column}_text")
            columns.append(f"MAX({found}unrepresentable, NULL)) AS {column}_unrepresentable")
        elif column in INTEGER_FIELDS.values():
            columns.append(f"TO_DECIMAL(MAX({found}evaluated, NULL)), 10, 0) AS {column}")
        elif column in TIME_FIELDS.values():
            columns.append(f"MAX({found}time, NULL)) AS {column}")
        else:
            columns.append(f"MAX({found}text, NULL)) AS {column}")
    return (
        "CREATE OR REPLACE VIEW staging.typed_records\n"
        "COMMENT = 'A row a record: its values by column, for the rules to judge.'\n"
        "AS\n"
        "SELECT\n    v.landing_file,\n    v.record_index,\n    "
        + ",\n    ".join(columns)
        + "\nFROM staging.decoded_values AS v\n"
        "GROUP BY v.landing_file, v.record_index;\n"
    )


def _evaluated_records() -> str:
    return (
        "CREATE OR REPLACE VIEW staging.evaluated_records\n"
        "COMMENT = 'The records with the names of the rules they break, and the reason in words.'\n"
        "AS\n"
        "SELECT\n    r.*,\n"
        "    TIME_SLICE(DATEADD(SECOND, 150, r.last_updated), 5, 'MINUTE', 'START')"
        " AS snapshot_time,\n"
        f"    {_array(map(_broken, REJECT_RULES))} AS rejected_by,\n"
        f"    ARRAY_TO_STRING({_array(map(_reason, REJECT_RULES))}, '; ') AS reason,\n"
        f"    {_array(map(_broken, WARN_RULES))} AS warned_by\n"
        "FROM staging.described_records AS r;\n"
        "CREATE OR REPLACE TRANSIENT TABLE staging.checked_records AS\n"
        "SELECT * FROM staging.evaluated_records WHERE FALSE;\n"
    )


def _storable_records() -> str:
    columns = [
        f"IFF({column}_unrepresentable IS NULL, {column}, NULL) AS {column}"
        if column in MEASURES
        else column
        for column in COLUMNS[:-3]
    ]
    return (
        "CREATE OR REPLACE VIEW staging.storable_records\n"
        "COMMENT = 'The checked records as the tables hold them: what does not fit is null.'\n"
        "AS\n"
        "SELECT\n    landing_file,\n    record_index,\n    ingested_at,\n    vs_currency,\n"
        "    snapshot_time,\n    rejected_by,\n    "
        + ",\n    ".join(columns)
        + "\nFROM staging.checked_records;\n"
    )


def _array(elements: Iterable[str]) -> str:
    lines = ",\n        ".join(elements)
    return f"ARRAY_COMPACT(ARRAY_CONSTRUCT(\n        {lines}\n    ))"


def _broken(rule: Rule) -> str:
    return f"CASE WHEN NOT ({predicate_sql(rule)}) THEN '{rule.name}' END"


def _reason(rule: Rule) -> str:
    values = " || ', ' || ".join(f"'{column} = ' || {_as_text(column)}" for column in rule.columns)
    return f"CASE WHEN NOT ({predicate_sql(rule)}) THEN '{rule.why} (' || {values} || ')' END"


def _as_text(column: str) -> str:
    """A value as PostgreSQL shows it."""
    if column in MEASURES:
        text = f"{column}_text"
    elif column in INTEGER_FIELDS.values():
        text = f"TO_VARCHAR({column})"
    elif column in TIME_FIELDS.values() or column == "ingested_at":
        seconds = f"TO_VARCHAR(CAST({column} AS TIMESTAMP_NTZ), 'YYYY-MM-DD HH24:MI:SS')"
        microseconds = (
            f"MOD(MOD(DATE_PART(EPOCH_MICROSECOND, {column}), 1000000) + 1000000, 1000000)"
        )
        fraction = f"REGEXP_REPLACE('.' || LPAD(TO_VARCHAR({microseconds}), 6, '0'), '[.]?0+$')"
        text = f"{seconds} || {fraction} || '+00'"
    else:
        text = column
    return f"COALESCE({text}, 'null')"


if __name__ == "__main__":
    folder = Path(__file__).parents[2] / "sql" / "snowflake"
    for name, text in generated_files().items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
