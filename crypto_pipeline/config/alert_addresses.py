"""Where alerts go: the webhook's URL and the mail server, read from their settings."""

from contextlib import suppress
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import httpx

from crypto_pipeline.config.settings import Settings


class AddressError(ValueError):
    """An address for alerts cannot be one; the text names the variable, not its value."""


def webhook(settings: Settings) -> httpx.URL | None:
    """Where ``ALERT_WEBHOOK_URL`` points.

    Raises:
        AddressError: nowhere.
        SecretError: it cannot be read.
    """
    if settings.alert_webhook_url is None:
        return None
    with suppress(httpx.InvalidURL):
        url = httpx.URL(settings.alert_webhook_url.get_secret_value())
        if url.scheme in ("http", "https") and url.host:
            return url
    raise AddressError("ALERT_WEBHOOK_URL is no URL")


class MailServer(NamedTuple):
    """What ``ALERT_SMTP_URL`` says.

    Attributes:
        host: Its name or address.
        port: The one that is named, or else the usual one.
        tls: From the first byte on; otherwise once the server offers it.
        login: User and password, if there is one.
    """

    host: str
    port: int
    tls: bool
    login: tuple[str, str] | None


def mail_server(settings: Settings) -> MailServer | None:
    """Whom ``ALERT_SMTP_URL`` names.

    Raises:
        AddressError: nobody.
        SecretError: it cannot be read.
    """
    if settings.alert_smtp_url is None:
        return None
    with suppress(ValueError):
        url = urlsplit(settings.alert_smtp_url.get_secret_value())
        usual = {"smtp": 587, "smtps": 465}.get(url.scheme)
        if usual is not None and url.hostname:
            login = (unquote(url.username), unquote(url.password or "")) if url.username else None
            return MailServer(url.hostname, url.port or usual, url.scheme == "smtps", login)
    raise AddressError("ALERT_SMTP_URL must be a smtp:// or smtps:// URL")
