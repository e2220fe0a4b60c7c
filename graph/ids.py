"""Opaque, versioned ids and cursors: what clients hand back to us and must not read or build.

An id is base64url of `1`, the kind and the key. Each thing has exactly one id: another spelling
of the same bytes is refused, so that ids can be compared and cached as text.
"""

import base64
import binascii
import hmac
import re
from datetime import date

from strawberry import ID

from graph.day import EARLIEST, LATEST, Day
from metering.digests import url_text
from schema.codes import CodeKey, CodeSystemKey, normalize

_LONGEST = 200
"""No id of ours is longer, in characters; a longer text is refused unread."""
_READABLE = re.compile(r"1([a-z]+):(.+)")
_CURSOR = "cursor"
_POSITION = re.compile(r"0|[1-9][0-9]{0,8}")
"""Below a thousand million: what PostgreSQL calls an integer, and no list is longer."""


def encode(kind: str, key: str | int) -> ID:
    """The id of what `key` names among things of that kind; the kind is in lower case letters."""
    return ID(url_text(f"1{kind}:{key}".encode()))


def decode(text: str) -> tuple[str, str] | None:
    """(kind, key) of an id made by `encode`; None for any other text."""
    if len(text) > _LONGEST or not text.isascii():
        return None
    try:
        readable = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    found = _READABLE.fullmatch(readable)
    # A NUL in a key would be an error in PostgreSQL, and no key of ours has a control character.
    if found is None or not readable.isprintable():
        return None
    kind, key = found.groups()
    return (kind, key) if encode(kind, key) == text else None


def encode_code(key: CodeKey, on: Day) -> ID:
    """The id of a code as of a day; the day is part of it only when the question named it."""
    return encode("code", _code_text(key, on))


def encode_section(key: CodeKey, on: Day, kind: str) -> ID:
    """The id of a section of a code's page as of a day."""
    return encode("section", f"{_code_text(key, on)}:{kind}")


def _code_text(key: CodeKey, on: Day) -> str:
    return f"{key}@{on.date}" if on.is_named else str(key)


def decode_code(text: str) -> tuple[CodeKey, Day | None] | None:
    """(code, the day named) of an id made by `encode_code`; None for any other text."""
    match decode(text):
        case ("code", key):
            return code_on(key)
    return None


def code_on(text: str) -> tuple[CodeKey, Day | None] | None:
    """The code and day that `<system>:<value>` or `<system>:<value>@<day>` names, else None."""
    named, _, day = text.partition("@")
    system, _, value = named.partition(":")
    if system not in CodeSystemKey.__members__ or normalize(value) != value:
        return None
    key = CodeKey(CodeSystemKey[system], value)
    if named == text:
        return key, None
    try:
        on = date.fromisoformat(day)
    except ValueError:
        return None
    return (key, Day(on, is_named=True)) if EARLIEST <= on <= LATEST else None


def encode_event(secret: bytes, event_id: str) -> ID:
    """The published id of an event of the ledger, 22 characters.

    The ledger's own ids count the views of everybody: two of them, read a day apart, would tell
    anyone how much the site is used. Who holds the secret finds the event by making this again
    for the events of that moment.
    """
    digest = hmac.digest(secret, f"event {event_id}".encode(), "sha256")
    return ID(url_text(digest[:16]))


def encode_cursor(position: int) -> str:
    """The cursor of a place in a list, 0 for the first."""
    return encode(_CURSOR, position)


def decode_cursor(text: str) -> int | None:
    """The place that a cursor stands for; None for any other text."""
    match decode(text):
        case ("cursor", position) if _POSITION.fullmatch(position):
            return int(position)
    return None
