"""A mail server on loopback that keeps what it is sent; it offers no TLS."""

from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler

from crypto_pipeline_tests.programs import free_port


class Inbox(MessageHandler):
    """Keeps what it is sent.

    Attributes:
        port: Of the server.
        mails: In the order in which they came.
    """

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port
        self.mails: list[EmailMessage] = []

    def prepare_message(self, session: object, envelope: object) -> EmailMessage:
        content = cast(bytes, getattr(envelope, "content"))  # noqa: B009
        return message_from_bytes(content, policy=policy.default)

    def handle_message(self, message: object) -> None:
        self.mails.append(cast(EmailMessage, message))


@contextmanager
def mail_server() -> Iterator[Inbox]:
    """Run the server."""
    inbox = Inbox(free_port())
    controller = Controller(inbox, hostname="127.0.0.1", port=inbox.port)
    controller.start()
    yield inbox
    controller.stop()
