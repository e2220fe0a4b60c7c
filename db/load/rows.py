"""The rows that readers of files make and the writer stores."""

import unicodedata
from datetime import date
from typing import NamedTuple

from schema.codes import CodeKind
from schema.crosswalks import Relationship
from schema.pages import NoteKind


class NoteRow(NamedTuple):
    """One instruction, as the file words it."""

    kind: NoteKind
    text: str


class CodeRow(NamedTuple):
    """What a release says of one code. Parents come before their children, in official order."""

    value: str
    kind: CodeKind
    title: str
    is_billable: bool
    short_title: str | None = None
    parent: str | None = None
    depth: int = 0
    notes: tuple[NoteRow, ...] = ()
    first_day: date | None = None
    """When the publisher added the code, where the file says so; None otherwise."""
    last_day: date | None = None
    """Last day on which it may be used, perhaps long before the release; None while it is open."""


class EdgeRow(NamedTuple):
    """One row of a map; scenario and choice list are None outside combinations."""

    source: str
    target: str | None
    relationship: Relationship
    is_approximate: bool = False
    is_combination: bool = False
    scenario: int | None = None
    choice_list: int | None = None
    attrs: str | None = None
    """A JSON object of what only this kind of map says."""


class MemberRow(NamedTuple):
    """One code under one group."""

    code: str
    group: str
    conditions: tuple[str, ...] = ()
    """Under which conditions, any one of which is enough; empty for always."""


class PairRow(NamedTuple):
    """One rule against reporting two codes together."""

    column_one: str
    column_two: str
    effective_from: date
    effective_to: date | None
    """Last day, inclusive; None while the rule stands."""
    modifier_indicator: int
    """0, 1 or 9."""
    rationale: str | None


def search_text(title: str) -> str:
    """A title in ASCII, accents folded, as the official order files print it."""
    if title.isascii():
        return title
    return unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode("ascii")
