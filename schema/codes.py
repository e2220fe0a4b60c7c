"""Codes, the systems they belong to, and the releases that say what they mean and when."""

import re
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from schema.holdings import MissingRelease, Origin
from schema.shape import Shape


class CodeSystemKey(StrEnum):
    """Every code system the catalogue can hold, whether or not a release of it is loaded."""

    ICD10CM = "ICD10CM"
    """ICD-10-CM, diagnoses."""
    ICD10PCS = "ICD10PCS"
    """ICD-10-PCS, inpatient procedures."""
    ICD9CM_DX = "ICD9CM_DX"
    """ICD-9-CM, diagnoses, in force until 2015."""
    ICD9CM_PX = "ICD9CM_PX"
    """ICD-9-CM, procedures, in force until 2015."""
    HCPCS = "HCPCS"
    """HCPCS Level II, supplies and services."""
    HCPCS_MODIFIER = "HCPCS_MODIFIER"
    """HCPCS Level II modifiers."""
    CPT = "CPT"
    """CPT, procedures; licensed by the American Medical Association."""
    MSDRG = "MSDRG"
    """Medicare severity diagnosis related groups."""
    MDC = "MDC"
    """Major diagnostic categories."""
    HCC = "HCC"
    """Hierarchical condition categories of risk adjustment."""
    CCSR = "CCSR"
    """Clinical classifications software refined."""
    DEMO = "DEMO"
    """An invented system that shows what a full page looks like."""

    @property
    def short_name(self) -> str:
        """What coders call the system, for sentences: `ICD-10-CM`."""
        return _SHORT_NAMES.get(self, self.value)


_SHORT_NAMES = {
    CodeSystemKey.ICD10CM: "ICD-10-CM",
    CodeSystemKey.ICD10PCS: "ICD-10-PCS",
    CodeSystemKey.ICD9CM_DX: "ICD-9-CM",
    CodeSystemKey.ICD9CM_PX: "ICD-9-CM procedures",
    CodeSystemKey.HCPCS_MODIFIER: "HCPCS modifiers",
    CodeSystemKey.MSDRG: "MS-DRG",
}


class CodeKind(StrEnum):
    """What a code is in its system's tree."""

    CHAPTER = "CHAPTER"
    """A chapter of the official list."""
    BLOCK = "BLOCK"
    """A range of categories inside a chapter."""
    HEADER = "HEADER"
    """A code with codes below it, too general for a claim."""
    CODE = "CODE"
    """A code that can be reported."""
    MODIFIER = "MODIFIER"
    """Two characters appended to a procedure code."""


class CodeStatus(StrEnum):
    """Where a code stands on the date asked about."""

    ACTIVE = "ACTIVE"
    """In force."""
    INACTIVE = "INACTIVE"
    """Ended by then, or described by no release: other files name it."""
    DELETED = "DELETED"
    """Struck out by its publisher as if it had never been."""
    FUTURE = "FUTURE"
    """Known already, in force from a later day."""
    UNKNOWN = "UNKNOWN"
    """No release that had begun by then is loaded."""


class CodeKey(NamedTuple):
    """The identity of a code, never its value alone: 656 HCPCS codes are spelled like ICD-10-CM."""

    system: CodeSystemKey
    value: str
    """Stored form: upper case, no dots, no blanks."""

    def __str__(self) -> str:
        return f"{self.system}:{self.value}"


VALUE_MAX_LENGTH = 20
"""Longest code text accepted, in characters; the longest official one is a block range."""

_STORED = re.compile(r"[A-Z0-9][A-Z0-9-]*")


def normalize(text: str) -> str | None:
    """The stored form of a code as people type it (dots, blanks, lower case); None if it is none.

    Hyphens stay: they are part of a block's range (`I10-I1A`) and of a DEMO code (`DM-4120`).
    """
    if len(text) > VALUE_MAX_LENGTH * 2:
        return None
    value = re.sub(r"[.\s]", "", text).upper()
    return value if len(value) <= VALUE_MAX_LENGTH and _STORED.fullmatch(value) else None


def display(key: CodeKey, kind: CodeKind) -> str:
    """The printed form of a code: ICD codes get their dot, everything else is printed as stored."""
    if kind not in (CodeKind.HEADER, CodeKind.CODE):
        return key.value
    dot = _DOT_AFTER.get(key.system)
    if dot is None:
        return key.value
    if key.system is CodeSystemKey.ICD9CM_DX and key.value.startswith("E"):
        dot = 4
    return key.value if len(key.value) <= dot else f"{key.value[:dot]}.{key.value[dot:]}"


