"""Releases of facts as a GraphQL type."""

from datetime import date
from typing import Self

import strawberry

from schema import facts as shapes


@strawberry.type
class FactRelease:
    """One published edition of values about codes, such as edits or fees, as loaded."""

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
    """Last day in force; null until a successor is loaded."""
    is_stale: bool
    """Whether a newer edition should be in force on the date asked about."""
    stale_reason: str | None
    """Which edition that is and since when; null when this one is current."""

    @classmethod
    def of(cls, release: shapes.FactRelease) -> Self:
        """The published form of a release."""
        return cls(**release.model_dump(), is_stale=release.stale_reason is not None)
