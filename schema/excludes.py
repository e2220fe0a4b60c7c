"""Excludes notes between codes of one record: which pairs of a list they rule out."""

from enum import StrEnum

from schema.codes import Code
from schema.pages import NoteKind
from schema.references import holds
from schema.shape import Shape


class ExcludesVerdict(StrEnum):
    """What an excludes note says of two codes on one record."""

    CONFLICT = "CONFLICT"
    """EXCLUDES1: the two are not coded together, unless they are unrelated (ICD-10-CM guidelines,
    section I.A.12.a)."""
    BOTH_ALLOWED = "BOTH_ALLOWED"
    """EXCLUDES2: one is no part of the other; both may be coded when the patient has both."""
    DEPENDS = "DEPENDS"
    """The note names only some of the codes that the other one stands for or among, and its words
    or a code too general do not tell: read it."""


class ExcludesFinding(Shape):
    """One excludes note that stands at a code of the list, and names another one of it."""

    verdict: ExcludesVerdict
    kind: NoteKind
    """EXCLUDES1 or EXCLUDES2."""
    code: Code
    """The code of the list that the note applies to."""
    other: Code
    """The code of the list that the note names, itself or by a range or header above it."""
    giver: Code
    """The code that says it: `code` itself, or one above."""
    note: str
    """The note, as printed."""
    reference: str
    """The reference in it that names `other`, as printed."""
    target: Code
    """The code that the reference names, or the first of a range."""
    target_end: Code | None
    """The last code of a range; None outside ranges."""
    condition: str | None
    """What must hold of the codes named, in the words of the note; None when all are."""


class CheckStatus(StrEnum):
    """Whether a code of a list could be checked."""

    CHECKED = "CHECKED"
    """Its notes, and those of the codes above it, were read."""
    UNKNOWN_CODE = "UNKNOWN_CODE"
    """The system has no such code."""
    NOT_LOADED = "NOT_LOADED"
    """No release in force on that day describes the code, so nothing is said of it."""


class CheckedCode(Shape):
    """One code of a list, as it was asked about."""

    requested: str
    """The code, as printed."""
    code: Code | None
    """None when there is no such code."""
    status: CheckStatus
    reason: str


class ExcludesCheck(Shape):
    """What the excludes notes say of the codes of a list."""

    codes: tuple[CheckedCode, ...]
    """One for each code asked about, in that order."""
    findings: tuple[ExcludesFinding, ...]
    """By the place of the code and of the other one in the list; a pair without one has no excludes
    note between them in the release of its codes."""


def verdict(kind: NoteKind, condition: str | None, other: Code) -> ExcludesVerdict | None:
    """What a note of a kind says of a code that its reference names on a condition; None when the
    code does not meet it, so that the note does not speak of it."""
    match holds(condition, other.key.value):
        case False:
            return None
        case None:
            return ExcludesVerdict.DEPENDS
    is_first = kind is NoteKind.EXCLUDES1
    return ExcludesVerdict.CONFLICT if is_first else ExcludesVerdict.BOTH_ALLOWED
