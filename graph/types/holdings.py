"""What is loaded release by release, as GraphQL types."""

from datetime import date
from typing import Self

import strawberry

from schema import holdings as shapes


@strawberry.type
class MissingRelease:
    """An edition that should be in force and is not loaded here."""

    label: str
    """The publisher's name of the edition."""
    effective_from: date
    """Since when it is in force."""

    @classmethod
    def of(cls, missing: shapes.MissingRelease | None) -> Self | None:
        """The published form of an edition; None for none."""
        return None if missing is None else cls(**missing.model_dump())


@strawberry.type
class Holding:
    """A code system, a map or a kind of facts, and its newest loaded edition."""

    subject: str
    """The key of the system, or the kind of the map or facts, for example `GEM_I9_I10`."""
    label: str | None
    """The edition; null where none is loaded."""
    effective_from: date | None
    """First day of the edition."""
    row_count: int | None
    """Codes, rows or values in the edition."""
    missing_release: MissingRelease | None
    """The edition that should be in force on the date asked about and is not loaded; null where
    none is known to be."""
    source_page: str | None
    """The page of its publisher that offers its editions; null where there is none."""

    @classmethod
    def of(cls, held: shapes.Holding) -> Self:
        """The published form of a holding."""
        return cls(
            subject=held.subject,
            label=held.label,
            effective_from=held.effective_from,
            row_count=held.row_count,
            missing_release=MissingRelease.of(held.missing),
            source_page=held.origin.page if held.origin else None,
        )
