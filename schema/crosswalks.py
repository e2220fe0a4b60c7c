"""Crosswalks: which codes of one system correspond to codes of another, and who says so."""

from datetime import date
from enum import StrEnum

from schema.codes import Code, CodeKind, CodeSystemKey
from schema.shape import Shape


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


class Translation(Shape):
    """What one map says about one source."""

    requested: str
    """The code asked about, as printed."""
    source: Code | None
    """None when the source itself is unknown."""
    status: TranslationStatus
    reason: str
    crosswalks: tuple[Crosswalk, ...]
    """The rows asked for, in the order of scenario, choice list, target code."""
    total_count: int
    """All rows the map has for the source, however many were asked for."""
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


def verdict(
    code: Code, label: str, counts: RowCounts, direction: TranslationDirection
) -> tuple[TranslationStatus, str]:
    """What a map says about a code as a whole, and the sentence that says why.

    Rows outside combinations are alternatives: one is an answer, several leave the choice to the
    record. Source: CMS, General Equivalence Mappings, Documentation for Technical Users.
    """
    printed, is_reverse = code.display, direction is TranslationDirection.REVERSE
    end = "source" if is_reverse else "target"
    if counts.total == 0:
        return TranslationStatus.UNKNOWN_CODE, _unnamed(code, label, _near(end))
    if counts.total == counts.no_map:
        return TranslationStatus.NO_MAP, f"{label} says that nothing corresponds to {printed}."
    if counts.single == 0 and is_reverse:
        rows = "1 row" if counts.total == 1 else f"{counts.total} rows"
        reason = f"{label} uses {printed} only together with the other targets of {rows}."
        return TranslationStatus.COMBINATION, reason
    if counts.single == 0:
        reason = f"{label} needs several targets together for {printed}."
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


def _near(far_end: str) -> str:
    return "target" if far_end == "source" else "source"
