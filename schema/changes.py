"""What the releases of a code system changed in a time."""

from datetime import date
from enum import StrEnum
from typing import Self

from schema.codes import Code, CodeKey, CodeKind, CodeSystemKey, Release, printed
from schema.shape import Shape


class ChangeKind(StrEnum):
    """What became of a code on a day."""

    ADDED = "ADDED"
    """It came, or came back."""
    ENDED = "ENDED"
    """It is in force no more."""
    REVISED = "REVISED"
    """Its title, its kind, its place or whether it is billable changed. What a release does not
    tell, a short title or a place, did not change, and neither did accents."""


class Saying(Shape):
    """What a release said of a code."""

    kind: CodeKind
    title: str | None
    """None where the licence of the system forbids to show it."""
    short_title: str | None
    """None where the release has none."""
    is_billable: bool
    parent: str | None
    """The printed form of the code right above; None where the release tells none."""

    @classmethod
    def of(cls, system: CodeSystemKey, body: dict[str, object]) -> Self:
        """What a body of `saying_of` tells of a code of that system."""
        parent = body["parent"]
        above = None if parent is None else printed(CodeKey(system, str(parent)))
        return cls.model_validate({**body, "parent": above})


class Place(Shape):
    """The place of a change in the list of all: what a cursor holds."""

    changed_on: date
    seq: int
    """Of its code in the publisher's order."""
    code_id: int


class Change(Shape):
    """One change of one code."""

    code: Code
    """As it stands on the last day of the time asked about."""
    changed_on: date
    """The first day of what is said now."""
    before: Saying | None
    """None for a code that was added."""
    after: Saying | None
    """None for a code that ended."""
    place: Place

    @property
    def kind(self) -> ChangeKind:
        """What became of the code."""
        if self.before is None:
            return ChangeKind.ADDED
        return ChangeKind.ENDED if self.after is None else ChangeKind.REVISED


class ChangeCounts(Shape):
    """How many changes of each sort a time has."""

    added: int
    ended: int
    revised: int
    billable_added: int
    """Codes that became billable: new ones, and headers before."""
    billable_ended: int
    """Codes that are billable no more: ended, or headers now."""
    billable_retitled: int
    """Codes that were and are billable, with another title, long or short."""


class Changes(Shape):
    """A part of what changed in a time."""

    release_before: Release | None
    """In force on the day before the time; None once the system was closed."""
    release_after: Release | None
    """In force on its last day, stale or not; None once the system was closed."""
    counts: ChangeCounts
    """Of the whole time."""
    items: tuple[Change, ...]
    """By day, then in the publisher's order."""
    has_next_page: bool
