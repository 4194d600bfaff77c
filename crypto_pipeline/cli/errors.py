"""Errors that a person can mend, as one line on the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from pydantic import ValidationError

complaints = Console(stderr=True)


@contextmanager
def errors_in_one_line(console: Console) -> Iterator[None]:
    """End the program with status 1 and one line for what a person can mend."""
    from crypto_pipeline.config.redaction import redact, redacted

    try:
        with redacted():
            yield
    except Exception as error:
        text = in_words(error)
        if text is None:
            raise
        console.print(f"[red]{escape(redact(text))}[/]", soft_wrap=True)
        raise SystemExit(1) from None


def in_words(error: BaseException) -> str | None:
    """What is wrong and what to do about it, in one line, of an error that a person can mend:
    configuration, network, database, files. None of any other."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        return settings_at_fault(error)
    if not isinstance(error, expected_errors()):
        return None
    return " ".join(str(error).split())


def expected_errors() -> tuple[type[Exception], ...]:
    """The errors of configuration, network, database and files."""
    import psycopg
    from pydantic import ValidationError

    from crypto_pipeline.cli.home import DagsterStorageError
    from crypto_pipeline.coingecko.errors import CoinGeckoError
    from crypto_pipeline.config.secret_references import SecretError
    from crypto_pipeline.lakehouse.schema import LakeError
    from crypto_pipeline.landing.store_kinds import ObjectStoreError
    from crypto_pipeline.sandbox.recordings import RecordingsError
    from crypto_pipeline.warehouse.embedded import EmbeddedPostgresError
    from crypto_pipeline.warehouse.migrations import SchemaBehindError
    from crypto_pipeline.warehouse.roles import RolesMissingError

    return (
        CoinGeckoError,
        DagsterStorageError,
        EmbeddedPostgresError,
        ObjectStoreError,
        LakeError,
        RecordingsError,
        SecretError,
        RolesMissingError,
        SchemaBehindError,
        ValidationError,
        psycopg.Error,
        OSError,
    )


def settings_at_fault(error: "ValidationError") -> str:
    """What is wrong, by variable, without the values: one may be a secret."""
    return "; ".join(
        ": ".join([*(str(part).upper() for part in problem["loc"][:1]), problem["msg"]])
        for problem in error.errors(include_input=False, include_url=False)
    ).replace("Value error, ", "")
