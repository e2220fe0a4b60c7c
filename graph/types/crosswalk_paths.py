"""Ways through several maps as GraphQL types: every step, and who says so."""

from typing import Self

import strawberry

from graph.context import Info
from graph.day import Day
from graph.types.codes import Code
from graph.types.crosswalks import Crosswalk, MapRelease
from graph.types.relay import FIRST_DEFAULT, After, Connection, First, page_size, start_after
from graph.wanted import PathsAsked
from schema import crosswalk_paths as shapes
from schema.codes import CodeKey, CodeSystemKey
from schema.crosswalks import Relationship, TranslationStatus


@strawberry.type
class CrosswalkHop:
    """One step of a way."""

    crosswalk: Crosswalk
    """The row of a map that was followed."""
    map_release: MapRelease
    """The edition that has it."""
    is_stale: bool
    """Whether a newer edition should be in force on the date asked about."""
    stale_reason: str | None
    """Which edition that is and since when; null when this one is current."""

    @classmethod
    def of(cls, hop: shapes.CrosswalkHop, on: Day) -> Self:
        """The published form of a step as of `on`."""
        stale_reason = hop.map_release.stale_reason
        return cls(
            crosswalk=Crosswalk.of(hop.row, on),
            map_release=MapRelease.of(hop.map_release),
            is_stale=stale_reason is not None,
            stale_reason=stale_reason,
        )


@strawberry.type
class CrosswalkPath:
    """One way from a code to another through several maps."""

    target: Code | None
    """The code that it leads to."""
    relationship: Relationship
    """How the first code relates to the last: equivalent only where every step is."""
    hops: list[CrosswalkHop]
    """The steps, in order."""

    @classmethod
    def of(cls, path: shapes.CrosswalkPath, on: Day) -> Self:
        """The published form of a way as of `on`."""
        target = path.hops[-1].row.target
        return cls(
            target=Code.of(target, on) if target else None,
            relationship=path.relationship,
            hops=[CrosswalkHop.of(hop, on) for hop in path.hops],
        )


@strawberry.type
class CrosswalkRoute:
    """All ways from one code through the systems asked for."""

    requested: str
    """The code as it was asked for."""
    source: Code | None
    """The code that was asked about; null when it is unknown."""
    status: TranslationStatus
    """What the maps say together: one code, several to choose from, or none."""
    reason: str
    """The same in a sentence, with the step where the ways end if none arrives."""
    shape: strawberry.Private[shapes.CrosswalkRoute]
    key: strawberry.Private[CodeKey]
    via: strawberry.Private[tuple[CodeSystemKey, ...]]
    on: strawberry.Private[Day]

    @strawberry.field
    async def paths(
        self, info: Info, first: First = FIRST_DEFAULT, after: After = None
    ) -> Connection[CrosswalkPath]:
        """The ways, in the order of the codes on them."""
        size, start = page_size(first), start_after(after)
        paths = self.shape.paths[start : start + size]
        total = self.shape.total_count
        if start + len(paths) < min(total, start + size):
            asked = PathsAsked(self.key, self.via, self.on, size, start)
            paths = await info.context.loaders.paths.load(asked)
        return Connection.of(
            [(start + place, CrosswalkPath.of(path, self.on)) for place, path in enumerate(paths)],
            after=after,
            has_more=start + len(paths) < total,
            total=total,
        )


@strawberry.type
class CrosswalkRoutes:
    """The answers to a batch, one for each source, in the order of the sources."""

    items: list[CrosswalkRoute]
    """One for each source; one that is unknown says so."""
