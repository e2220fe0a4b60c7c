"""Groupings as GraphQL types: categories of risk adjustment, payment and statistics."""

from datetime import date
from typing import Self

import strawberry

from db.groupings import members_of
from graph.context import Info
from graph.day import Day
from graph.types.codes import Code
from graph.types.relay import FIRST_DEFAULT, After, Connection, First, page_size, start_after
from schema import groupings as shapes
from schema.codes import CodeKey
from schema.groupings import Chronicity, GroupingKind, GroupingStatus, SeverityLevel

for published in (Chronicity, GroupingKind, GroupingStatus, SeverityLevel):
    strawberry.enum(published)


@strawberry.type
class GroupingRelease:
    """One published edition of a grouping, as loaded."""

    kind: GroupingKind
    """Which grouping."""
    label: str
    """The edition, for example `v43.1`."""
    effective_from: date | None
    """First day in force."""
    effective_to: date | None
    """Last day in force; null until a successor is loaded."""
    source: str
    """The package or file it was read from, and what is odd about it."""
    sha256: str
    """SHA-256 of the bytes it was read from, hexadecimal."""
    is_stale: bool
    """Whether a newer edition should be in force."""
    stale_reason: str | None
    """Which edition that is and since when; null when this one is the last."""

    @classmethod
    def of(cls, release: shapes.GroupingRelease) -> Self:
        """The published form of an edition."""
        return cls(
            kind=release.kind,
            label=release.label,
            effective_from=release.effective_from,
            effective_to=release.effective_to,
            source=release.source,
            sha256=release.sha256,
            is_stale=release.stale_reason is not None,
            stale_reason=release.stale_reason,
        )


@strawberry.type
class GroupCondition:
    """A condition under which a code is in a group."""

    words: str
    """The heading of the list, shortened: PDX principal diagnosis, SDX secondary diagnosis, PSDX
    either of them, ORPCS an operating room procedure."""
    with_codes: list[str]
    """Procedures that must be there as well; empty for none."""

    @classmethod
    def of(cls, condition: shapes.GroupCondition) -> Self:
        """The published form of a condition."""
        return cls(words=condition.words, with_codes=list(condition.with_codes))


@strawberry.type
class Grouping:
    """What one edition says of one code: a group, a weight or an indicator."""

    kind: GroupingKind
    """Which grouping says so."""
    group: Code | None
    """The group; null for the kinds SEVERITY and CHRONIC."""
    conditions: list[GroupCondition]
    """Any one of them is enough; empty where the code is always in the group."""
    severity: SeverityLevel | None
    """What the code weighs as a secondary diagnosis; null for other kinds than SEVERITY."""
    chronicity: Chronicity | None
    """Whether it is a chronic condition; null for other kinds than CHRONIC."""
    release: GroupingRelease
    """The edition that says so."""

    @classmethod
    def of(cls, grouping: shapes.Grouping, on: Day) -> Self:
        """The published form of a grouping as of `on`."""
        return cls(
            kind=grouping.kind,
            group=Code.of(grouping.group, on) if grouping.group else None,
            conditions=[GroupCondition.of(condition) for condition in grouping.conditions],
            severity=grouping.severity,
            chronicity=grouping.chronicity,
            release=GroupingRelease.of(grouping.release),
        )


@strawberry.type
class GroupingAnswer:
    """What the edition of one kind says of one code."""

    kind: GroupingKind
    """Which grouping."""
    status: GroupingStatus
    """What it says as a whole."""
    reason: str
    """The same in a sentence."""
    groupings: list[Grouping]
    """By group; empty unless the status is GROUPED."""
    release: GroupingRelease | None
    """The edition in force; null when none is loaded."""

    @classmethod
    def of(cls, answer: shapes.GroupingAnswer, on: Day) -> Self:
        """The published form of an answer as of `on`."""
        return cls(
            kind=answer.kind,
            status=answer.status,
            reason=answer.reason,
            groupings=[Grouping.of(grouping, on) for grouping in answer.groupings],
            release=GroupingRelease.of(answer.release) if answer.release else None,
        )


@strawberry.type
class CodeGroupings:
    """What groupings say of one code of a batch."""

    requested: str
    """The code as it was asked for."""
    code: Code | None
    """The code; null when it is unknown."""
    answers: list[GroupingAnswer]
    """One for each kind asked for."""

    @classmethod
    def of(cls, found: shapes.CodeGroupings, on: Day, requested: str) -> Self:
        """The published form of what is said of a code as of `on`."""
        return cls(
            requested=requested,
            code=Code.of(found.code, on) if found.code else None,
            answers=[GroupingAnswer.of(answer, on) for answer in found.answers],
        )


@strawberry.type
class GroupingsOfCodes:
    """The answers to a batch."""

    items: list[CodeGroupings]
    """One for each code, in the order asked."""


@strawberry.type
class GroupMember:
    """A code in a group."""

    member: Code
    """The code."""
    conditions: list[GroupCondition]
    """Any one of them is enough; empty where the code is always in the group."""

    @classmethod
    def of(cls, found: shapes.GroupMember, on: Day) -> Self:
        """The published form of a member as of `on`."""
        return cls(
            member=Code.of(found.member, on),
            conditions=[GroupCondition.of(condition) for condition in found.conditions],
        )


@strawberry.type
class GroupMembers:
    """The codes that one grouping puts under a group."""

    requested: str
    """The group as it was asked for."""
    group: Code | None
    """The group; null when it is unknown."""
    status: GroupingStatus
    """What the grouping says of the group; GROUPED where it has members."""
    reason: str
    """The same in a sentence, with the edition."""
    release: GroupingRelease | None
    """The edition in force; null when none is loaded."""
    key: strawberry.Private[CodeKey]
    kind: strawberry.Private[GroupingKind]
    total: strawberry.Private[int]
    on: strawberry.Private[Day]

    @strawberry.field
    async def members(
        self, info: Info, first: First = FIRST_DEFAULT, after: After = None
    ) -> Connection[GroupMember]:
        """The codes, in the order of their system. An MS-DRG has those of the group that it
        belongs to."""
        size, start = page_size(first), start_after(after)
        rows: tuple[shapes.GroupMember, ...] = ()
        if self.status is GroupingStatus.GROUPED and start < self.total:
            database = info.context.services.database
            found = await members_of(database, self.key, self.kind, self.on.date, size, start)
            rows = found.members
        return Connection.of(
            [(start + place, GroupMember.of(row, self.on)) for place, row in enumerate(rows)],
            after=after,
            has_more=start + len(rows) < self.total,
            total=self.total,
        )

    @classmethod
    def of(
        cls,
        found: shapes.GroupMembers,
        key: CodeKey,
        kind: GroupingKind,
        on: Day,
        requested: str,
    ) -> Self:
        """The published form of what is said of a group as of `on`, without its members."""
        return cls(
            requested=requested,
            group=Code.of(found.group, on) if found.group else None,
            status=found.status,
            reason=found.reason,
            release=GroupingRelease.of(found.release) if found.release else None,
            key=key,
            kind=kind,
            total=found.total_count,
            on=on,
        )
