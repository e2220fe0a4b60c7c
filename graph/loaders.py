"""Reads of one request, gathered over one turn of the event loop and asked in one statement."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from datetime import date
from functools import partial
from typing import TypeVar

from strawberry.dataloader import DataLoader

from db import codes, crosswalk_paths, crosswalks, edits, keys, licenses, pages, usage_reads
from db.loaded import Loaded
from db.pool import Database
from graph.day import Day
from graph.wanted import (
    BelowAsked,
    ChildrenAsked,
    CodeAsked,
    CodeOnDate,
    DeprecatedAsked,
    KeyDaysAsked,
    PathsAsked,
    RowsAsked,
    RulesAsked,
    TextsAsked,
    TranslationsAsked,
)
from metering.meter import Meter
from schema.codes import Code, CodeKey, CodeLookup, CodeMissing, CodeSystem, CodeSystemKey
from schema.crosswalk_paths import CrosswalkPath
from schema.crosswalks import Crosswalk, Translation
from schema.edits import AddOnRule, CodePairEdit
from schema.licenses import LicensedText
from schema.pages import Page
from schema.usage import Decision, Redirect, ViewRequest

BELOW_ROWS = 20
"""Rows that each translation of a code below another is read with; further ones are read apart."""

PageLookup = Page | tuple[Code, ...] | CodeMissing
"""A page; several candidates, when asked without a system; or why there is none."""


Rule = TypeVar("Rule", AddOnRule, CodePairEdit)


class Loaders:
    """One request's loaders; a loader keeps what it has loaded until the request ends."""

    def __init__(self, database: Database, meter: Meter, loaded: Loaded) -> None:
        self._database = database
        self._meter = meter
        self._loaded = loaded
        self.codes: DataLoader[CodeAsked, CodeLookup] = DataLoader(self._codes)
        self.pages: DataLoader[CodeAsked, PageLookup] = DataLoader(self._pages)
        self.licensed_texts: DataLoader[TextsAsked, tuple[LicensedText, ...]] = DataLoader(
            self._licensed_texts
        )
        self.ancestors: DataLoader[CodeOnDate, tuple[Code, ...]] = DataLoader(self._ancestors)
        self.children: DataLoader[ChildrenAsked, codes.Children] = DataLoader(self._children)
        self.systems: DataLoader[Day, tuple[CodeSystem, ...]] = DataLoader(self._systems)
        self.rows: DataLoader[RowsAsked, tuple[Crosswalk, ...]] = DataLoader(self._rows)
        self.translations: DataLoader[TranslationsAsked, list[Translation]] = DataLoader(
            self._translations
        )
        self.pair_edits: DataLoader[RulesAsked, tuple[CodePairEdit, ...]] = DataLoader(
            partial(self._rules, edits.pair_edits)
        )
        self.add_ons: DataLoader[RulesAsked, tuple[AddOnRule, ...]] = DataLoader(
            partial(self._rules, edits.add_ons)
        )
        self.below: DataLoader[BelowAsked, crosswalks.Below] = DataLoader(self._below)
        self.paths: DataLoader[PathsAsked, tuple[CrosswalkPath, ...]] = DataLoader(self._paths)
        self.key_days: DataLoader[KeyDaysAsked, list[usage_reads.KeyDay]] = DataLoader(
            self._key_days
        )
        self.archived_until: DataLoader[int, usage_reads.ArchivedUntil] = DataLoader(
            self._archived_until
        )
        self.deprecated_uses: DataLoader[DeprecatedAsked, list[keys.DeprecatedFieldUses]] = (
            DataLoader(self._deprecated_uses)
        )
        # A decision is a fact of its own: never answered from an earlier one of the request.
        self.decisions: DataLoader[ViewRequest, Decision | Redirect] = DataLoader(
            self._decisions, cache=False
        )

    async def _codes(self, asked: list[CodeAsked]) -> Sequence[CodeLookup]:
        async def read(on: Day, batch: list[CodeAsked]) -> Sequence[CodeLookup]:
            refs = [(item.system, item.text) for item in batch]
            return await codes.codes_by_ref(self._database, refs, on.date)

        return await _per_group(asked, lambda item: item.on, read)

    async def _pages(self, asked: list[CodeAsked]) -> Sequence[PageLookup]:
        async def read(on: Day, batch: list[CodeAsked]) -> Sequence[PageLookup]:
            refs = [(item.system, item.text) for item in batch]
            return await pages.pages_by_ref(self._database, refs, on.date)

        return await _per_group(asked, lambda item: item.on, read)

    async def _licensed_texts(self, asked: list[TextsAsked]) -> Sequence[tuple[LicensedText, ...]]:
        async def read(
            covered: tuple[str, date], batch: list[TextsAsked]
        ) -> Sequence[tuple[LicensedText, ...]]:
            ids = [item.code_id for item in batch]
            return await licenses.licensed_texts(self._database, ids, *covered)

        return await _per_group(asked, lambda item: (item.plan_key, item.today), read)

    async def _ancestors(self, asked: list[CodeOnDate]) -> Sequence[tuple[Code, ...]]:
        async def read(on: Day, batch: list[CodeOnDate]) -> Sequence[tuple[Code, ...]]:
            found = await codes.ancestors_of(self._database, [item.id for item in batch], on.date)
            return [found.get(item.id, ()) for item in batch]

        return await _per_group(asked, lambda item: item.on, read)

    async def _children(self, asked: list[ChildrenAsked]) -> Sequence[codes.Children]:
        async def read(on: Day, batch: list[ChildrenAsked]) -> Sequence[codes.Children]:
            wanted = [
                codes.ChildrenWanted(item.parent_id, item.first, item.after_position)
                for item in batch
            ]
            return await codes.children_of(self._database, wanted, on.date)

        return await _per_group(asked, lambda item: item.on, read)

    async def _systems(self, asked: list[Day]) -> Sequence[tuple[CodeSystem, ...]]:
        return [await self._loaded.systems(on.date) for on in asked]

    async def _rows(self, asked: list[RowsAsked]) -> Sequence[tuple[Crosswalk, ...]]:
        async def read(on: Day, batch: list[RowsAsked]) -> Sequence[tuple[Crosswalk, ...]]:
            wanted = [item.wanted for item in batch]
            return await crosswalks.rows_of(self._database, wanted, on.date)

        return await _per_group(asked, lambda item: item.on, read)

    async def _below(self, asked: list[BelowAsked]) -> Sequence[crosswalks.Below]:
        async def read(on: Day, batch: list[BelowAsked]) -> Sequence[crosswalks.Below]:
            wanted = [item.wanted for item in batch]
            return await crosswalks.translations_below(
                self._database, wanted, on.date, rows_each=BELOW_ROWS
            )

        return await _per_group(asked, lambda item: item.on, read)

    async def _paths(self, asked: list[PathsAsked]) -> Sequence[tuple[CrosswalkPath, ...]]:
        async def read(
            alike: PathsAsked, batch: list[PathsAsked]
        ) -> Sequence[tuple[CrosswalkPath, ...]]:
            sources = [item.source for item in batch]
            found = await crosswalk_paths.routes(
                self._database, sources, alike.via, alike.on.date, alike.first, alike.start
            )
            # What fits in one question fits in its parts.
            return [route.paths for route in found or ()]

        return await _per_group(asked, lambda item: item._replace(source=_ANYONE), read)

    async def _translations(self, asked: list[TranslationsAsked]) -> Sequence[list[Translation]]:
        async def read(
            alike: TranslationsAsked, batch: list[TranslationsAsked]
        ) -> Sequence[list[Translation]]:
            sources = [item.source for item in batch]
            return await crosswalks.translations(
                self._database, sources, alike.to, alike.direction, alike.on.date, alike.first
            )

        return await _per_group(asked, lambda item: item._replace(source=_ANYONE), read)

    async def _rules(
        self,
        rules_of: Callable[
            [Database, Sequence[int], date, int, int], Awaitable[Sequence[tuple[Rule, ...]]]
        ],
        asked: list[RulesAsked],
    ) -> Sequence[tuple[Rule, ...]]:
        async def read(alike: RulesAsked, batch: list[RulesAsked]) -> Sequence[tuple[Rule, ...]]:
            ids = [item.code_id for item in batch]
            return await rules_of(self._database, ids, alike.on.date, alike.first, alike.start)

        return await _per_group(asked, lambda item: item._replace(code_id=0), read)

    async def _key_days(self, asked: list[KeyDaysAsked]) -> Sequence[list[usage_reads.KeyDay]]:
        async def read(
            span: tuple[date, date], batch: list[KeyDaysAsked]
        ) -> Sequence[list[usage_reads.KeyDay]]:
            ids = [item.key_id for item in batch]
            found = await usage_reads.key_days(self._database, ids, *span)
            return [found.get(key_id, []) for key_id in ids]

        return await _per_group(asked, lambda item: (item.first, item.last), read)

    async def _archived_until(self, shards: list[int]) -> Sequence[usage_reads.ArchivedUntil]:
        # One: a viewer is in one shard.
        return [await usage_reads.archived_until(self._database, shard) for shard in shards]

    async def _deprecated_uses(
        self, asked: list[DeprecatedAsked]
    ) -> Sequence[list[keys.DeprecatedFieldUses]]:
        async def read(
            since: date, batch: list[DeprecatedAsked]
        ) -> Sequence[list[keys.DeprecatedFieldUses]]:
            ids = [item.key_id for item in batch]
            found = await keys.deprecated_uses_of(self._database, ids, since)
            return [found.get(key_id, []) for key_id in ids]

        return await _per_group(asked, lambda item: item.since, read)

    async def _decisions(self, asked: list[ViewRequest]) -> Sequence[Decision | Redirect]:
        return await self._meter.view(asked)


_ANYONE = CodeKey(CodeSystemKey.DEMO, "")
"""Stands for the code where questions are compared that differ in nothing else."""

Asked = TypeVar("Asked")
Group = TypeVar("Group", bound=Hashable)
Answer = TypeVar("Answer")


async def _per_group(
    asked: Sequence[Asked],
    group_of: Callable[[Asked], Group],
    read: Callable[[Group, list[Asked]], Awaitable[Sequence[Answer]]],
) -> list[Answer]:
    """One read for each group, the answers in the order asked; groups are few (dates, sizes)."""
    places: dict[Group, list[int]] = {}
    for place, item in enumerate(asked):
        places.setdefault(group_of(item), []).append(place)
    answers: dict[int, Answer] = {}
    for group, members in places.items():
        found = await read(group, [asked[place] for place in members])
        answers.update(zip(members, found, strict=True))
    return [answers[place] for place in range(len(asked))]
