"""Crosswalks: which codes of one system correspond to codes of another, and who says so."""

from datetime import date
from enum import StrEnum

from schema.codes import Code, CodeSystemKey
from schema.shape import Shape


class Relationship(StrEnum):
    """How a source relates to a target, in the words of HL7 FHIR R5 ConceptMap."""

    EQUIVALENT = "EQUIVALENT"
    RELATED_TO = "RELATED_TO"
    SOURCE_NARROWER = "SOURCE_NARROWER"
    SOURCE_BROADER = "SOURCE_BROADER"
    NOT_RELATED = "NOT_RELATED"


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
    """The map does not name the source."""
    NOT_LOADED = "NOT_LOADED"
    """No map between these systems is loaded for that date."""


class TranslationDirection(StrEnum):
    """Which way the rows of a map are read; REVERSE finds the sources of a target."""

    FORWARD = "FORWARD"
    REVERSE = "REVERSE"


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


class Translation(Shape):
    """What one map says about one source."""

    requested: str
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
