"""Column lineage for the Dagster UI, read from the catalogue.

A silver column comes from the API field that its ``COMMENT ON`` names. A gold column comes from the
columns of the same name in the tables its asset depends on.
"""

import re
from collections.abc import Iterable

import dagster as dg
import psycopg

from crypto_pipeline.warehouse.catalog import describe_columns

_API_FIELD = re.compile(r"API field ([a-z0-9_.]+)")


def silver_lineage(connection: psycopg.Connection, table: str) -> dg.TableColumnLineage:
    """Lineage of a silver table's columns to the fields of the landed records."""
    deps = {}
    for column in describe_columns(connection, "public", table):
        if (match := _API_FIELD.search(column.description or "")) is not None:
            deps[column.name] = [dg.TableColumnDep("market_snapshots", match[1])]
    return dg.TableColumnLineage(deps)


def gold_lineage(
    connection: psycopg.Connection, table: str, dependencies: Iterable[dg.AssetKey]
) -> dg.TableColumnLineage:
    """Lineage of a gold table's columns to the columns of the tables it is made from."""
    columns = [column.name for column in describe_columns(connection, "analytics", table)]
    deps: dict[str, list[dg.TableColumnDep]] = {}
    for key in sorted(dependencies):
        upstream = key.path[-1]
        schema = "analytics" if upstream.startswith("dim_") else "public"
        for column in describe_columns(connection, schema, upstream):
            if column.name in columns:
                deps.setdefault(column.name, []).append(dg.TableColumnDep(key, column.name))
    return dg.TableColumnLineage(deps)
