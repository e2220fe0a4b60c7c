"""The codes that a note of the tabular list names: single codes, ranges, lists and headers.

The rule, word for word in docs/note-references.md:
- A code is a letter, a digit and a letter or digit (`QA` and one more for the category QA0), then
  perhaps a dot and one to four letters or digits, with no letter or digit before or behind it.
- A dash behind it, with or without the dot (`F10.-`, `S06.8-`), means the codes below as well.
- Two codes joined by a dash or `to`, blanks around it allowed, are the ends of a range.
- `vitamin B12` names no code.
- What follows `with` behind the last code of a parenthesis, or of the text outside all of them, is
  a condition of every code named there.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from schema.pages import NoteKind

REFERRING = frozenset(
    {
        NoteKind.EXCLUDES1,
        NoteKind.EXCLUDES2,
        NoteKind.CODE_FIRST,
        NoteKind.USE_ADDITIONAL,
        NoteKind.CODE_ALSO,
    }
)
"""The kinds of notes that name codes."""

_CODE = r"(?:[A-Z][0-9]|QA)[0-9A-Z](?:\.[0-9A-Z]{1,4})?(?![0-9A-Za-z])"
_OPEN = r"\.?-"
_REFERENCE = re.compile(
    rf"(?<![0-9A-Za-z])(?<!vitamin )(?P<first>{_CODE})"
    rf"(?:(?:{_OPEN})?\.?(?:\s?-\s?|\s+to\s+)(?P<last>{_CODE}))?(?P<open>{_OPEN})?"
)
_PARENTHESIS = re.compile(r"\([^()]*\)?")
_CONDITION = re.compile(r"\.?,?\s*with (.+)")


class ReferenceRow(NamedTuple):
    """One reference of a note."""

    raw: str
    """As printed."""
    first: str
    """The code named, or the first of a range, in stored form."""
    last: str | None
    """The last code of a range; None outside ranges."""
    is_open: bool
    condition: str | None
    """What must hold of the codes meant, without its `with`; None when all are."""


def references(text: str) -> list[ReferenceRow]:
    """Every reference of a note, in order, whether or not such codes exist."""
    return [row for segment in _segments(text) for row in _of_segment(segment)]


def _segments(text: str) -> Iterator[str]:
    """The text before, in, between and behind parentheses."""
    start = 0
    for found in _PARENTHESIS.finditer(text):
        yield text[start : found.start()]
        yield found[0].strip("()")
        start = found.end()
    yield text[start:]


def _of_segment(segment: str) -> Iterator[ReferenceRow]:
    found = list(_REFERENCE.finditer(segment))
    if not found:
        return
    told = _CONDITION.fullmatch(segment, found[-1].end())
    condition = told[1].strip() if told else None
    for match in found:
        first, last = (code and code.replace(".", "") for code in match.group("first", "last"))
        yield ReferenceRow(match[0], first, last, match["open"] is not None, condition)
