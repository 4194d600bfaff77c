"""The warehouse's three roles, as the database has them; ``sql/roles.sql`` makes them."""

from typing import NamedTuple

import psycopg
from psycopg.rows import class_row

from crypto_pipeline.model.sql import read_sql

ROLES = ("crypto_owner", "etl_role", "analytics_role")
"""Who owns the tables and migrates, who loads, who reads."""


class RolesMissingError(RuntimeError):
    """The server does not have the roles; the message says how to make them."""


class Rights(NamedTuple):
    """What a role may do with an object; empty where it may do nothing."""

    object: str
    role: str
    verbs: str


def role_matrix(connection: psycopg.Connection) -> list[Rights]:
    """Every object of the warehouse with the rights of every role, read from the catalogue.

    Raises:
        RolesMissingError: a role does not exist.
    """
    with connection.cursor(row_factory=class_row(Rights)) as cursor:
        rights = cursor.execute(read_sql("catalog/privileges.sql")).fetchall()
    missing = [role for role in ROLES if role not in {right.role for right in rights}]
    if missing:
        raise RolesMissingError(
            f"the server has no role {', '.join(missing)}: sql/roles.sql makes it"
        )
    return rights


def matrix_markdown(rights: list[Rights]) -> str:
    """The matrix as a Markdown table: a row for each object, a column for each role."""
    verbs = {(right.object, right.role): right.verbs for right in rights}
    lines = [("object", *ROLES), ("---",) * (1 + len(ROLES))]
    lines += [
        (f"`{name}`", *(verbs[name, role] for role in ROLES))
        for name in dict.fromkeys(right.object for right in rights)
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
