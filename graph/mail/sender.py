"""Sends what waits, beside the pages: a mail server that is away slows nobody down."""

import asyncio
from hashlib import sha256

import structlog

from db.mail import (
    delete_letter,
    drop_expired,
    drop_letter,
    posts_heard,
    put_back,
    take_letters,
)
from db.pool import Database
from graph.mail.mailer import Mailer
from metering.digests import digest_text
from schema.errors import LetterRefused, MailUnavailable, StoreUnavailable
from schema.mail import WaitingLetter

_log = structlog.get_logger(__name__)

AT_ONCE = 4
"""Letters that one process sends at the same time."""
LEASE_SECONDS = 60.0
"""How long a letter is one process's: three times what sending may take. What a process that died
had in hand is sent by another after it."""
BACK_OFF_SECONDS = (5.0, 15.0, 60.0, 300.0, 900.0)
"""How long a letter waits after each failure; after those before it, the last of all:"""
LONGEST_SECONDS = 1800.0
LOOK_SECONDS = 2.0
"""How long a letter may wait for a process that did not write it."""
COMMIT_SECONDS = (0.02, 0.1, 0.4)
"""When it is looked for after this process wrote it: its transaction may take a moment."""


class Sender:
    """Sends the letters of a database, several at once; any number of these may run."""

    def __init__(self, database: Database, mailer: Mailer | None, domain: str) -> None:
        """`domain` ends the letters' message ids. Without a mailer they wait until they expire."""
        self._database = database
        self._mailer = mailer
        self._domain = domain

    async def run(self) -> None:
        """Goes on until it is cancelled; what goes wrong is logged."""
        with posts_heard() as bell:
            while True:
                await self._look_calmly()
                await self._pause(bell)

    async def look(self) -> int:
        """How many letters were due; each was sent, put back or given up."""
        expired = await drop_expired(self._database)
        if expired:
            _log.warning("letters_expired", count=len(expired), letters=expired)
        count = 0
        while letters := await self._taken():
            count += len(letters)
            # One that fails leaves the others to be sent.
            sent = await asyncio.gather(*map(self._send, letters), return_exceptions=True)
            for failed in filter(None, sent):
                raise failed
        return count

    async def _taken(self) -> list[WaitingLetter]:
        if self._mailer is None:
            return []
        return await take_letters(self._database, AT_ONCE, LEASE_SECONDS)

    async def _look_calmly(self) -> int:
        try:
            return await self.look()
        except StoreUnavailable:
            return 0  # whoever asks for a page is told
        except Exception as failed:
            # Neither its words nor those of what caused it: they may hold a letter's row.
            _log.error("mail_failed", kind=type(failed).__name__)
            return 0

    async def _pause(self, bell: asyncio.Event) -> None:
        """Until the next look is due, at once when this process wrote a letter."""
        try:
            await asyncio.wait_for(bell.wait(), LOOK_SECONDS)
        except TimeoutError:
            return
        bell.clear()
        for seconds in COMMIT_SECONDS:
            await asyncio.sleep(seconds)
            if await self._look_calmly():
                return

    async def _send(self, taken: WaitingLetter) -> None:
        assert self._mailer is not None
        try:
            await self._mailer.send(taken.letter, message_id(taken, self._domain))
        except LetterRefused as refused:
            _log.warning("letter_refused", letter=taken.id, reason=str(refused))
            await drop_letter(self._database, taken.id, str(refused))
        except MailUnavailable as away:
            await self._wait(taken, str(away))
        except Exception as failed:
            # As above; a letter that cannot be sent must not be tried without a pause.
            await self._wait(taken, type(failed).__name__)
        else:
            await delete_letter(self._database, taken.id)

    async def _wait(self, taken: WaitingLetter, reason: str) -> None:
        seconds = back_off(taken.tries)
        _log.warning("letter_waits", letter=taken.id, reason=reason, seconds=seconds)
        await put_back(self._database, taken, seconds, reason)


def back_off(tries: int) -> float:
    """How long a letter waits, in seconds, after that many tries, 1 or more, have failed."""
    return BACK_OFF_SECONDS[tries - 1] if tries <= len(BACK_OFF_SECONDS) else LONGEST_SECONDS


def message_id(taken: WaitingLetter, domain: str) -> str:
    """The name of the letter's message, the same whoever sends it and however often."""
    digest = sha256(f"{taken.id} {taken.written_at.isoformat()}".encode()).digest()
    return f"<letter.{digest_text(digest)}@{domain}>"
