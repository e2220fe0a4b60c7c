"""Groupings: which categories of risk adjustment, payment and statistics a code belongs to."""

import re
from datetime import date
from enum import StrEnum

from schema.codes import Code, CodeKey, CodeKind, CodeSystemKey
from schema.shape import Shape


class GroupingKind(StrEnum):
    """What puts codes under groups or values, each in editions of its own."""

    HCC_DX = "HCC_DX"
    """Hierarchical condition categories of risk adjustment, for diagnoses."""
    HCC_HIERARCHY = "HCC_HIERARCHY"
    """The categories that let a category drop, for categories of risk adjustment."""
    CCSR_DX = "CCSR_DX"
    """The default category of Clinical Classifications Software Refined, for diagnoses."""
    MDC_DX = "MDC_DX"
    """Major diagnostic categories, for principal diagnoses."""
    MSDRG_DX = "MSDRG_DX"
    """Groups of MS-DRGs whose lists name a diagnosis."""
    MSDRG_PX = "MSDRG_PX"
    """Groups of MS-DRGs whose lists name a procedure."""
    MDC_MSDRG = "MDC_MSDRG"
    """The major diagnostic category of an MS-DRG."""
    SEVERITY = "SEVERITY"
    """What a diagnosis weighs as a secondary one in MS-DRG: complication, major, or nothing."""
    CHRONIC = "CHRONIC"
    """Whether a diagnosis is a chronic condition."""


SPEAKS_OF = {
    GroupingKind.HCC_DX: CodeSystemKey.ICD10CM,
    GroupingKind.HCC_HIERARCHY: CodeSystemKey.HCC,
    GroupingKind.CCSR_DX: CodeSystemKey.ICD10CM,
    GroupingKind.MDC_DX: CodeSystemKey.ICD10CM,
    GroupingKind.MSDRG_DX: CodeSystemKey.ICD10CM,
    GroupingKind.MSDRG_PX: CodeSystemKey.ICD10PCS,
    GroupingKind.MDC_MSDRG: CodeSystemKey.MSDRG,
    GroupingKind.SEVERITY: CodeSystemKey.ICD10CM,
    GroupingKind.CHRONIC: CodeSystemKey.ICD10CM,
}
"""The system whose codes each kind groups."""

GROUPS_OF = {
    GroupingKind.HCC_DX: CodeSystemKey.HCC,
    GroupingKind.HCC_HIERARCHY: CodeSystemKey.HCC,
    GroupingKind.CCSR_DX: CodeSystemKey.CCSR,
    GroupingKind.MDC_DX: CodeSystemKey.MDC,
    GroupingKind.MSDRG_DX: CodeSystemKey.MSDRG,
    GroupingKind.MSDRG_PX: CodeSystemKey.MSDRG,
    GroupingKind.MDC_MSDRG: CodeSystemKey.MDC,
}
"""The system whose codes are the groups of each kind; none for the kinds that give values."""

GROUP_SYSTEMS = frozenset(GROUPS_OF.values())
"""The systems whose codes are groups of other codes."""


class SeverityLevel(StrEnum):
    """What a secondary diagnosis weighs in MS-DRG."""

    MCC = "MCC"
    """A major complication or comorbidity."""
    CC = "CC"
    """A complication or comorbidity."""
    NONE = "NONE"
    """Neither."""


class Chronicity(StrEnum):
    """The Chronic Condition Indicator Refined of AHRQ."""

    CHRONIC = "CHRONIC"
    """A chronic condition; 1 in the file."""
    NOT_CHRONIC = "NOT_CHRONIC"
    """No chronic condition; 0 in the file."""
    NOT_DETERMINED = "NOT_DETERMINED"
    """The publisher makes no determination; 9 in the file."""


CHRONICITIES = {0: Chronicity.NOT_CHRONIC, 1: Chronicity.CHRONIC, 9: Chronicity.NOT_DETERMINED}
"""The indicators of the file."""


class ConditionRole(StrEnum):
    """In which place a list of MS-DRG names its codes."""

    PRINCIPAL = "PRINCIPAL"
    """As principal diagnosis, or as a procedure."""
    SECONDARY = "SECONDARY"
    """As secondary diagnosis only."""
    EITHER = "EITHER"
    """As principal or secondary diagnosis."""
    EXCEPTED = "EXCEPTED"
    """As what must not be there."""


class GroupingRelease(Shape):
    """One edition of a grouping, as loaded."""

    kind: GroupingKind
    label: str
    effective_from: date | None
    effective_to: date | None
    """Last day in force, inclusive; None until a successor is loaded."""
    source: str
    """The package or file it was read from, and what is odd about it."""
    sha256: str
    stale_reason: str | None
    """Why a newer edition should be in force; None when this one is the last."""


