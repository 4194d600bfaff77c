"""Checks that are a file in ``sql/checks/``: its query answers the wrong rows, its first comment
says what they are."""

from collections.abc import Mapping

import dagster as dg

from crypto_pipeline.model.sql import SQL_FOLDER, read_sql


def check_query(layer: str, name: str, *, as_loaded: bool) -> str:
    """The query of a check.

    Args:
        layer: silver or gold.
        name: Of the check.
        as_loaded: Whether to rely on the keys and constraints that a load could not have passed,
            where the check has a query for that.
    """
    loaded = f"checks/loaded/{name}.sql"
    if as_loaded and (SQL_FOLDER / loaded).is_file():
        return read_sql(loaded)
    return read_sql(f"checks/{layer}/{name}.sql")


def sql_check_specs(
    layer: str, files: Mapping[str, tuple[str, ...]], blocking: bool
) -> list[dg.AssetCheckSpec]:
    """Specs of the checks of a layer, given the names of their files by asset."""
    return [
        dg.AssetCheckSpec(
            name,
            asset=asset,
            description="No row may be wrong so: "
            + read_sql(f"checks/{layer}/{name}.sql").partition("\n")[0].removeprefix("-- "),
            blocking=blocking,
        )
        for asset, names in files.items()
        for name in names
    ]
