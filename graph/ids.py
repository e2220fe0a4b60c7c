"""Opaque, versioned ids and cursors: what clients hand back to us and must not read or build.

An id is base64url of `1`, the kind and the key. Each thing has exactly one id: another spelling
of the same bytes is refused, so that ids can be compared and cached as text.
"""

import base64
import binascii
import re

from strawberry import ID

from schema.codes import CodeKey, CodeSystemKey, normalize

_LONGEST = 200
"""No id of ours is longer, in characters; a longer text is refused unread."""
_READABLE = re.compile(r"1([a-z]+):(.+)")
_CURSOR = "cursor"
_POSITION = re.compile(r"0|[1-9][0-9]{0,9}")


def encode(kind: str, key: str | int) -> ID:
    """The id of what `key` names among things of that kind; the kind is in lower case letters."""
    return ID(base64.urlsafe_b64encode(f"1{kind}:{key}".encode()).decode().rstrip("="))


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


def decode_code(text: str) -> CodeKey | None:
    """The code that an id of kind `code` names; None for any other text."""
    match decode(text):
        case ("code", key):
            return code_key(key)
    return None


def code_key(text: str) -> CodeKey | None:
    """The code that `<system>:<value>` names, the value in stored form; None for other texts."""
    system, _, value = text.partition(":")
    if system not in CodeSystemKey.__members__ or normalize(value) != value:
        return None
    return CodeKey(CodeSystemKey[system], value)


def encode_cursor(position: int) -> str:
    """The cursor of a place in a list, 0 for the first."""
    return encode(_CURSOR, position)


def decode_cursor(text: str) -> int | None:
    """The place that a cursor stands for; None for any other text."""
    match decode(text):
        case ("cursor", position) if _POSITION.fullmatch(position):
            return int(position)
    return None
