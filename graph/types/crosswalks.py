"""Crosswalks as GraphQL types: what each map says, row by row, and who says so."""

from datetime import date
from typing import Self

import strawberry

from graph import ids
from graph.context import Info
from graph.day import Day
from graph.loaders import RowsAsked
from graph.types.codes import Code
from graph.types.relay import FIRST_DEFAULT, After, Connection, First, Node, page_size, start_after
from schema import crosswalks as shapes
from schema.crosswalks import Relationship, TranslationDirection, TranslationStatus

for published in (Relationship, TranslationStatus, TranslationDirection):
    strawberry.enum(published)


@strawberry.type
class MapRelease(Node):
    """One published edition of a map between two systems, as loaded."""

    label: str
    """The edition, for example `GEM-FY2013`."""
    source: str
    """The package or file it was read from."""
    sha256: str
    """SHA-256 of the bytes it was read from, hexadecimal."""
    effective_from: date | None
    """First day the edition was meant for."""
    effective_to: date | None
    """Last day it was meant for; null while open."""

    @classmethod
    def of(cls, release: shapes.MapRelease) -> Self:
        """The published form of a map's edition."""
        return cls(
            id=ids.encode("map", f"{release.kind}:{release.label}"),
            label=release.label,
            source=release.source,
            sha256=release.sha256,
            effective_from=release.effective_from,
            effective_to=release.effective_to,
        )


@strawberry.type
class Crosswalk:
    """One row of a map, exactly as its file says it."""

    source: Code
    """The code on the source side of the map."""
    target: Code | None
    """The code on the target side; null only when the map says that nothing corresponds."""
    relationship: Relationship
    """How the source relates to the target."""
    is_approximate: bool
    """The row's approximate flag."""
    is_combination: bool
    """Whether the target carries the meaning only together with others of its scenario."""
    scenario: int | None
    """Number of the scenario; null outside combinations."""
    choice_list: int | None
    """Number of the choice list in the scenario; null outside combinations."""

    @classmethod
    def of(cls, row: shapes.Crosswalk, on: Day) -> Self:
        """The published form of a row as of `on`."""
        return cls(
            source=Code.of(row.source, on),
            target=Code.of(row.target, on) if row.target else None,
            relationship=row.relationship,
            is_approximate=row.is_approximate,
            is_combination=row.is_combination,
            scenario=row.scenario,
            choice_list=row.choice_list,
        )


@strawberry.type
class Translation:
    """What one map says about one code."""

    requested: str
    """The code as it was asked for."""
    source: Code | None
    """The code that was asked about; null when it is unknown."""
    status: TranslationStatus
    """What the map says as a whole."""
    reason: str
    """The same in a sentence."""
    map_release: MapRelease | None
    """The edition that says so; null when no map is loaded."""
    is_stale: bool
    """Whether a newer edition of the map exists."""
    stale_reason: str | None
    """Which edition that is and since when; null when this one is the last."""
    shape: strawberry.Private[shapes.Translation]
    direction: strawberry.Private[TranslationDirection]
    on: strawberry.Private[Day]

    @strawberry.field
    async def crosswalks(
        self, info: Info, first: First = FIRST_DEFAULT, after: After = None
    ) -> Connection[Crosswalk]:
        """The rows of the map, in the order of scenario, choice list and code."""
        size, start = page_size(first), start_after(after)
        rows = self.shape.crosswalks[start : start + size]
        total = self.shape.total_count
        if start + len(rows) < min(total, start + size):
            rows = await info.context.loaders.rows.load(
                RowsAsked.of(self.shape, self.direction, self.on, size, start)
            )
        return Connection.of(
            [(start + place, Crosswalk.of(row, self.on)) for place, row in enumerate(rows)],
            after=after,
            has_more=start + len(rows) < total,
            total=total,
        )

    @classmethod
    def of(
        cls,
        found: shapes.Translation,
        direction: TranslationDirection,
        on: Day,
        requested: str | None = None,
        reason: str | None = None,
    ) -> Self:
        """The published form of what a map says, as of `on`; `requested` and `reason` take the
        place of what the look-up says where the text was no code to look up."""
        release = found.map_release
        return cls(
            requested=requested or found.requested,
            source=Code.of(found.source, on) if found.source else None,
            status=found.status,
            reason=reason or found.reason,
            map_release=MapRelease.of(release) if release else None,
            is_stale=release is not None and release.stale_reason is not None,
            stale_reason=release.stale_reason if release else None,
            shape=found,
            direction=direction,
            on=on,
        )


@strawberry.type
class Translations:
    """The answers to a batch, one for each source and map, in the order of the sources."""

    items: list[Translation]
    """One for each source and map; a source that is unknown has one that says so."""
