"""Edits as GraphQL types: pairs of codes, limits of units, add-on codes, and answers about them."""

from collections.abc import Sequence
from datetime import date
from typing import Self

import strawberry

from graph.context import Info
from graph.day import Day
from graph.types.codes import Code
from graph.types.facts import FactRelease
from graph.types.relay import FIRST_DEFAULT, After, Connection, First, page_size, start_after
from graph.wanted import RulesAsked
from schema import codes
from schema import edits as shapes
from schema.edits import (
    AddOnType,
    EditSetting,
    EditStatus,
    ModifierIndicator,
    UnitAdjudication,
    UnitSetting,
)
from schema.pages import Page

for published in (
    *(AddOnType, EditSetting, EditStatus, ModifierIndicator, UnitAdjudication, UnitSetting),
):
    strawberry.enum(published)


@strawberry.type
class CodePairEdit:
    """A rule against reporting two codes together for one patient on one day."""

    column_one: Code
    """The code that is paid."""
    column_two: Code
    """The code that is denied unless a modifier is allowed and used."""
    modifier: ModifierIndicator
    """Whether a modifier can lift the rule."""
    setting: EditSetting | None
    """Whose claims it is for; null when it is for everybody's."""
    rationale: str | None
    """Why the pair is ruled out; null where the publisher does not say."""
    effective_from: date
    """First day of the rule."""
    effective_to: date | None
    """Last day of the rule; null while it stands."""

    @classmethod
    def of(cls, edit: shapes.CodePairEdit, on: Day) -> Self:
        """The published form of a rule as of `on`."""
        return cls(
            column_one=Code.of(edit.column_one, on),
            column_two=Code.of(edit.column_two, on),
            modifier=edit.modifier,
            setting=edit.setting,
            rationale=edit.rationale,
            effective_from=edit.effective_from,
            effective_to=edit.effective_to,
        )


@strawberry.type
class UnitLimit:
    """Most units of the code that are paid for one patient on one day."""

    units_per_day: int
    """The number of units."""
    setting: str | None
    """Where it applies, as the publisher calls it; null for every setting."""
    adjudication: UnitAdjudication | None
    """How it is judged; null where the publisher does not say."""
    rationale: str | None
    """Why; null where the publisher does not say."""

    @classmethod
    def of(cls, limit: shapes.UnitLimit) -> Self:
        """The published form of a limit."""
        return cls(
            units_per_day=limit.units_per_day,
            setting=limit.setting,
            adjudication=limit.adjudication,
            rationale=limit.rationale,
        )


@strawberry.type
class AddOnRule:
    """That one code is reported only beside another."""

    add_on: Code
    """The code that is never reported alone."""
    primary: Code | None
    """A code that it may stand beside; null where the Medicare contractor says which."""
    type: AddOnType
    """Whether the primary codes that are listed are all."""
    effective_from: date
    """First day of the rule."""
    effective_to: date | None
    """Last day of the rule; null while it stands."""

    @classmethod
    def of(cls, rule: shapes.AddOnRule, on: Day) -> Self:
        """The published form of a rule as of `on`."""
        return cls(
            add_on=Code.of(rule.add_on, on),
            primary=Code.of(rule.primary, on) if rule.primary else None,
            type=rule.type,
            effective_from=rule.effective_from,
            effective_to=rule.effective_to,
        )


@strawberry.type
class PairCheck:
    """What the edits say about two codes of the list."""

    first_requested: str
    """The one that stands before the other in the list, as it was asked for."""
    second_requested: str
    """The other, as it was asked for."""
    first: Code | None
    """The first of the two; null when nothing that is loaded names it."""
    second: Code | None
    """The second of the two; null when nothing that is loaded names it."""
    status: EditStatus
    """Whether an edit bears on them."""
    reason: str
    """The same in a sentence."""
    edits: list[CodePairEdit]
    """Those in force on the day, nearly always one at most; which of the two is paid stands in
    their columns."""
    release: FactRelease | None
    """The release that says so; null when none is loaded."""

    @classmethod
    def of(cls, check: shapes.PairCheck, first: str, second: str, on: Day) -> Self:
        """The published form of an answer as of `on`, given what was asked."""
        return cls(
            first_requested=first,
            second_requested=second,
            first=Code.of(check.first, on) if check.first else None,
            second=Code.of(check.second, on) if check.second else None,
            status=check.status,
            reason=check.reason,
            edits=[CodePairEdit.of(edit, on) for edit in check.edits],
            release=FactRelease.of(check.release) if check.release else None,
        )