class GroupCondition(Shape):
    """A condition under which a code is in a group, in the shortened words of its list."""

    words: str
    """The heading of the list: PDX principal diagnosis, SDX secondary, PSDX either, ORPCS an
    operating room procedure."""
    with_codes: tuple[str, ...] = ()
    """Procedures, in stored form, that must be there as well."""

    @classmethod
    def of(cls, text: str) -> "GroupCondition":
        """The condition that a label of the snapshot tells behind its groups."""
        words, *codes = text.split("|")
        return cls(words=words, with_codes=tuple(codes))

    @property
    def role(self) -> ConditionRole:
        """In which place the list names its codes."""
        if re.search(r"\bEXCEPT$|^WITHOUT\b", self.words):
            return ConditionRole.EXCEPTED
        if re.search(r"\bPSDX\b|\bPDX OR SDX\b", self.words):
            return ConditionRole.EITHER
        return (
            ConditionRole.SECONDARY
            if re.search(r"\bSDX\b", self.words)
            else (ConditionRole.PRINCIPAL)
        )


class Grouping(Shape):
    """What one edition says of one code: a group, a weight or an indicator."""

    kind: GroupingKind
    group: Code | None
    """The group; None for kinds that give a value instead."""
    conditions: tuple[GroupCondition, ...]
    """Any one of them is enough; empty where the code is always in the group."""
    severity: SeverityLevel | None
    """For the kind SEVERITY only."""
    chronicity: Chronicity | None
    """For the kind CHRONIC only."""
    release: GroupingRelease


class GroupingStatus(StrEnum):
    """What a grouping says of a code as a whole."""

    GROUPED = "GROUPED"
    """It names the code."""
    NOT_GROUPED = "NOT_GROUPED"
    """It is loaded and does not name the code: a fact, not a gap."""
    NOT_APPLICABLE = "NOT_APPLICABLE"
    """It is about codes of another system."""
    UNKNOWN_CODE = "UNKNOWN_CODE"
    """No such code exists."""
    NOT_LOADED = "NOT_LOADED"
    """No edition in force on that day is loaded."""


class GroupingAnswer(Shape):
    """What the edition of one kind says of one code."""

    kind: GroupingKind
    status: GroupingStatus
    reason: str
    groupings: tuple[Grouping, ...]
    """By group in system order; empty unless GROUPED."""
    release: GroupingRelease | None
    """None when no edition in force on the day is loaded."""


class CodeGroupings(Shape):
    """What all kinds asked for say of one code."""

    requested: str
    """The code asked about, as printed."""
    code: Code | None
    """None when there is no such code."""
    answers: tuple[GroupingAnswer, ...]
    """One for each kind, in the order of GroupingKind."""


def grouping_verdict(
    code: Code | None,
    requested: str,
    system: CodeSystemKey,
    kind: GroupingKind,
    release: GroupingRelease | None,
    is_named: bool,
) -> tuple[GroupingStatus, str]:
    """What a kind says of a code as a whole, and the sentence that says why."""
    if SPEAKS_OF[kind] is not system:
        spoken = SPEAKS_OF[kind].short_name
        return GroupingStatus.NOT_APPLICABLE, f"{kind} is about codes of {spoken}."
    if release is None:
        return GroupingStatus.NOT_LOADED, f"No edition of {kind} in force on that day is loaded."
    if code is None:
        return GroupingStatus.UNKNOWN_CODE, f"{system.short_name} has no code {requested}."
    edition = f"{kind} {release.label}"
    if is_named:
        return GroupingStatus.GROUPED, f"{edition} names {code.display}."
    if code.kind is not CodeKind.CODE:
        reason = f"{code.display} is a {code.kind.lower()}; {edition} names complete codes."
        return GroupingStatus.NOT_GROUPED, reason
    return GroupingStatus.NOT_GROUPED, f"{edition} does not name {code.display}."


class GroupMember(Shape):
    """A code in a group."""

    member: Code
    conditions: tuple[GroupCondition, ...]
    """Any one of them is enough; empty where the code is always in the group."""


class GroupMembers(Shape):
    """The codes that one grouping puts under a group."""

    requested: str
    """The group, as printed."""
    group: Code | None
    """None when there is no such code."""
    status: GroupingStatus
    """GROUPED where there are members."""
    reason: str
    members: tuple[GroupMember, ...]
    """The part asked for, in the order of their system."""
    total_count: int
    release: GroupingRelease | None
    """None when no edition in force on the day is loaded."""


def members_verdict(
    group: Code | None,
    requested: str,
    key: CodeKey,
    kind: GroupingKind,
    release: GroupingRelease | None,
    count: int,
) -> tuple[GroupingStatus, str]:
    """What a kind says of a group as a whole, and the sentence that says why."""
    if GROUPS_OF.get(kind) is not key.system:
        return GroupingStatus.NOT_APPLICABLE, f"{kind} has no groups of {key.system.short_name}."
    if release is None:
        return GroupingStatus.NOT_LOADED, f"No edition of {kind} in force on that day is loaded."
    if group is None:
        return GroupingStatus.UNKNOWN_CODE, f"{key.system.short_name} has no code {requested}."
    edition = f"{kind} {release.label}"
    if count == 0:
        return GroupingStatus.NOT_GROUPED, f"{edition} puts no code under {group.display}."
    codes = "1 code" if count == 1 else f"{count:,} codes"
    return GroupingStatus.GROUPED, f"{edition} puts {codes} under {group.display}."
