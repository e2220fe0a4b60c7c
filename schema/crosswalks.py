"""Crosswalks: which codes of one system correspond to codes of another, and who says so."""

from datetime import date
from enum import StrEnum
from typing import NamedTuple

from schema.codes import Code, CodeKind, CodeSystemKey
from schema.shape import Shape

CONVERSION = "PREVIOUSLY_CODED_AS"
"""The kind of the map that tells what new codes of ICD-10-CM were coded as before."""


class Relationship(StrEnum):
    """How a source relates to a target, in the words of HL7 FHIR R5 ConceptMap."""

    EQUIVALENT = "EQUIVALENT"
    """The two mean the same."""
    RELATED_TO = "RELATED_TO"
    """Near in meaning; which is wider is not said."""
    SOURCE_NARROWER = "SOURCE_NARROWER"
    """The source is more specific than the target."""
    SOURCE_BROADER = "SOURCE_BROADER"
    """The source is more general than the target."""
    NOT_RELATED = "NOT_RELATED"
    """The map says that the two have nothing in common."""


class TranslationStatus(StrEnum):
    """What a map says about one source as a whole."""

    EQUIVALENT = "EQUIVALENT"
    """One target, and the map calls the two equivalent."""
    APPROXIMATE = "APPROXIMATE"
    """One target, near in meaning."""
    AMBIGUOUS = "AMBIGUOUS"
    """Several single targets; the record must decide."""
    COMBINATION = "COMBINATION"
    """Only several targets together carry the meaning of the source."""
    NO_MAP = "NO_MAP"
    """The map says that nothing corresponds."""
    UNKNOWN_CODE = "UNKNOWN_CODE"
    """The map does not name the source, or no such code exists; the reason tells which."""
    NOT_LOADED = "NOT_LOADED"
    """No map between these systems is loaded for that date."""


class TranslationDirection(StrEnum):
    """Which way the rows of a map are read; REVERSE finds the sources of a target."""

    FORWARD = "FORWARD"
    """From the source system of the map to its target system."""
    REVERSE = "REVERSE"
    """From the target system back to the source system."""


class MapRelease(Shape):
    """One published edition of a map between two systems, as loaded."""

    id: int
    kind: str
    """The map's kind, for example `GEM_I10_I9`."""
    label: str
    source_system: CodeSystemKey
    target_system: CodeSystemKey
    effective_from: date | None
    effective_to: date | None
    source: str
    """The package or file it was read from, and the member inside."""
    sha256: str
    stale_reason: str | None
    """Why a newer edition exists or should; None when this one is the last."""

    @property
    def spoken(self) -> str:
        """What sentences call it: `GEM-FY2018`, `The conversion table FY2026`."""
        return f"The conversion table {self.label}" if self.kind == CONVERSION else self.label

    @property
    def ends(self) -> tuple[str, str]:
        """What sentences call a code at either end: first where its rows start."""
        return ("new code", "previous code") if self.kind == CONVERSION else _ENDS


class Crosswalk(Shape):
    """One row of a map, exactly as its file says it."""

    id: int
    source: Code
    target: Code | None
    """None only when the map says that nothing corresponds."""
    relationship: Relationship
    is_approximate: bool
    is_combination: bool
    scenario: int | None
    """Number of the scenario a combination row belongs to; None outside combinations."""
    choice_list: int | None
    """Number of the choice list inside the scenario; None outside combinations."""
    map_release_id: int
    printed: str | None = None
    """What the file prints where the row had to be read out of it: flags that contradict each
    other, or a range of codes; None where the row says it all."""
    effective_from: date | None = None
    """The row's own first day; None in maps that date nothing but the edition."""


