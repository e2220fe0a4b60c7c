"""Candidates for the MS-DRG of a stay, which is no grouper: lists that name its codes, and what its
secondary diagnoses weigh (CMS, MS-DRG Definitions Manual)."""

from enum import StrEnum

from schema.codes import Code
from schema.groupings import GroupCondition, Grouping, GroupingRelease, SeverityLevel
from schema.shape import Shape

NO_GROUPER = (
    "A list of candidates, no grouper: neither the surgical hierarchy nor age, sex, discharge "
    "status or what is present on admission is weighed."
)
"""What every answer says."""


class CandidatesStatus(StrEnum):
    """Whether there are candidates."""

    ANSWERED = "ANSWERED"
    """The lists name the principal diagnosis; there may still be no candidate in its category."""
    NOT_GROUPED = "NOT_GROUPED"
    """No diagnostic category has the principal diagnosis, as one that no stay is for."""
    UNKNOWN_CODE = "UNKNOWN_CODE"
    """There is no such principal diagnosis."""
    NOT_LOADED = "NOT_LOADED"
    """No version of MS-DRG in force on that day is loaded."""


class DrgCandidate(Shape):
    """A group of MS-DRGs that differ by severity only, which the codes of a stay may lead to."""

    group: Code
    """The group, or the one MS-DRG that is alone."""
    category: Code | None
    """The diagnostic category; None for groups that come before any (pre-MDC)."""
    drgs: tuple[Code, ...]
    """The MS-DRGs of the group, in order of number."""
    named_by: tuple[Code, ...]
    """The principal diagnosis or procedures whose lists the group has."""
    conditions: tuple[GroupCondition, ...]
    """The headings of those lists, each once; what they ask for besides is not checked."""
    lacks_procedure: bool
    """Whether lists of procedures stand under the group too, and the stay has none of them: such a
    group is mostly out of reach."""


class SeverityEffect(StrEnum):
    """What a secondary diagnosis does beside a principal one."""

    COUNTS = "COUNTS"
    """It counts with its level."""
    EXCLUDED = "EXCLUDED"
    """It has a level, which the principal diagnosis takes away."""
    NO_LEVEL = "NO_LEVEL"
    """It is neither CC nor MCC."""
    UNKNOWN_CODE = "UNKNOWN_CODE"
    """There is no such diagnosis."""
    NOT_LOADED = "NOT_LOADED"
    """No version of MS-DRG in force on that day is loaded."""


class SecondaryDiagnosis(Shape):
    """What one secondary diagnosis weighs."""

    requested: str
    """The code, as printed."""
    code: Code | None
    """None when there is no such code."""
    level: SeverityLevel | None
    """Its level before exclusions; None when nothing is known of it."""
    effect: SeverityEffect
    reason: str
    is_only_alive: bool
    """Whether it counts only for patients who leave alive."""
    acquired_condition: int | None
    """The hospital-acquired condition it is one of: it does not count when it was not present on
    admission; None for none."""
    excluded_in: tuple[Code, ...]
    """The MS-DRGs in which it does not count, whatever the principal diagnosis."""


class DrgCandidates(Shape):
    """What MS-DRG names for the codes of one stay."""

    status: CandidatesStatus
    reason: str
    """What was found, and that it is no grouper's answer."""
    principal: Code | None
    categories: tuple[Grouping, ...]
    """The diagnostic categories of the principal diagnosis."""
    candidates: tuple[DrgCandidate, ...]
    """Those that procedures name first, those that lack one last."""
    secondary_diagnoses: tuple[SecondaryDiagnosis, ...]
    """In the order asked."""
    highest: SeverityLevel
    """The highest level that counts; NONE when none does."""
    unnamed_procedures: tuple[str, ...]
    """Procedures, as printed, that no list names or that do not exist."""
    release: GroupingRelease | None
    """The version that says so; None when none is loaded."""


def highest_level(secondaries: tuple[SecondaryDiagnosis, ...]) -> SeverityLevel:
    """The highest level among those that count."""
    counted = {item.level for item in secondaries if item.effect is SeverityEffect.COUNTS}
    return next((level for level in SeverityLevel if level in counted), SeverityLevel.NONE)
