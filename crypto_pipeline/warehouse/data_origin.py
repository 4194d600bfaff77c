"""The kind of data that a database holds: live, sandbox and recorded data never mix."""

import psycopg


class OriginError(ValueError):
    """Data of another kind than the database's; the message says what to do."""


def claim_origin(connection: psycopg.Connection, source: str) -> None:
    """Say the kind of the database's data where nothing has.

    Args:
        connection: In the transaction of the load.
        source: Label of the data that is to be loaded.

    Raises:
        OriginError: the database holds data of another kind.
    """
    connection.execute(
        "INSERT INTO data_origin (kind) VALUES (source_kind(%s)) ON CONFLICT DO NOTHING", [source]
    )
    row = connection.execute("SELECT source_kind(%s), kind FROM data_origin", [source]).fetchone()
    assert row is not None
    if row[0] != row[1]:
        raise OriginError(
            f"the file holds {row[0]} data, this database {row[1]} data: load it into a database of"
            " its own"
        )
