"""A mail server on loopback that keeps what it is sent; it offers no TLS."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler


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
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    inbox = Inbox(port)
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield inbox
    controller.stop()
