"""Letters: what the site tells somebody by mail."""

import re
import unicodedata
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

from schema.shape import Shape

_MAILBOX = re.compile(r"[!-?A-~]+@[^@]+")
# What a header would read as a list, a group, a name or a comment.
_SYNTAX = frozenset(' ,;:<>()[]\\"')


def _one_line(text: str) -> str:
    """Raises ValueError for what could end a header and begin another."""
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text):
        raise ValueError("must be one line without control characters")
    return text


def _one_mailbox(text: str) -> str:
    if not _MAILBOX.fullmatch(text) or _SYNTAX & set(text):
        raise ValueError("must be one bare address, in ASCII before the @")
    return text


def _plain_text(text: str) -> str:
    if any(
        unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t" for letter in text
    ):
        raise ValueError("must be plain text whose lines end in \\n")
    return text


class Letter(Shape):
    """A letter to one person, in plain text."""

    recipient: Annotated[
        str,
        Field(min_length=3, max_length=254),
        AfterValidator(_one_line),
        AfterValidator(_one_mailbox),
    ]
    """The bare address, `somebody@codes.example`; its domain may have letters of any script."""
    subject: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]
    body: Annotated[str, Field(min_length=1, max_length=20_000), AfterValidator(_plain_text)]
    """Plain text; its lines end in a line feed."""
    expires_at: AwareDatetime
    """When what it tells is worth nothing any more: it is not sent from then on."""


class WaitingLetter(Shape):
    """A letter that one process may send now."""

    id: int
    letter: Letter
    written_at: datetime
    """UTC."""
    tries: int
    """How often it was taken to be sent, this time included."""


class LetterStanding(Shape):
    """What an operator is told of a letter: not its text."""

    id: int
    recipient: str
    subject: str
    age_seconds: int
    """Since it was written."""
    tries: int
    is_dropped: bool
    """Whether it will never be sent."""
    last_error: str | None
    """Why it was not sent the last time; None when nothing went wrong."""
