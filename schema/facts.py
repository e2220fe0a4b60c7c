"""Editions of values about codes: edits, limits of units, fees."""

from datetime import date

from schema.shape import Shape


class FactRelease(Shape):
    """One published edition of a set of values about codes, as loaded."""

    kind: str
    """What it is about, for example `NCCI_PTP_PRACTITIONER`."""
    label: str
    """The edition, for example `2026Q4`."""
    source: str
    """The files it was read from."""
    sha256: str
    """SHA-256 of the bytes it was read from, hexadecimal."""
    effective_from: date | None
    """First day in force."""
    effective_to: date | None
    """Last day in force, inclusive; None until a successor is loaded."""
    stale_reason: str | None
    """Why a newer edition should be in force on the date asked about; None when it is current."""
