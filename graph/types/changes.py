"""What the releases of a code system changed, as GraphQL types."""

from datetime import date
from typing import Self

import strawberry

from graph import ids
from graph.day import Day
from graph.types.codes import Code, CodeSystemRelease
from graph.types.relay import Connection
from schema import changes as shapes
from schema.changes import ChangeKind, Place
from schema.codes import CodeKind, Release

strawberry.enum(ChangeKind)
_CURSOR = "change"


@strawberry.type
class CodeSaying:
    """What a release said of a code."""

    kind: CodeKind
    """What the code is in its system's tree."""
    title: str | None
    """The official title; null when its licence forbids."""
    short_title: str | None
    """The official short title, where the release has one."""
    is_billable: bool
    """Whether the code could be submitted on a claim."""
    parent: str | None
    """The printed form of the code right above; null where the release tells none."""

    @classmethod
    def of(cls, said: shapes.Saying | None) -> Self | None:
        """The published form of what was said; None for nothing."""
        return None if said is None else cls(**said.model_dump())


@strawberry.type
class CodeChange:
    """One change of one code."""

    kind: ChangeKind
    """What became of the code."""
    effective_on: date
    """The first day of what is said now; of a code that ended, the first day without it."""
    code: Code
    """The code, as of the last day of the time asked about."""
    before: CodeSaying | None
    """What was said of it the day before; null for a code that was added."""
    after: CodeSaying | None
    """What is said of it from that day; null for a code that ended."""

    @classmethod
    def of(cls, change: shapes.Change, until: Day) -> Self:
        """The published form of a change, its code as of `until`."""
        return cls(
            kind=change.kind,
            effective_on=change.changed_on,
            code=Code.of(change.code, until),
            before=CodeSaying.of(change.before),
            after=CodeSaying.of(change.after),
        )


@strawberry.type
class ChangeCounts:
    """How many changes of each sort the whole time has."""

    added: int
    """Codes of every kind that came."""
    ended: int
    """Codes of every kind that went."""
    revised: int
    """Codes of every kind that something else is said of."""
    billable_added: int
    """Codes that became billable: new ones, and headers before."""
    billable_ended: int
    """Codes that are billable no more: they ended, or are headers now."""
    billable_retitled: int
    """Codes that were and are billable, with another title, long or short."""


@strawberry.type
class CodeChanges:
    """What the loaded releases of a system changed in a time."""

    release_before: CodeSystemRelease | None
    """The release in force on the day `from`; null once the system was closed."""
    release_after: CodeSystemRelease | None
    """The release in force on the day `to`; null once the system was closed."""
    is_stale: bool
    """Whether a newer release should be in force on the day `to`, and its changes are missing."""
    stale_reason: str | None
    """Which release that is and since when; null when none is missing."""
    counts: ChangeCounts
    """How many changes there are."""
    changes: Connection[CodeChange]
    """By day, then in the order of the official list; the part that `first` and `after` ask for."""

    @classmethod
    def of(cls, found: shapes.Changes, until: Day, after: str | None) -> Self:
        """The published form of what changed until `until`."""
        counts, newest = found.counts, found.release_after
        return cls(
            release_before=_release(found.release_before),
            release_after=_release(newest),
            is_stale=newest is not None and newest.stale_reason is not None,
            stale_reason=newest.stale_reason if newest else None,
            counts=ChangeCounts(**counts.model_dump()),
            changes=Connection.placed(
                ((_cursor(item.place), CodeChange.of(item, until)) for item in found.items),
                after=after,
                has_more=found.has_next_page,
                total=counts.added + counts.ended + counts.revised,
            ),
        )


def _release(release: Release | None) -> CodeSystemRelease | None:
    return None if release is None else CodeSystemRelease.of(release)


def _cursor(place: Place) -> str:
    return ids.encode(_CURSOR, f"{place.changed_on}:{place.seq}:{place.code_id}")


def place_of(cursor: str) -> Place | None:
    """The place that a cursor of `CodeChanges.changes` stands for; None for any other text."""
    match ids.decode(cursor):
        case (kind, place) if kind == _CURSOR:
            changed_on, _, rest = place.partition(":")
            seq, _, code_id = rest.partition(":")
            return _place(changed_on, seq, code_id)
    return None


def _place(changed_on: str, seq: str, code_id: str) -> Place | None:
    try:
        place = Place(changed_on=date.fromisoformat(changed_on), seq=int(seq), code_id=int(code_id))
    except ValueError:
        return None
    # What PostgreSQL calls an integer, on either side.
    is_in_range = max(place.seq, place.code_id) < 2**31 and min(place.seq, place.code_id) >= 0
    return place if is_in_range else None
