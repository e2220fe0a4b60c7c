"""Risk adjustment categories of a list of diagnoses as GraphQL types."""

from typing import Self

import strawberry

from graph.day import Day
from graph.types.codes import Code
from graph.types.groupings import CodeGroupings, GroupingRelease
from schema import hccs as shapes
from schema.hccs import HccModel, HccStatus

for published in (HccModel, HccStatus):
    strawberry.enum(published)


@strawberry.type
class CategoryFound:
    """A category of risk adjustment that diagnoses of the list lead to."""

    category: Code
    """The category."""
    diagnoses: list[Code]
    """The diagnoses that lead to it, in the order asked."""
    counts: bool
    """Whether it counts: no category found is above it."""
    dropped_by: list[Code]
    """The categories found that are above it, so that it does not count."""

    @classmethod
    def of(cls, found: shapes.CategoryFound, on: Day) -> Self:
        """The published form of a category found as of `on`."""
        return cls(
            category=Code.of(found.category, on),
            diagnoses=[Code.of(code, on) for code in found.diagnoses],
            counts=not found.dropped_by,
            dropped_by=[Code.of(code, on) for code in found.dropped_by],
        )


@strawberry.type
class HccList:
    """What one model of risk adjustment makes of diagnoses asked together."""

    model: HccModel
    """The model."""
    status: HccStatus
    """Whether the model could be asked."""
    reason: str
    """The same in a sentence."""
    categories: list[CategoryFound]
    """By number, those that drop included."""
    without: list[CodeGroupings]
    """The diagnoses that lead to no category of the model, each with the answer that says why."""
    release: GroupingRelease | None
    """The edition asked; null when none is loaded."""

    @classmethod
    def of(cls, found: shapes.HccList, on: Day) -> Self:
        """The published form of the list as of `on`."""
        return cls(
            model=found.model,
            status=found.status,
            reason=found.reason,
            categories=[CategoryFound.of(item, on) for item in found.categories],
            without=[CodeGroupings.of(item, on, item.requested) for item in found.without],
            release=GroupingRelease.of(found.release) if found.release else None,
        )
