"""Letters that land in a folder, for a machine that sends no mail."""

import asyncio
import os
import re
import tempfile
from dataclasses import dataclass
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

import structlog

from graph.mail.message import message
from schema.errors import LetterRefused, MailUnavailable
from schema.mail import Letter

_log = structlog.get_logger(__name__)
_NAME = re.compile(r"<([\w.-]+)@[^@]+>")


class FileDrop:
    """Each letter is a file of its own that only its owner may read; a second copy replaces it."""

    def __init__(self, folder: Path, sender: Address) -> None:
        self._folder = folder
        self._sender = sender

    async def send(self, letter: Letter, message_id: str) -> None:
        """As Mailer.send; the log tells where the file is."""
        named = _NAME.fullmatch(message_id)
        assert named is not None, "message ids are made by us"
        file = self._folder / f"{named[1]}.eml"
        try:
            written = bytes(message(letter, message_id, self._sender))
        except ValueError:
            raise LetterRefused("an address that cannot be") from None
        try:
            await asyncio.to_thread(_put, file, written)
        except OSError as failed:
            raise MailUnavailable(f"the folder of mail: {failed.strerror}") from failed
        _log.info("letter_landed", file=str(file))


def _put(file: Path, content: bytes) -> None:
    """Put the content at `file` in one step, readable by its owner only."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, draft = tempfile.mkstemp(dir=file.parent, prefix=".draft-")
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(descriptor)
        Path(draft).replace(file)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


@dataclass(frozen=True, slots=True)
class Landed:
    """A letter as it lies in the folder."""

    recipient: str
    subject: str
    body: str


def newest_letter(folder: Path, recipient: str | None = None) -> Landed | None:
    """The letter that landed last, of those to that address when one is given; None: there is
    none."""
    files = [(file.stat().st_mtime_ns, file.name, file) for file in folder.glob("*.eml")]
    for _, _, file in sorted(files, reverse=True):
        read = BytesParser(EmailMessage, policy=policy.default).parsebytes(file.read_bytes())
        if recipient is None or str(read["To"]).lower() == recipient.lower():
            body = str(read.get_content()).replace("\r\n", "\n")
            return Landed(str(read["To"]), str(read["Subject"]), body)
    return None