def r4_equivalence(row: Crosswalk) -> str:
    """How a row calls its relation in HL7 FHIR R4, which looks from the target at the source.

    A target that is wider is what R5 calls a source that is narrower. Of a row of a combination
    only the whole of its scenario carries the meaning, so alone it is no more than related.
    Source: HL7, ConceptMapEquivalence 4.0.1.
    """
    if row.target is None:
        return "unmatched"
    if row.relationship is Relationship.RELATED_TO and row.is_approximate:
        return "relatedto" if row.is_combination else "inexact"
    return _R4_NAMES[row.relationship]


_R4_NAMES = {
    Relationship.EQUIVALENT: "equivalent",
    Relationship.RELATED_TO: "relatedto",
    Relationship.SOURCE_NARROWER: "wider",
    Relationship.SOURCE_BROADER: "narrower",
    Relationship.NOT_RELATED: "disjoint",
}


class ListSize(NamedTuple):
    """How many rows a choice list has."""

    scenario: int
    choice_list: int
    row_count: int


class Translation(Shape):
    """What one map says about one source."""

    requested: str
    """The code asked about, as printed."""
    source: Code | None
    """None when the source itself is unknown."""
    status: TranslationStatus
    reason: str
    crosswalks: tuple[Crosswalk, ...]
    """The rows asked for: single ones by the other code, then those without a target, then
    combinations by scenario, choice list and the other code."""
    total_count: int
    """All rows the map has for the source, however many were asked for."""
    single_count: int = 0
    """The rows outside combinations that have a target: as many of the first ones."""
    lists: tuple[ListSize, ...] = ()
    """The choice lists of all scenarios in their order, which is that of the last rows. Empty when
    read backwards: there, rows of many sources meet, and each source has scenarios of its own."""
    map_release: MapRelease | None
    """None when no map is loaded."""


class RowCounts(Shape):
    """How many rows of each sort a map has for one code."""

    total: int
    combination: int
    """Rows that carry the meaning only together with others of their scenario."""
    no_map: int
    equivalent: int

    @property
    def single(self) -> int:
        """Rows whose target stands alone."""
        return self.total - self.combination - self.no_map


_ENDS = ("source", "target")


def verdict(
    code: Code,
    label: str,
    counts: RowCounts,
    direction: TranslationDirection,
    ends: tuple[str, str] = _ENDS,
) -> tuple[TranslationStatus, str]:
    """What a map says about a code as a whole, and the sentence that says why.

    `label` is what the sentence calls the map, `ends` the codes at the start and end of its rows.
    Rows outside combinations are alternatives: one is an answer, several leave the choice to the
    record. Source: CMS, General Equivalence Mappings, Documentation for Technical Users.
    """
    printed, is_reverse = code.display, direction is TranslationDirection.REVERSE
    near, end = reversed(ends) if is_reverse else ends
    if counts.total == 0:
        return TranslationStatus.UNKNOWN_CODE, _unnamed(code, label, near)
    if counts.total == counts.no_map:
        return TranslationStatus.NO_MAP, f"{label} says that nothing corresponds to {printed}."
    if counts.single == 0 and is_reverse:
        rows = "1 row" if counts.total == 1 else f"{counts.total} rows"
        reason = f"{label} uses {printed} only together with the other {near}s of {rows}."
        return TranslationStatus.COMBINATION, reason
    if counts.single == 0:
        reason = f"{label} needs several {end}s together for {printed}."
        return TranslationStatus.COMBINATION, reason
    if counts.total > 1:
        reason = f"{label} offers {counts.total} rows for {printed}; the record must decide."
        return TranslationStatus.AMBIGUOUS, reason
    if counts.equivalent:
        return TranslationStatus.EQUIVALENT, f"{label} calls {printed} and its {end} equivalent."
    return TranslationStatus.APPROXIMATE, f"{label} gives {printed} one {end}, near in meaning."


def _unnamed(code: Code, label: str, end: str) -> str:
    if code.kind in (CodeKind.CHAPTER, CodeKind.BLOCK, CodeKind.HEADER):
        return f"{code.display} is a {code.kind.lower()}; {label} names complete codes."
    return f"{label} does not name {code.display} as a {end}."
