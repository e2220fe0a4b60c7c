"""Excludes notes between the codes of a list as GraphQL types."""

from typing import Self

import strawberry

from graph.day import Day
from graph.types.codes import Code
from schema import excludes as shapes
from schema.excludes import CheckStatus, ExcludesVerdict
from schema.pages import NoteKind

for published in (CheckStatus, ExcludesVerdict):
    strawberry.enum(published)


@strawberry.type
class CheckedCode:
    """One code of a list, as it was asked about."""

    requested: str
    """The code as it was asked for."""
    code: Code | None
    """The code; null when it is unknown."""
    status: CheckStatus
    """Whether its notes were read."""
    reason: str
    """The same in a sentence, with the release."""

    @classmethod
    def of(cls, found: shapes.CheckedCode, on: Day, requested: str) -> Self:
        """The published form of a code checked as of `on`."""
        return cls(
            requested=requested,
            code=Code.of(found.code, on) if found.code else None,
            status=found.status,
            reason=found.reason,
        )


@strawberry.type
class ExcludesFinding:
    """One excludes note that applies to a code of the list and names another one of it."""

    verdict: ExcludesVerdict
    """What the note says of the pair."""
    kind: NoteKind
    """EXCLUDES1 or EXCLUDES2."""
    code: Code
    """The code of the list that the note applies to."""
    other: Code
    """The code of the list that the note names, itself or by a range or header above it."""
    giver: Code
    """The code that says it: the first one itself, or one above."""
    note: str
    """The note, as printed."""
    reference: str
    """The reference in it that names the other code, as printed."""
    target: Code
    """The code that the reference names, or the first of a range."""
    target_end: Code | None
    """The last code of a range; null outside ranges."""
    condition: str | None
    """What must hold of the codes named, in the words of the note; null when all are."""

    @classmethod
    def of(cls, found: shapes.ExcludesFinding, on: Day) -> Self:
        """The published form of a finding as of `on`."""
        return cls(
            verdict=found.verdict,
            kind=found.kind,
            code=Code.of(found.code, on),
            other=Code.of(found.other, on),
            giver=Code.of(found.giver, on),
            note=found.note,
            reference=found.reference,
            target=Code.of(found.target, on),
            target_end=Code.of(found.target_end, on) if found.target_end else None,
            condition=found.condition,
        )


@strawberry.type
class ExcludesCheck:
    """What excludes notes say of the codes of a list, in both directions."""

    codes: list[CheckedCode]
    """One for each code, in the order asked."""
    findings: list[ExcludesFinding]
    """By the places of both codes in the list. A pair of checked codes without a finding has no
    excludes note between them in the release of its codes."""
