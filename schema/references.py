"""References of notes to codes: what they name, and whether one that names only some codes of a
range names a given code.

The conditions are those of ICD-10-CM: positions with the characters admitted (`fifth or sixth
character 1-4`), beginnings of what stands behind the dot (`.51-.52`), and ends (`final characters
-23`).
"""

import re
from collections.abc import Iterator

from schema.codes import Code
from schema.shape import Shape

_POSITIONS = {"fifth": 5, "5th": 5, "six": 6, "sixth": 6, "6th": 6, "seventh": 7, "7th": 7}
_PLACE = re.compile(
    r"(\w+)(?: or (\w+))?[ -]character ([0-9A-Z](?:-[0-9A-Z])?(?: or [0-9A-Z](?:-[0-9A-Z])?)*)"
)
_BEGINNINGS = re.compile(r"(?:final characters? )?((?:\.[0-9A-Z]+-?(?:[,.]? or |[,.] |-)?)+)")
_END = re.compile(r"final characters? -?([0-9A-Z]+)")


class NoteReference(Shape):
    """A code, a header or a range that a note names."""

    raw: str
    """As printed: `E08-E13`, `F10.-`."""
    target: Code | None
    """The code, or the first of a range; None where the text names nothing that a release has."""
    target_end: Code | None
    """The last code of a range; None outside ranges."""
    is_open: bool
    """Whether a dash tells that codes below are meant."""
    condition: str | None
    """What must hold of the codes meant, in the words of the note; None when all are."""


def holds(condition: str | None, value: str) -> bool | None:
    """Whether a code, in stored form, meets the condition of a reference; None when the words do
    not tell, or when the code is too short to tell."""
    if condition is None:
        return True
    if place := _PLACE.fullmatch(condition):
        positions = [_POSITIONS.get(word) for word in place.group(1, 2) if word]
        return None if None in positions else _has(value, positions, place[3])
    if begins := _BEGINNINGS.fullmatch(condition):
        return _begins(value[3:], begins[1])
    if end := _END.fullmatch(condition):
        return value.endswith(end[1])
    return None


def _has(value: str, positions: list[int | None], admitted: str) -> bool | None:
    characters = set(_admitted(admitted))
    places = [place for place in positions if place is not None]
    if any(value[place - 1 : place] in characters for place in places if place <= len(value)):
        return True
    return False if len(value) >= max(places) else None


def _admitted(text: str) -> Iterator[str]:
    """`1-4 or 6`: each character."""
    for part in text.split(" or "):
        first, last = part[0], part[-1]
        yield from (chr(code) for code in range(ord(first), ord(last) + 1))


def _begins(behind_dot: str, told: str) -> bool | None:
    """Whether what stands behind the dot begins with one of `.14, .24` or lies in `.51-.52`."""
    ranges = re.findall(r"\.([0-9A-Z]+)(?:-\.([0-9A-Z]+))?", told)
    length = max(len(first) for first, _ in ranges)
    if any(first <= behind_dot[: len(first)] <= (last or first) for first, last in ranges):
        return True
    return False if len(behind_dot) >= length else None
