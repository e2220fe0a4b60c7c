"""Letters handed to a mail server."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from email.headerregistry import Address

import aiosmtplib

from graph.mail.message import ascii_address, message
from graph.mail.server import MailServer
from schema.errors import LetterRefused, MailUnavailable
from schema.mail import Letter

TIMEOUT_SECONDS = 20.0
"""For one letter in all, from the name of the server to its last word. A server that checks what
it is given takes some seconds; nobody but other letters waits."""


class Smtp:
    """A connection a letter: letters are rare, and one that failed spoils no other."""

    def __init__(
        self, server: MailServer, sender: Address, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        """Raises OSError when the file of the server's authority cannot be read."""
        self._server = server
        self._sender = sender
        self._timeout_seconds = timeout_seconds
        is_clear = not (server.is_tls or server.starts_tls)
        self._tls = None if is_clear else server.tls_context()

    async def send(self, letter: Letter, message_id: str) -> None:
        """As Mailer.send: a letter that the server took is sent."""
        try:
            recipient = ascii_address(letter.recipient)
            content = bytes(message(letter, message_id, self._sender))
        except ValueError:
            raise LetterRefused("an address that cannot be") from None
        client = self._client()
        try:
            with _told():
                async with asyncio.timeout(self._timeout_seconds):
                    await client.connect()
                    await client.sendmail(self._sender.addr_spec, recipient, content)
            # The letter is theirs; how they take leave changes nothing.
            await self._leave(client)
        finally:
            client.close()

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.is_tls,
            start_tls=server.starts_tls,
            tls_context=self._tls,
            # Else the name of this machine is looked for, which may take the name system's time.
            local_hostname=self._sender.domain,
            timeout=self._timeout_seconds,
        )

    async def _leave(self, client: aiosmtplib.SMTP) -> None:
        try:
            async with asyncio.timeout(1):
                await client.quit()
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            return


@contextmanager
def _told() -> Iterator[None]:
    """Turns what a server says into refusals without its words, which often repeat the address."""
    try:
        yield
    except aiosmtplib.SMTPRecipientsRefused as refused:
        raise _refusal(refused.recipients[0].code, "RCPT") from None
    except aiosmtplib.SMTPDataError as refused:
        raise _refusal(refused.code, "DATA") from None
    except aiosmtplib.SMTPResponseException as refused:
        # Of us, not of the letter: it waits until somebody has put the settings right.
        step = _STEPS.get(type(refused), "our call")
        raise MailUnavailable(f"{refused.code} to {step}") from None
    except (aiosmtplib.SMTPException, OSError, TimeoutError) as failed:
        names = [type(each).__name__ for each in (failed, failed.__cause__) if each]
        raise MailUnavailable(": ".join(names)) from None


_STEPS: dict[type[Exception], str] = {
    aiosmtplib.SMTPAuthenticationError: "AUTH",
    aiosmtplib.SMTPSenderRefused: "MAIL",
    aiosmtplib.SMTPHeloError: "EHLO",
}


def _refusal(code: int, step: str) -> LetterRefused | MailUnavailable:
    refusal = LetterRefused if 500 <= code < 600 else MailUnavailable
    return refusal(f"{code} to {step}")