@strawberry.type
class PairChecks:
    """The answers about a list of codes."""

    all_pairs: strawberry.Private[list[PairCheck]]

    @strawberry.field
    def pairs(self, first: First = FIRST_DEFAULT, after: After = None) -> Connection[PairCheck]:
        """One for every two of the codes: the first with each behind it, then the second, and so
        on."""
        # A connection, though all are at hand: they are many more than the codes, and what a list
        # may answer is estimated by its size.
        return Connection.part(self.all_pairs, first, after)


@strawberry.type
class UnitCheck:
    """What the limits of units say about one code."""

    requested: str
    """The code as it was asked for."""
    code: Code | None
    """The code; null when nothing that is loaded names it."""
    status: EditStatus
    """Whether a limit bears on it."""
    reason: str
    """The same in a sentence."""
    limits: list[UnitLimit]
    """Those of the setting, nearly always one at most."""
    release: FactRelease | None
    """The release that says so; null when none is loaded."""

    @classmethod
    def of(cls, check: shapes.UnitCheck, requested: str, on: Day) -> Self:
        """The published form of an answer as of `on`, given what was asked."""
        return cls(
            requested=requested,
            code=Code.of(check.code, on) if check.code else None,
            status=check.status,
            reason=check.reason,
            limits=[UnitLimit.of(limit) for limit in check.limits],
            release=FactRelease.of(check.release) if check.release else None,
        )


@strawberry.type
class UnitChecks:
    """The answers to a batch, one for each code, in the order asked."""

    items: list[UnitCheck]
    """One for each code; one that is unknown has an answer that says so."""


@strawberry.type
class AddOnCheck:
    """What the rules about add-on codes say about one code."""

    requested: str
    """The code as it was asked for."""
    code: Code | None
    """The code; null when nothing that is loaded names it."""
    status: EditStatus
    """Whether a rule names it."""
    reason: str
    """The same in a sentence."""
    release: FactRelease | None
    """The release that says so; null when none is loaded."""
    shape: strawberry.Private[shapes.AddOnCheck]
    on: strawberry.Private[Day]

    @strawberry.field
    async def rules(
        self, info: Info, first: First = FIRST_DEFAULT, after: After = None
    ) -> Connection[AddOnRule]:
        """The rules that name the code: as an add-on, by its primary codes, then as a primary
        code, by its add-ons."""
        check = self.shape
        # The count is that of a code that is there; without one nothing is read.
        return await add_ons_of(info, check.code, (), check.rule_count, self.on, first, after)

    @classmethod
    def of(cls, check: shapes.AddOnCheck, requested: str, on: Day) -> Self:
        """The published form of an answer as of `on`, given what was asked."""
        return cls(
            requested=requested,
            code=Code.of(check.code, on) if check.code else None,
            status=check.status,
            reason=check.reason,
            release=FactRelease.of(check.release) if check.release else None,
            shape=check,
            on=on,
        )


@strawberry.type
class AddOnChecks:
    """The answers to a batch, one for each code, in the order asked."""

    items: list[AddOnCheck]
    """One for each code; one that is unknown has an answer that says so."""


async def pairs_of(
    info: Info, page: Page, on: Day, first: int, after: str | None
) -> Connection[CodePairEdit]:
    """A part of the rules about pairs of a page's code; what is not at hand is read."""
    size, start = page_size(first), start_after(after)
    rows: Sequence[shapes.CodePairEdit] = page.edits[start : start + size]
    if _are_missing(rows, page.edit_count, size, start):
        asked = RulesAsked(page.code.id, on, size, start)
        rows = await info.context.loaders.pair_edits.load(asked)
    placed = [(start + place, CodePairEdit.of(row, on)) for place, row in enumerate(rows)]
    has_more = start + len(rows) < page.edit_count
    return Connection.of(placed, after=after, has_more=has_more, total=page.edit_count)


async def add_ons_of(
    info: Info,
    code: codes.Code | None,
    at_hand: Sequence[shapes.AddOnRule],
    total: int,
    on: Day,
    first: int,
    after: str | None,
) -> Connection[AddOnRule]:
    """A part of the rules about add-on codes of a code; what is not at hand is read."""
    size, start = page_size(first), start_after(after)
    rows = at_hand[start : start + size]
    if code is not None and _are_missing(rows, total, size, start):
        rows = await info.context.loaders.add_ons.load(RulesAsked(code.id, on, size, start))
    placed = [(start + place, AddOnRule.of(row, on)) for place, row in enumerate(rows)]
    has_more = start + len(rows) < total
    return Connection.of(placed, after=after, has_more=has_more, total=total)


def _are_missing(rows: Sequence[object], total: int, size: int, start: int) -> bool:
    """Whether the list goes on behind the rows at hand within the part that was asked for."""
    return start + len(rows) < min(total, start + size)
