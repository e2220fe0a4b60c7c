"""A mail server of the tests' own, which takes, refuses or says nothing."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

PASSWORD = "a password of the tests"


class Inbox:
    """What has come, and what is said to what comes next; to be changed at any time."""

    def __init__(self) -> None:
        self.port = 0
        self.letters: list[EmailMessage] = []
        self.envelopes: list[tuple[str | None, list[str]]] = []
        self.sessions: list[bool] = []
        """Of each letter whether it came by TLS."""
        self.rcpt = self.mail = self.data = "250 OK"
        """What is said to each step; to a 250 the server's own word."""
        self.is_silent = False
        """Whether nothing is said to RCPT any more."""

    async def handle_MAIL(  # named by aiosmtpd
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        """As aiosmtpd calls it."""
        envelope.mail_from = address
        return self.mail

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        """As aiosmtpd calls it."""
        if self.is_silent:
            await asyncio.sleep(3600)
        if self.rcpt == "250 OK":
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        """As aiosmtpd calls it."""
        if self.data == "250 OK":
            content = envelope.original_content
            assert content is not None
            parser = BytesParser(EmailMessage, policy=policy.default)
            self.letters.append(parser.parsebytes(content))
            self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
            self.sessions.append(server.transport.get_extra_info("ssl_object") is not None)
        return self.data


@asynccontextmanager
async def mail_server(
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    asks_for_password: bool = False,
) -> AsyncIterator[Inbox]:
    """A server on a free port of 127.0.0.1, gone at the end."""
    inbox, loop = Inbox(), asyncio.get_running_loop()
    protocols: list[SMTP] = []

    def served() -> SMTP:
        protocols.append(
            SMTP(
                inbox,
                loop=loop,
                hostname="127.0.0.1",
                tls_context=starttls,
                require_starttls=starttls is not None,
                authenticator=_authenticated if asks_for_password else None,
                # Over TLS from the first byte it warns of what it does not see.
                auth_required=asks_for_password and tls is None,
                auth_require_tls=tls is None,
            )
        )
        return protocols[-1]

    server = await loop.create_server(served, "127.0.0.1", 0, ssl=tls)
    inbox.port = server.sockets[0].getsockname()[1]
    try:
        yield inbox
    finally:
        server.close()
        for protocol in protocols:
            if protocol.transport is not None:
                protocol.transport.abort()
        await asyncio.sleep(0.05)


def _authenticated(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
) -> AuthResult:
    is_good = isinstance(data, LoginPassword) and data.password.decode() == PASSWORD
    return AuthResult(success=is_good, handled=False)
