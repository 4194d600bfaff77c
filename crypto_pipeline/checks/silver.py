"""Checks of silver: the rule table again, on what was loaded, and the integrity of the tables."""

from collections.abc import Iterator

import dagster as dg
import psycopg
from psycopg import sql

from crypto_pipeline.checks.landing_files import changed_files, unchanged_result
from crypto_pipeline.checks.scope import WrongRows, ask_each_month, loaded_since
from crypto_pipeline.checks.sql_checks import check_query, sql_check_specs
from crypto_pipeline.landing.resource import LandingZoneResource
from crypto_pipeline.model.quality import RULES, Rule, Severity
from crypto_pipeline.model.registry import METRIC_MEASURES
from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.resource import WarehouseResource

# Wrong rows here must not reach gold.
_BLOCKING = {
    "cryptocurrencies": ("coins_named_as_listed",),
    "cryptocurrency_names": ("names_belong_to_coins",),
    "price_snapshots": ("references_exist", "snapshot_keys_unique", "snapshots_on_bucket"),
    "market_metrics": ("snapshots_have_metrics", "metrics_have_snapshots"),
    "rejected_records": ("quarantine_kept_apart",),
}
# One bad file must not keep the others from gold.
_REPORTING = {
    "ingestion_batches": ("batches_completed", "batches_add_up", "fetches_complete"),
}
_FILES_UNCHANGED = dg.AssetCheckSpec(
    "files_unchanged",
    asset="ingestion_batches",
    description="Landing files are immutable: each has the SHA-256 it was loaded with.",
)
_METRIC_COLUMNS = {column.name for column in METRIC_MEASURES}

_WARNED = """
SELECT coalesce(sum((b.warnings ->> %(rule)s)::integer), 0)
FROM scoped_batches JOIN ingestion_batches AS b USING (batch_id)
"""
"""How many of the records that were loaded break a warn rule, as the load counted them. Of a reject
rule there are none."""

# Which entries of a batch's schema_drift belong to which rule.
_DRIFT = {"fields_known": "unknown: %", "fields_complete": "missing: %"}


def _rule_asset(rule: Rule) -> str:
    if rule.severity is Severity.WARN and rule.on_file:
        return "ingestion_batches"
    return "market_metrics" if set(rule.columns) <= _METRIC_COLUMNS else "price_snapshots"


_RULE_SPECS = {
    rule: dg.AssetCheckSpec(
        rule.name,
        asset=_rule_asset(rule),
        description=f"{rule.severity.value.capitalize()} rule: {rule.why}. `{rule.predicate}`",
        blocking=rule.severity is Severity.REJECT,
    )
    for rule in RULES
}
_SEVERITY = {
    Severity.REJECT: dg.AssetCheckSeverity.ERROR,
    Severity.WARN: dg.AssetCheckSeverity.WARN,
}
_SQL_SPECS = [
    *sql_check_specs("silver", _BLOCKING, blocking=True),
    *sql_check_specs("silver", _REPORTING, blocking=False),
]


@dg.multi_asset_check(
    name="silver_checks",
    specs=[*_RULE_SPECS.values(), *_SQL_SPECS, _FILES_UNCHANGED],
    can_subset=True,
)
def silver_checks(
    context: dg.AssetCheckExecutionContext,
    warehouse: WarehouseResource,
    landing_zone: LandingZoneResource,
) -> Iterator[dg.AssetCheckResult]:
    """Evaluate the rules on the loaded records, and check the integrity of the tables."""
    selected = context.selected_asset_check_keys
    zone = landing_zone.zone()
    rules = {rule: spec for rule, spec in _RULE_SPECS.items() if spec.key in selected}
    files = [spec for spec in _SQL_SPECS if spec.key in selected]
    answers = {spec.name: WrongRows() for spec in (*rules.values(), *files)}
    changed: list[str] = []
    since = loaded_since(dict(context.run.tags))

    def ask(connection: psycopg.Connection) -> None:
        if since is None:
            connection.execute(read_sql("checks/scoped_records.sql"))
        for rule in rules:
            if since is None or rule.on_file:
                answers[rule.name].add(connection, _wrong_records(rule))
            else:
                answers[rule.name].add_counted(connection, _WARNED, {"rule": rule.name})
        for spec in files:
            query = check_query("silver", spec.name, as_loaded=since is not None)
            answers[spec.name].add(connection, query)
        if _FILES_UNCHANGED.key in selected:
            # What a load has just read is not read again.
            loaded = connection.execute(
                "SELECT landing_file, b.file_sha256"
                " FROM scoped_batches JOIN ingestion_batches AS b USING (batch_id, landing_file)"
                " WHERE %(since)s::timestamptz IS NULL OR b.loaded_at < %(since)s",
                {"since": since},
            )
            changed.extend(changed_files(zone, loaded))

    ask_each_month(warehouse, context, ask)
    for rule, spec in rules.items():
        yield answers[rule.name].result(spec, _SEVERITY[rule.severity])
    for spec in files:
        yield answers[spec.name].result(spec, dg.AssetCheckSeverity.ERROR)
    if _FILES_UNCHANGED.key in selected:
        yield unchanged_result(_FILES_UNCHANGED, changed)


def _wrong_records(rule: Rule) -> sql.Composed:
    """The records that break a rule; of a rule about the file, what loading wrote down."""
    if rule.name in _DRIFT:
        return sql.SQL(
            "SELECT b.landing_file, field, records FROM scoped_batches"
            " JOIN ingestion_batches AS b USING (batch_id),"
            " jsonb_each_text(b.schema_drift) AS drift (field, records)"
            " WHERE field LIKE {}"
        ).format(_DRIFT[rule.name])
    if rule.on_file and rule.severity is Severity.WARN:
        return sql.SQL(
            "SELECT b.landing_file, (b.warnings ->> {0})::integer AS records"
            " FROM scoped_batches JOIN ingestion_batches AS b USING (batch_id)"
            " WHERE b.warnings ? {0}"
        ).format(rule.name)
    if rule.on_file:
        return sql.SQL(
            "SELECT r.batch_id, r.record_index, r.reason FROM scoped_batches"
            " JOIN rejected_records AS r USING (batch_id)"
            " JOIN pruned_price_snapshots AS s USING (batch_id, record_index)"
            " WHERE {} = ANY (r.rules) AND r.resolved_batch_id IS DISTINCT FROM r.batch_id"
        ).format(rule.name)
    columns = dict.fromkeys(("crypto_id", "snapshot_time", *rule.columns))
    return sql.SQL("SELECT {} FROM scoped_records WHERE {} = ANY ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        rule.name,
        sql.Identifier("rejected_by" if rule.severity is Severity.REJECT else "warned_by"),
    )
