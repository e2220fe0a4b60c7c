"""Candidates for the MS-DRG of a stay as GraphQL types."""

from typing import Self

import strawberry

from graph.day import Day
from graph.types.codes import Code
from graph.types.groupings import GroupCondition, Grouping, GroupingRelease
from schema import drgs as shapes
from schema.drgs import CandidatesStatus, SeverityEffect
from schema.groupings import SeverityLevel

for published in (CandidatesStatus, SeverityEffect):
    strawberry.enum(published)


@strawberry.type
class DrgCandidate:
    """A group of MS-DRGs that differ by severity only, which the codes of a stay may lead to."""

    group: Code
    """The group, or the one MS-DRG that is alone."""
    category: Code | None
    """The major diagnostic category; null for groups that come before any (pre-MDC)."""
    drgs: list[Code]
    """The MS-DRGs of the group, in order of number."""
    named_by: list[Code]
    """The principal diagnosis or procedures whose lists the group has."""
    conditions: list[GroupCondition]
    """The headings of those lists; what they ask for besides is not checked."""
    lacks_procedure: bool
    """Whether lists of procedures stand under the group too, and the stay has none of them: such a
    group is mostly out of reach."""

    @classmethod
    def of(cls, found: shapes.DrgCandidate, on: Day) -> Self:
        """The published form of a candidate as of `on`."""
        return cls(
            group=Code.of(found.group, on),
            category=Code.of(found.category, on) if found.category else None,
            drgs=[Code.of(drg, on) for drg in found.drgs],
            named_by=[Code.of(code, on) for code in found.named_by],
            conditions=[GroupCondition.of(condition) for condition in found.conditions],
            lacks_procedure=found.lacks_procedure,
        )


@strawberry.type
class SecondaryDiagnosis:
    """What one secondary diagnosis weighs beside the principal one."""

    requested: str
    """The code as printed."""
    code: Code | None
    """The code; null when it is unknown."""
    level: SeverityLevel | None
    """Its level before exclusions; null when nothing is known of it."""
    effect: SeverityEffect
    """What it does."""
    reason: str
    """The same in a sentence."""
    is_only_alive: bool
    """Whether it counts only for patients who leave alive."""
    acquired_condition: int | None
    """The number of the hospital-acquired condition it is one of: not present on admission it does
    not count; null for none."""
    excluded_in: list[Code]
    """The MS-DRGs in which it does not count, whatever the principal diagnosis."""

    @classmethod
    def of(cls, found: shapes.SecondaryDiagnosis, on: Day) -> Self:
        """The published form of a secondary diagnosis as of `on`."""
        return cls(
            requested=found.requested,
            code=Code.of(found.code, on) if found.code else None,
            level=found.level,
            effect=found.effect,
            reason=found.reason,
            is_only_alive=found.is_only_alive,
            acquired_condition=found.acquired_condition,
            excluded_in=[Code.of(drg, on) for drg in found.excluded_in],
        )


@strawberry.type
class DrgCandidates:
    """What MS-DRG names for the codes of one stay: a list of candidates, no grouper."""

    status: CandidatesStatus
    """Whether there are candidates."""
    reason: str
    """What was found, and what no answer of this kind weighs."""
    principal: Code | None
    """The principal diagnosis; null when it is unknown."""
    categories: list[Grouping]
    """The major diagnostic categories of the principal diagnosis, with their conditions."""
    candidates: list[DrgCandidate]
    """Those that procedures name first, those that lack one last."""
    secondary_diagnoses: list[SecondaryDiagnosis]
    """In the order asked."""
    highest: SeverityLevel
    """The highest level of a secondary diagnosis that counts."""
    unnamed_procedures: list[str]
    """Procedures, as printed, that no list names or that do not exist."""
    release: GroupingRelease | None
    """The version that says so; null when none is loaded."""

    @classmethod
    def of(cls, found: shapes.DrgCandidates, on: Day) -> Self:
        """The published form of the candidates as of `on`."""
        return cls(
            status=found.status,
            reason=found.reason,
            principal=Code.of(found.principal, on) if found.principal else None,
            categories=[Grouping.of(category, on) for category in found.categories],
            candidates=[DrgCandidate.of(candidate, on) for candidate in found.candidates],
            secondary_diagnoses=[
                SecondaryDiagnosis.of(item, on) for item in found.secondary_diagnoses
            ],
            highest=found.highest,
            unnamed_procedures=list(found.unnamed_procedures),
            release=GroupingRelease.of(found.release) if found.release else None,
        )
