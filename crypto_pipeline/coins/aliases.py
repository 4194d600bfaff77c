"""Aliases: that a coin goes on under another id. Suggested by equal contracts, confirmed by people,
never automatic."""

from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse


class AliasRefusedError(ValueError):
    """An alias that cannot be confirmed or taken back; the message says what to do."""


def confirm_alias(warehouse: Warehouse, old: str, new: str, by: str) -> str | None:
    """Confirm that the coin ``old`` goes on as ``new``.

    Args:
        warehouse: The warehouse.
        old: The id that is no more.
        new: The id under which the coin goes on.
        by: Who says so.

    Returns:
        What speaks for it; None if it was confirmed before.

    Raises:
        AliasRefusedError: one of the ids is not known, ``old`` goes on as another coin already, or
            ``new`` goes on as ``old``.
    """
    ids = {"old": old, "new": new}
    # The transaction of a load: of two that confirm at once, one sees what the other did.
    with warehouse.load() as connection:
        row = connection.execute(read_sql("coins/obstacles.sql"), ids).fetchone()
        assert row is not None
        unknown, other, is_circle = row
        if unknown:
            raise AliasRefusedError(
                f"no coin {' and no coin '.join(unknown)} is known here: `crypto-pipeline coins"
                " list --search TEXT` finds ids, `crypto-pipeline coins fetch` gets the newest list"
            )
        if other is not None:
            raise AliasRefusedError(
                f"{old} goes on as {other} already: take that back first, with"
                f" `crypto-pipeline coins revoke {old}`"
            )
        if is_circle:
            raise AliasRefusedError(
                f"{new} goes on as {old}, so {old} cannot go on as {new}: see"
                " `crypto-pipeline coins aliases`"
            )
        confirmed = connection.execute(read_sql("coins/confirm.sql"), {**ids, "by": by}).fetchone()
    return None if confirmed is None else str(confirmed[0])


def revoke_alias(warehouse: Warehouse, old: str, by: str) -> str:
    """Take back that a coin goes on under another id.

    Returns:
        The id under which it went on.

    Raises:
        AliasRefusedError: nobody has confirmed one.
    """
    with warehouse.load() as connection:
        row = connection.execute(read_sql("coins/revoke.sql"), {"old": old, "by": by}).fetchone()
    if row is None:
        raise AliasRefusedError(
            f"nobody has confirmed that {old} goes on under another id: see"
            " `crypto-pipeline coins aliases`"
        )
    return str(row[0])
