"""Which coin a coin of a further source is. Suggested by equal contracts, symbols and names;
confirmed by people, never guessed."""

from crypto_pipeline.model.sql import read_sql
from crypto_pipeline.warehouse.postgres import Warehouse


class MappingRefusedError(ValueError):
    """A mapping that cannot be confirmed or taken back; the message says what to do."""


def only_source(warehouse: Warehouse) -> str:
    """The further source that this database has answers of.

    Raises:
        MappingRefusedError: there is none, or more than one.
    """
    with warehouse.connection() as connection:
        found = [
            source
            for (source,) in connection.execute(
                "SELECT DISTINCT source FROM quoted_coins ORDER BY source"
            )
        ]
    if not found:
        raise MappingRefusedError(
            "no further source has said anything here: set COINPAPRIKA_PLAN, then"
            " `crypto-pipeline sources fetch`"
        )
    if len(found) > 1:
        raise MappingRefusedError(f"say with --source which of {', '.join(found)}")
    return str(found[0])


def confirm_mapping(
    warehouse: Warehouse, source: str, source_coin_id: str, crypto_id: str, by: str
) -> str | None:
    """Confirm that a coin of a source is one of ours.

    Args:
        warehouse: The warehouse.
        source: Label of the source.
        source_coin_id: The source's id.
        crypto_id: CoinGecko's id.
        by: Who says so.

    Returns:
        What speaks for it; None if it was confirmed before.

    Raises:
        MappingRefusedError: one of the ids is not known, or mapped to another already.
    """
    ids = {"source": source, "source_coin_id": source_coin_id, "crypto_id": crypto_id}
    # The transaction of a load: of two that confirm at once, one sees what the other did.
    with warehouse.load() as connection:
        row = connection.execute(read_sql("quotes/obstacles.sql"), ids).fetchone()
        assert row is not None
        is_unknown_there, is_unknown_here, mapped_to, mapped_from = row
        if is_unknown_there:
            raise MappingRefusedError(
                f"{source} has said nothing of a coin {source_coin_id}: see `crypto-pipeline"
                " sources mappings`"
            )
        if is_unknown_here:
            raise MappingRefusedError(
                f"no coin {crypto_id} is known here: `crypto-pipeline coins list --search TEXT`"
                " finds ids, `crypto-pipeline coins fetch` gets the newest list"
            )
        if mapped_to is not None:
            raise MappingRefusedError(
                f"{source_coin_id} is {mapped_to} already: take that back first, with"
                f" `crypto-pipeline sources revoke {source_coin_id}`"
            )
        if mapped_from is not None:
            raise MappingRefusedError(
                f"{crypto_id} is {mapped_from} of {source} already: take that back first, with"
                f" `crypto-pipeline sources revoke {mapped_from}`"
            )
        done = connection.execute(read_sql("quotes/confirm.sql"), {**ids, "by": by}).fetchone()
    return None if done is None else str(done[0])


def confirm_suggested(warehouse: Warehouse, source: str, by: str) -> int:
    """Confirm every suggestion of a source that nothing speaks against: the only one of its kind on
    both sides, with equal symbols, and with no contracts that differ.

    Returns:
        How many.
    """
    with warehouse.load() as connection:
        done = connection.execute(
            read_sql("quotes/confirm_suggested.sql"), {"source": source, "by": by}
        )
        return len(done.fetchall())


def revoke_mapping(warehouse: Warehouse, source: str, source_coin_id: str, by: str) -> str:
    """Take back which coin a coin of a source is.

    Returns:
        The coin that it was.

    Raises:
        MappingRefusedError: nobody has confirmed one.
    """
    with warehouse.load() as connection:
        row = connection.execute(
            read_sql("quotes/revoke.sql"),
            {"source": source, "source_coin_id": source_coin_id, "by": by},
        ).fetchone()
    if row is None:
        raise MappingRefusedError(
            f"nobody has confirmed which coin {source_coin_id} of {source} is: see `crypto-pipeline"
            " sources mappings`"
        )
    return str(row[0])


def mapped_coins(warehouse: Warehouse, source: str) -> list[str]:
    """The ids of a source's coins that are mapped, largest first."""
    with warehouse.connection() as connection:
        found = connection.execute(read_sql("quotes/mapped.sql"), {"source": source})
        return [str(coin) for (coin,) in found]