def printed(key: CodeKey) -> str:
    """The printed form of what may be no code at all, such as one that no release has."""
    if normalize(key.value) != key.value:
        return key.value
    is_group = "-" in key.value or key.value.startswith("CH")
    return display(key, CodeKind.BLOCK if is_group else CodeKind.CODE)


_DOT_AFTER = {CodeSystemKey.ICD10CM: 3, CodeSystemKey.ICD9CM_DX: 3, CodeSystemKey.ICD9CM_PX: 2}


def why_not_billable(
    printed: str,
    kind: CodeKind,
    is_billable: bool,
    status: CodeStatus,
    effective_from: date,
    effective_to: date | None,
) -> str | None:
    """The sentence that says why a code may not be submitted on a claim; None when it may."""
    if status is CodeStatus.FUTURE:
        return f"{printed} starts on {effective_from}."
    if status is not CodeStatus.ACTIVE:
        return f"{printed} ended on {effective_to}."
    if kind is CodeKind.MODIFIER:
        return f"{printed} is a modifier: it is reported with a code, never alone."
    if is_billable:
        return None
    if kind is CodeKind.CODE:
        return f"{printed} is not reported on a claim."
    return f"{printed} is a {kind.lower()}: choose one of the codes below it."


class Release(Shape):
    """One published edition of a code system, as loaded."""

    id: int
    system: CodeSystemKey
    label: str
    """The publisher's name of the edition with our suffix for updates, for example `FY2026-APR`."""
    effective_from: date
    effective_to: date | None
    """Last day in force, inclusive; None until a successor is loaded or the system closed."""
    publisher: str
    source: str
    """The package or file it was read from, and the member inside."""
    sha256: str
    """SHA-256 of the bytes it was read from, hexadecimal; loading them again changes nothing."""
    loaded_at: datetime
    code_count: int
    """Codes of every kind that the release names, chapters and headers included."""
    notes_of: str | None
    """The label of the release whose notes stand in it: its own, or an older one where its files
    tell none; None where no notes are loaded."""
    stale_reason: str | None
    """Why a newer edition should be in force on the date asked about; None when it is current."""


class CodeSystem(Shape):
    """A code system and what of it is loaded."""

    key: CodeSystemKey
    name: str
    publisher: str
    uri: str | None
    """The identifier of the system in HL7 terminology; None where HL7 registers none."""
    license_notice: str | None
    """The notice its licence asks for; None for works of the US government and for our own."""
    full_descriptors_allowed: bool
    """Whether anybody may read the official texts; else only whom a licence covers may."""
    closed_on: date | None
    """Last day the system itself was in force; None while it is maintained."""
    releases: tuple[Release, ...]
    """Newest first."""
    missing: MissingRelease | None
    """The edition that should be in force and is not loaded; None where none is known to be."""
    origin: Origin | None
    """Where its editions are published; None where that is not known."""


class Code(Shape):
    """The free facts of one code on one date: what every viewer may read without being charged."""

    id: int
    key: CodeKey
    kind: CodeKind
    title: str | None
    """Official title; None when no loaded release describes the code or its licence forbids."""
    short_title: str | None
    status: CodeStatus
    is_billable: bool | None
    """Whether the code may be submitted on a claim; None when no release describes it."""
    why_not_billable: str | None
    effective_from: date | None
    """First day of the first loaded release that says so; the code may be older."""
    effective_to: date | None
    """Last day in force, inclusive; None while open."""
    release: Release | None
    """The release that describes it on the date asked about, or the nearest one that does when it
    is not in force then; None for a code only a map names."""
    parent_id: int | None

    @property
    def display(self) -> str:
        """The printed form, with the system's dot."""
        return display(self.key, self.kind)


class MissingReason(StrEnum):
    """The ways a look-up ends without a code."""

    NOT_A_CODE = "NOT_A_CODE"
    """The text cannot be a code of any system."""
    UNKNOWN = "UNKNOWN"
    """The system is loaded and has no such code."""
    NOT_LOADED = "NOT_LOADED"
    """No release in force on that date is loaded, or only a map names the code, or codes that are
    loaded without the groups above them begin with the text."""


class CodeMissing(Shape):
    """Why a code cannot be answered: a value, not an exception."""

    requested: str
    reason: MissingReason
    message: str


CodeLookup = Code | tuple[Code, ...] | CodeMissing
"""A code; several candidates, when asked without a system; or why there is none."""
