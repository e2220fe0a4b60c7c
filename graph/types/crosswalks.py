"""Crosswalks as GraphQL types: what each map says, row by row, and who says so."""

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Annotated, Self

import strawberry

from graph import ids
from graph.context import Info
from graph.day import Day
from graph.types.codes import Code
from graph.types.relay import (
    FIRST_DEFAULT,
    After,
    Connection,
    First,
    Node,
    page_size,
    position_after,
    start_after,
)
from graph.wanted import BelowAsked, RowsAsked
from schema import crosswalks as shapes
from schema.codes import CodeKind
from schema.crosswalks import Relationship, TranslationDirection, TranslationStatus

_HERE = strawberry.lazy("graph.types.crosswalks")

OPTIONS_DEFAULT = 5
"""Options of one choice list that are returned unasked: few have more, and there are many lists."""

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
    printed: str | None
    """What the file prints where the row had to be read out of it: flags that contradict each
    other, a list or range of codes; null where the row says it all."""
    effective_from: date | None
    """The row's own first day; null in maps that date nothing but the edition."""

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
            printed=row.printed,
            effective_from=row.effective_from,
        )


@dataclass(frozen=True)
class _Run:
    """Rows that follow one another in what a map says of a code."""

    told: shapes.Translation
    direction: TranslationDirection
    on: Day
    begins: int
    row_count: int

    async def part(self, info: Info, first: int, after: str | None) -> Connection[Crosswalk]:
        """The part of the run that was asked for, its places counted from the run's first row."""
        size, start = page_size(first), start_after(after)
        wanted = max(0, min(size, self.row_count - start))
        place = self.begins + start
        rows = self.told.crosswalks[place : place + wanted]
        if len(rows) < wanted:
            asked = RowsAsked.of(self.told, self.direction, self.on, wanted, place)
            rows = await info.context.loaders.rows.load(asked)
        return Connection.of(
            [(start + place, Crosswalk.of(row, self.on)) for place, row in enumerate(rows)],
            after=after,
            has_more=start + len(rows) < self.row_count,
            total=self.row_count,
        )


@strawberry.type
class ChoiceList:
    """One place of a combination: any one of its options fills it."""

    number: int
    """Its number in the scenario, from 1."""
    run: strawberry.Private[_Run]

    @strawberry.field
    async def options(
        self, info: Info, first: First = OPTIONS_DEFAULT, after: After = None
    ) -> Connection[Crosswalk]:
        """The rows to choose from, in the order of their codes."""
        return await self.run.part(info, first, after)


@strawberry.type
class Scenario:
    """One way to say with several codes what the source says: one option of each choice list."""

    number: int
    """Its number in the map, from 1."""
    choice_lists: list[ChoiceList]
    """All have to be filled."""


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
        """All rows of the map for the code: single ones, then combinations in the order of scenario
        and choice list, each by the code at the other end."""
        return await self._run(0, self.shape.total_count).part(info, first, after)

    @strawberry.field
    async def alternatives(
        self, info: Info, first: First = FIRST_DEFAULT, after: After = None
    ) -> Connection[Crosswalk]:
        """The rows whose other end stands alone: one is an answer, of several the record chooses.
        There may be scenarios as well."""
        return await self._run(0, self.shape.single_count).part(info, first, after)

    @strawberry.field
    def scenarios(self) -> list[Scenario]:
        """The ways to say the source with several codes together. Empty where the map has none, and
        when it is read backwards: a scenario belongs to its source, so ask for that one."""
        begins = self.shape.total_count - sum(one.row_count for one in self.shape.lists)
        lists: list[tuple[int, ChoiceList]] = []
        for scenario, choice_list, count in self.shape.lists:
            lists.append((scenario, ChoiceList(number=choice_list, run=self._run(begins, count))))
            begins += count
        return [
            Scenario(number=number, choice_lists=[one for _, one in members])
            for number, members in groupby(lists, key=lambda pair: pair[0])
        ]

    @strawberry.field
    async def through_descendants(
        self, info: Info, first: First = FIRST_DEFAULT, after: After = None
    ) -> Connection[Annotated["Translation", _HERE]]:
        """What the map says about each billable code below a header, block or chapter, in the order
        of the official list. Maps name codes that can be reported, so this is all that one says
        about the code itself. Empty for a code that has none below."""
        size, position = page_size(first), position_after(after)
        if self.map_release is None or self.source is None or self.source.kind is CodeKind.CODE:
            return Connection.of([], after=after, has_more=False, total=0)
        found = await info.context.loaders.below.load(
            BelowAsked.of(self.shape, self.direction, self.on, size, position)
        )
        return Connection.of(
            [
                (place, Translation.of(one, self.direction, self.on))
                for place, one in zip(found.seqs, found.translations, strict=True)
            ],
            after=after,
            has_more=found.has_next_page,
            total=found.total_count,
        )

    def _run(self, begins: int, row_count: int) -> _Run:
        return _Run(self.shape, self.direction, self.on, begins, row_count)

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

    @classmethod
    def where(
        cls, found: shapes.Translation | None, direction: TranslationDirection, on: Day
    ) -> Self | None:
        """The same where a map says something; None where none does."""
        return cls.of(found, direction, on) if found else None


@strawberry.type
class Translations:
    """The answers to a batch, one for each source and map, in the order of the sources."""

    items: list[Translation]
    """One for each source and map; a source that is unknown has one that says so."""
