"""Column lineage for the Dagster UI.

A silver column comes from the API field that the registry names. A gold column comes from the
columns of the same name in the tables its asset depends on.
"""

from collections.abc import Iterable

import dagster as dg

from crypto_pipeline.model.registry import TABLES, Table


def silver_lineage(table: Table) -> dg.TableColumnLineage:
    """Lineage of a silver table's columns to the fields of the landed records."""
    return dg.TableColumnLineage(
        {
            column.name: [dg.TableColumnDep("market_snapshots", column.field)]
            for column in table.columns
            if column.field is not None
        }
    )


def gold_lineage(table: Table, dependencies: Iterable[dg.AssetKey]) -> dg.TableColumnLineage:
    """Lineage of a gold table's columns to the columns of the tables it is made from."""
    names = {column.name for column in table.columns}
    deps: dict[str, list[dg.TableColumnDep]] = {}
    for key in sorted(dependencies):
        for column in TABLES[key.path[-1]].columns:
            if column.name in names:
                deps.setdefault(column.name, []).append(dg.TableColumnDep(key, column.name))
    return dg.TableColumnLineage(deps)
